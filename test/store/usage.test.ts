/** Usage: what a session has used is counted when it was used, each token once. */
import { describe, expect, test } from 'vitest';
import type { TokenUsage } from '../../src/protocol/nouns.ts';
import type { UsageBy } from '../../src/protocol/reply-nouns.ts';
import { createAnswer } from '../../src/store/queries/run-read.ts';
import { readRange } from '../../src/store/queries/usage.ts';
import type { ReadResults } from '../../src/store/writer-messages.ts';
import { created, event, openStore, type Store } from './support.ts';

const NONE: TokenUsage = { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 };

/** What a provider says that a session has used in all. */
function uses(store: Store, id: string, at: string, usage: Partial<TokenUsage>): void {
  const fact = { type: 'tokens_updated' as const, session_id: id, usage: { ...NONE, ...usage } };
  expect(store.one({ ...event(id, [fact]), at })).toMatchObject({ outcome: 'committed' });
}

function usageOf(store: Store, by: UsageBy, from: string, to: string, offsetMinutes = 0) {
  const answer = createAnswer({ database: store.database, epoch: store.epoch.id });
  const range = readRange({ from, to }, { nowMs: Date.parse(to), offsetMinutes });
  return answer({ kind: 'usage', by, offsetMinutes, ...range }) as ReadResults['usage'];
}

function stored(...ids: string[]): Store {
  const store = openStore();
  for (const id of ids) store.one(created(id));
  return store;
}

describe('a session that reports what it has used in all', () => {
  test('used on each day what was added on it, by the clock of the asker', () => {
    const store = stored('s');
    uses(store, 's', '2026-03-01T22:30:00.000000Z', { total_input_tokens: 10, output_tokens: 5 });
    const more = { total_input_tokens: 40, output_tokens: 6, cost_usd: 0.5 };
    uses(store, 's', '2026-03-01T23:40:00.000000Z', more);
    uses(store, 's', '2026-03-02T10:00:00.000000Z', { ...more, cost_usd: 2 });
    const days = (offset: number) =>
      usageOf(store, 'day', '2026-03-01', '2026-03-02', offset).rows.map(
        ({ key, input_tokens, output_tokens, cost_usd }) => [
          key,
          input_tokens,
          output_tokens,
          cost_usd,
        ],
      );
    expect(days(0)).toEqual([
      ['2026-03-01', 40, 6, 0.5],
      ['2026-03-02', 0, 0, 1.5],
    ]);
    expect(days(60)).toEqual([
      ['2026-03-01', 10, 5, null],
      ['2026-03-02', 30, 1, 2],
    ]);
  });

  test('read and wrote as much of the cache as it says, and none where it says nothing', () => {
    const store = stored('s', 'other');
    const day = (hour: number) => `2026-03-01T${hour}:00:00.000000Z`;
    uses(store, 's', day(10), {
      total_input_tokens: 10,
      cache_read_tokens: 7,
      cache_write_tokens: 3,
    });
    uses(store, 's', day(11), {
      total_input_tokens: 20,
      cache_read_tokens: 9,
      cache_write_tokens: 8,
    });
    uses(store, 'other', day(12), { total_input_tokens: 30, total_output_tokens: 4 });
    uses(store, 'other', day(13), { cost_usd: 0.5 });
    const { rows } = usageOf(store, 'session', '2026-03-01', '2026-03-01');
    const of = (id: string) => rows.find(({ key }) => key === id);
    expect(of('s')).toMatchObject({
      ...{ input_tokens: 20, cache_read_tokens: 9, cache_write_tokens: 8 },
    });
    expect(of('other')).toMatchObject({
      ...{ input_tokens: 30, output_tokens: 4, cache_read_tokens: 0, cache_write_tokens: 0 },
      cost_usd: 0.5,
    });
  });

  test('used nothing more when it reports the same again, or less', () => {
    const store = stored('s');
    for (const total_input_tokens of [100, 100, 30, 100]) {
      uses(store, 's', '2026-03-01T10:00:00.000000Z', { total_input_tokens, cost_usd: 0.3 });
    }
    const { total } = usageOf(store, 'day', '2026-03-01', '2026-03-01');
    expect(total).toMatchObject({ sessions: 1, input_tokens: 100, cost_usd: 0.3 });
  });

  test('used no tokens when its provider says only what it has cost', () => {
    const store = stored('s');
    uses(store, 's', '2026-03-01T10:00:00.000000Z', { output_tokens: 9, cost_usd: 0.5 });
    expect(usageOf(store, 'day', '2026-03-01', '2026-03-01').total).toMatchObject({
      ...{ input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, cache_write_tokens: 0 },
      cost_usd: 0.5,
    });
  });

  test('is not charged for output that only its newest answer has reported', () => {
    const store = stored('s');
    const usage = { total_input_tokens: 7, output_tokens: 9, total_output_tokens: 50 };
    uses(store, 's', '2026-03-01T10:00:00.000000Z', usage);
    const { total } = usageOf(store, 'day', '2026-03-01', '2026-03-01');
    expect(total).toMatchObject({ input_tokens: 7, output_tokens: 50, cost_usd: null });
  });
});

test('sessions, projects and providers come with the dearest first, and the sum counts all', () => {
  const store = stored('cheap', 'dear', 'unsent');
  const at = '2026-03-01T10:00:00.000000Z';
  uses(store, 'cheap', at, { total_input_tokens: 1, cost_usd: 0.25 });
  uses(store, 'dear', at, { total_input_tokens: 1, cost_usd: 4 });
  uses(store, 'unsent', at, { total_input_tokens: 1 });
  const read = (by: UsageBy) => usageOf(store, by, '2026-03-01', '2026-03-01');
  expect(read('session').rows.map(({ key }) => key)).toEqual(['dear', 'cheap', 'unsent']);
  expect(read('project').rows.map(({ name }) => name)).toEqual(['dear', 'cheap', 'unsent']);
  expect(read('provider').rows).toMatchObject([{ sessions: 3, input_tokens: 3, cost_usd: 4.25 }]);
  expect(read('session').total).toMatchObject({ sessions: 3, cost_usd: 4.25 });
});

test('of more than 1,000 sessions the dearest are listed, with 200 letters of their names', () => {
  const ids = Array.from({ length: 1_001 }, (_, at) => `s${at}`);
  const store = openStore();
  store.commit(...ids.map((id) => created(id, { summary: 'n'.repeat(300) })));
  for (const [at, id] of ids.entries()) {
    uses(store, id, '2026-03-01T12:00:00.000000Z', { output_tokens: 1, cost_usd: at + 1 });
  }
  const { rows, total } = usageOf(store, 'session', '2026-03-01', '2026-03-02');
  expect(rows.map(({ key }) => key)).toEqual(ids.slice(1).reverse());
  expect(rows[0]?.name).toHaveLength(200);
  expect(total.sessions).toBe(1_001);
});

test('a session that goes takes its usage with it', () => {
  const store = stored('s');
  uses(store, 's', '2026-03-01T10:00:00.000000Z', { cost_usd: 1 });
  store.database.prepare('DELETE FROM sessions').run();
  expect(usageOf(store, 'day', '2026-03-01', '2026-03-01')).toMatchObject({ rows: [] });
});

test('a range is the asker’s today, days with both ends, the last days, or moments', () => {
  const at = { nowMs: Date.parse('2026-03-02T00:30:00Z'), offsetMinutes: 60 };
  const hours = (range: Parameters<typeof readRange>[0]) => {
    const { from, to } = readRange(range, at);
    return [from, to].map((quarter) => new Date(quarter * 900_000).toISOString().slice(0, 16));
  };
  expect(hours({})).toEqual(['2026-03-01T23:00', '2026-03-02T00:45']);
  expect(hours({ from: '2d' })).toEqual(['2026-02-28T23:00', '2026-03-02T00:45']);
  expect(hours({ from: '2026-02-27', to: '2026-02-28' })).toEqual([
    '2026-02-26T23:00',
    '2026-02-28T23:00',
  ]);
  expect(hours({ from: '2026-03-01T10:00:00Z' })[0]).toBe('2026-03-01T10:00');
  for (const from of ['yesterday', "x' OR '1'='1", '2026', '1 March 2026', '2026-03-01T10:00']) {
    expect(() => hours({ from })).toThrow('from is a day such as');
  }
});

test('the row of a session says for readers of the reference how many tokens there are in all', () => {
  const store = stored('s');
  uses(store, 's', '2026-03-01T10:00:00.000000Z', { input_tokens: 30, output_tokens: 4 });
  const sql = `SELECT total_tokens FROM sessions WHERE id = 's'`;
  expect(store.database.prepare(sql).pluck().get()).toBe(34);
});
