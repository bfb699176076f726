import { describe, expect, test } from 'vitest';
import type { Fact } from '../../machines/session-facts.ts';
import type { ApprovalRequest, StateChanges } from '../../src/protocol/nouns.ts';
import {
  AT_MS,
  appended,
  created,
  event,
  fold,
  foldNewer,
  openStore,
  type Store,
  seeded,
} from './support.ts';

const delta = (changes: StateChanges): Fact => ({
  type: 'session_delta',
  session_id: 's',
  changes,
});

function request(id: string): ApprovalRequest {
  const empty = { command: null, file_path: null, diff: null, question: null };
  return { ...empty, id, session_id: 's', type: 'exec', command: `run ${id}` };
}

const asked = (id: string): Fact[] => [
  { type: 'approval_opened', session_id: 's', request: request(id), tool_name: 'Bash', at: AT_MS },
  { type: 'approval_requested', session_id: 's', request: request(id) },
  delta({ work_status: 'permission' }),
];

const answered = (id: string): Fact[] => [
  {
    type: 'approval_closed',
    session_id: 's',
    request_id: id,
    decision: 'approved',
    evidence: 'tool finished',
    at: AT_MS,
  },
  delta({ work_status: 'working', pending_approval: null }),
];

function frames(store: Store, since: number | null, epoch: string | null = null) {
  const read = store.catchUp('s', since, epoch);
  const parsed = (read?.frames ?? []).map((frame) => JSON.parse(frame) as Record<string, unknown>);
  return { parsed, types: parsed.map(({ type }) => type), revision: read?.revision };
}

describe('a subscriber', () => {
  test('of an unknown session gets nothing', () => {
    expect(openStore().catchUp('nobody', null)).toBe(null);
  });

  test('that is up to date gets no frames', () => {
    const store = openStore();
    store.commit(created('s'), event('s', [appended('s', 'a')]));
    expect(store.catchUp('s', 1)).toEqual({ frames: [], revision: 1, openApproval: null });
  });

  test('that is up to date is shown the open request again', () => {
    const store = openStore();
    store.commit(created('s'), event('s', asked('r')));
    const { parsed } = frames(store, 2);
    expect(parsed).toEqual([
      { type: 'approval_requested', session_id: 's', request: request('r'), revision: 2 },
    ]);
    expect(store.catchUp('s', null)?.openApproval).toBe(JSON.stringify(parsed[0]));
  });

  test('receives a change to an old message, however many events ago it came', () => {
    const store = openStore();
    store.commit(created('s'), event('s', [appended('s', 'a'), appended('s', 'b')]));
    const changes = { tool_output: 'done' };
    store.commit(
      event('s', [{ type: 'message_updated', session_id: 's', message_id: 'a', changes }]),
    );
    store.commit(...Array.from({ length: 400 }, () => event('s')));
    const updated = frames(store, 2).parsed.filter(({ type }) => type === 'message_updated');
    expect(updated).toMatchObject([{ message_id: 'a', changes, revision: 3 }]);
  });

  test('gets a snapshot when the journal does not reach back to what it has', () => {
    const store = openStore();
    store.commit(created('s'), event('s', [appended('s', 'a')]), event('s', [appended('s', 'b')]));
    store.database.prepare('DELETE FROM journal WHERE seq <= 2').run();
    expect(frames(store, 1).types).toEqual(['session_snapshot']);
    expect(frames(store, 2).types).toEqual([]);
  });

  test('gets the fields, what was created and what changed, up to the session’s revision', () => {
    const store = openStore();
    store.commit(
      created('s'),
      event('s', [appended('s', 'a'), appended('s', 'b', { message_type: 'tool' })]),
    );
    store.commit(
      event('s', [
        {
          type: 'message_updated',
          session_id: 's',
          message_id: 'b',
          changes: { tool_output: 'done', is_error: true, duration_ms: 1234 },
        },
        appended('s', 'c'),
        delta({ work_status: 'working', last_activity_at: '2026-03-01T12:00:05.500000Z' }),
      ]),
    );
    expect(frames(store, 2).parsed).toEqual([
      {
        type: 'message_updated',
        session_id: 's',
        message_id: 'b',
        changes: { content: 'words of b', tool_output: 'done', is_error: true, duration_ms: 1234 },
        revision: 3,
      },
      expect.objectContaining({ type: 'message_appended', revision: 4 }),
      {
        type: 'session_delta',
        session_id: 's',
        changes: { work_status: 'working', last_activity_at: '1772366405Z' },
        revision: 5,
      },
    ]);
  });

  test('gets fields between the messages, each frame with a revision of its own', () => {
    const store = openStore();
    store.commit(created('s'), event('s', [appended('s', 'a')]));
    store.one(event('s', [delta({ model: 'opus', summary: 'old' }), delta({ effort: 'high' })]));
    store.one(event('s', [appended('s', 'b'), delta({ summary: 'new' }), appended('s', 'c')]));
    const { parsed } = frames(store, 1);
    expect(parsed.map(({ type, revision, changes }) => [type, revision, changes])).toEqual([
      ['session_delta', 3, { model: 'opus', effort: 'high' }],
      ['message_appended', 4, undefined],
      ['session_delta', 5, { summary: 'new' }],
      ['message_appended', 6, undefined],
    ]);
  });

  test('finds an open request behind the messages, and its status behind the request', () => {
    const store = openStore();
    store.commit(created('s'), event('s', [appended('s', 'a')]), event('s', asked('r')));
    store.one(event('s', [appended('s', 'b')]));
    const { parsed } = frames(store, 1);
    expect(parsed.map(({ type, revision }) => [type, revision])).toEqual([
      ['session_delta', 3],
      ['message_appended', 4],
      ['approval_requested', 4],
      ['session_delta', 4],
    ]);
    expect(parsed[0]).toMatchObject({ changes: { pending_approval: { id: 'r' } } });
    expect(parsed[3]).toMatchObject({ changes: { work_status: 'permission' } });
  });

  test('gets an empty delta when only passing words were missed', () => {
    const store = openStore();
    store.commit(created('s'), event('s', [appended('s', 'a')]));
    store.one(event('s', [{ type: 'undo_started', session_id: 's' }]));
    expect(frames(store, 1).parsed).toEqual([
      { type: 'session_delta', session_id: 's', changes: {}, revision: 2 },
    ]);
  });

  test('never sees a request again that was answered meanwhile', () => {
    const store = openStore();
    store.commit(created('s'), event('s', [appended('s', 'a')]));
    store.commit(event('s', asked('r')), event('s', answered('r')));
    const { types, parsed } = frames(store, 1);
    expect(types).toEqual(['session_delta']);
    expect(parsed[0]).toMatchObject({
      changes: { work_status: 'working', pending_approval: null },
    });
  });

  test('sees a cleared field as null', () => {
    const store = openStore();
    store.commit(created('s'), event('s', [delta({ custom_name: 'mine' })]));
    store.one(event('s', [delta({ custom_name: null })]));
    expect(frames(store, 1).parsed[0]).toMatchObject({ changes: { custom_name: null } });
  });

  test.each<[string, (store: Store) => { since: number | null; epoch: string | null }]>([
    ['says nothing about where it is', () => ({ since: null, epoch: null })],
    ['has nothing yet', () => ({ since: 0, epoch: null })],
    ['is ahead of us', () => ({ since: 99, epoch: null })],
    ['comes from another epoch', () => ({ since: 2, epoch: 'of another database' })],
    ['has no number', () => ({ since: 1.5, epoch: null })],
  ])('that %s gets a snapshot', (_, where) => {
    const store = openStore();
    store.commit(created('s'), event('s', [appended('s', 'a'), appended('s', 'b')]));
    const { since, epoch } = where(store);
    expect(frames(store, since, epoch).types).toEqual(['session_snapshot']);
  });

  test('of our own epoch gets rows by naming it', () => {
    const store = openStore();
    store.commit(created('s'), event('s', [appended('s', 'a'), appended('s', 'b')]));
    expect(frames(store, 1, store.epoch.id).types).toEqual(['message_appended']);
  });

  test('from before a rollback gets a snapshot, one from after it does not', () => {
    const store = openStore();
    store.commit(created('s'), event('s', [appended('s', 'a')]));
    store.one(event('s', [{ type: 'thread_rolled_back', session_id: 's', num_turns: 1 }]));
    store.one(event('s', [appended('s', 'b')]));
    expect(frames(store, 1).types).toEqual(['session_snapshot']);
    expect(frames(store, 2).types).toEqual(['message_appended']);
  });

  test('that missed very much gets a snapshot', () => {
    const store = openStore();
    store.commit(created('s'), event('s', [appended('s', 'first')]));
    store.one(
      event(
        's',
        Array.from({ length: 500 }, (_, at) => appended('s', `m${at}`)),
      ),
    );
    expect(frames(store, 1).types).toHaveLength(500);
    store.one(event('s', [appended('s', 'last')]));
    expect(frames(store, 1).types).toEqual(['session_snapshot']);
    const large = Array.from({ length: 3 }, (_, at) =>
      appended('s', `large${at}`, { content: 'é'.repeat(200_000) }),
    );
    store.one(event('s', large));
    expect(frames(store, 502).types).toEqual(['session_snapshot']);
    expect(frames(store, 503).types).toHaveLength(2);
  });
});

test('any old state plus what a catch-up brings equals the snapshot, also cut off and with known revisions dropped', () => {
  const seed = Date.now() % 100_000;
  const random = seeded(seed);
  const store = openStore();
  store.one(created('s'));
  store.one(event('s', [delta({ work_status: 'waiting' })]));
  const past = [store.snapshot('s')];
  const known: string[] = [];
  const open: string[] = [];
  let made = 0;

  const something = (): Fact[] => {
    made += 1;
    const id = `x${made}`;
    return random.one<() => Fact[]>([
      (): Fact[] => {
        known.push(id);
        return [appended('s', id, { message_type: random.one(['user', 'tool', 'thinking']) })];
      },
      (): Fact[] => [
        {
          type: 'message_updated',
          session_id: 's',
          message_id: random.one(known) ?? 'none',
          changes: random.one([{ content: id }, { tool_output: id, is_error: true }]),
        },
      ],
      () => [delta({ custom_name: random.one([id, null]), summary: random.one([id, null]) })],
      () => [delta({ model: random.one([id, null]), current_diff: random.one([id, null]) })],
      () => [delta({ turn_count: made, current_turn_id: random.one([`turn-${made}`, null]) })],
      () => [delta({ last_activity_at: `2026-03-01T12:00:0${random.below(10)}.000Z` })],
      () => [
        delta({
          subagents: [{ id: `a${random.below(3)}`, agent_type: id, started_at: AT_MS }],
        }),
      ],
      (): Fact[] => [
        {
          type: 'tokens_updated',
          session_id: 's',
          usage: { input_tokens: made, output_tokens: 1, cached_tokens: 0, context_window: 9 },
        },
      ],
      (): Fact[] => [
        {
          type: 'turn_diff_snapshot',
          session_id: 's',
          turn_id: `turn-${random.below(4)}`,
          diff: id,
        },
      ],
      (): Fact[] => [{ type: 'context_compacted', session_id: 's' }],
      (): Fact[] => {
        open.push(id);
        return open.length === 1 ? asked(id) : asked(id).slice(0, 1);
      },
      (): Fact[] => {
        const first = open.shift();
        if (first === undefined) return [];
        const next = open[0];
        if (next === undefined) return answered(first);
        return [
          ...answered(first).slice(0, 1),
          { type: 'approval_requested', session_id: 's', request: request(next) },
        ];
      },
    ])();
  };

  for (let round = 0; round < 80; round += 1) {
    store.one(event('s', Array.from({ length: 1 + random.below(3) }, something).flat()));
    const now = store.snapshot('s');
    expect(now.pending_approval?.id, `seed ${seed}`).toBe(open[0]);
    for (const state of [...past.slice(-5), random.one(past)]) {
      const read = store.catchUp('s', state.revision);
      expect(read?.frames[0] ?? '').not.toContain('session_snapshot');
      const folded = fold(state, read?.frames ?? []);
      expect(sorted(folded), `seed ${seed}`).toEqual(sorted(now));
      const cut = (read?.frames ?? []).slice(0, random.below(1 + (read?.frames.length ?? 0)));
      const part = foldNewer(state, cut);
      const whole = foldNewer(part, store.catchUp('s', part.revision)?.frames ?? []);
      expect(sorted(whole), `seed ${seed}`).toEqual(sorted(now));
    }
    past.push(now);
  }
});

/** Subagents and turn diffs replace each other by id: their order carries nothing. */
function sorted(state: ReturnType<Store['snapshot']>) {
  const byId = (a: { id: string }, b: { id: string }) => a.id.localeCompare(b.id);
  return {
    ...state,
    subagents: [...(state.subagents ?? [])].sort(byId),
    turn_diffs: [...(state.turn_diffs ?? [])].sort((a, b) => a.turn_id.localeCompare(b.turn_id)),
  };
}
