/** What each fact of a session changes in its rows. */
import { describe, expect, test } from 'vitest';
import type { Fact } from '../../machines/session-facts.ts';
import type { SessionSummary, StateChanges } from '../../src/protocol/nouns.ts';
import { SHARED_FIELDS } from '../../src/protocol/server.ts';
import { ActorReads } from '../../src/store/queries/actors.ts';
import { AT_MS, appended, created, event, openStore, type Store } from './support.ts';

/** One column of the session's own row. */
const column = ({ database }: Store, name: string) =>
  database.prepare(`SELECT ${name} FROM sessions WHERE id = 's'`).pluck().get();
const changed = (changes: StateChanges): Fact => ({
  ...{ type: 'session_delta', session_id: 's', changes },
});
const noted = (columns: object): Fact => ({ type: 'row_noted', session_id: 's', columns }) as Fact;
const begun = (...facts: Fact[]) => {
  const store = openStore();
  store.one(created('s'));
  if (facts.length > 0) store.one(event('s', facts));
  return store;
};

describe('a field of a session', () => {
  const WORDS: Partial<Record<string, string>> = {
    ...{ status: 'ended', work_status: 'ended', engine: 'shared', link_state: 'failed' },
    ...{ codex_integration_mode: 'direct', claude_integration_mode: 'passive' },
    last_activity_at: '2026-03-01T13:00:00.000Z',
  };
  const wordOf = (field: string) => WORDS[field] ?? `some ${field}`;

  test.each(SHARED_FIELDS.map((field) => [field]))('%s is kept from its birth on', (field) => {
    const store = openStore();
    const more = { link_state: 'failed', [field]: wordOf(field) } as Partial<SessionSummary>;
    store.one(created('s', more));
    expect(store.snapshot('s')).toMatchObject({ [field]: wordOf(field) });
  });

  test.each(SHARED_FIELDS.map((field) => [field]))('%s is changed by a delta', (field) => {
    const store = begun(changed({ link_state: 'failed' } as StateChanges));
    const before = store.snapshot('s').revision;
    store.one(event('s', [changed({ [field]: wordOf(field) } as StateChanges)]));
    expect(store.snapshot('s')).toMatchObject({ [field]: wordOf(field) });
    const frames = store.catchUp('s', before, store.epoch.id)?.frames.join('') ?? '';
    expect(frames).toContain(`"${field}":`);
  });

  test.each([
    'provider',
    'project_path',
    'transcript_path',
    'project_name',
    'forked_from_session_id',
  ] as const)('%s comes with its birth alone', (field) => {
    const store = openStore();
    const value = field === 'provider' ? 'codex' : `some ${field}`;
    store.one(created('s', { [field]: value }));
    expect(store.snapshot('s')).toMatchObject({ [field]: value });
  });

  test('that a later report of the session leaves out stays as it was', () => {
    const store = openStore();
    store.one(created('s', { custom_name: 'mine', model: 'opus' }));
    store.one(created('s', { model: null }));
    expect(store.snapshot('s')).toMatchObject({ custom_name: 'mine', model: 'opus' });
  });

  test('that is undefined in a delta is not in it', () => {
    const store = begun(changed({ custom_name: 'mine' }));
    store.one(event('s', [changed({ custom_name: undefined } as never)]));
    expect(store.snapshot('s').custom_name).toBe('mine');
  });
});

describe('a note', () => {
  test('goes into the column of its name, a thread into its own, times as milliseconds', () => {
    const store = begun(
      noted({
        ...{ source: 'startup', terminal_session_id: 't', terminal_app: 'iTerm', agent_pid: 7 },
        ...{ thread_id: 'th', turn_count: 3, end_reason: 'clear', agent_processes: '[]' },
        ended_at: '2026-03-01T12:00:00.123456Z',
      }),
    );
    const of = (name: string) => column(store, name);
    expect([of('source'), of('terminal_app'), of('agent_pid')]).toEqual(['startup', 'iTerm', 7]);
    expect([of('codex_thread_id'), of('turn_count'), of('end_reason')]).toEqual([
      ...['th', 3, 'clear'],
    ]);
    expect(of('ended_at')).toBe('2026-03-01T12:00:00.123Z');
    expect(of('last_tool_at')).toBeNull();
  });

  test('of a tool says when that was, and counts what it counts', () => {
    const count = (name: string) => noted({ last_tool: 'Bash', count: name });
    const store = begun(count('tool_count'), count('tool_count'), count('prompt_count'));
    store.one(event('s', [count('compact_count'), count('tool_count')]));
    const counts = ['tool_count', 'prompt_count', 'compact_count'].map((name) =>
      column(store, name),
    );
    expect(counts).toEqual([3, 1, 1]);
    expect([column(store, 'last_tool'), column(store, 'last_tool_at')]).toEqual(['Bash', AT_MS]);
  });

  test('of its end tells whoever catches up of both its words', () => {
    const store = begun(changed({ summary: 'Begun' }));
    const before = store.snapshot('s').revision;
    store.one(event('s', [{ type: 'session_ended', session_id: 's', reason: 'logout' }]));
    const [frame = ''] = store.catchUp('s', before, store.epoch.id)?.frames ?? [];
    expect(JSON.parse(frame)).toMatchObject({
      changes: { status: 'ended', work_status: 'ended' },
    });
  });

  test('of a time that is gone is not told: clients read no time that is null', () => {
    const store = begun(changed({ summary: 'Begun' }));
    const before = store.snapshot('s').revision;
    store.one(event('s', [changed({ last_activity_at: AT_MS, model: 'opus' })]));
    store.database.exec('UPDATE sessions SET last_activity_at = NULL');
    const [frame = ''] = store.catchUp('s', before, store.epoch.id)?.frames ?? [];
    expect(JSON.parse(frame).changes).toEqual({ model: 'opus' });
  });

  test.each(['null', '1', '"x"', '{'])(
    'is taken where the revisions of its fields are %s',
    (json) => {
      const store = begun();
      store.database.prepare('UPDATE sessions SET field_revisions = ?').run(json);
      store.forget('s');
      expect(store.one(event('s', [changed({ summary: 'new' })]))).toMatchObject({
        outcome: 'committed',
      });
      expect(column(store, 'field_revisions')).toContain('"summary":1');
    },
  );

  test('that knows better why and when a session ended is kept', () => {
    const end: Fact = { type: 'session_ended', session_id: 's', reason: 'other' };
    const better = noted({ end_reason: 'clear', ended_at: '2026-03-01T11:00:00.000Z' });
    const store = begun(better, end);
    expect([column(store, 'end_reason'), column(store, 'ended_at')]).toEqual([
      ...['clear', '2026-03-01T11:00:00.000Z'],
    ]);
    const plain = begun(end);
    expect([column(plain, 'end_reason'), column(plain, 'ended_at')]).toEqual(['other', AT_MS]);
  });
});

describe('a turn', () => {
  const diffOf = (turn_id: string, diff: string, more: object = {}): Fact => ({
    ...{ type: 'turn_diff_snapshot', session_id: 's', turn_id, diff, ...more },
  });

  test('has its newest diff, with the tokens that were told with it', () => {
    const usage = { input_tokens: 1, output_tokens: 2, cached_tokens: 3, context_window: 4 };
    const store = begun(diffOf('t1', 'old', usage), diffOf('t2', 'other'));
    expect(store.snapshot('s').turn_diffs).toEqual([
      { turn_id: 't1', diff: 'old', token_usage: usage },
      { turn_id: 't2', diff: 'other' },
    ]);
    store.one(event('s', [diffOf('t1', 'new')]));
    expect(store.snapshot('s').turn_diffs?.[0]).toEqual({ turn_id: 't1', diff: 'new' });
    const rows = store.database.prepare('SELECT created_at FROM turn_diffs').pluck().all();
    expect(rows).toEqual([AT_MS, AT_MS]);
  });

  test('that was taken back takes its messages and its diff with it, and no others', () => {
    const of = (turn: string, more: object): Fact => ({
      ...({ type: 'turn_noted', session_id: 's', provider_turn_id: turn, ...more } as const),
    });
    const store = begun(
      ...['m1', 'm2', 'm3'].map((id) => appended('s', id)),
      ...[diffOf('t1', 'one'), diffOf('t2', 'two')],
      ...[of('p1', { message_id: 'm1' }), of('p1', { message_id: 'm2', turn_id: 't1' })],
      ...[of('p2', { message_id: 'm3' }), of('p2', { turn_id: 't2' })],
    );
    expect(new ActorReads(store.database).turnsOf('s').sort()).toEqual(['p1', 'p2']);
    store.one(
      event('s', [{ type: 'turns_dropped', session_id: 's', provider_turn_ids: ['p1', 'gone'] }]),
    );
    const { messages, message_count, turn_diffs } = store.snapshot('s');
    expect(messages.map(({ id }) => id)).toEqual(['m3']);
    expect([message_count, turn_diffs?.map(({ turn_id }) => turn_id)]).toEqual([1, ['t2']]);
  });

  test('whose messages were taken out one by one leaves the others', () => {
    const store = begun(...['m1', 'm2'].map((id) => appended('s', id)));
    store.one(
      event('s', [{ type: 'messages_dropped', session_id: 's', message_ids: ['m2', 'gone'] }]),
    );
    store.one(event('s', [appended('s', 'm3')]));
    const { messages, message_count } = store.snapshot('s');
    expect([messages.map(({ id }) => id), message_count]).toEqual([['m1', 'm3'], 2]);
    const at = store.database.prepare('SELECT sequence FROM messages ORDER BY sequence').pluck();
    expect(at.all()).toEqual([0, 1]);
  });
});

test('how far a file was read is kept, the newest of each', () => {
  const tail = (source: string, offset: number): Fact => ({
    ...({ type: 'tail_noted', session_id: 's', source, offset } as const),
    ...{ path: '/f.jsonl', file: '1:2', mark: 'm' },
  });
  const store = begun(tail('', 10), tail('agent', 5), tail('', 30));
  const of = { sessionId: 's', path: '/f.jsonl', file: '1:2', mark: 'm' };
  expect(new ActorReads(store.database).tailsOf('s')).toEqual(
    expect.arrayContaining([
      { ...of, source: '', offset: 30 },
      { ...of, source: 'agent', offset: 5 },
    ]),
  );
});

test('a subagent is one row, as it was reported last', () => {
  const agent = { id: 'a', agent_type: 'explorer', started_at: '2026-03-01T12:00:00.000001Z' };
  const store = begun(changed({ subagents: [agent] }));
  expect(store.snapshot('s').subagents).toEqual([
    { ...agent, started_at: '2026-03-01T12:00:00.000Z' },
  ]);
  store.one(
    event('s', [changed({ subagents: [{ ...agent, ended_at: '2026-03-01T12:00:01.000001Z' }] })]),
  );
  expect(store.snapshot('s').subagents).toMatchObject([{ ended_at: '2026-03-01T12:00:01.000Z' }]);
});

test('a comment keeps its birth and its place when it changes, and is nothing once it was taken back', () => {
  const comment = {
    ...{ id: 'c', session_id: 's', turn_id: 't', file_path: 'a.ts', line_start: 1, line_end: 2 },
    ...({ body: 'why?', tag: 'risk', status: 'open' } as const),
    ...{ created_at: AT_MS, updated_at: AT_MS },
  };
  const store = begun({ type: 'review_comment_created', session_id: 's', comment });
  const later = { ...comment, body: 'ah', status: 'resolved', tag: 'nit', line_start: 9 } as const;
  store.one(event('s', [{ type: 'review_comment_updated', session_id: 's', comment: later }]));
  expect(store.snapshot('s').review_comments).toEqual([{ ...later, line_start: 1 }]);
  store.one(event('s', [{ type: 'review_comment_deleted', session_id: 's', comment_id: 'c' }]));
  expect(store.snapshot('s')).not.toHaveProperty('review_comments');
  const row = store.database.prepare('SELECT body, file_path FROM review_comments').get();
  expect(row).toEqual({ body: '', file_path: '' });
});

describe('a fact that cannot be right is set aside', () => {
  test.each<[string, Fact, RegExp]>([
    ['of another session', appended('other', 'm'), /of session other came in an item of session s/],
    ['that nobody knows', { type: 'odd', session_id: 's' } as never, /./],
    [
      'called as what every object has',
      { type: 'toString', session_id: 's' } as never,
      /No rows are known/,
    ],
  ])('%s', (_, fact, error) => {
    const store = begun();
    expect(store.one(event('s', [fact]))).toMatchObject({
      ...{ outcome: 'quarantined', error: expect.stringMatching(error) },
    });
  });

  test('of a session without a row', () => {
    const store = openStore();
    expect(store.one(event('s', [changed({ custom_name: 'x' })]))).toMatchObject({
      ...{ outcome: 'quarantined', error: expect.stringContaining('no row for session s') },
    });
  });
});

test('what only passes changes no row', () => {
  const store = begun();
  const before = store.snapshot('s');
  for (const type of ['context_compacted', 'undo_started', 'undo_completed', 'shell_started'])
    expect(store.one(event('s', [{ type, session_id: 's' } as never])).outcome).toBe('committed');
  expect({ ...store.snapshot('s'), revision: 0 }).toEqual({ ...before, revision: 0 });
});
