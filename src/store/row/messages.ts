/**
 * The conversation's rows: messages in their order, and what a turn has changed. Called by rows.ts, which
 * owns the switch.
 */
import type { Message } from '../../protocol/nouns.ts';
import type { SessionMessage } from '../../protocol/server.ts';
import { stampToMs, storable, storableJson, storableOrNull } from '../text.ts';
import { countUp, type SessionDraft } from './draft.ts';
import type { RowStatements } from './statements.ts';

/** Sessions whose next message number is kept in memory; the others are looked up again. */
const SEQUENCES_KEPT = 2_000;

/** What the functions here work with. */
export interface MessageTools {
  statements: RowStatements;
  /** Number of the newest message of a session. */
  sequences: Map<string, number>;
}

/** Appends a message, unless it is there already: of a report that comes twice the first stays. */
export function appendMessage(
  { statements, sequences }: MessageTools,
  draft: SessionDraft,
  message: Message,
  revision: number,
): void {
  const { sessionId } = draft;
  const newest = sequences.get(sessionId) ?? statements.newestSequence.get(sessionId) ?? -1;
  const { changes } = statements.insertMessage.run({
    id: message.id,
    session_id: sessionId,
    type: message.message_type,
    content: storable(message.content),
    timestamp: stampToMs(message.timestamp),
    sequence: newest + 1,
    tool_name: message.tool_name,
    tool_input: storableJson(message.tool_input),
    tool_output: storableOrNull(message.tool_output),
    tool_duration: message.duration_ms === null ? null : message.duration_ms / 1000,
    is_error: Number(message.is_error),
    is_in_progress: Number(message.is_in_progress ?? false),
    images_json: message.images?.length ? JSON.stringify(message.images) : null,
    revision,
  });
  // No number is spent on the second.
  if (changes === 0) return;
  if (sequences.size >= SEQUENCES_KEPT) sequences.clear();
  sequences.set(sessionId, newest + 1);
  countUp(draft, 'message_count');
}

/** Changes what a report says about an earlier message; the rest of it stays. */
export function updateMessage(
  { statements }: MessageTools,
  { session_id, message_id, changes }: Extract<SessionMessage, { type: 'message_updated' }>,
  revision: number,
): void {
  const { content, tool_output, is_error, duration_ms, images, is_in_progress } = changes;
  statements.updateMessage.run({
    id: message_id,
    session_id,
    content: storableOrNull(content ?? null),
    tool_output: storableOrNull(tool_output ?? null),
    is_error: is_error === undefined ? null : Number(is_error),
    is_in_progress: is_in_progress === undefined ? null : Number(is_in_progress),
    tool_duration: duration_ms === undefined ? null : duration_ms / 1000,
    images_json: images?.length ? JSON.stringify(images) : null,
    revision,
  });
}

/** Keeps the diff of a turn, the newest only. */
export function putTurnDiff(
  { statements }: MessageTools,
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
