/** What is old goes, what is young stays, and the file shrinks: on a real database, with the clock set forward. */
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DEFAULT_RETENTION, type RetentionLimits } from '../../src/config.ts';
import type { Message } from '../../src/protocol/nouns.ts';
import { createRetention } from '../../src/store/retention.ts';
import { AT, AT_MS, appended, created, event, openStore, type Store } from './support.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
const NOW = Date.parse(AT);
const daysLater = (days: number) => new Date(NOW + days * DAY_MS).toISOString();

function keep(store: Store, days: number, limits: Partial<RetentionLimits> = {}): void {
  const retention = createRetention({
    database: store.database,
    limits: { ...DEFAULT_RETENTION, ...limits },
    images: store.paths.images,
    now: () => NOW + days * DAY_MS,
    removed: (id) => store.forget(id),
  });
  while (retention.slice());
}

function countOf(store: Store, table: string, id: string): number {
  const column = table === 'sessions' ? 'id' : 'session_id';
  const sql = `SELECT count(*) FROM ${table} WHERE ${column} = ?`;
  return store.database.prepare<[string], number>(sql).pluck().get(id) ?? 0;
}

function ended(
  store: Store,
  id: string,
  rest: { messages?: number; text?: string; days?: number } = {},
): void {
  const { messages = 3, text = 'words', days = 0 } = rest;
  const at = days === 0 ? AT : `${daysLater(days).slice(0, 23)}000Z`;
  const last_activity_at = daysLater(days);
  const shown = { status: 'ended', work_status: 'ended', last_activity_at } as const;
  store.one({ ...created(id, shown), snapshot: '{}', base: '{}', at });
  const facts = Array.from({ length: messages }, (_, n) =>
    appended(id, `${id}:m${n}`, { content: text, timestamp: last_activity_at }),
  );
  store.one(event(id, facts, { at }));
}

const TABLES = ['sessions', 'messages', 'journal', 'journal_bases', 'machines'];

test('the end of a session that never did anything goes after a week, its start never', () => {
  const store = openStore();
  const put = store.database.prepare('INSERT INTO pending_sessions VALUES (?, ?, ?)');
  put.run('ended', AT, JSON.stringify({ hook: {}, at: AT, end: { hook: {}, at: AT } }));
  put.run('begun', AT, JSON.stringify({ hook: {}, at: AT }));
  keep(store, 6);
  expect(countOf(store, 'pending_sessions', 'ended')).toBe(1);
  // A week to the millisecond is no more than a week.
  put.run('a week ago', AT_MS, JSON.stringify({ hook: {}, at: AT_MS, end: { hook: {}, at: AT } }));
  keep(store, 7);
  expect(countOf(store, 'pending_sessions', 'a week ago')).toBe(1);
  keep(store, 8);
  expect(countOf(store, 'pending_sessions', 'a week ago')).toBe(0);
  expect(countOf(store, 'pending_sessions', 'ended')).toBe(0);
  expect(countOf(store, 'pending_sessions', 'begun')).toBe(1);
});

describe('a session', () => {
  test('goes with all that belongs to it when its time has passed, and may come back', () => {
    const store = openStore();
    ended(store, 'old', { messages: 1_200 });
    ended(store, 'young', { days: 100 });
    keep(store, 179);
    for (const table of TABLES) expect(countOf(store, table, 'old'), table).toBeGreaterThan(0);
    keep(store, 181);
    for (const table of TABLES) expect(countOf(store, table, 'old'), table).toBe(0);
    for (const table of TABLES) expect(countOf(store, table, 'young'), table).toBeGreaterThan(0);
    expect(store.database.pragma('foreign_key_check')).toEqual([]);
    expect(store.catchUp('old', null)).toBeNull();
    ended(store, 'old');
    expect(store.snapshot('old')).toMatchObject({ message_count: 3, revision: 3 });
  });

  test('stays while it is waited for, steered, or was active in its journal', () => {
    const store = openStore();
    const old = { last_activity_at: AT_MS } as const;
    store.one(created('asks', { ...old, work_status: 'permission' }));
    store.one(created('works', { ...old, work_status: 'working' }));
    store.one(created('steered', { ...old, work_status: 'waiting', link_state: 'attached' }));
    store.database
      .prepare(`UPDATE sessions SET link_state = 'attached' WHERE id = 'steered'`)
      .run();
    store.one(created('renamed', { ...old, status: 'ended', work_status: 'ended' }));
    store.one(event('renamed', [], { at: `${daysLater(300).slice(0, 23)}000Z` }));
    store.one(created('forgotten', { ...old, work_status: 'waiting' }));
    keep(store, 300);
    const left = store.database.prepare('SELECT id FROM sessions ORDER BY id').pluck().all();
    expect(left).toEqual(['asks', 'renamed', 'steered', 'works']);
  });

  test('that goes on keeps its newest messages and says how many are gone', () => {
    const store = openStore();
    ended(store, 's', { messages: 700 });
    store.one(
      event('s', [appended('s', 'new', { timestamp: daysLater(199) })], {
        at: `${daysLater(199).slice(0, 23)}000Z`,
      }),
    );
    store.database.prepare('UPDATE sessions SET last_activity_at = ?').run(daysLater(199));
    keep(store, 200, { events: 100 });
    const state = store.snapshot('s');
    expect(state).toMatchObject({ message_count: 100, messages_removed: 601, has_older: false });
    expect(state.messages).toHaveLength(100);
    expect(state.messages.at(-1)?.id).toBe('new');
    keep(store, 400, { events: 1_000, sessionDays: 0 });
    expect(store.snapshot('s').message_count).toBe(100);
  });

  test('without limits nothing ever goes', () => {
    const store = openStore();
    ended(store, 's', { messages: 300 });
    keep(store, 100_000, { eventDays: 0, sessionDays: 0, maxBytes: 0, events: 0 });
    expect(store.snapshot('s').message_count).toBe(300);
    expect(countOf(store, 'journal', 's')).toBe(2);
  });
});

test('an image goes with the last message that shows it, and nothing else is ever deleted', () => {
  const store = openStore();
  mkdirSync(store.paths.images, { recursive: true });
  const file = (name: string) => join(store.paths.images, name);
  const outside = join(store.paths.dir, 'outside.png');
  for (const path of [file('shared.png'), file('own.png'), outside]) writeFileSync(path, 'x');
  const showing = (...paths: string[]): Partial<Message> => ({
    images: paths.map((value) => ({ input_type: 'path', value })),
    timestamp: AT_MS,
  });
  ended(store, 'old');
  store.one(
    event('old', [appended('old', 'i', showing(file('shared.png'), file('own.png'), outside))]),
  );
  ended(store, 'young', { days: 100 });
  store.one(event('young', [appended('young', 'j', showing(file('shared.png')))]));
  store.database
    .prepare(`UPDATE sessions SET last_activity_at = ? WHERE id = 'young'`)
    .run(daysLater(100));
  store.database.prepare(`UPDATE sessions SET last_activity_at = ? WHERE id = 'old'`).run(AT_MS);
  keep(store, 200);
  expect(countOf(store, 'sessions', 'old')).toBe(0);
  expect(existsSync(file('own.png'))).toBe(false);
  expect(existsSync(file('shared.png'))).toBe(true);
  expect(existsSync(outside)).toBe(true);
});

describe('size', () => {
  const size = (store: Store) => {
    store.database.pragma('wal_checkpoint(TRUNCATE)');
    return statSync(store.paths.database).size;
  };

  test('above its limit the sessions that ended longest ago go, and the file shrinks', () => {
    const store = openStore();
    const text = 'long words '.repeat(1_000);
    for (let n = 0; n < 30; n += 1) ended(store, `s${n}`, { messages: 100, text, days: n / 100 });
    store.one(created('alive', { last_activity_at: AT_MS }));
    const before = size(store);
    const limit = Math.floor(before / 3);
    keep(store, 0, { maxBytes: limit });
    expect(size(store)).toBe(before);
    keep(store, 3, { maxBytes: limit });
    expect(size(store)).toBeLessThan(limit * 1.1);
    const left = store.database.prepare('SELECT id FROM sessions').pluck().all() as string[];
    expect(left).toContain('alive');
    expect(left).toContain('s29');
    expect(left).not.toContain('s0');
    expect(store.database.pragma('quick_check', { simple: true })).toBe('ok');
  });

  test('below its limit nothing goes', () => {
    const store = openStore();
    ended(store, 's', { messages: 100 });
    keep(store, 3);
    expect(countOf(store, 'messages', 's')).toBe(100);
  });
});

test('what goes wrong in a slice is for its caller; nothing of the slice is kept, and the next one begins anew', () => {
  const store = openStore();
  ended(store, 'old');
  let isBroken = true;
  const retention = createRetention({
    ...{ database: store.database, images: store.paths.images, limits: DEFAULT_RETENTION },
    now: () => Date.parse(AT) + 10_000 * 86_400_000,
    removed: (id) => {
      if (isBroken) throw new Error('broken');
      store.forget(id);
    },
  });
  const all = () => {
    while (retention.slice());
  };
  expect(all).toThrow('broken');
  expect(countOf(store, 'sessions', 'old')).toBe(1);
  isBroken = false;
  all();
  expect(countOf(store, 'sessions', 'old')).toBe(0);
  store.database.close();
  expect(all).toThrow('not open');
});
