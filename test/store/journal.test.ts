import { describe, expect, test } from 'vitest';
import { DEFAULT_RETENTION } from '../../src/config.ts';
import { createRetention } from '../../src/store/retention.ts';
import type { EventItem } from '../../src/store/writer-messages.ts';
import { journalPage } from '../support/database.ts';
import { AT, created, event, openStore, type Store } from './support.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
const NOW = Date.parse(AT);

/** A machine that adds: its snapshot is the sum so far, its events say how much. */
function send(store: Store, count: number, rest: Partial<EventItem> = {}): void {
  const { last } = journalPage(store.database, 's', 1, 1);
  let sum = sumAfter(store);
  const items = Array.from({ length: count }, (_, at) => {
    const more = last + at + 1;
    sum += more;
    return event('s', [], {
      event: JSON.stringify({ add: more }),
      value: String(sum),
      snapshot: String(sum),
      ...rest,
    });
  });
  for (let at = 0; at < items.length; at += 250) store.commit(...items.slice(at, at + 250));
}

function sumAfter(store: Store): number {
  return Number(store.database.prepare('SELECT snapshot FROM machines').pluck().get() ?? 0);
}

/** Folds what is left from its base and compares every state on the way. */
function expectFolds(store: Store): { rows: number; first: number } {
  const read = (id: string, from: number, limit: number) =>
    journalPage(store.database, id, from, limit);
  const { first } = read('s', 1, 1);
  const { base, rows } = read('s', first, 10_000);
  let sum = Number(base?.snapshot ?? 0);
  expect(base?.seq ?? 0).toBe(first - 1);
  for (const row of rows) {
    sum += (JSON.parse(row.event) as { add?: number }).add ?? 0;
    expect(row.value).toBe(String(sum));
  }
  return { rows: rows.length, first };
}

function cutAll(store: Store, { now = NOW + 31 * DAY_MS, events = 2_000 } = {}): void {
  const retention = createRetention({
    database: store.database,
    limits: { ...DEFAULT_RETENTION, events },
    images: store.paths.images,
    now: () => now,
  });
  while (retention.slice());
}

function aStore(): Store {
  const store = openStore();
  store.one({ ...created('s'), value: '0', base: '0', snapshot: '0' });
  return store;
}

describe('the journal', () => {
  test('pages from any number, with the base before it', () => {
    const store = aStore();
    send(store, 1_200);
    const read = (id: string, from: number, limit: number) =>
      journalPage(store.database, id, from, limit);
    const page = read('s', 700, 10);
    expect(page).toMatchObject({ first: 1, last: 1_201 });
    expect(page.rows.map(({ seq }) => seq)).toEqual([
      700, 701, 702, 703, 704, 705, 706, 707, 708, 709,
    ]);
    expect(page.base?.seq).toBe(500);
    expect(read('nobody', 1, 10)).toEqual({ base: null, rows: [], first: 0, last: 0 });
  });

  test('is cut at a base and still folds to the same states', () => {
    const store = aStore();
    send(store, 2_300);
    cutAll(store);
    expect(expectFolds(store)).toEqual({ rows: 2_301, first: 1 });
    send(store, 1_000);
    cutAll(store);
    expect(expectFolds(store)).toEqual({ rows: 2_301, first: 1_001 });
    send(store, 700);
    expectFolds(store);
  });

  test('stays as long as it is young, however long it is, and its newest part stays for ever', () => {
    const store = aStore();
    send(store, 3_300);
    cutAll(store, { now: NOW + 29 * DAY_MS });
    expect(expectFolds(store)).toEqual({ rows: 3_301, first: 1 });
    cutAll(store, { events: 10_000 });
    expect(expectFolds(store)).toEqual({ rows: 3_301, first: 1 });
    cutAll(store);
    expect(expectFolds(store).rows).toBeLessThan(2_600);
  });

  test('without a base is cut, too', () => {
    const store = openStore();
    store.one(created('s'));
    for (let n = 0; n < 12; n++) store.commit(...Array.from({ length: 250 }, () => event('s')));
    expect(store.database.prepare('SELECT count(*) FROM journal_bases').pluck().get()).toBe(0);
    cutAll(store, { events: 1_000 });
    const { first, last } = journalPage(store.database, 's', 1, 1);
    expect(last).toBe(3_001);
    expect(first).toBeGreaterThan(1_900);
    expect(first).toBeLessThanOrEqual(2_001);
  });

  test("that is cut wholly leaves the session's snapshot as the base of what comes later", () => {
    const store = aStore();
    send(store, 30);
    cutAll(store, { events: 0 });
    const read = (id: string, from: number, limit: number) =>
      journalPage(store.database, id, from, limit);
    expect(read('s', 1, 10).rows).toEqual([]);
    cutAll(store, { events: 0 });
    send(store, 3);
    const { base, rows } = read('s', 1, 10);
    expect(base?.seq).toBe(31);
    expect(rows).toHaveLength(3);
  });

  test('of two sessions side by side is read one by one, from anywhere', () => {
    const store = openStore();
    store.commit(created('s'), created('t'));
    for (let n = 0; n < 300; n++) store.commit(event('s'), event('t'), event('t'));
    const numbers = (id: string, from: number, limit: number) =>
      journalPage(store.database, id, from, limit).rows.map(({ seq }) => seq);
    expect(numbers('s', 1, 1_000)).toEqual(Array.from({ length: 301 }, (_, n) => n + 1));
    expect(numbers('t', 127, 4)).toEqual([127, 128, 129, 130]);
    expect(journalPage(store.database, 't', 1, 1)).toMatchObject({ first: 1, last: 601 });
  });

  test('takes no row of somebody else for its own when an id is used again', () => {
    const store = openStore();
    store.commit(created('old'), created('s'));
    store.commit(event('s'), event('old'));
    // Retention took all of `old`; SQLite gives the id of the last row away again.
    store.database.prepare(`DELETE FROM journal WHERE session_id = 'old'`).run();
    store.commit(event('s'), event('s'));
    expect(journalPage(store.database, 'old', 1, 10)).toMatchObject({ rows: [], first: 0 });
    expect(journalPage(store.database, 's', 1, 10).rows).toHaveLength(4);
  });

  test('keeps the size of an event that is too large, not its body', () => {
    const store = aStore();
    const large = JSON.stringify({ type: 'hook.observed', body: 'x'.repeat(2_000_000) });
    store.one(event('s', [], { event: large }));
    const [row] = journalPage(store.database, 's', 2, 1).rows;
    expect(JSON.parse(row?.event ?? '')).toEqual({
      type: 'hook.observed',
      truncated: true,
      bytes: large.length,
    });
  });
});

describe('retention', () => {
  test('forgets idempotency keys and quarantine after 30 days', () => {
    const store = aStore();
    store.commit(
      event('s', [], { key: 'old', at: new Date(NOW - 31 * DAY_MS).toISOString() }),
      event('s', [], { key: 'young' }),
      event('nobody', [], { at: new Date(NOW - 31 * DAY_MS).toISOString() }),
      event('nobody'),
    );
    cutAll(store, { now: NOW });
    expect(store.database.prepare('SELECT key FROM hook_keys').pluck().all()).toEqual(['young']);
    expect(store.database.prepare('SELECT count(*) FROM quarantine').pluck().get()).toBe(1);
  });

  test('finds old idempotency keys wherever they stand among young ones', () => {
    const store = aStore();
    const old = new Date(NOW - 31 * DAY_MS).toISOString();
    const items = Array.from({ length: 1_200 }, (_, n) =>
      event('s', [], { key: `key-${n}`, ...(n % 3 === 0 && { at: old }) }),
    );
    store.commit(...items);
    cutAll(store, { now: NOW });
    const left = store.database.prepare('SELECT key FROM hook_keys').pluck().all();
    expect(left).toHaveLength(800);
    expect(left).not.toContain('key-0');
  });

  test('keeps the newest thousand of the quarantine', () => {
    const store = aStore();
    const poison = Array.from({ length: 1_010 }, () => event('nobody'));
    store.commit(...poison);
    cutAll(store, { now: NOW });
    expect(store.database.prepare('SELECT count(*) FROM quarantine').pluck().get()).toBe(1_000);
  });
});
