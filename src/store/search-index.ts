/**
 * Keeps the index of search behind the messages, slice by slice: what is new, changed or gone waits in
 * `search_waiting` (migration 22). Called by the writer thread between batches, so that no report waits for it.
 */
import type { Sqlite } from './database.ts';

/** Most messages of one slice, and most of their text, UTF-16 units: a slice takes a few milliseconds. */
const SLICE_MESSAGES = 200;
const SLICE_CHARS = 512 * 1024;

/** So much of each text can be found, UTF-16 units: what a tool prints behind it is hardly looked for. */
const INDEXED_CHARS = 32 * 1024;

interface Waiting {
  id: number;
  message_id: string;
}

interface Texts {
  session_id: string;
  content: string | null;
  tool_input: string | null;
  tool_output: string | null;
}

/** The index on the connection that writes. */
export interface SearchIndex {
  /**
   * Takes the next messages in, in a transaction of its own.
   *
   * @returns whether more wait
   * @throws SqliteError when the storage fails; the same messages are taken again
   */
  slice(): boolean;
}

/** Prepares the index; the schema must be the newest. */
export function createSearchIndex(database: Sqlite): SearchIndex {
  const statements = prepareStatements(database);
  const slice = database.transaction((waiting: readonly Waiting[]): number => {
    let chars = 0;
    let last = 0;
    // A tool waits twice, when it is asked for and when it is over; its texts of now are taken once.
    const taken = new Set<string>();
    for (const { id, message_id } of waiting) {
      if (!taken.has(message_id)) chars += indexMessage(statements, message_id);
      taken.add(message_id);
      last = id;
      if (chars > SLICE_CHARS) break;
    }
    statements.taken.run(last);
    return last;
  });
  return {
    slice() {
      const waiting = statements.waiting.all(SLICE_MESSAGES);
      // Looked for first: to begin a transaction for nothing would write.
      if (waiting.length === 0) return false;
      const last = slice.immediate(waiting);
      return waiting.length === SLICE_MESSAGES || last !== waiting.at(-1)?.id;
    },
  };
}

/** The texts in a tool's input, one a line: a reader looks for what was asked, not for names of the JSON around it. */
export function textOfInput(json: string): string {
  const texts: string[] = [];
  try {
    JSON.parse(json, (_, value) => {
      if (typeof value === 'string') texts.push(value);
      return value;
    });
  } catch {
    // A long one is read to a part of it, which is no JSON.
    return json;
  }
  return texts.join('\n');
}

type Statements = ReturnType<typeof prepareStatements>;

/** @returns the length of its texts */
function indexMessage(statements: Statements, messageId: string): number {
  const texts = statements.texts.get(messageId);
  const known = statements.entry.get(messageId);
  if (texts === undefined) {
    if (known === undefined) return 0;
    statements.dropWords.run(known);
    statements.dropEntry.run(known);
    return 0;
  }
  const { session_id, content, tool_input, tool_output } = texts;
  const entry = known ?? Number(statements.addEntry.run(messageId, session_id).lastInsertRowid);
  const input = tool_input === null ? null : textOfInput(tool_input);
  statements.putWords.run(entry, content, input, tool_output);
  return [content, tool_input, tool_output].reduce((sum, text) => sum + (text?.length ?? 0), 100);
}

function prepareStatements(database: Sqlite) {
  const head = (column: string) => `substr(${column}, 1, ${INDEXED_CHARS}) AS ${column}`;
  return {
    waiting: database.prepare<[number], Waiting>(
      'SELECT id, message_id FROM search_waiting ORDER BY id LIMIT ?',
    ),
    taken: database.prepare<[number]>('DELETE FROM search_waiting WHERE id <= ?'),
    texts: database.prepare<[string], Texts>(
      `SELECT session_id, ${['content', 'tool_input', 'tool_output'].map(head).join(', ')}
       FROM messages WHERE id = ?`,
    ),
    entry: database
      .prepare<[string], number>('SELECT id FROM search_entries WHERE message_id = ?')
      .pluck(),
    addEntry: database.prepare<[string, string]>(
      'INSERT INTO search_entries (message_id, session_id) VALUES (?, ?)',
    ),
    dropEntry: database.prepare<[number]>('DELETE FROM search_entries WHERE id = ?'),
    putWords: database.prepare<[number, string | null, string | null, string | null]>(
      `INSERT OR REPLACE INTO search_words (rowid, content, tool_input, tool_output)
       VALUES (?, ?, ?, ?)`,
    ),
    dropWords: database.prepare<[number]>('DELETE FROM search_words WHERE rowid = ?'),
  };
}

/** A word that is looked for; one that is not exact may go on. */
export interface SearchWord {
  text: string;
  isExact: boolean;
}

/** What a hit must be besides; null is anything. */
export interface SearchFilter {
  sessionId: string | null;
  /** Part of the name or the path of the project. */
  project: string | null;
  /** Part of the name of the provider or the model. */
  agent: string | null;
  /** `status` or `work_status` of the session. */
  is: string | null;
  /** Name or end of the path of a file that a tool was given. */
  file: string | null;
  /** From here (included) to there (excluded), ISO 8601 UTC. */
  since: string | null;
  until: string | null;
}
