/**
 * Reads of what people said: decisions about approvals, and review comments.
 */
import { cut } from '../../protocol/encode.ts';
import type {
  ApprovalType,
  Decider,
  ReviewComment,
  ReviewCommentTag,
} from '../../protocol/nouns.ts';
import type { ApprovalHistoryItem } from '../../protocol/reply-nouns.ts';
import type { Sqlite } from '../database.ts';
import { type Fit, newestThatFit } from '../text.ts';
import type { ReadResults } from '../writer-messages.ts';
import { present } from './session-rows.ts';

/** Longest command of an entry, UTF-16 units: a history shows what was asked, not a whole file. */
const COMMAND_CHARS = 4_000;

interface HistoryRow
  extends Omit<ApprovalHistoryItem, 'approval_type' | 'proposed_amendment' | 'decided_by'> {
  approval_type: string;
  proposed_amendment: string | null;
  decided_by: string | null;
}

const COLUMNS = `id, session_id, request_id, approval_type, tool_name, command, file_path, cwd,
  decision, proposed_amendment, created_at, decided_at, decided_by`;

/** Reads the history on one connection. */
export function createApprovalReads(database: Sqlite) {
  const all = database.prepare<[number], HistoryRow>(
    `SELECT ${COLUMNS} FROM approval_history ORDER BY id DESC LIMIT ?`,
  );
  const ofSession = database.prepare<[string, number], HistoryRow>(
    `SELECT ${COLUMNS} FROM approval_history WHERE session_id = ? ORDER BY id DESC LIMIT ?`,
  );
  const one = database.prepare<[number], { session_id: string; is_open: number }>(
    `SELECT session_id, request IS NOT NULL AND decided_at IS NULL AS is_open
     FROM approval_history WHERE id = ?`,
  );
  return {
    /** The newest entries of a session, or of all; as many as fit a frame. */
    newest(sessionId: string | null, limit: number): ReadResults['approvals'] {
      const rows = sessionId === null ? all.iterate(limit) : ofSession.iterate(sessionId, limit);
      return newestThatFit(rows, itemFromRow).items;
    },
    /** Whose request an entry is, and whether it still waits. */
    one(id: number): ReadResults['approval'] {
      const row = one.get(id);
      return row === undefined ? null : { sessionId: row.session_id, isOpen: row.is_open !== 0 };
    },
  };
}

function itemFromRow({ decided_by: by, ...row }: HistoryRow): ApprovalHistoryItem {
  return {
    ...row,
    approval_type: typeOf(row.approval_type),
    command: row.command === null ? null : cut(row.command, COMMAND_CHARS),
    proposed_amendment: amendmentFrom(row.proposed_amendment),
    ...(by !== null && { decided_by: JSON.parse(by) as Decider }),
  };
}

/** One word outside the closed set would cost the app the whole list. */
function typeOf(word: string): ApprovalType {
  return word === 'patch' || word === 'question' ? word : 'exec';
}

function amendmentFrom(json: string | null): string[] | null {
  if (json === null) return null;
  try {
    const words: unknown = JSON.parse(json);
    return Array.isArray(words) ? words.map(String) : null;
  } catch {
    // A foreign writer's text that is no list must not hide the entry it is in.
    return null;
  }
}

/** A row of `review_comments`. */
export interface CommentRow {
  id: string;
  session_id: string;
  turn_id: string | null;
  file_path: string;
  line_start: number;
  line_end: number | null;
  body: string;
  tag: string | null;
  status: string;
  created_at: string;
  updated_at: string | null;
  created_revision: number;
  changed_revision: number;
  is_deleted: number;
}

/** The select list that makes a `CommentRow`. */
export const COMMENT_COLUMNS = `id, session_id, turn_id, file_path, line_start, line_end, body, tag,
  status, created_at, updated_at, created_revision, changed_revision, is_deleted`;

const TAGS = new Set<string>(['clarity', 'scope', 'risk', 'nit'] satisfies ReviewCommentTag[]);

/** The comment a row holds; a tag outside the closed set is left out. */
export function commentFromRow(row: CommentRow): ReviewComment {
  const { id, session_id, file_path, line_start, body, created_at } = row;
  const isTag = row.tag !== null && TAGS.has(row.tag);
  return {
    id,
    session_id,
    ...present(row, 'turn_id'),
    file_path,
    line_start,
    ...present(row, 'line_end'),
    body,
    ...(isTag && { tag: row.tag as ReviewCommentTag }),
    status: row.status === 'resolved' ? 'resolved' : 'open',
    created_at,
    ...present(row, 'updated_at'),
  };
}

/** Reads comments on one connection. */
export function createCommentReads(database: Sqlite) {
  const one = database.prepare<[string], CommentRow>(
    `SELECT ${COMMENT_COLUMNS} FROM review_comments WHERE id = ? AND is_deleted = 0`,
  );
  const ofSession = database.prepare<[string], CommentRow>(
    `SELECT ${COMMENT_COLUMNS} FROM review_comments WHERE session_id = ? AND is_deleted = 0
     ORDER BY created_at DESC, rowid DESC`,
  );
  const ofTurn = database.prepare<[string, string], CommentRow>(
    `SELECT ${COMMENT_COLUMNS} FROM review_comments
     WHERE session_id = ? AND turn_id = ? AND is_deleted = 0
     ORDER BY created_at DESC, rowid DESC`,
  );
  const hasSession = database.prepare<[string]>('SELECT 1 FROM sessions WHERE id = ?');
  return {
    /** A comment that was not deleted. */
    one(id: string): ReadResults['comment'] {
      const row = one.get(id);
      return row === undefined ? null : commentFromRow(row);
    },
    /** A session's comments, oldest first, the newest that fit a frame; null for an unknown session. */
    ofSession(sessionId: string, turnId: string | null): Fit<ReviewComment> | null {
      if (hasSession.get(sessionId) === undefined) return null;
      // Newest first, so that the oldest give way; turned round for the reader.
      const rows =
        turnId === null ? ofSession.iterate(sessionId) : ofTurn.iterate(sessionId, turnId);
      const { items, truncated } = newestThatFit(rows, commentFromRow);
      return { items: items.reverse(), truncated };
    },
  };
}
