/** What one item leaves in the rows of its session, and how its requests are kept. */
import { describe, expect, test } from 'vitest';
import type { Fact } from '../../machines/session-facts.ts';
import type { Item } from '../../src/store/writer-messages.ts';
import { AT_MS, appended, created, event, openStore, sessionCreated } from './support.ts';

const delta = (session_id: string, work_status: 'working' | 'waiting'): Fact => ({
  type: 'session_delta',
  session_id,
  changes: { work_status },
});

describe('one item', () => {
  test('gives a revision to every fact subscribers see, and to no other', () => {
    const store = openStore();
    const result = store.one(
      event('s', [
        sessionCreated('s'),
        delta('s', 'working'),
        { type: 'row_noted', session_id: 's', columns: { source: 'startup', count: 'tool_count' } },
        appended('s', 'm1'),
        { type: 'context_compacted', session_id: 's' },
      ]),
    );
    expect(result).toEqual({ outcome: 'committed', seq: 1, revision: 3 });
    const row = store.database.prepare('SELECT * FROM sessions').get();
    expect(row).toMatchObject({ revision: 3, source: 'startup', tool_count: 1, message_count: 1 });
  });

  test('that was refused by the chart is journalled and changes nothing', () => {
    const store = openStore();
    store.one(created('s'));
    const refused = store.one(event('s', [], { accepted: false, event: '{"type":"nope"}' }));
    expect(refused).toEqual({ outcome: 'committed', seq: 2, revision: 0 });
    expect(
      store.database.prepare('SELECT accepted, event FROM journal WHERE seq = 2').get(),
    ).toEqual({ accepted: 0, event: '{"type":"nope"}' });
  });

  test('appends a message once however often it is reported', () => {
    const store = openStore();
    store.one(created('s'));
    store.one(event('s', [appended('s', 'a'), appended('s', 'a', { content: 'other' })]));
    store.one(event('s', [appended('s', 'b')]));
    const { messages, message_count } = store.snapshot('s');
    expect(messages.map(({ id, content }) => [id, content])).toEqual([
      ['a', 'words of a'],
      ['b', 'words of b'],
    ]);
    expect(message_count).toBe(2);
    const sequences = store.database.prepare('SELECT sequence FROM messages').pluck().all();
    expect(sequences).toEqual([0, 1]);
  });

  test('leaves of a message what a change does not name, and images where it names none', () => {
    const store = openStore();
    const images = [{ input_type: 'url', value: 'https://x/y.png' }] as const;
    store.one(created('s'));
    store.one(event('s', [appended('s', 'a', { images: [...images], duration_ms: 1500 })]));
    const change = (changes: object) =>
      event('s', [
        { type: 'message_updated', session_id: 's', message_id: 'a', changes } as unknown as Fact,
      ]);
    store.one(change({ images: [] }));
    store.one(change({ is_error: true }));
    expect(store.snapshot('s').messages).toMatchObject([
      { content: 'words of a', images, duration_ms: 1500, is_error: true },
    ]);
    store.one(change({ content: 'other', is_error: false, duration_ms: 2500 }));
    expect(store.snapshot('s').messages).toMatchObject([
      { content: 'other', images, duration_ms: 2500, is_error: false },
    ]);
  });

  test('keeps the head of a text that is too long to store', () => {
    const store = openStore();
    store.one(created('s'));
    store.one(event('s', [appended('s', 'a', { content: `x${'🦀'.repeat(300_000)}` })]));
    const content = store.database
      .prepare<[], string>('SELECT content FROM messages')
      .pluck()
      .get();
    expect(content).toMatch(/^x🦀+\n\n\[truncated\]$/u);
    expect(Buffer.byteLength(content ?? '')).toBeLessThanOrEqual(1024 * 1024 + 20);
  });

  test('keeps diff and plan of a session beside its row, and the head of a name that is too long', () => {
    const store = openStore();
    store.one(created('s'));
    const changes = { current_diff: '+1', current_plan: '[]', custom_name: 'n'.repeat(1_100_000) };
    store.one(event('s', [{ type: 'session_delta', session_id: 's', changes }]));
    expect(store.database.prepare('SELECT current_diff, current_plan FROM papers').get()).toEqual({
      current_diff: '+1',
      current_plan: '[]',
    });
    const [name = ''] = store.database
      .prepare<[], string>('SELECT custom_name FROM sessions')
      .pluck()
      .all();
    expect(name).toHaveLength(1024 * 1024 + '\n\n[truncated]'.length);
  });

  test('closes a tool use without a result only where nothing else is known of its end', () => {
    const store = openStore();
    const tool = { message_type: 'tool' } as const;
    const known = appended('s', 'known', { ...tool, tool_output: 'done' });
    store.one(event('s', [sessionCreated('s'), appended('s', 'open', tool), known]));
    const close = (message_id: string) => {
      const changes = { tool_output: 'No result was reported' };
      const fact = { type: 'message_updated', session_id: 's', message_id, changes, isWeak: true };
      return store.one(event('s', [fact as unknown as Fact]));
    };
    expect(close('open')).toMatchObject({ revision: 3 });
    // Nothing new is said of the others: no revision, and nothing for subscribers.
    expect(close('known')).toMatchObject({ revision: 3, known: [{ at: 0, fact: null }] });
    expect(close('unknown')).toMatchObject({ revision: 3, known: [{ at: 0, fact: null }] });
    expect(store.snapshot('s').messages.map(({ tool_output }) => tool_output)).toEqual([
      ...['No result was reported', 'done'],
    ]);
  });

  test('shows as last message what the chart says, and nothing else', () => {
    const store = openStore();
    const changes = { last_message: 'said' };
    store.one(created('s'));
    store.one(event('s', [{ type: 'session_delta', session_id: 's', changes }]));
    store.one(event('s', [appended('s', 'b')]));
    expect(store.snapshot('s').last_message).toBe('said');
  });

  test('ends a session with its reason, and a later delta brings it back', () => {
    const store = openStore();
    store.one(created('s'));
    store.one(event('s', [{ type: 'session_ended', session_id: 's', reason: 'logout' }]));
    expect(store.snapshot('s')).toMatchObject({ status: 'ended', work_status: 'ended' });
    expect(store.database.prepare('SELECT ended_at, end_reason FROM sessions').get()).toEqual({
      ended_at: AT_MS,
      end_reason: 'logout',
    });
    store.one(
      event('s', [
        {
          type: 'row_noted',
          session_id: 's',
          columns: { ended_at: null, end_reason: null },
        },
        {
          type: 'session_delta',
          session_id: 's',
          changes: { status: 'active', work_status: 'waiting' },
        },
      ]),
    );
    expect(store.snapshot('s')).toMatchObject({ status: 'active', work_status: 'waiting' });
    expect(store.database.prepare('SELECT ended_at FROM sessions').pluck().get()).toBe(null);
  });

  test('keeps and forgets a start that has not come to anything', () => {
    const store = openStore();
    const start = { kind: 'pending', sessionId: 's', key: null, at: AT_MS, start: '{"cwd":"/"}' };
    store.one(start as Item);
    expect(store.actor('s')).toEqual({ stored: null, pendingStart: '{"cwd":"/"}' });
    store.one({ ...start, start: null } as Item);
    expect(store.actor('s').pendingStart).toBe(null);
    store.one(start as Item);
    store.one(created('s'));
    expect(store.actor('s').pendingStart).toBe(null);
  });
});

describe('requests', () => {
  const request = (id: string) => ({
    id,
    session_id: 's',
    type: 'exec' as const,
    command: `run ${id}`,
    file_path: null,
    diff: null,
    question: null,
  });
  const opened = (id: string): Fact => ({
    type: 'approval_opened',
    session_id: 's',
    request: request(id),
    tool_name: 'Bash',
    at: AT_MS,
  });

  test('wait in order, and the oldest is shown', () => {
    const store = openStore();
    store.one(created('s'));
    store.one(event('s', [opened('r1'), opened('r2')]));
    expect(store.snapshot('s').pending_approval).toEqual(request('r1'));
    expect(JSON.parse(store.list().text).sessions[0].has_pending_approval).toBe(true);
    const closed: Fact = {
      type: 'approval_closed',
      session_id: 's',
      request_id: 'r1',
      decision: 'approved',
      evidence: 'tool finished',
      at: AT_MS,
    };
    store.one(event('s', [closed]));
    expect(store.snapshot('s').pending_approval).toEqual(request('r2'));
    expect(
      store.database
        .prepare('SELECT decision, evidence, decided_at FROM approval_history WHERE id = 1')
        .get(),
    ).toEqual({ decision: 'approved', evidence: 'tool finished', decided_at: AT_MS });
  });

  test('keep who decided; a report of what came of it names nobody and takes nobody away', () => {
    const store = openStore();
    store.one(created('s'));
    store.one(event('s', [opened('r1'), opened('r2')]));
    const closed = (request_id: string, evidence: string): Fact => ({
      ...{ type: 'approval_closed', session_id: 's', request_id, decision: 'denied', at: AT_MS },
      evidence,
    });
    const caller = JSON.stringify({ kind: 'token', address: '10.0.0.7', connection: 'ws-3' });
    store.one(event('s', [closed('r1', 'client')], { caller }));
    // A hook has a caller as well: the program that reports, not who decided.
    store.one(
      event('s', [closed('r1', 'tool finished'), closed('r2', 'tool finished')], { caller }),
    );
    const deciders = store.database.prepare('SELECT decided_by FROM approval_history ORDER BY id');
    expect(deciders.pluck().all()).toEqual([caller, null]);
    // It ran all the same: whoever denied it did not approve it.
    store.one(event('s', [{ ...closed('r1', 'tool finished'), decision: 'approved' } as Fact]));
    expect(deciders.pluck().all()).toEqual([null, null]);
  });

  test('are one row however often they are reported while open', () => {
    const store = openStore();
    store.one(created('s'));
    store.one(event('s', [opened('r1')]));
    store.one(event('s', [opened('r1')]));
    expect(store.database.prepare('SELECT count(*) FROM approval_history').pluck().get()).toBe(1);
  });
});
