import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { Fact } from '../../machines/session-facts.ts';
import { storageErrorOf } from '../../src/store/commit.ts';
import type { EventItem, Item, ItemResult } from '../../src/store/writer-messages.ts';
import {
  AT_MS,
  appended,
  created,
  event,
  openStore,
  seeded,
  sessionCreated,
  tempPaths,
} from './support.ts';

const delta = (session_id: string, work_status: 'working' | 'waiting'): Fact => ({
  type: 'session_delta',
  session_id,
  changes: { work_status },
});

function factsOf({ facts }: EventItem): Fact[] {
  return JSON.parse(facts) as Fact[];
}

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

describe('a batch', () => {
  test('stores an idempotency key once and skips what was computed on a repeated one', () => {
    const store = openStore();
    store.one(created('s'));
    const results = store.commit(
      event('s', [delta('s', 'working')], { key: 'k', chain: 1 }),
      event('s', [delta('s', 'waiting')], { key: 'k', chain: 1 }),
      event('s', [delta('s', 'waiting')], { chain: 1 }),
      event('s', [delta('s', 'waiting')], { chain: 2 }),
    );
    expect(results.map(({ outcome }) => outcome)).toEqual([
      'committed',
      'duplicate',
      'skipped',
      'committed',
    ]);
    expect(store.snapshot('s').revision).toBe(2);
  });

  test('sets an item aside that can never be stored, and only that one', () => {
    const store = openStore();
    const poison = appended('s', 'bad', { timestamp: null as unknown as string });
    const results = store.commit(
      created('s'),
      created('other'),
      event('s', [appended('s', 'm1'), poison], { key: 'k', chain: 1 }),
      event('s', [appended('s', 'm2')], { chain: 1 }),
      event('other', [appended('other', 'o1')]),
      event('s', [appended('s', 'm3')], { chain: 2, key: 'k' }),
    );
    expect(results.map(({ outcome }) => outcome)).toEqual([
      'committed',
      'committed',
      'quarantined',
      'skipped',
      'committed',
      'committed',
    ]);
    expect(results[5]).toEqual({ outcome: 'committed', seq: 2, revision: 1 });
    expect(store.snapshot('s').messages.map(({ id }) => id)).toEqual(['m3']);
    const kept = store.database
      .prepare<[], { session_id: string; body: string; error: string }>('SELECT * FROM quarantine')
      .all();
    expect(kept).toHaveLength(1);
    expect(kept[0]?.session_id).toBe('s');
    expect(JSON.parse(kept[0]?.body ?? '')).toMatchObject({ key: 'k' });
  });

  test.each<[string, Item]>([
    ['of a session that does not exist', event('nobody', [delta('nobody', 'working')])],
    ['with a fact of another session', event('s', [delta('other', 'working')])],
    [
      'with a value no column takes',
      event('s', [{ type: 'row_noted', session_id: 's', columns: { agent_pid: {} as number } }]),
    ],
    ['with a fact nobody knows', event('s', [{ type: 'surprise', session_id: 's' } as never])],
  ])('sets aside an item %s', (_, item) => {
    const store = openStore();
    store.one(created('s'));
    expect(store.one(item)).toMatchObject({ outcome: 'quarantined' });
    expect(store.snapshot('s').revision).toBe(0);
  });

  test('numbers revisions and journal without a gap, whatever comes', () => {
    const seed = Date.now() % 100_000;
    const random = seeded(seed);
    const store = openStore();
    const expected = new Map<string, { revision: number; seq: number }>();
    const sessions = ['a', 'b', 'c', 'd'];
    store.commit(...sessions.map((id) => created(id)));
    for (const id of sessions) expected.set(id, { revision: 0, seq: 1 });

    for (let round = 0; round < 60; round += 1) {
      const items = Array.from({ length: 1 + random.below(12) }, (_, at) => {
        const id = random.one(sessions);
        const facts = Array.from({ length: random.below(4) }, (_, n) =>
          random.one([
            () => delta(id, random.one(['working', 'waiting'])),
            () => appended(id, `${id}-${round}-${at}-${n}`),
            () => appended(id, `${id}-again`),
            (): Fact => ({ type: 'row_noted', session_id: id, columns: { count: 'tool_count' } }),
            (): Fact => ({ type: 'undo_started', session_id: id }),
          ])(),
        );
        if (random.below(12) === 0) facts.push(delta('nobody', 'working'));
        return event(id, facts, {
          key: random.below(5) === 0 ? `key-${random.below(20)}` : null,
        });
      });
      const results = store.commit(...items);
      for (const [at, result] of results.entries()) {
        const item = items[at];
        if (item === undefined) continue;
        const before = expected.get(item.sessionId);
        if (before === undefined) throw new Error('unknown session');
        if (result.outcome === 'committed') {
          before.revision += factsOf(item).filter(({ type }) => type !== 'row_noted').length;
          before.seq += 1;
          expect(result, `seed ${seed}`).toEqual({ outcome: 'committed', ...before });
        }
      }
    }
    for (const id of sessions) {
      const seqs = store.database
        .prepare<[string], number>('SELECT seq FROM journal WHERE session_id = ? ORDER BY seq')
        .pluck()
        .all(id);
      expect(seqs, `seed ${seed}`).toEqual(seqs.map((_, at) => at + 1));
      expect(store.snapshot(id).revision).toBe(expected.get(id)?.revision);
    }
  });
});

describe('storage trouble', () => {
  test.each([
    ['SQLITE_FULL', 'disk_full'],
    ['SQLITE_BUSY_SNAPSHOT', 'busy'],
    ['SQLITE_LOCKED', 'busy'],
    ['SQLITE_PROTOCOL', 'busy'],
    ['SQLITE_READONLY_DBMOVED', 'read_only'],
    ['SQLITE_CORRUPT_VTAB', 'corrupt'],
    ['SQLITE_NOTADB', 'corrupt'],
    ['SQLITE_NOMEM', 'out_of_memory'],
    ['SQLITE_CANTOPEN_ISDIR', 'cannot_open'],
    ['SQLITE_IOERR_WRITE', 'io_error'],
    ['SQLITE_INTERRUPT', 'io_error'],
  ])('%s is called %s', (code, word) => {
    expect(storageErrorOf(new Database.SqliteError('it failed', code))).toBe(word);
  });

  test.each(['CONSTRAINT_UNIQUE', 'MISMATCH', 'TOOBIG', 'RANGE', 'ERROR'])(
    'is not what SQLITE_%s says: that is about the item',
    (code) => {
      expect(storageErrorOf(new Database.SqliteError('it failed', `SQLITE_${code}`))).toBe(null);
    },
  );

  test('is not an error of the program', () => {
    expect(storageErrorOf(new TypeError('SQLITE_FULL'))).toBe(null);
  });

  test('of a full disk keeps nothing of the batch, and the same batch goes through later', () => {
    const store = openStore();
    store.commit(created('s'), event('s', [appended('s', 'm0')]));
    const before = store.snapshot('s');
    const pages = Number(store.database.pragma('page_count', { simple: true }));
    store.database.pragma(`max_page_count = ${pages}`);
    const batch = Array.from({ length: 20 }, (_, at) =>
      event('s', [appended('s', `big${at}`, { content: 'z'.repeat(9_000) })], { key: `k${at}` }),
    );
    for (let tries = 0; tries < 3; tries += 1) {
      expect(() => store.commit(...batch)).toThrow(
        expect.objectContaining({ code: 'SQLITE_FULL' }),
      );
      expect(store.snapshot('s')).toEqual(before);
      expect(store.database.inTransaction).toBe(false);
    }
    store.database.pragma('max_page_count = 1000000');
    const results = store.commit(...batch);
    expect(results.map((result: ItemResult) => result.outcome)).toEqual(
      batch.map(() => 'committed'),
    );
    expect(store.snapshot('s').message_count).toBe(21);
    expect(store.snapshot('s').revision).toBe(21);
  });

  test('of a lock somebody else holds leaves reads working, and refuses nothing', () => {
    const paths = tempPaths();
    const store = openStore(paths);
    store.one(created('s'));
    const foreign = new Database(paths.database);
    foreign.exec('BEGIN IMMEDIATE');
    const item = event('s', [appended('s', 'm')], { key: 'k' });
    expect(() => store.commit(item)).toThrow(expect.objectContaining({ code: 'SQLITE_BUSY' }));
    expect(store.snapshot('s').message_count).toBe(0);
    foreign.exec('COMMIT');
    foreign.close();
    expect(store.one(item)).toEqual({ outcome: 'committed', seq: 2, revision: 1 });
  });
});
