/**
 * What sessions have read, written and cost between two moments, by day, session, project or provider. Called by the
 * writer thread, and by the command line on a connection of its own.
 */
import { OrbitError } from '../../errors.ts';
import type { UsageBy, UsageRow } from '../../protocol/reply-nouns.ts';
import type { Sqlite } from '../database.ts';
import type { ReadResults } from '../writer-messages.ts';

/** A row of the table is of so many milliseconds. */
export const QUARTER_MS = 15 * 60_000;

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Rows of one answer; the sum counts all. */
const MAX_ROWS = 1_000;

/** Quarters of an hour from `from` (included) to `to` (excluded), and how far the asker's clock is ahead of UTC. */
export interface UsageAsked {
  by: UsageBy;
  from: number;
  to: number;
  offsetMinutes: number;
}

const SUMS = `count(DISTINCT u.session_id) AS sessions, COALESCE(sum(u.input_tokens), 0) AS input_tokens,
  COALESCE(sum(u.output_tokens), 0) AS output_tokens,
  COALESCE(sum(u.cache_read_tokens), 0) AS cache_read_tokens,
  COALESCE(sum(u.cache_write_tokens), 0) AS cache_write_tokens, sum(u.cost_usd) AS cost_usd`;
const BETWEEN = `FROM usage AS u JOIN sessions AS s ON s.id = u.session_id
  WHERE u.quarter >= @from AND u.quarter < @to`;

/** What a row is called by, and how rows are ordered. */
const GROUPS: Readonly<Record<UsageBy, string>> = {
  day: `date((u.quarter * 15 + @offsetMinutes) * 60, 'unixepoch') AS key, NULL AS name`,
  session: `s.id AS key, COALESCE(s.custom_name, s.summary, s.first_prompt) AS name`,
  project: 's.project_path AS key, max(s.project_name) AS name',
  provider: 's.provider AS key, NULL AS name',
};

type Row = Omit<UsageRow, 'name'> & { name: string | null };

/** Longest name of a row, UTF-16 units. */
const NAME_CHARS = 200;

/** Reads on one connection. */
export function createUsageRead(database: Sqlite) {
  const read = (by: UsageBy) => {
    const order = by === 'day' ? 'key' : 'cost_usd DESC NULLS LAST, output_tokens DESC, key';
    return database.prepare<UsageAsked, Row>(
      `SELECT ${GROUPS[by]}, ${SUMS} ${BETWEEN} GROUP BY key ORDER BY ${order} LIMIT ${MAX_ROWS}`,
    );
  };
  const rowsBy = {
    ...{ day: read('day'), session: read('session') },
    ...{ project: read('project'), provider: read('provider') },
  };
  const total = database.prepare<UsageAsked, ReadResults['usage']['total']>(
    `SELECT ${SUMS} ${BETWEEN}`,
  );
  return (asked: UsageAsked): ReadResults['usage'] => ({
    total: total.get(asked) as ReadResults['usage']['total'],
    rows: rowsBy[asked.by].all(asked).map(({ name, ...row }) => ({
      ...row,
      ...(name !== null && { name: name.slice(0, NAME_CHARS) }),
    })),
  });
}

/** A moment of the asker's: what time it is, and how far the clock is ahead of UTC. */
interface AskedAt {
  nowMs: number;
  offsetMinutes: number;
}

/**
 * Reads from when to when: a day of the asker's (both ends included), the last so many days (`7d`), or a moment;
 * without either it is the asker's today.
 *
 * @throws OrbitError `invalid_argument`
 */
export function readRange(
  { from, to }: { from?: string | null | undefined; to?: string | null | undefined },
  at: AskedAt,
): { from: number; to: number } {
  const begin = from ? timestampOf(from, at, 'from') : startOfDay(at.nowMs, at);
  const end = to ? timestampOf(to, at, 'to') : at.nowMs;
  // What has begun counts whole: a row is never cut in two.
  return { from: Math.floor(begin / QUARTER_MS), to: Math.floor(end / QUARTER_MS) + 1 };
}

/** A day, or a moment with its zone: `Date.parse` alone finds a year in most texts with a number. */
const MOMENT = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;

function timestampOf(text: string, at: AskedAt, field: 'from' | 'to'): number {
  const [, days] = /^(\d{1,4})d$/.exec(text) ?? [];
  if (days !== undefined) return startOfDay(at.nowMs, at) - (Number(days) - 1) * DAY_MS;
  const ms = MOMENT.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) {
    const forms = 'a day such as 2026-03-01, the last days such as 7d, or a moment with its zone';
    const reason = `${field} is ${forms}`;
    throw new OrbitError('invalid_argument', { field, reason });
  }
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return ms;
  const begin = ms - at.offsetMinutes * MINUTE_MS;
  return field === 'from' ? begin : begin + DAY_MS - 1;
}

function startOfDay(ms: number, { offsetMinutes }: AskedAt): number {
  const local = ms + offsetMinutes * MINUTE_MS;
  return local - (local % DAY_MS) - offsetMinutes * MINUTE_MS;
}
