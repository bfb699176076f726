/** A batch of items: what is stored once, what is set aside alone, and what trouble of the storage leaves. */
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { Fact } from '../../machines/session-facts.ts';
import { storageErrorOf } from '../../src/store/commit.ts';
import type { EventItem, Item, ItemResult } from '../../src/store/writer-messages.ts';
import { appended, created, event, openStore, seeded, tempPaths } from './support.ts';

const delta = (session_id: string, work_status: 'working' | 'waiting'): Fact => ({
  type: 'session_delta',
  session_id,
  changes: { work_status },
});

function factsOf({ facts }: EventItem): Fact[] {
  return JSON.parse(facts) as Fact[];
}

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
