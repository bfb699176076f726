/**
 * How facts are written to the tables beside `sessions`: turns, approvals and review comments.
 */
import type {
  ApprovalClosed,
  ApprovalOpened,
  TurnNoted,
  TurnsDropped,
} from '../../../machines/session-facts.ts';
import type { ApprovalRequest, ReviewComment } from '../../protocol/nouns.ts';
import type { SessionMessage } from '../../protocol/server.ts';
import type { Sqlite } from '../database.ts';
import { stampToMs, storable, storableOrNull } from '../text.ts';
import type { RowStatements } from './columns.ts';
import type { MessageTools } from './messages.ts';
import { countUp, type SessionDraft } from './session-row.ts';

/** Keeps the diff of a turn, the newest only. */
export function putTurnDiff(
  { statements }: Pick<MessageTools, 'statements'>,
  draft: SessionDraft,
  fact: Extract<SessionMessage, { type: 'turn_diff_snapshot' }>,
  revision: number,
): void {
  statements.upsertTurnDiff.run({
    session_id: fact.session_id,
    turn_id: fact.turn_id,
    diff: storable(fact.diff),
    input_tokens: fact.input_tokens ?? 0,
    output_tokens: fact.output_tokens ?? 0,
    cached_tokens: fact.cached_tokens ?? 0,
    context_window: fact.context_window ?? 0,
    at: draft.at,
    revision,
  });
}

/** The statements of one connection, prepared once. */
export function createTurnRows(database: Sqlite) {
  const noteMessage = database.prepare(
    'UPDATE messages SET provider_turn_id = ? WHERE id = ? AND session_id = ?',
  );
  const noteDiff = database.prepare(
    'UPDATE turn_diffs SET provider_turn_id = ? WHERE turn_id = ? AND session_id = ?',
  );
  const dropMessages = database.prepare(
    'DELETE FROM messages WHERE session_id = ? AND provider_turn_id = ?',
  );
  const dropDiffs = database.prepare(
    'DELETE FROM turn_diffs WHERE session_id = ? AND provider_turn_id = ?',
  );
  return {
    /** Notes the turn of a message, of a diff, or of both. */
    note({ session_id, provider_turn_id, message_id, turn_id }: TurnNoted): void {
      if (message_id !== undefined) noteMessage.run(provider_turn_id, message_id, session_id);
      if (turn_id !== undefined) noteDiff.run(provider_turn_id, turn_id, session_id);
    },
    /** Takes away what belongs to these turns; comments on them stay. */
    drop(draft: SessionDraft, { session_id, provider_turn_ids }: TurnsDropped): void {
      for (const id of provider_turn_ids) {
        const { changes } = dropMessages.run(session_id, id);
        countUp(draft, 'message_count', -changes);
        dropDiffs.run(session_id, id);
      }
    },
  };
}

/** Keeps a request that waits for a person. */
export function openApproval(
  statements: RowStatements,
  fact: ApprovalOpened,
  revision: number,
): void {
  const { session_id, request, tool_name, at } = fact;
  const json = requestText(request);
  // Reported once more while it is open: one row, with the newest wording.
  if (statements.reopenApproval.run(json, revision, session_id, request.id).changes > 0) return;
  statements.insertApproval.run({
    session_id,
    request_id: request.id,
    approval_type: request.type,
    tool_name,
    command: storableOrNull(request.command),
    file_path: storableOrNull(request.file_path),
    proposed_amendment: request.proposed_amendment
      ? JSON.stringify(request.proposed_amendment)
      : null,
    request: json,
    at: stampToMs(at),
    revision,
  });
}

/**
 * Notes how a request was decided, and from what that is known. A hook has a caller as well, the program that
 * reports: only what a client decided is decided by its caller.
 *
 * @param caller  who sent the event, as JSON
 */
export function closeApproval(
  statements: RowStatements,
  fact: ApprovalClosed,
  { revision, caller }: { revision: number; caller: string | null },
): void {
  statements.closeApproval.run({
    decision: fact.decision,
    evidence: fact.evidence,
    decided_by: fact.evidence === 'client' ? caller : null,
    // What was sent before took effect: its caller is in the row.
    keeps_decider: fact.evidence.startsWith('client, ') ? 1 : 0,
    at: stampToMs(fact.at),
    revision,
    session_id: fact.session_id,
    request_id: fact.request_id,
  });
}

function requestText(request: ApprovalRequest): string {
  return JSON.stringify(request, (_, value: unknown) =>
    typeof value === 'string' ? storable(value) : value,
  );
}

/** Writes a comment as it is now; one that is there already keeps its creation time. */
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

/** Empties a comment; its row stays for those who come back. */
export function emptyComment(
  { emptyComment }: RowStatements,
  { session_id, comment_id }: { session_id: string; comment_id: string },
  revision: number,
): void {
  emptyComment.run(revision, comment_id, session_id);
}
