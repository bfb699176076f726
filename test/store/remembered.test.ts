/** What the writer remembers of sessions between commits is never more than what is stored. */
import { describe, expect, test } from 'vitest';
import { appended, created, event, openStore, type Store } from './support.ts';

const sequences = ({ database }: Store) =>
  database.prepare('SELECT id, sequence FROM messages ORDER BY sequence').raw().all();
const bases = ({ database }: Store) =>
  database.prepare('SELECT seq FROM journal_bases ORDER BY seq').pluck().all();

const poison = appended('s', 'bad', { timestamp: null as unknown as string });

describe('messages are numbered without a gap', () => {
  test('behind an item that was set aside, in its batch and in the next', () => {
    const store = openStore();
    store.commit(created('s'), event('s', [appended('s', 'm1')]));
    const results = store.commit(
      event('s', [appended('s', 'm2'), appended('s', 'm3'), poison]),
      event('s', [appended('s', 'm4')]),
    );
    expect(results.map(({ outcome }) => outcome)).toEqual(['quarantined', 'committed']);
    store.one(event('s', [appended('s', 'm5')]));
    expect(sequences(store)).toEqual([
      ['m1', 0],
      ['m4', 1],
      ['m5', 2],
    ]);
  });

  test('behind a batch that the storage refused', () => {
    const store = openStore();
    store.commit(created('s'), event('s', [appended('s', 'm1')]));
    const pages = Number(store.database.pragma('page_count', { simple: true }));
    store.database.pragma(`max_page_count = ${pages}`);
    const big = appended('s', 'big', { content: 'z'.repeat(100_000) });
    expect(() => store.commit(event('s', [appended('s', 'm2'), big]))).toThrow(
      expect.objectContaining({ code: 'SQLITE_FULL' }),
    );
    store.database.pragma('max_page_count = 1000000');
    expect(store.one(event('s', [appended('s', 'm3')]))).toMatchObject({ seq: 3, revision: 2 });
    expect(sequences(store)).toEqual([
      ['m1', 0],
      ['m3', 1],
    ]);
  });
});

describe('a base of the journal', () => {
  const received = (count: number) =>
    Array.from({ length: count }, () => event('s', [], { snapshot: '{"at":1}' }));

  test('is kept every 500 events, from the first on', () => {
    const store = openStore();
    store.one({ ...created('s'), base: '{"at":0}' });
    expect(bases(store)).toEqual([0]);
    store.commit(...received(498));
    expect(bases(store)).toEqual([0]);
    store.commit(...received(501));
    expect(bases(store)).toEqual([0, 500, 1000]);
  });

  test('waits for an event whose snapshot is stored', () => {
    const store = openStore();
    store.one({ ...created('s'), base: '{"at":0}' });
    store.commit(...Array.from({ length: 501 }, () => event('s')));
    expect(bases(store)).toEqual([0]);
    store.commit(...received(1));
    expect(bases(store)).toEqual([0, 503]);
  });

  test('counts from the one before it also where nothing is remembered of the session', () => {
    const store = openStore();
    store.one({ ...created('s'), base: '{"at":0}' });
    store.commit(...received(520));
    store.forget('s');
    store.commit(...received(10));
    expect(bases(store)).toEqual([0, 500]);
    store.commit(...received(470));
    expect(bases(store)).toEqual([0, 500, 1000]);
  });

  test('of a session that was removed holds for none of that name that comes after', () => {
    const store = openStore();
    store.one({ ...created('s'), base: '{"at":0}' });
    store.commit(...received(520));
    for (const table of ['journal_bases', 'journal', 'sessions']) {
      store.database.prepare(`DELETE FROM ${table}`).run();
    }
    store.forget('s');
    store.one(created('s'));
    store.commit(...received(499));
    expect(bases(store)).toEqual([500]);
  });
});

test('of an event that is too large for the journal its type and its size are kept', () => {
  const store = openStore();
  store.one(created('s'));
  const of = (bytes: number) => {
    const frame = '{"type":"message.added","text":""}';
    const text = frame.replace('""', `"${'x'.repeat(bytes - frame.length)}"`);
    store.one(event('s', [], { event: text }));
    const newest = store.database.prepare('SELECT event FROM journal ORDER BY seq DESC LIMIT 1');
    return newest.pluck().get() as string;
  };
  const limit = 1024 * 1024;
  expect(of(limit)).toHaveLength(limit);
  expect(JSON.parse(of(limit + 1))).toEqual({
    type: 'message.added',
    truncated: true,
    bytes: limit + 1,
  });
});
