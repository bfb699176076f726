/**
 * Every message the server sends, each written once: the types are inferred, schemas.ts makes the schemas. The
 * key is the message's `type`. `encode.ts` writes them; `store/fact-rows.ts` stores those that are facts. Adding one?
 * Also there, where the compiler will stop you.
 */
import type { MessageOf } from './ark.ts';
import type * as Nouns from './nouns.ts';
import { SESSION_FIELDS, StateChanges } from './nouns.ts';
import type * as Replies from './reply-nouns.ts';

/** Facts that subscribers of a session see, each with its session's id and next revision. */
export const SESSION_FACTS = {
  session_delta: { changes: 'StateChanges' },
  message_appended: {
    message: 'Message',
    /**
     * Additive: the message that it stands directly behind, null at the beginning; left out at the end. A source
     * that is slower than another reports what was said before it.
     */
    after: 'string | null?',
  },
  message_updated: { message_id: 'string', changes: 'MessageChanges' },
  approval_requested: { request: 'ApprovalRequest' },
  tokens_updated: { usage: 'TokenUsage' },
  turn_diff_snapshot: {
    turn_id: 'string',
    diff: 'string',
    input_tokens: 'count?',
    output_tokens: 'count?',
    cached_tokens: 'count?',
    context_window: 'count?',
  },
  context_compacted: {},
  undo_started: { message: 'string?' },
  undo_completed: { success: 'boolean', message: 'string?' },
  thread_rolled_back: { num_turns: 'count' },
  session_ended: { reason: 'string' },
  review_comment_created: { comment: 'ReviewComment' },
  review_comment_updated: { comment: 'ReviewComment' },
  review_comment_deleted: { comment_id: 'string' },
  /** `request_id` is the command's own and its message's id. */
  shell_started: { request_id: 'string', command: 'string' },
  /** What a command left behind; of a long output its beginning and its end. */
  shell_output: {
    request_id: 'string',
    stdout: 'string',
    stderr: 'string',
    /** Null when it did not come to an end of its own, -1 when a signal ended it. */
    exit_code: 'integer | null',
    duration_ms: 'count',
    /** Additive. */
    outcome: 'ShellOutcome',
    /** Additive: present when something in the middle was left out. */
    truncated: 'true?',
  },
} as const;

/** Facts that only list subscribers see, without a revision. */
export const LIST_FACTS = { session_created: { session: 'SessionSummary' } } as const;

/**
 * What subscribers of a session receive beside its facts, each with its session's id: nothing of it is stored,
 * so it carries no revision and is sent again to those who come later, as far as it still holds.
 */
export const TRANSIENT_SESSION_MESSAGES = {
  /** Streamed text for those who asked for deltas: `text` is at `offset` (UTF-16 units). Additive. */
  message_delta: { message_id: 'string', offset: 'count', text: 'string' },
  /**
   * Output of a command while it runs, for everyone: `text` is at `offset` of its stream (UTF-16
   * units). What comes too fast is left out, so offsets may jump. Additive.
   */
  shell_delta: {
    request_id: 'string',
    stream: "'stdout' | 'stderr'",
    offset: 'count',
    text: 'string',
  },
  mcp_startup_update: { server: 'string', status: 'McpStartupStatus' },
  mcp_startup_complete: {
    ready: 'string[]',
    failed: 'McpStartupFailure[]',
    cancelled: 'string[]',
  },
  skills_update_available: {},
  claude_capabilities: { slash_commands: 'string[]', skills: 'string[]', tools: 'string[]' },
} as const;

/** What list subscribers receive that is about no session. */
export const TRANSIENT_LIST_MESSAGES = {
  codex_account_status: { status: 'CodexAccountStatus' },
  codex_account_updated: { status: 'CodexAccountStatus' },
  /** Additive: a storage error began, changed, or is over (null). */
  server_status: { degraded: 'string | null', remedy: 'string?' },
  codex_login_chatgpt_completed: { login_id: 'string', success: 'boolean', error: 'string?' },
} as const;

/** Answers to one connection, never stored. */
export const REPLIES = {
  /** First frame on every connection. */
  hello: {
    version: 'string',
    protocol_version: '1',
    /** Changes only with a new or restored database: revisions of another epoch mean nothing. */
    epoch: 'string',
    /** Additive: why nothing can be stored right now (`disk_full`, `corrupt`...); changes come as `server_status`. */
    degraded: 'string?',
    /** Additive: what a person has to do about it. */
    remedy: 'string?',
    /** Additive: how long what is kept; 0 is no limit. */
    retention: [
      { event_days: 'count', events: 'count', session_days: 'count', max_bytes: 'count' },
      '?',
    ],
  },
  /** Live ones first, then the newest. `truncated` when not all fit: `get_sessions` after `next` has them. */
  sessions_list: {
    sessions: 'SessionSummary[]',
    /** Additive: how many sessions there are. */
    total: 'count',
    truncated: 'true?',
    next: 'string?',
    /** Additive: so many sessions are left out because the database is damaged where they are. */
    unreadable: 'count?',
  },
  /** Additive: sessions in the list's order; `next` is null behind the last. */
  sessions_page: { sessions: 'SessionSummary[]', total: 'count', next: 'string | null' },
  session_snapshot: { session: 'SessionState' },
  session_forked: {
    source_session_id: 'string',
    new_session_id: 'string',
    forked_from_thread_id: 'string?',
  },
  /** Messages in their order, the oldest first; long texts are cut and marked. Additive, as the next two. */
  messages_page: {
    session_id: 'string',
    messages: 'Message[]',
    has_older: 'boolean',
    has_newer: 'boolean',
    /** All messages of the session, or of the subagent. */
    message_count: 'count',
    /** Of this subagent's conversation, with the tokens that it took. */
    subagent_id: 'string?',
    token_usage: 'TokenUsage?',
    /** Why there is nothing to show of the subagent. */
    unavailable: 'string?',
  },
  /** Conversations that are on this machine's disk, the newest change first; `next` is null behind the last. */
  past_sessions_list: { sessions: 'PastSession[]', next: 'string | null' },
  /** A past conversation, read from its file: messages in their order, the oldest first. */
  past_session: {
    session: 'PastSession',
    messages: 'Message[]',
    has_older: 'boolean',
    /** All messages of the conversation. */
    message_count: 'count',
  },
  /** Diffs of turns, the oldest first. */
  turn_diffs_page: { session_id: 'string', turn_diffs: 'TurnDiff[]', has_older: 'boolean' },
  /** A part of a text of a message or of the diff of a turn: `offset` and `length` in UTF-16 units. */
  text_part: {
    session_id: 'string',
    message_id: 'string?',
    turn_id: 'string?',
    field: "'content' | 'tool_input' | 'tool_output' | 'diff'",
    offset: 'count',
    text: 'string',
    /** Of the whole text, as it is stored. */
    length: 'count',
  },
  /** Additive: where the words of a query stand, the newest first; `next` is null when all was seen. */
  search_results: {
    query: 'string',
    hits: 'SearchHit[]',
    next: 'count | null',
    /** A second was over before the page was full: ask again, behind `next` where it is given. */
    is_partial: 'true?',
  },
  /** Additive: tokens and cost from a moment (included) to another (excluded), whole quarters of an hour. */
  usage_report: {
    by: "'day' | 'session' | 'project' | 'provider'",
    from: 'string',
    to: 'string',
    total: 'UsageSum',
    rows: 'UsageRow[]',
    /** What providers have reported of their rate limits since this server started. */
    limits: 'RateLimit[]',
  },
  /** Additive: who is notified; `public_key` is what a browser subscribes with, base64url. */
  notifications: {
    public_key: 'string',
    quiet: 'QuietTimes | null',
    muted: 'string[]',
    devices: 'PushDevice[]',
  },
  approvals_list: { session_id: 'string | null', approvals: 'ApprovalHistoryItem[]' },
  approval_deleted: { approval_id: 'count' },
  /** Oldest first; `truncated` (additive) when older ones did not fit. */
  review_comments_list: {
    session_id: 'string',
    comments: 'ReviewComment[]',
    truncated: 'true?',
  },
  subagent_tools_list: {
    session_id: 'string',
    subagent_id: 'string',
    tools: 'SubagentTool[]',
    /** Additive: why there is nothing to show. */
    unavailable: 'string?',
    /** Additive: older tool uses were left out. */
    truncated: 'true?',
  },
  directory_listing: {
    path: 'string',
    entries: 'DirectoryEntry[]',
    /** Additive: there are more names than are shown. */
    truncated: 'true?',
  },
  /** Additive, as the next two: those made for sessions of the repository around `path`. */
  worktrees_list: { path: 'string', worktrees: 'Worktree[]' },
  worktree_merged: { path: 'string', into: 'string' },
  worktree_removed: { path: 'string', keep_branch: 'boolean' },
  recent_projects_list: { projects: 'RecentProject[]' },
  models_list: { models: 'CodexModelOption[]' },
  codex_login_chatgpt_started: { login_id: 'string', auth_url: 'string' },
  codex_login_chatgpt_canceled: { login_id: 'string', status: 'codexLoginCancelStatus' },
  skills_list: {
    session_id: 'string',
    skills: 'SkillsListEntry[]',
    errors: 'SkillErrorInfo[]',
  },
  remote_skills_list: { session_id: 'string', skills: 'RemoteSkillSummary[]' },
  remote_skill_downloaded: { session_id: 'string', id: 'string', name: 'string', path: 'string' },
  mcp_tools_list: {
    session_id: 'string',
    tools: 'Record<string, McpTool>',
    resources: 'Record<string, McpResource[]>',
    resource_templates: 'Record<string, McpResourceTemplate[]>',
    auth_statuses: 'Record<string, McpAuthStatus>',
  },
  error: { code: 'string', message: 'string', session_id: 'string | null' },
  /**
   * Done and committed: for those who sent a `request_id` with what has no reply (additive).
   * `id` names what was made: a comment, a command.
   */
  ack: { id: 'string?' },
} as const;

/** What messages name. */
export interface Names extends Nouns.Names {
  MessageChanges: Nouns.MessageChanges;
  SessionSummary: Nouns.SessionSummary;
  SessionState: Nouns.SessionState;
  StateChanges: Nouns.StateChanges;
  ApprovalHistoryItem: Replies.ApprovalHistoryItem;
  SubagentTool: Replies.SubagentTool;
  DirectoryEntry: Replies.DirectoryEntry;
  PastSession: Replies.PastSession;
  RecentProject: Replies.RecentProject;
  Worktree: Replies.Worktree;
  SearchHit: Replies.SearchHit;
  UsageSum: Replies.UsageSum;
  UsageRow: Replies.UsageRow;
  RateLimit: Replies.RateLimit;
  QuietTimes: Replies.QuietTimes;
  PushDevice: Replies.PushDevice;
  CodexModelOption: Replies.CodexModelOption;
  SkillErrorInfo: Replies.SkillErrorInfo;
  SkillsListEntry: Replies.SkillsListEntry;
  RemoteSkillSummary: Replies.RemoteSkillSummary;
  McpTool: Replies.McpTool;
  McpResource: Replies.McpResource;
  McpResourceTemplate: Replies.McpResourceTemplate;
  McpAuthStatus: Replies.McpAuthStatus;
  McpStartupStatus: Replies.McpStartupStatus;
  McpStartupFailure: Replies.McpStartupFailure;
  CodexAccountStatus: Replies.CodexAccountStatus;
  codexLoginCancelStatus: Replies.CodexLoginCancelStatus;
}

/** The session that a message is about. */
interface OfSession {
  session_id: string;
}

/** Facts that subscribers of a session see. */
export type SessionMessage = MessageOf<typeof SESSION_FACTS, Names, OfSession>;
/** Facts that only list subscribers see. */
export type ListMessage = MessageOf<typeof LIST_FACTS, Names>;
/** What subscribers of a session receive beside its facts. */
export type TransientSessionMessage =
  | MessageOf<typeof TRANSIENT_SESSION_MESSAGES, Names, OfSession>
  /** The session's history of requests after one was settled: the app reads it unasked. */
  | (Extract<Reply, { type: 'approvals_list' }> & OfSession);
/** What list subscribers receive that is about no session. */
export type TransientListMessage = MessageOf<typeof TRANSIENT_LIST_MESSAGES, Names>;
/** Answers to one connection. */
export type Reply = MessageOf<typeof REPLIES, Names>;

/** What a command left behind; of a long output its beginning and its end. */
export type ShellOutput = Omit<
  Extract<SessionMessage, { type: 'shell_output' }>,
  'type' | 'session_id' | 'request_id'
>;
/** How a command ended. `interrupted`: the server stopped first; it is never run again by itself. */
export type ShellOutcome = ShellOutput['outcome'];
/** Texts that may be longer than a frame. */
export type TextField = Extract<Reply, { type: 'text_part' }>['field'];

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

type SharedField = Exclude<keyof Nouns.StateChanges & keyof typeof SESSION_FIELDS, 'token_usage'>;

/** Plain fields that a summary and a delta have in common: what the list's subscribers receive of a delta. */
export const SHARED_FIELDS = Object.keys(StateChanges).filter(
  (name): name is SharedField => name in SESSION_FIELDS && name !== 'token_usage',
);
