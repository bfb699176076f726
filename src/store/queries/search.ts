/**
 * Search: messages by their words, and sessions by their names, the newest first. Called by the writer thread; one
 * read takes a few milliseconds, and where it has not seen all it says where to go on.
 */
import type { MessageType } from '../../protocol/nouns.ts';
import type { SearchHit } from '../../protocol/reply-nouns.ts';
import type { Sqlite } from '../database.ts';
import { type SearchIndex, type SearchWord, textOfInput } from '../search-index.ts';
import { head } from '../text.ts';
import type { Read, ReadResults } from '../writer-messages.ts';

/**
 * One read goes through messages for so long, ms: hooks wait behind it. Finding the first one takes the index up to as
 * long again, and each read must find it anew.
 */
const READ_MS = 15;

/** However slow the machine is, a read looks at so many messages: it always gets on. */
const READ_MESSAGES = 50;

/** Sessions found by their own words come first; so many at most. */
const MAX_SESSIONS = 20;

/** Longest line of a hit, UTF-16 units, and how much of it is before the first mark. */
const LINE_CHARS = 240;
const BEFORE_CHARS = 60;

/** A hit is shown out of this much of a text, as it is indexed. */
const SHOWN_CHARS = 32 * 1024;

/** A word of fewer letters is not completed: hundreds of thousands of others begin with it. */
const MIN_BEGINNING = 3;

type Asked = Extract<Read, { kind: 'search' }>;

interface Row {
  entry: number;
  message_id: string;
  session_id: string;
  type: string;
  timestamp: string;
  tool_name: string | null;
  content: string | null;
  tool_input: string | null;
  tool_output: string | null;
}

interface SessionRow {
  id: string;
  provider: string;
  project_name: string | null;
  title: string | null;
  at: string | null;
  words: string;
}

/** Search on one connection. @param index  is brought up to the last commit as far as a read has time */
export function createSearchRead(database: Sqlite, index: Pick<SearchIndex, 'slice'> | null) {
  const statements = prepareStatements(database);
  return (read: Asked): ReadResults['search'] => {
    const endsAt = performance.now() + READ_MS;
    const isOver = () => performance.now() >= endsAt;
    // Without an index that can be written the words stay as they are.
    let isBehind = index !== null;
    while (isBehind && !isOver()) isBehind = index?.slice() === true;
    if (isBehind) return { hits: [], next: read.before, isBehind: true, isCut: true };
    const sessions = new Map(statements.sessions.all(paramsOf(read)).map((row) => [row.id, row]));
    const byName = read.before === null ? namedSessions(sessions, read) : [];
    return { ...messagesOf(statements, read, { sessions, byName }), isBehind: false };
  };
}

function messagesOf(
  statements: Statements,
  read: Asked,
  { sessions, byName }: { sessions: Map<string, SessionRow>; byName: SearchHit[] },
): Pick<ReadResults['search'], 'hits' | 'next' | 'isCut'> {
  const hits = byName;
  const matched = matchOf(read);
  if (matched === null) return { hits, next: null, isCut: false };
  const { since, until } = read.filter;
  let next = read.before;
  let seen = 0;
  let endsAt = 0;
  const before = read.before ?? Number.MAX_SAFE_INTEGER;
  for (const { entry, session_id } of statements.entries.iterate(matched, before)) {
    if (hits.length >= read.limit) return { hits, next, isCut: false };
    if (seen === 0) endsAt = performance.now() + READ_MS;
    if (seen >= READ_MESSAGES && performance.now() >= endsAt) return { hits, next, isCut: true };
    seen += 1;
    next = entry;
    const session = sessions.get(session_id);
    const row = session && statements.message.get(entry);
    if (!session || !row) continue;
    if (row.timestamp < (since ?? '') || (until !== null && row.timestamp >= until)) continue;
    hits.push(hitOf(row, session, read));
  }
  return { hits, next: null, isCut: false };
}

/** Sessions whose own words hold every word that is looked for. */
function namedSessions(sessions: Map<string, SessionRow>, read: Asked): SearchHit[] {
  const { filter } = read;
  if (filter.file !== null) return [];
  const words = read.words.map(wantedOf);
  const { since, until } = filter;
  const hits: SearchHit[] = [];
  for (const session of sessions.values()) {
    if (hits.length >= MAX_SESSIONS) break;
    const at = session.at ?? '';
    if (at < (since ?? '') || (until !== null && at >= until)) continue;
    if (!words.every((word) => standsIn(session.words, word))) continue;
    const shown = words.some((word) => standsIn(session.title ?? '', word))
      ? (session.title ?? '')
      : session.words;
    hits.push({
      ...ofSession(session),
      message_id: null,
      timestamp: session.at,
      field: 'title',
      ...lineOf(shown, words),
    });
  }
  return hits;
}

function ofSession({ id, provider, project_name, title }: SessionRow) {
  return { session_id: id, title: head(title ?? '', LINE_CHARS), project_name, provider };
}

function hitOf(row: Row, session: SessionRow, { words, filter }: Asked): SearchHit {
  const wanted = filter.file === null ? words : [...words, { text: filter.file, isExact: false }];
  const { field, line, marks } = shownOf(row, wanted.map(wantedOf));
  return {
    ...ofSession(session),
    message_id: row.message_id,
    message_type: row.type as MessageType,
    ...(row.tool_name !== null && { tool_name: row.tool_name }),
    ...{ timestamp: row.timestamp, field, line, marks },
  };
}

/** The first of a message's texts in which a word stands. */
function shownOf(row: Row, words: readonly Wanted[]) {
  const fields = ['content', 'tool_input', 'tool_output'] as const;
  const texts = fields.flatMap((field) => {
    const text = row[field];
    if (text === null || text === '') return [];
    return [{ field, text: field === 'tool_input' ? textOfInput(text) : text }];
  });
  const found = texts.find(({ text }) => words.some((word) => standsIn(text, word)));
  const { field, text } = found ?? texts[0] ?? { field: 'content' as const, text: '' };
  return { field, ...lineOf(text, words) };
}

/** The line with the first mark, and where in it the words stand. */
function lineOf(text: string, words: readonly Wanted[]): Pick<SearchHit, 'line' | 'marks'> {
  const first = words
    .map((word) => placesOf(text, word).next().value?.[0] ?? text.length)
    .reduce((least, at) => Math.min(least, at), text.length);
  const at = first === text.length ? 0 : first;
  const begin = Math.max(text.lastIndexOf('\n', at - 1) + 1, at - BEFORE_CHARS);
  const end = text.indexOf('\n', at);
  const line = head(text.slice(begin, end === -1 ? undefined : end), LINE_CHARS);
  const marks = words.flatMap((word) => [...placesOf(line, word)]);
  return { line, marks: marks.sort(([a], [b]) => a - b) };
}

/** A word that is looked for in a text. */
interface Wanted {
  /** Finds its first letters; null when it has none, and stands nowhere. */
  readonly first: RegExp | null;
  /** The rest of a text in quotes: each where it was asked to look. */
  readonly rest: readonly RegExp[];
  /** It may go on. */
  readonly isBeginning: boolean;
}

/*
 * A class of all letters takes a millisecond to prepare, wherever it is in an expression: these are prepared once,
 * and what is made for a search consists of letters alone.
 */
const BEGINS = /(?<![\p{L}\p{N}])/uy;
const BETWEEN = /[^\p{L}\p{N}\p{Co}]+/uy;
const GOES_ON = /[\p{L}\p{N}]*/uy;

function wantedOf(word: SearchWord): Wanted {
  const [first, ...rest] = tokensOf(word.text);
  return {
    first: first === undefined ? null : new RegExp(first, 'giu'),
    rest: rest.map((token) => new RegExp(token, 'iuy')),
    isBeginning: isCompleted(word),
  };
}

/** Finds a word as the index does: letters and digits count, what is between them does not. */
function* placesOf(text: string, word: Wanted): Generator<[number, number], void> {
  for (const match of word.first === null ? [] : text.matchAll(word.first)) {
    const end = endOf(text, { from: match.index, at: match.index + match[0].length }, word);
    if (end !== null) yield [match.index, end];
  }
}

const standsIn = (text: string, word: Wanted): boolean => placesOf(text, word).next().done !== true;

/** Where a word ends whose first letters are there; null when it is another one. */
function endOf(
  text: string,
  { from, at }: { from: number; at: number },
  { rest, isBeginning }: Wanted,
): number | null {
  if (behind(BEGINS, text, from) === null) return null;
  let end = at;
  for (const token of rest) {
    const begin = behind(BETWEEN, text, end);
    const next = begin === null ? null : behind(token, text, begin);
    if (next === null) return null;
    end = next;
  }
  const whole = behind(GOES_ON, text, end);
  return isBeginning || whole === end ? whole : null;
}

/** Where what an expression finds at a place ends; null when it is not there. */
function behind(sticky: RegExp, text: string, at: number): number | null {
  sticky.lastIndex = at;
  return sticky.test(text) ? sticky.lastIndex : null;
}

function tokensOf(text: string): string[] {
  return text.match(/[\p{L}\p{N}\p{Co}]+/gu) ?? [];
}

function isCompleted({ text, isExact }: SearchWord): boolean {
  return !isExact && (tokensOf(text).at(-1)?.length ?? 0) >= MIN_BEGINNING;
}

/** The query for the index, or null when no word is looked for. */
function matchOf({ words, filter }: Asked): string | null {
  const phrase = (text: string) => `"${tokensOf(text).join(' ')}"`;
  const wanted = words
    .filter(({ text }) => tokensOf(text).length > 0)
    .map((word) => `${phrase(word.text)}${isCompleted(word) ? ' *' : ''}`);
  const { file } = filter;
  if (file !== null && tokensOf(file).length > 0) wanted.push(`tool_input : ${phrase(file)}`);
  return wanted.length === 0 ? null : wanted.join(' AND ');
}

/** Texts with `%` around them, for `LIKE`; null matches all. */
function paramsOf({ filter: { project, agent, is, sessionId } }: Asked) {
  const within = (text: string | null) =>
    text === null ? null : `%${text.replace(/[\\%_]/g, '\\$&')}%`;
  return { project: within(project), agent: within(agent), is, sessionId };
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: Sqlite) {
  const like = (columns: string, name: string) =>
    `(@${name} IS NULL OR ${columns} LIKE @${name} ESCAPE '\\')`;
  const text = (column: string) => `substr(${column}, 1, ${SHOWN_CHARS}) AS ${column}`;
  return {
    sessions: database.prepare<[ReturnType<typeof paramsOf>], SessionRow>(
      `SELECT id, provider, project_name, last_activity_at AS at,
         coalesce(custom_name, summary, substr(first_prompt, 1, 400), project_name) AS title,
         concat_ws(char(10), custom_name, summary, substr(first_prompt, 1, 4000), project_name,
           project_path, git_branch) AS words
       FROM sessions
       WHERE ${like("concat_ws(' ', project_name, project_path)", 'project')}
         AND ${like("concat_ws(' ', provider, model)", 'agent')}
         AND (@is IS NULL OR @is IN (status, work_status))
         AND (@sessionId IS NULL OR id = @sessionId)
       ORDER BY last_activity_at DESC`,
    ),
    // A cross join keeps the order of the index, and its place as the outer one.
    entries: database.prepare<[string, number], { entry: number; session_id: string }>(
      `SELECT search_words.rowid AS entry, session_id
       FROM search_words CROSS JOIN search_entries ON search_entries.id = search_words.rowid
       WHERE search_words MATCH ? AND search_words.rowid < ? ORDER BY search_words.rowid DESC`,
    ),
    message: database.prepare<[number], Row>(
      `SELECT search_entries.id AS entry, message_id, messages.session_id, type, timestamp, tool_name,
         ${['content', 'tool_input', 'tool_output'].map(text).join(', ')}
       FROM search_entries JOIN messages ON messages.id = message_id WHERE search_entries.id = ?`,
    ),
  };
}
