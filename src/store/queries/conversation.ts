/**
 * The parts of a session beyond its own row, as rows and as nouns: messages, turn diffs, subagents, open
 * requests. Called by snapshot.ts and catch-up.ts, which decide what of it a subscriber gets.
 */
import type {
  ApprovalRequest,
  ImageInput,
  Message,
  MessageType,
  SubagentInfo,
  TokenUsage,
  TurnDiff,
} from '../../protocol/nouns.ts';
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
  created_revision: number;
  changed_revision: number;
}

/** The select list that makes a `MessageRow`. */
export const MESSAGE_COLUMNS = `id, session_id, type, content, timestamp, tool_name, tool_input,
  tool_output, tool_duration, is_error, is_in_progress, images_json, created_revision,
  changed_revision`;

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
  changed_revision: number;
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
