/**
 * The `session_snapshot` frame, finished and never larger than a client takes: the session whole, its newest messages
 * as far as they fit. Costs as much as a frame holds, also in a session of 100,000 messages. Below it the frames of
 * single rows that changed. Called by catch-up.ts.
 */
import { cut, MAX_FRAME_BYTES } from '../../protocol/encode.ts';
import type { SessionState, StateChanges } from '../../protocol/nouns.ts';
import type { SessionMessage } from '../../protocol/server.ts';
import type { Sqlite } from '../database.ts';
import { isPaper, isPlainField } from '../row/columns.ts';
import { byteLength, head } from '../text.ts';
import {
  durationMs,
  hasUsage,
  imagesFrom,
  MESSAGE_COLUMNS,
  type MessageRow,
  messageFromRow,
  type OpenApprovalRow,
  requestFromRow,
  type SubagentRow,
  subagentFromRow,
  type TurnDiffRow,
  turnDiffFromRow,
} from './conversation.ts';
import { trimMessage } from './pages.ts';
import { COMMENT_COLUMNS, type CommentRow, commentFromRow } from './reviews.ts';
import { present, SUMMARY_COLUMNS, type SummaryRow, summaryFromRow } from './session-rows.ts';

/** Most turn diffs, and most text of them that is even looked at, UTF-16 units. */
const MAX_TURN_DIFFS = 100;
const TURN_DIFFS_CHARS = 300_000;
const MAX_SUBAGENTS = 200;
const MAX_COMMENTS = 100;

/** What everything but the messages may take, so that the newest messages always have room. */
const FRAME_WITHOUT_MESSAGES_BYTES = 550 * 1024;

/** Tried in turn until everything but the messages fits: longest text, longest diff, UTF-16 units. */
const CUTS = [
  { text: 16_000, diff: 120_000 },
  { text: 16_000, diff: 16_000 },
  { text: 4_000, diff: 2_000 },
  { text: 500, diff: 250 },
] as const;

type Limits = (typeof CUTS)[number];

const DIFF_FIELDS = new Set(['diff', 'current_diff']);
/** Cutting these would name something else, or break what is inside. */
const NAMES = new Set([
  'current_plan',
  'id',
  'session_id',
  'turn_id',
  'epoch',
  'project_path',
  'transcript_path',
]);

/** Everything of a session's row that a subscriber may see, and what catching up needs. */
export interface SessionRow extends SummaryRow {
  revision: number;
  snapshot_base: number;
  field_revisions: string;
  message_count: number;
  messages_removed: number;
  turn_count: number;
  current_turn_id: string | null;
  current_diff: string | null;
  current_plan: string | null;
  terminal_session_id: string | null;
  terminal_app: string | null;
}

/** The select list that makes a `SessionRow`. */
export const SESSION_COLUMNS = `${SUMMARY_COLUMNS}, revision, snapshot_base, field_revisions,
  message_count, messages_removed, turn_count, current_turn_id, terminal_session_id, terminal_app,
  current_diff, current_plan`;

/** Where the columns of a `SessionRow` are. */
export const SESSION_TABLES = 'sessions LEFT JOIN papers ON papers.session_id = sessions.id';

/** Writes snapshots on one connection; the row is the caller's, read at the same commit. */
export function createSnapshotRead({ database, epoch }: { database: Sqlite; epoch: string }) {
  const newestMessages = database.prepare<[string], MessageRow>(
    `SELECT ${MESSAGE_COLUMNS} FROM messages WHERE session_id = ?
     ORDER BY sequence DESC`,
  );
  const turnDiffs = database.prepare<[string], TurnDiffRow>(
    `SELECT turn_id, diff, input_tokens, output_tokens, cached_tokens, context_window,
       changed_revision
     FROM turn_diffs WHERE session_id = ? ORDER BY rowid DESC LIMIT ${MAX_TURN_DIFFS}`,
  );
  const subagents = database.prepare<[string], SubagentRow>(
    `SELECT id, agent_type, started_at, ended_at, changed_revision
     FROM subagents WHERE session_id = ? ORDER BY rowid DESC LIMIT ${MAX_SUBAGENTS}`,
  );

  const comments = database.prepare<[string], CommentRow>(
    `SELECT ${COMMENT_COLUMNS} FROM review_comments WHERE session_id = ? AND is_deleted = 0
     ORDER BY created_at DESC, rowid DESC LIMIT ${MAX_COMMENTS}`,
  );

  /** @param most  messages at most; null for as many as fit, which is what the app's forks count by */
  return (
    row: SessionRow,
    openApproval: OpenApprovalRow | undefined,
    most: number | null,
  ): string => {
    const state = stateFromRow(row, {
      epoch,
      pending_approval: openApproval === undefined ? null : requestFromRow(openApproval),
      turnDiffs: newestDiffs(turnDiffs.iterate(row.id)),
      subagents: subagents.all(row.id).reverse(),
      comments: comments.all(row.id).reverse(),
    });
    const start = openFrame(state);
    let left = MAX_FRAME_BYTES - byteLength(start) - closeFrame(false).length;
    const messages: string[] = [];
    let hasOlder = false;
    for (const message of newestMessages.iterate(row.id)) {
      const text = JSON.stringify(trimMessage(messageFromRow(message)));
      left -= byteLength(text) + 1;
      hasOlder = left < 0 || messages.length >= (most ?? Number.POSITIVE_INFINITY);
      if (hasOlder) break;
      messages.push(text);
    }
    return start + messages.reverse().join(',') + closeFrame(hasOlder);
  };
}

const closeFrame = (hasOlder: boolean) => `],"has_older":${hasOlder}}}`;

/** The newest diffs, oldest first, as many as are worth reading. */
function newestDiffs(newestFirst: Iterable<TurnDiffRow>): { rows: TurnDiffRow[]; isCut: boolean } {
  const rows: TurnDiffRow[] = [];
  let chars = 0;
  for (const row of newestFirst) {
    rows.push(row);
    chars += row.diff.length;
    if (chars > TURN_DIFFS_CHARS) break;
  }
  const isCut = chars > TURN_DIFFS_CHARS || rows.length === MAX_TURN_DIFFS;
  return { rows: rows.reverse(), isCut };
}

/** The frame up to and including the bracket that opens its messages. */
function openFrame(state: Omit<SessionState, 'messages' | 'has_older'>): string {
  let text = '';
  for (const limits of CUTS) {
    let isCut = state.truncated === true;
    const shorten = shortener(limits, () => {
      isCut = true;
    });
    text = JSON.stringify(state, shorten).slice(0, -1);
    if (isCut && !state.truncated) text += ',"truncated":true';
    if (byteLength(text) <= FRAME_WITHOUT_MESSAGES_BYTES) break;
  }
  return `{"type":"session_snapshot","session":${text},"messages":[`;
}

function stateFromRow(
  row: SessionRow,
  parts: {
    epoch: string;
    pending_approval: SessionState['pending_approval'];
    turnDiffs: ReturnType<typeof newestDiffs>;
    subagents: SubagentRow[];
    comments: CommentRow[];
  },
): Omit<SessionState, 'messages' | 'has_older'> {
  const { has_pending_approval: _, ...summary } = summaryFromRow(row);
  const { rows: turnDiffs } = parts.turnDiffs;
  return {
    ...summary,
    message_count: row.message_count,
    ...(row.messages_removed > 0 && { messages_removed: row.messages_removed }),
    pending_approval: parts.pending_approval,
    current_diff: row.current_diff,
    current_plan: planFromRow(row.current_plan),
    revision: row.revision,
    epoch: parts.epoch,
    ...present(row, 'current_turn_id'),
    turn_count: row.turn_count,
    ...(turnDiffs.length > 0 && { turn_diffs: turnDiffs.map(turnDiffFromRow) }),
    ...(parts.turnDiffs.isCut && { truncated: true }),
    ...(parts.subagents.length > 0 && { subagents: parts.subagents.map(subagentFromRow) }),
    ...present(row, 'terminal_session_id'),
    ...present(row, 'terminal_app'),
    ...(parts.comments.length > 0 && { review_comments: parts.comments.map(commentFromRow) }),
  };
}

function shortener(limits: Limits, noteCut: () => void): (key: string, value: unknown) => unknown {
  return (key, value) => {
    if (typeof value !== 'string' || NAMES.has(key)) return value;
    const shown = cut(value, DIFF_FIELDS.has(key) ? limits.diff : limits.text);
    if (shown !== value) noteCut();
    return shown;
  };
}

/*
 * The plan as clients read it: JSON text of an array of steps. The reference
 * stored the provider's object with the list inside; such rows are sent in the form that shows.
 */

const MAX_STEPS = 200;
const MAX_STEP_CHARS = 500;

const STATUSES: Record<string, string> = {
  pending: 'pending',
  in_progress: 'inProgress',
  inProgress: 'inProgress',
  completed: 'completed',
};

/** @returns null for what is no plan at all, or one without steps: a text that cannot be shown would hide that there is none */
function planFromRow(text: string | null): string | null {
  if (text === null) return null;
  const steps = stepsOf(text);
  if (!steps) return null;
  const shown = steps.slice(0, MAX_STEPS).flatMap((each: unknown) => {
    const { step, status } = (each ?? {}) as { step?: unknown; status?: unknown };
    if (typeof step !== 'string') return [];
    return { step: head(step, MAX_STEP_CHARS), status: STATUSES[String(status)] ?? 'pending' };
  });
  return shown.length === 0 ? null : JSON.stringify(shown);
}

function stepsOf(text: string): unknown[] | null {
  try {
    const value = JSON.parse(text) as { plan?: unknown } | null;
    if (Array.isArray(value)) return value;
    return Array.isArray(value?.plan) ? value.plan : null;
  } catch {
    // Some other writer's words; no client could show them.
    return null;
  }
}

/*
 * The frames of a catch-up: one for each row that changed, with the revision that it belongs to.
 */

/** A message and the revision it belongs to. */
export type Stamped = { revision: number; message: SessionMessage };

/** Fields of the session, and the revision that changed them last. */
export interface StampedChanges {
  revision: number;
  changes: StateChanges;
}

/** An appended message carries the stamp of its creation, so that conversations keep their order. */
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
