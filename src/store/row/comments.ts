/** Review comments on their way into rows. Called by rows.ts inside its transaction. */
import type { ReviewComment } from '../../protocol/work-nouns.ts';
import { storable } from '../text.ts';
import type { RowStatements } from './statements.ts';

/** Writes a comment as it is now; one that is there already keeps its birth. */
export function putComment(
  { upsertComment }: RowStatements,
  comment: ReviewComment,
  revision: number,
): void {
  upsertComment.run({
    id: comment.id,
    session_id: comment.session_id,
    turn_id: comment.turn_id ?? null,
    file_path: comment.file_path,
    line_start: comment.line_start,
    line_end: comment.line_end ?? null,
    body: storable(comment.body),
    tag: comment.tag ?? null,
    status: comment.status,
    created_at: comment.created_at,
    updated_at: comment.updated_at ?? null,
    revision,
  });
}

/** Empties a comment; its row stays to tell those who come back. */
export function buryComment(
  { buryComment }: RowStatements,
  { session_id, comment_id }: { session_id: string; comment_id: string },
  revision: number,
): void {
  buryComment.run(revision, comment_id, session_id);
}
