import type { StateChanges } from '../../protocol/nouns.ts';
import type { SessionMessage } from '../../protocol/server.ts';
import { isPaper, isPlainField } from '../row/columns.ts';
import {
  durationMs,
  hasUsage,
  imagesFrom,
  type MessageRow,
  messageFromRow,
  type OpenApprovalRow,
  requestFromRow,
  type SubagentRow,
  subagentFromRow,
  type TurnDiffRow,
} from './conversation.ts';
import { type CommentRow, commentFromRow } from './reviews.ts';
import { summaryFromRow } from './session-rows.ts';
import type { SessionRow } from './snapshot.ts';

/** A message and the revision it belongs to. */
export type Stamped = { revision: number; message: SessionMessage };

/** Fields of the session, and the revision that changed them last. */
export interface StampedChanges {
  revision: number;
  changes: StateChanges;
}

/** An appended message carries the stamp of its birth, so that conversations keep their order. */
export function messageFrame(row: MessageRow, since: number, after?: string | null): Stamped {
  const { session_id } = row;
  if (row.created_revision > since) {
    const message = messageFromRow(row);
    return {
      revision: row.created_revision,
      message: {
        type: 'message_appended',
        session_id,
        message,
        ...(after !== undefined && { after }),
      },
    };
  }
  const duration = durationMs(row);
  const images = imagesFrom(row.images_json);
  return {
    revision: row.changed_revision,
    message: {
      type: 'message_updated',
      session_id,
      message_id: row.id,
      changes: {
        ...(row.content !== null && { content: row.content }),
        ...(row.tool_output !== null && { tool_output: row.tool_output }),
        is_error: row.is_error !== 0,
        ...(row.type === 'shell' && { is_in_progress: row.is_in_progress !== 0 }),
        ...(duration !== null && { duration_ms: duration }),
        ...(images.length > 0 && { images }),
      },
    },
  };
}

/** Nothing about a comment that came and went meanwhile. */
export function commentFrames(row: CommentRow, since: number): Stamped[] {
  const { session_id, id: comment_id, created_revision, changed_revision } = row;
  const isNew = created_revision > since;
  if (row.is_deleted !== 0) {
    const message = { type: 'review_comment_deleted', session_id, comment_id } as const;
    return isNew ? [] : [{ revision: changed_revision, message }];
  }
  const type = isNew ? 'review_comment_created' : 'review_comment_updated';
  const message = { type, session_id, comment: commentFromRow(row) } as const;
  return [{ revision: isNew ? created_revision : changed_revision, message }];
}

export function turnDiffFrame(sessionId: string, row: TurnDiffRow): SessionMessage {
  const { turn_id, diff, input_tokens, output_tokens, cached_tokens, context_window } = row;
  return {
    type: 'turn_diff_snapshot',
    session_id: sessionId,
    turn_id,
    diff,
    ...(hasUsage(row) && { input_tokens, output_tokens, cached_tokens, context_window }),
  };
}

export function approvalFrame(sessionId: string, open: OpenApprovalRow): SessionMessage {
  return { type: 'approval_requested', session_id: sessionId, request: requestFromRow(open) };
}

/** The fields whose stamp is newer than `since`, each with its stamp and the value it has now. */
export function changesSince(
  row: SessionRow,
  since: number,
  parts: { pending_approval: StateChanges['pending_approval']; subagents: SubagentRow[] },
): StampedChanges[] {
  const stamps = JSON.parse(row.field_revisions) as Record<string, number>;
  const { status, work_status, token_usage } = summaryFromRow(row);
  const computed = { status, work_status, token_usage, pending_approval: parts.pending_approval };
  const stamped: StampedChanges[] = parts.subagents.map((agent) => ({
    revision: agent.changed_revision,
    changes: { subagents: [subagentFromRow(agent)] },
  }));
  for (const [field, revision] of Object.entries(stamps)) {
    if (revision <= since) continue;
    const isColumn = isPlainField(field) || isPaper(field);
    if (!isColumn && !Object.hasOwn(computed, field)) continue;
    const value = isColumn ? row[field] : computed[field as keyof typeof computed];
    // A two-state field is left out where there is nothing: null would not decode.
    if (field === 'last_activity_at' && value === null) continue;
    stamped.push({ revision, changes: { [field]: value } as StateChanges });
  }
  return stamped;
}
