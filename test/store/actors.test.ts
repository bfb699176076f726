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
