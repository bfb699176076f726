/**
 * Requests and their replies: which message answers which, the promise of each reply, and a sender that stays below
 * the server's rate.
 */
import type { ClientMessage } from '../protocol/client.ts';
import type { ServerMessage } from '../protocol/server.ts';
import type { ServerFrame } from './fold.ts';

/** The type of a message that the client sends. */
export type ClientTag = ClientMessage['type'];

/** Replies by what asked for them; everything else is answered by `ack`. */
export const REPLIES = {
  create_session: 'session_snapshot',
  resume_session: 'session_snapshot',
  fork_session: 'session_forked',
  get_sessions: 'sessions_page',
  get_messages: 'messages_page',
  list_past_sessions: 'past_sessions_list',
  open_past_session: 'past_session',
  get_turn_diffs: 'turn_diffs_page',
  get_text: 'text_part',
  search: 'search_results',
  get_usage: 'usage_report',
  get_notifications: 'notifications',
  list_approvals: 'approvals_list',
  delete_approval: 'approval_deleted',
  list_review_comments: 'review_comments_list',
  list_models: 'models_list',
  codex_account_read: 'codex_account_status',
  codex_login_chatgpt_start: 'codex_login_chatgpt_started',
  codex_login_chatgpt_cancel: 'codex_login_chatgpt_canceled',
  codex_account_logout: 'codex_account_updated',
  list_skills: 'skills_list',
  list_remote_skills: 'remote_skills_list',
  download_remote_skill: 'remote_skill_downloaded',
  list_mcp_tools: 'mcp_tools_list',
  browse_directory: 'directory_listing',
  list_recent_projects: 'recent_projects_list',
  list_worktrees: 'worktrees_list',
  merge_worktree: 'worktree_merged',
  remove_worktree: 'worktree_removed',
  get_subagent_tools: 'subagent_tools_list',
} as const satisfies { [Tag in ClientTag]?: ServerMessage['type'] };

type ReplyTag<Tag extends ClientTag> = Tag extends keyof typeof REPLIES
  ? (typeof REPLIES)[Tag]
  : 'ack';

/** The answer to a message of that type. */
export type ReplyTo<Tag extends ClientTag> = Extract<ServerMessage, { type: ReplyTag<Tag> }>;

/** The type of frame that answers a message. */
export function replyTagOf(tag: ClientTag): ServerMessage['type'] {
  return (REPLIES as { [Tag in ClientTag]?: ServerMessage['type'] })[tag] ?? 'ack';
}

/** Codes that are not the server's: no line, a line lost before the answer, no answer in time. */
type OwnCode = 'offline' | 'connection_lost' | 'timeout' | 'closed';

/** A request that was not answered as hoped; `code` is the server's (see the README) or an `OwnCode`. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: string;
  readonly sessionId: string | null;

  constructor(code: string, message: string, sessionId: string | null = null) {
    super(message);
    this.code = code;
    this.sessionId = sessionId;
  }
}

interface Waiting {
  replyTag: ServerMessage['type'];
  settle(outcome: ServerFrame | ClientError): void;
}

/** Questions that wait for their answers. */
export interface Requests {
  /** Waits for the answer to a message with this id; two of one id are answered in their order. */
  wait(tag: ClientTag, requestId: string): Promise<ServerFrame>;
  /** @returns whether the frame was the answer to something */
  take(frame: ServerFrame): boolean;
  /** Breaks everything that waits. */
  fail(code: OwnCode, message: string): void;
}

/** Requests of one client. @param timeoutMs deadline of an answer */
export function createRequests(timeoutMs: number): Requests {
  const waiting = new Map<string, Waiting[]>();

  function forget(requestId: string, one: Waiting): void {
    const others = (waiting.get(requestId) ?? []).filter((other) => other !== one);
    if (others.length > 0) waiting.set(requestId, others);
    else waiting.delete(requestId);
  }

  function fits(one: Waiting, frame: ServerFrame): boolean {
    // Work that replied nothing is acknowledged; a caller that expects more gets that as an odd answer.
    return frame.type === one.replyTag || frame.type === 'error' || frame.type === 'ack';
  }

  return {
    wait(tag, requestId) {
      return new Promise((resolve, reject) => {
        const one: Waiting = {
          replyTag: replyTagOf(tag),
          settle(outcome) {
            clearTimeout(timer);
            forget(requestId, one);
            if (outcome instanceof ClientError) reject(outcome);
            else resolve(outcome);
          },
        };
        const timer = setTimeout(() => {
          one.settle(new ClientError('timeout', `No answer to ${tag} within ${timeoutMs} ms`));
        }, timeoutMs);
        waiting.set(requestId, [...(waiting.get(requestId) ?? []), one]);
      });
    },
    take(frame) {
      const { request_id } = frame as { request_id?: unknown };
      if (typeof request_id !== 'string') return false;
      const one = waiting.get(request_id)?.find((each) => fits(each, frame));
      if (!one) return false;
      one.settle(frame.type === 'error' ? errorOf(frame) : frame);
      return true;
    },
    fail(code, message) {
      for (const one of [...waiting.values()].flat()) one.settle(new ClientError(code, message));
    },
  };
}

function errorOf(frame: Extract<ServerMessage, { type: 'error' }>): ClientError {
  return new ClientError(frame.code, frame.message, frame.session_id);
}

/** Below the server's own limits (200 at once, then 50 a second). */
const BURST = 150;
const PER_SECOND = 40;

/** Messages that wait for a line. */
export interface Outbox {
  send(message: object): void;
  /** Forgets what waits: the line is gone. */
  clear(): void;
}

/** @param send gives a message to the line */
export function createOutbox(send: (message: object) => void): Outbox {
  let waiting: object[] = [];
  let tokens = BURST;
  let filledAt = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function flush(): void {
    timer = undefined;
    const now = performance.now();
    tokens = Math.min(BURST, tokens + ((now - filledAt) / 1000) * PER_SECOND);
    filledAt = now;
    const count = Math.min(waiting.length, Math.floor(tokens));
    tokens -= count;
    for (const message of waiting.splice(0, count)) send(message);
    if (waiting.length > 0) timer = setTimeout(flush, 1000 / PER_SECOND);
  }

  return {
    send(message) {
      waiting.push(message);
      if (timer === undefined) flush();
    },
    clear() {
      clearTimeout(timer);
      timer = undefined;
      waiting = [];
      // The next line has a limit of its own, as yet untouched.
      tokens = BURST;
    },
  };
}
