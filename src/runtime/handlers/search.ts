/**
 * Search over all conversations: words and filters in one text, as a person types them. The store finds; here
 * the text is read, and reads are repeated until a page is full.
 */
import { OrbitError } from '../../errors.ts';
import type { SearchHit } from '../../protocol/reply-nouns.ts';
import type { SearchFilter, SearchWord } from '../../store/search-index.ts';
import type { Writer } from '../../store/writer.ts';
import type { Handlers } from '../runtime-api.ts';

/** Hits of a page, unless the asker wants fewer or, up to the second, more. */
const HITS = 50;
const MAX_HITS = 200;

/** A page is sent after so long, ms, also when it is not full. */
const PAGE_MS = 1_000;

/** Words and filters of one search at most. */
const MAX_WORDS = 16;

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Words after `is:`, as the store names them. */
const STATES: ReadonlySet<string> = new Set([
  'active',
  'ended',
  'working',
  'waiting',
  'permission',
  'question',
  'reply',
]);

/** Handlers of this group. @param now  wall clock, ms since 1970 */
export function createSearchHandlers(
  writer: Pick<Writer, 'read'>,
  now: () => number = Date.now,
): Handlers<'search'> {
  return {
    async search({ query, session_id, before, limit, utc_offset_minutes }, asker) {
      const offset = utc_offset_minutes ?? -new Date(now()).getTimezoneOffset();
      const { words, filter } = parseQuery(query, { nowMs: now(), offsetMinutes: offset });
      const wanted = Math.min(Math.max(limit ?? HITS, 1), MAX_HITS);
      const endsAt = now() + PAGE_MS;
      const about = { ...filter, sessionId: session_id ?? null };
      const hits: SearchHit[] = [];
      let next = before ?? null;
      let isCut = true;
      while (isCut && hits.length < wanted) {
        const read = { kind: 'search', words, filter: about, before: next } as const;
        const found = await writer.read({ ...read, limit: wanted - hits.length });
        hits.push(...found.hits);
        ({ next, isCut } = found);
        if (now() >= endsAt) break;
      }
      const more = isCut ? { is_partial: true as const } : {};
      asker.reply({ type: 'search_results', query, hits, next, ...more });
    },
  };
}

/** The server's clock, and how far its asker's is ahead of UTC: `when:today` is the asker's today. */
interface AskedAt {
  nowMs: number;
  offsetMinutes: number;
}

/** A word, a text in quotes, or a filter with one of both. */
const PART = /(?:([a-z]+):)?(?:"([^"]*)"|(\S+))/giu;

/**
 * Reads what a person types: `project:` `file:` `agent:` `is:` `when:` are filters, a text in quotes is meant as it
 * stands, and any other word may go on (`migr` finds `migration`).
 *
 * @throws OrbitError `invalid_argument` for a filter's unknown value, too many words, or none
 */
export function parseQuery(
  query: string,
  at: AskedAt,
): { words: SearchWord[]; filter: Omit<SearchFilter, 'sessionId'> } {
  const words: SearchWord[] = [];
  let filter: Omit<SearchFilter, 'sessionId'> = {
    ...{ project: null, agent: null, is: null, file: null, since: null, until: null },
  };
  const parts = [...query.matchAll(PART)];
  if (parts.length > MAX_WORDS) throw invalid(`at most ${MAX_WORDS} words and filters`);
  for (const [whole, name, quoted, bare] of parts) {
    const value = quoted ?? bare ?? '';
    const read = FILTERS.get(name?.toLowerCase() ?? '');
    if (read) filter = { ...filter, ...read(value, at) };
    // What looks like a filter and is none, such as an address, is a word. Signs alone are in no index.
    else if (/[\p{L}\p{N}]/u.test(whole)) {
      words.push({ text: name === undefined ? value : whole, isExact: quoted !== undefined });
    }
  }
  const isEmpty = words.length === 0 && Object.values(filter).every((value) => value === null);
  if (isEmpty) throw invalid('a word or a filter');
  return { words, filter };
}

type ReadFilter = (value: string, at: AskedAt) => Partial<SearchFilter>;

/** A map: an object would also have `constructor`. */
const FILTERS: ReadonlyMap<string, ReadFilter> = new Map<string, ReadFilter>([
  ['project', (project) => ({ project })],
  ['agent', (agent) => ({ agent })],
  ['file', (file) => ({ file })],
  [
    'is',
    (value) => {
      const is = value.toLowerCase();
      if (!STATES.has(is)) throw invalid(`\`is:\` with one of ${[...STATES].join(', ')}`);
      return { is };
    },
  ],
  ['when', (value, at) => periodOf(value.toLowerCase(), at)],
]);

/** `today`, `yesterday`, `3h`, `7d`, a day as `2026-03-01`, or two days as `2026-03-01..2026-03-05`. */
function periodOf(
  value: string,
  { nowMs, offsetMinutes }: AskedAt,
): Pick<SearchFilter, 'since' | 'until'> {
  const today = startOfDay(nowMs + offsetMinutes * MINUTE_MS);
  const between = (since: number, until: number | null) => ({
    since: new Date(since - offsetMinutes * MINUTE_MS).toISOString(),
    until: until === null ? null : new Date(until - offsetMinutes * MINUTE_MS).toISOString(),
  });
  if (value === 'today') return between(today, null);
  if (value === 'yesterday') return between(today - DAY_MS, today);
  const [, count, unit] = /^(\d{1,4})([hdw])$/.exec(value) ?? [];
  if (count !== undefined) {
    const unitMs = { h: 60 * MINUTE_MS, d: DAY_MS, w: 7 * DAY_MS }[unit as 'h' | 'd' | 'w'];
    return { since: new Date(nowMs - Number(count) * unitMs).toISOString(), until: null };
  }
  const [, first = '', last = first] =
    /^(\d{4}-\d\d-\d\d)(?:\.\.(\d{4}-\d\d-\d\d))?$/.exec(value) ?? [];
  const days = [Date.parse(first), Date.parse(last)] as const;
  if (!days.every(Number.isFinite)) {
    throw invalid(
      '`when:` with today, yesterday, 3h, 7d, 2w, 2026-03-01 or 2026-03-01..2026-03-05',
    );
  }
  return between(days[0], days[1] + DAY_MS);
}

function startOfDay(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}

function invalid(remedy: string): OrbitError {
  return new OrbitError('invalid_argument', { reason: `Search takes ${remedy}` });
}
