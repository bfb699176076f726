/** The list of sessions: its pages, its cursors, and what is left of it where the table is damaged. */
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { MAX_FRAME_BYTES } from '../../src/protocol/encode.ts';
import {
  createListRead,
  createProjectsRead,
  createTotalsRead,
} from '../../src/store/queries/list.ts';
import { AT_MS, created, openStore, type Store } from './support.ts';

const at = (n: number) => new Date(Date.parse(AT_MS) + n).toISOString();
const idsOf = (list: { sessions: unknown[] } | null) =>
  ((list?.sessions ?? []) as { id: string }[]).map(({ id }) => id);

/** Two that go on and two that are over, each with one whose time is not known. */
function mixed(): Store {
  const store = openStore();
  const over = { status: 'ended', work_status: 'ended' } as const;
  store.commit(
    created('over', { ...over, last_activity_at: at(9) }),
    created('on', { last_activity_at: at(1) }),
    created('newer', { last_activity_at: at(2) }),
    created('timeless'),
    created('over-timeless', over),
  );
  store.database.exec("UPDATE sessions SET last_activity_at = NULL WHERE id LIKE '%timeless'");
  return store;
}
const ORDER = ['newer', 'on', 'timeless', 'over', 'over-timeless'];

describe('pages of the list', () => {
  test('go on where the one before ended, through all its parts', () => {
    const { page } = createListRead(mixed().database);
    const ids: string[] = [];
    let after: string | null = null;
    do {
      const read: ReturnType<typeof page> = page({ after, status: null, limit: 1 });
      expect(read?.total).toBe(5);
      ids.push(...idsOf(read));
      after = read?.next ?? null;
    } while (after !== null);
    expect(ids).toEqual(ORDER);
  });

  test('of one status hold and count only that', () => {
    const { page } = createListRead(mixed().database);
    const of = (status: 'active' | 'ended') => page({ after: null, status, limit: 10 });
    expect([idsOf(of('active')), of('active')?.total]).toEqual([ORDER.slice(0, 3), 3]);
    expect([idsOf(of('ended')), of('ended')?.total]).toEqual([ORDER.slice(3), 2]);
    expect(of('ended')?.next).toBeNull();
  });

  test.each(['', 'x', '4~1~a', '0~~a', '0~1~', `0~${'1'.repeat(16)}~a`, `0~1~${'a'.repeat(65)}`])(
    'do not begin at %j, which no page gave',
    (after) => {
      const { page } = createListRead(mixed().database);
      expect(page({ after, status: null, limit: 10 })).toBeNull();
    },
  );
});

/** The same database on a disk that cannot read the table in order, nor these rows. */
function damaged(database: Store['database'], rows: number[], code = 'SQLITE_CORRUPT') {
  const fail = () => {
    throw new Database.SqliteError('database disk image is malformed', code);
  };
  return new Proxy(database, {
    get(_, name) {
      if (name !== 'prepare') return Reflect.get(database, name);
      return (sql: string) => {
        const statement = database.prepare(sql);
        if (sql.includes('< (@at, @rowid)')) return { iterate: fail };
        if (!sql.includes('WHERE rowid = ?')) return statement;
        return { get: (rowid: number) => (rows.includes(rowid) ? fail() : statement.get(rowid)) };
      };
    },
  });
}

describe('the list of a damaged table', () => {
  const listOf = ({ database }: Store, rows: number[]) => {
    const { text, ...rest } = createListRead(damaged(database, rows)).frame();
    return { ...rest, list: JSON.parse(text), bytes: Buffer.byteLength(text) };
  };

  test('holds all that can be read, in its order, and says how many cannot', () => {
    const { list, damage, shown } = listOf(mixed(), [1]);
    expect([idsOf(list), list.unreadable]).toEqual([...[ORDER.filter((id) => id !== 'over'), 1]]);
    expect([damage, shown, list.total]).toEqual(['database disk image is malformed', 4, 5]);
    expect(listOf(mixed(), []).list).not.toHaveProperty('unreadable');
  });

  test('fits a frame', () => {
    const store = openStore();
    const long = { first_prompt: '漢'.repeat(200), summary: '漢'.repeat(200) };
    store.commit(...Array.from({ length: 1000 }, (_, n) => created(`s${n}`, long)));
    const { bytes, shown } = listOf(store, []);
    expect(bytes).toBeLessThanOrEqual(MAX_FRAME_BYTES);
    expect(shown).toBeGreaterThan(300);
    expect(shown).toBeLessThan(1000);
  });

  test('is none where the trouble is another', () => {
    const { database } = mixed();
    const list = (rows: number[], code: string) =>
      createListRead(damaged(database, rows, code)).frame;
    expect(list([], 'SQLITE_BUSY')).toThrow('malformed');
  });
});

test('projects are the absolute places sessions ran in, the one worked in last first', () => {
  const store = openStore();
  const places = ['/a', '/b', '/b', '/unknown', 'relative'];
  store.commit(
    ...places.map((project_path, n) => created(`s${n}`, { project_path, last_activity_at: at(n) })),
    created('timeless', { project_path: '/c' }),
  );
  store.database.exec("UPDATE sessions SET last_activity_at = NULL WHERE id = 'timeless'");
  expect(createProjectsRead(store.database)()).toEqual({
    items: [
      { path: '/b', session_count: 2, last_active: at(2) },
      { path: '/a', session_count: 1, last_active: at(0) },
      { path: '/c', session_count: 1 },
    ],
    truncated: false,
  });
});

test('totals count sessions by what they do, and tokens by their model', () => {
  const store = openStore();
  const usage = (input_tokens: number) => ({
    token_usage: { input_tokens, output_tokens: 2, cached_tokens: 3, context_window: 4 },
  });
  store.commit(
    created('a', { model: 'opus', ...usage(1) }),
    created('b', { model: 'opus', ...usage(10) }),
    created('c', { provider: 'codex', work_status: 'working', ...usage(5) }),
  );
  const totals = createTotalsRead(store.database)();
  expect(totals.sessions).toEqual([
    { provider: 'claude', work_status: 'waiting', count: 2 },
    { provider: 'codex', work_status: 'working', count: 1 },
  ]);
  expect(totals.tokens).toEqual([
    { provider: 'claude', model: 'opus', input: 11, output: 4, cached: 6 },
    { provider: 'codex', model: '', input: 5, output: 2, cached: 3 },
  ]);
  expect(totals.bytes).toBeGreaterThan(4096);
});
