/** What a start reads of sessions. */
import { expect, test } from 'vitest';
import { ActorReads } from '../../src/store/queries/actors.ts';
import { AT, created, event, openStore } from './support.ts';

test('trouble that is no damage stops a start: nothing is taken for empty', () => {
  const { database } = openStore();
  const reads = new ActorReads(database);
  const all = [
    'interrupted',
    'working',
    'sessions',
    'processes',
    'bearers',
    'tails',
    'unread',
    'commands',
  ] as const;
  for (const read of all) expect(() => reads[read](), read).not.toThrow();
  database.close();
  for (const read of all) expect(() => reads[read](), read).toThrow('not open');
});

test('a subagent is found in its own session only, with the transcript beside which its file is', () => {
  const store = openStore();
  const agent = { id: 'a1', agent_type: 'explorer', started_at: AT };
  for (const id of ['s', 'other']) store.one(created(id, { provider: 'claude' }));
  store.one(
    event('s', [
      { type: 'session_delta', session_id: 's', changes: { subagents: [agent] } },
      { type: 'row_noted', session_id: 's', columns: { transcript_path: '/files/s.jsonl' } },
    ]),
  );
  const reads = new ActorReads(store.database);
  expect(reads.subagent('s', 'a1')).toEqual({
    ...{ provider: 'claude', transcriptPath: '/files/s.jsonl' },
  });
  expect(reads.subagent('other', 'a1')).toBe(null);
  expect(reads.subagent('s', 'a2')).toBe(null);
});

test('processes that bear a session are read as far as another program left them readable', () => {
  const store = openStore();
  const bears = store.database.prepare('UPDATE sessions SET agent_processes = ? WHERE id = ?');
  const texts = [
    '[{"pid":7,"start":"early"},{"pid":8},{"pid":1,"start":5}]',
    '[{"pid":0},{"pid":-1},{"pid":1.5},{"pid":"9"}]',
    '{"pid":7}',
    '[null]',
    '[{"pid',
  ];
  for (const [n, text] of texts.entries()) {
    store.one(created(`s${n}`));
    bears.run(text, `s${n}`);
  }
  store.one(created('over'));
  bears.run('[{"pid":9}]', 'over');
  store.database.prepare("UPDATE sessions SET status = 'ended' WHERE id = 'over'").run();
  const of = { sessionId: 's0', provider: 'claude', threadId: null };
  expect(new ActorReads(store.database).bearers()).toEqual([
    { ...of, pid: 7, start: 'early' },
    { ...of, pid: 8, start: null },
    { ...of, pid: 1, start: null },
  ]);
});

test('a session is read with what happened behind its last snapshot, and what it asks', () => {
  const store = openStore();
  const none = { command: 'ls', file_path: null, diff: null, question: null };
  const request = { id: 'r', session_id: 's', type: 'exec', ...none } as const;
  const opened = { type: 'approval_opened', session_id: 's', request, tool_name: 'Bash', at: AT };
  const said = (n: number) => ({ event: `{"type":"hook.observed","n":${n}}` });
  store.one({ ...created('s'), ...said(1), snapshot: '{"kept":1}', machineVersion: 4 });
  store.one(event('s', [opened as never], said(2)));
  store.one(event('s', [], { ...said(3), accepted: false }));
  store.one(event('s', [], said(4)));
  store.one(created('new'));
  expect(store.actor('s')).toMatchObject({
    stored: {
      ...{ snapshot: '{"kept":1}', machineVersion: 4 },
      tail: [said(2).event, said(4).event],
      requests: [expect.stringContaining('"id":"r"')],
    },
    pendingStart: null,
  });
  expect(store.actor('new').stored).toMatchObject({
    ...{ snapshot: null, machineVersion: null, tail: [], requests: [] },
  });
  expect(store.actor('gone')).toEqual({ stored: null, pendingStart: null });
});

test('the thread of a session is steered by the one that was active last', () => {
  const store = openStore();
  for (const [id, at] of [
    ['old', '2026-03-01T12:00:00.000Z'],
    ['new', '2026-03-01T12:00:01.000Z'],
  ] as const)
    store.one(created(id, { last_activity_at: at }));
  store.database.prepare("UPDATE sessions SET codex_thread_id = 't-old' WHERE id = 'old'").run();
  store.database.prepare("UPDATE sessions SET codex_thread_id = 't-new' WHERE id = 'new'").run();
  const reads = new ActorReads(store.database);
  expect(reads.ofThread('t-old')).toEqual({ sessionId: 'old' });
  expect(reads.ofThread('t-new')).toEqual({ sessionId: 'new' });
  expect(reads.ofThread('t')).toBeNull();
  expect(reads.sessions()).toBe(2);
});
