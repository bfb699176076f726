/**
 * Every message the server sends, as types (contract.md 1.5). `codec.ts` writes them; `rows.ts` stores
 * those that are facts. Adding one? Also rows.ts, where the compiler will stop you.
 */
import type {
  ApprovalRequest,
  Message,
  MessageChanges,
  SessionState,
  SessionSummary,
  StateChanges,
  TokenUsage,
} from './nouns.ts';

/** First frame on every connection. */
export interface Hello {
  type: 'hello';
  version: string;
  protocol_version: 1;
  /** Changes only with a new or restored database: revisions of another epoch mean nothing. */
  epoch: string;
}

/** Facts that subscribers of a session see, each with the session's next revision. */
export type SessionMessage =
  | { type: 'session_delta'; session_id: string; changes: StateChanges }
  | { type: 'message_appended'; session_id: string; message: Message }
  | { type: 'message_updated'; session_id: string; message_id: string; changes: MessageChanges }
  | { type: 'approval_requested'; session_id: string; request: ApprovalRequest }
  | { type: 'tokens_updated'; session_id: string; usage: TokenUsage }
  | {
      type: 'turn_diff_snapshot';
      session_id: string;
      turn_id: string;
      diff: string;
      input_tokens?: number;
      output_tokens?: number;
      cached_tokens?: number;
      context_window?: number;
    }
  | { type: 'context_compacted'; session_id: string }
  | { type: 'undo_started'; session_id: string; message?: string }
  | { type: 'undo_completed'; session_id: string; success: boolean; message?: string }
  | { type: 'thread_rolled_back'; session_id: string; num_turns: number }
  | { type: 'session_ended'; session_id: string; reason: string };

/** Facts that only list subscribers see, without a revision. */
export type ListMessage = { type: 'session_created'; session: SessionSummary };

/** Answers to one connection, never stored. */
export type Reply =
  | Hello
  | { type: 'sessions_list'; sessions: SessionSummary[] }
  | { type: 'session_snapshot'; session: SessionState }
  | {
      type: 'error';
      code: string;
      message: string;
      session_id: string | null;
      /** The asker's own, when it sent one (additive). */
      request_id?: string;
    }
  /** Committed: only for those who sent a `request_id` (additive). */
  | { type: 'ack'; request_id: string };

export type ServerMessage = SessionMessage | ListMessage | Reply;
