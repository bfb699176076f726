/**
 * Every message the server sends, as types. `codec.ts` writes them; `rows.ts` stores
 * those that are facts. Adding one? Also rows.ts, where the compiler will stop you.
 */
import type {
  CodexAccountStatus,
  CodexLoginCancelStatus,
  CodexModelOption,
  McpAuthStatus,
  McpResource,
  McpResourceTemplate,
  McpStartupFailure,
  McpStartupStatus,
  McpTool,
  RemoteSkillSummary,
  SkillErrorInfo,
  SkillsListEntry,
} from './codex-nouns.ts';
import type {
  ApprovalHistoryItem,
  ApprovalRequest,
  DirectoryEntry,
  Message,
  MessageChanges,
  RecentProject,
  ReviewComment,
  SearchHit,
  SessionState,
  SessionSummary,
  StateChanges,
  SubagentTool,
  TokenUsage,
  TurnDiff,
  Worktree,
} from './nouns.ts';

/** First frame on every connection. */
interface Hello {
  type: 'hello';
  version: string;
  protocol_version: 1;
  /** Changes only with a new or restored database: revisions of another epoch mean nothing. */
  epoch: string;
  /** Additive: why nothing can be stored right now (`disk_full`, `corrupt`...); changes come as `server_status`. */
  degraded?: string;
  /** Additive: what a person has to do about it. */
  remedy?: string;
  /** Additive: how long what is kept; 0 is no limit. */
  retention?: { event_days: number; events: number; session_days: number; max_bytes: number };
}

/** How a command ended. `interrupted`: the server stopped first; it is never run again by itself. */
export type ShellOutcome = 'finished' | 'timed_out' | 'cancelled' | 'interrupted' | 'failed';

/** What a command left behind; of a long output its beginning and its end. */
export interface ShellOutput {
  stdout: string;
  stderr: string;
  /** Null when it did not come to an end of its own, -1 when a signal ended it. */
  exit_code: number | null;
  duration_ms: number;
  /** Additive. */
  outcome: ShellOutcome;
  /** Additive: present when something in the middle was left out. */
  truncated?: true;
}

/** Facts that subscribers of a session see, each with the session's next revision. */
export type SessionMessage =
  | { type: 'session_delta'; session_id: string; changes: StateChanges }
  | {
      type: 'message_appended';
      session_id: string;
      message: Message;
      /**
       * Additive: the message that it stands directly behind, null at the beginning; left out at the end. A source
       * that is slower than another tells what was said before it.
       */
      after?: string | null;
    }
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
  | { type: 'session_ended'; session_id: string; reason: string }
  | { type: 'review_comment_created'; session_id: string; comment: ReviewComment }
  | { type: 'review_comment_updated'; session_id: string; comment: ReviewComment }
  | { type: 'review_comment_deleted'; session_id: string; comment_id: string }
  /** `request_id` is the command's own and its message's id. */
  | { type: 'shell_started'; session_id: string; request_id: string; command: string }
  | ({ type: 'shell_output'; session_id: string; request_id: string } & ShellOutput);

/** Facts that only list subscribers see, without a revision. */
export type ListMessage = { type: 'session_created'; session: SessionSummary };

/**
 * What a session's room hears beside its facts: nothing of it is stored, so it carries no revision and
 * is said again to those who come later, as far as it still holds.
 */
export type TransientSessionMessage =
  /** The session's history of requests after one was settled: the app reads it unasked. */
  | { type: 'approvals_list'; session_id: string; approvals: ApprovalHistoryItem[] }
  /** Streamed text for those who asked for deltas: `text` stands at `offset` (UTF-16 units). Additive. */
  | {
      type: 'message_delta';
      session_id: string;
      message_id: string;
      offset: number;
      text: string;
    }
  /**
   * Output of a command while it runs, for everybody: `text` stands at `offset` of its stream (UTF-16
   * units). What comes too fast is left out, so offsets may jump. Additive.
   */
  | {
      type: 'shell_delta';
      session_id: string;
      request_id: string;
      stream: 'stdout' | 'stderr';
      offset: number;
      text: string;
    }
  | { type: 'mcp_startup_update'; session_id: string; server: string; status: McpStartupStatus }
  | {
      type: 'mcp_startup_complete';
      session_id: string;
      ready: string[];
      failed: McpStartupFailure[];
      cancelled: string[];
    }
  | { type: 'skills_update_available'; session_id: string }
  | {
      type: 'claude_capabilities';
      session_id: string;
      slash_commands: string[];
      skills: string[];
      tools: string[];
    };

/** What the list's room hears that is about no session. */
export type TransientListMessage =
  | { type: 'codex_account_status'; status: CodexAccountStatus }
  | { type: 'codex_account_updated'; status: CodexAccountStatus }
  /** Additive: storage trouble began, changed, or is over (null). */
  | { type: 'server_status'; degraded: string | null; remedy?: string }
  | { type: 'codex_login_chatgpt_completed'; login_id: string; success: boolean; error?: string };

/** Texts that may be longer than a frame. */
export type TextField = 'content' | 'tool_input' | 'tool_output' | 'diff';

/** Answers to one connection, never stored. */
export type Reply =
  | Hello
  /** Live ones first, then the newest. `truncated` when not all fit: `get_sessions` after `next` has them. */
  | {
      type: 'sessions_list';
      sessions: SessionSummary[];
      /** Additive: how many sessions there are. */
      total: number;
      truncated?: true;
      next?: string;
      /** Additive: so many sessions are left out because the database is damaged where they are. */
      unreadable?: number;
    }
  /** Additive: sessions in the list's order; `next` is null behind the last. */
  | { type: 'sessions_page'; sessions: SessionSummary[]; total: number; next: string | null }
  | { type: 'session_snapshot'; session: SessionState }
  | {
      type: 'session_forked';
      source_session_id: string;
      new_session_id: string;
      forked_from_thread_id?: string;
    }
  /** Messages in their order, the oldest first; long texts are cut and marked. Additive, as the next two. */
  | {
      type: 'messages_page';
      session_id: string;
      messages: Message[];
      has_older: boolean;
      has_newer: boolean;
      /** All messages of the session. */
      message_count: number;
    }
  /** Diffs of turns, the oldest first. */
  | { type: 'turn_diffs_page'; session_id: string; turn_diffs: TurnDiff[]; has_older: boolean }
  /** A part of a text of a message or of the diff of a turn: `offset` and `length` in UTF-16 units. */
  | {
      type: 'text_part';
      session_id: string;
      message_id?: string;
      turn_id?: string;
      field: TextField;
      offset: number;
      text: string;
      /** Of the whole text, as it is stored. */
      length: number;
    }
  /** Additive: where the words of a query stand, the newest first; `next` is null when all was seen. */
  | {
      type: 'search_results';
      query: string;
      hits: SearchHit[];
      next: number | null;
      /** A second was over before the page was full: ask again, behind `next` where it is given. */
      is_partial?: true;
    }
  | { type: 'approvals_list'; session_id: string | null; approvals: ApprovalHistoryItem[] }
  | { type: 'approval_deleted'; approval_id: number }
  /** Oldest first; `truncated` (additive) when older ones did not fit. */
  | {
      type: 'review_comments_list';
      session_id: string;
      comments: ReviewComment[];
      truncated?: true;
    }
  | {
      type: 'subagent_tools_list';
      session_id: string;
      subagent_id: string;
      tools: SubagentTool[];
      /** Additive: why there is nothing to show. */
      unavailable?: string;
      /** Additive: older tool uses were left out. */
      truncated?: true;
    }
  | {
      type: 'directory_listing';
      path: string;
      entries: DirectoryEntry[];
      /** Additive: there are more names than are shown. */
      truncated?: true;
    }
  /** Additive, as the next two. */
  | { type: 'worktrees_list'; path: string; worktrees: Worktree[] }
  | { type: 'worktree_merged'; path: string; into: string }
  | { type: 'worktree_removed'; path: string; keep_branch: boolean }
  | { type: 'recent_projects_list'; projects: RecentProject[] }
  | { type: 'models_list'; models: CodexModelOption[] }
  | { type: 'codex_login_chatgpt_started'; login_id: string; auth_url: string }
  | { type: 'codex_login_chatgpt_canceled'; login_id: string; status: CodexLoginCancelStatus }
  | {
      type: 'skills_list';
      session_id: string;
      skills: SkillsListEntry[];
      errors: SkillErrorInfo[];
    }
  | { type: 'remote_skills_list'; session_id: string; skills: RemoteSkillSummary[] }
  | { type: 'remote_skill_downloaded'; session_id: string; id: string; name: string; path: string }
  | {
      type: 'mcp_tools_list';
      session_id: string;
      tools: Record<string, McpTool>;
      resources: Record<string, McpResource[]>;
      resource_templates: Record<string, McpResourceTemplate[]>;
      auth_statuses: Record<string, McpAuthStatus>;
    }
  | { type: 'error'; code: string; message: string; session_id: string | null }
  /**
   * Done and committed: for those who sent a `request_id` with what has no reply (additive).
   * `id` names what was made: a comment, a command.
   */
  | { type: 'ack'; id?: string };

/** Said of a frame in which texts are cut, so that it fits (additive); each cut ends in `[truncated]`. */
export interface Shortened {
  truncated?: true;
}

/** The asker's own id, on every reply to a message that had one (additive). */
interface Correlated {
  request_id?: string;
}

/** Everything the server says. */
export type ServerMessage =
  | SessionMessage
  | ListMessage
  | TransientSessionMessage
  | ((Reply | TransientListMessage) & Correlated);
