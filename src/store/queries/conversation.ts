/**
 * The parts of a session beyond its own row, as rows and as nouns: messages, turn diffs, subagents, open
 * requests. Called by snapshot.ts and catch-up.ts, which decide what of it a subscriber gets.
 */
import { cut } from '../../protocol/encode.ts';
import type {
  ApprovalRequest,
  ImageInput,
  Message,
  MessageType,
  SubagentInfo,
  TokenUsage,
  TurnDiff,
} from '../../protocol/nouns.ts';
import type { Sqlite } from '../database.ts';
import { head } from '../text.ts';
import type { Read, ReadResults, TextPart } from '../writer-messages.ts';
import { createBudget, pageAround } from './pages.ts';
import { present, usageFromRow } from './session-rows.ts';

/** A row of `messages`. */
export interface MessageRow {
  id: string;
  session_id: string;
  type: string;
  content: string | null;
  timestamp: string;
  tool_name: string | null;
  tool_input: string | null;
  tool_output: string | null;
  tool_duration: number | null;
  is_error: number;
  is_in_progress: number;
  images_json: string | null;
  agent_id: string | null;
  created_revision: number;
  changed_revision: number;
}

/** The select list that makes a `MessageRow`. */
export const MESSAGE_COLUMNS = `id, session_id, type, content, timestamp, tool_name, tool_input,
  tool_output, tool_duration, is_error, is_in_progress, images_json, agent_id,
  created_revision, changed_revision`;

/** A row of `turn_diffs`. */
export interface TurnDiffRow extends TokenUsage {
  turn_id: string;
  diff: string;
  changed_revision: number;
}

/** A row of `subagents`. */
export interface SubagentRow {
  id: string;
  agent_type: string;
  started_at: string;
  ended_at: string | null;
  changed_revision: number;
}

/** A request that waits, in `approval_history`. */
export interface OpenApprovalRow {
  request: string;
}

const MESSAGE_TYPES = new Set<string>([
  'user',
  'assistant',
  'thinking',
  'tool',
  'tool_result',
  'steer',
  'shell',
] satisfies MessageType[]);

/** The message a row holds. A type outside the closed set is shown as the assistant's. */
export function messageFromRow(row: MessageRow): Message {
  const images = imagesFrom(row.images_json);
  return {
    id: row.id,
    session_id: row.session_id,
    message_type: MESSAGE_TYPES.has(row.type) ? (row.type as MessageType) : 'assistant',
    content: row.content ?? '',
    tool_name: row.tool_name,
    tool_input: row.tool_input,
    tool_output: row.tool_output,
    is_error: row.is_error !== 0,
    timestamp: row.timestamp,
    duration_ms: durationMs(row),
    ...(images.length > 0 ? { images } : {}),
    ...(row.is_in_progress !== 0 && { is_in_progress: true }),
    ...present(row, 'agent_id'),
  };
}

/** Milliseconds out of the seconds the reference's column holds. */
export function durationMs({ tool_duration }: Pick<MessageRow, 'tool_duration'>): number | null {
  return tool_duration === null ? null : Math.round(tool_duration * 1000);
}

/** The diff of a turn; counts that were never reported stand as zeros in the row and are left out. */
export function turnDiffFromRow(row: TurnDiffRow): TurnDiff {
  return {
    turn_id: row.turn_id,
    diff: row.diff,
    ...(hasUsage(row) && { token_usage: usageFromRow(row) }),
  };
}

/** Whether any token was counted for this turn. */
export function hasUsage(row: TokenUsage): boolean {
  return row.input_tokens + row.output_tokens + row.cached_tokens + row.context_window > 0;
}

/** The subagent a row holds. */
export function subagentFromRow(row: SubagentRow): SubagentInfo {
  const { id, agent_type, started_at } = row;
  return { id, agent_type, started_at, ...present(row, 'ended_at') };
}

/** The request a row holds. */
export function requestFromRow(row: OpenApprovalRow): ApprovalRequest {
  return JSON.parse(row.request) as ApprovalRequest;
}

/** The images a row names. */
export function imagesFrom(json: string | null): ImageInput[] {
  if (json === null) return [];
  try {
    const images: unknown = JSON.parse(json);
    return Array.isArray(images) ? (images as ImageInput[]) : [];
  } catch {
    // A broken image list of an old row must not hide its message.
    return [];
  }
}

/*
 * The whole history, page by page: messages around a place, turn diffs, and long texts in parts. Also how
 * pages and snapshots shorten a message. Called by the writer thread; a page costs the same at both ends of a
 * session of 100,000 messages.
 */

/** Longest diff in a page, UTF-16 units. */
const DIFF_CHARS = 120_000;

/** One part of a text, UTF-16 units: its JSON is at most six bytes a unit, and that fits a frame. */
const PART_CHARS = 128 * 1024;

type Asked<Kind extends Read['kind']> = Extract<Read, { kind: Kind }>;
type Sequenced = MessageRow & { sequence: number };

/** Reads pages on one connection. */
export function createPageReads(database: Sqlite) {
  const statements = prepareStatements(database);
  return {
    /** Messages of a session, the oldest first. @returns what is not there, or the page */
    messages(read: Asked<'messages'>): ReadResults['messages'] {
      const { sessionId, limit, place } = read;
      const count = statements.count.get(sessionId);
      if (count === undefined) return { missing: 'Session' };
      const at =
        place.at === 'newest'
          ? Number.MAX_SAFE_INTEGER
          : statements.sequence.get(place.messageId, sessionId);
      if (at === undefined) return { missing: 'Message' };
      const side = (rows: Statements['older']) => (from: number) =>
        messagesOf(rows.iterate(sessionId, from));
      const { older, newer, from } = statements;
      const source = { older: side(older), newer: side(newer), from: side(from) };
      const page = pageAround(source, { at, side: place.at, limit });
      return { ...page, message_count: count };
    },

    /** Diffs of turns, the newest first asked for and the oldest first sent. */
    turnDiffs({ sessionId, before, limit }: Asked<'turn-diffs'>): ReadResults['turn-diffs'] {
      if (statements.count.get(sessionId) === undefined) return { missing: 'Session' };
      const at =
        before === null ? Number.MAX_SAFE_INTEGER : statements.turnPlace.get(before, sessionId);
      if (at === undefined) return { missing: 'Turn' };
      const budget = createBudget(limit);
      const diffs: TurnDiff[] = [];
      let isMore = false;
      for (const row of statements.turnDiffs.iterate(sessionId, at)) {
        const diff = trimDiff(row);
        isMore = !budget.takes(diff);
        if (isMore) break;
        diffs.push(diff);
      }
      return { turn_diffs: diffs.reverse(), has_older: isMore };
    },

    /** The part of a stored text that begins at `offset`. */
    text({ sessionId, of, offset }: Asked<'text'>): ReadResults['text'] {
      if (statements.count.get(sessionId) === undefined) return { missing: 'Session' };
      if ('turnId' in of) {
        const diff = statements.diff.get(of.turnId, sessionId);
        return diff === undefined ? { missing: 'Turn' } : partOf(diff, offset);
      }
      const row = statements.message.get(of.messageId, sessionId);
      if (row === undefined) return { missing: 'Message' };
      return partOf(row[of.field] ?? '', offset);
    },
  };
}

function prepareStatements(database: Sqlite) {
  const messages = (where: string) =>
    database.prepare<[string, number], Sequenced>(
      `SELECT ${MESSAGE_COLUMNS}, sequence FROM messages WHERE session_id = ? AND ${where}`,
    );
  return {
    count: database
      .prepare<[string], number>('SELECT message_count FROM sessions WHERE id = ?')
      .pluck(),
    sequence: database
      .prepare<[string, string], number>(
        'SELECT sequence FROM messages WHERE id = ? AND session_id = ?',
      )
      .pluck(),
    older: messages('sequence < ? ORDER BY sequence DESC'),
    newer: messages('sequence > ? ORDER BY sequence'),
    from: messages('sequence >= ? ORDER BY sequence'),
    message: database.prepare<[string, string], MessageRow>(
      `SELECT ${MESSAGE_COLUMNS} FROM messages WHERE id = ? AND session_id = ?`,
    ),
    turnDiffs: database.prepare<[string, number], TurnDiffRow>(
      `SELECT turn_id, diff, input_tokens, output_tokens, cached_tokens, context_window,
         changed_revision
       FROM turn_diffs WHERE session_id = ? AND rowid < ? ORDER BY rowid DESC`,
    ),
    turnPlace: database
      .prepare<[string, string], number>(
        'SELECT rowid FROM turn_diffs WHERE turn_id = ? AND session_id = ?',
      )
      .pluck(),
    diff: database
      .prepare<[string, string], string>(
        'SELECT diff FROM turn_diffs WHERE turn_id = ? AND session_id = ?',
      )
      .pluck(),
  };
}

type Statements = ReturnType<typeof prepareStatements>;

function* messagesOf(rows: Iterable<MessageRow>): Iterable<Message> {
  for (const row of rows) yield messageFromRow(row);
}

function trimDiff(row: TurnDiffRow): TurnDiff {
  const turn = turnDiffFromRow(row);
  if (turn.diff.length <= DIFF_CHARS) return turn;
  return { ...turn, diff: cut(turn.diff, DIFF_CHARS), truncated: { diff: turn.diff.length } };
}

/** The part of a text that begins at an offset, as much as fits a frame. */
export function partOf(text: string, offset: number): TextPart {
  return { text: head(text.slice(offset), PART_CHARS), length: text.length };
}
