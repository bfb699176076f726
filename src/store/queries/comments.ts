/**
 * Review comments out of their rows: one, a session's, and those a subscriber has not heard of. Called by
 * the reads that ride the writer's queue.
 */
import type { ReviewComment, ReviewCommentTag } from '../../protocol/work-nouns.ts';
import type { Sqlite } from '../database.ts';
import type { ReadResults } from '../items.ts';
import { type Fit, newestThatFit } from './fit.ts';
import { present } from './session-rows.ts';

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
