/**
 * The nouns of the wire: shapes, and the ids of providers. Keys keep the wire's
 * snake_case everywhere, so nothing is re-cased between machine, row and frame.
 * `T | null` = always present, null when unset; `?` = left out when unset.
 */

/**
 * Whose agents the wire has words for; the id of a new provider is added here. The desktop app reads these two
 * and loses a whole list over any other: until it knows more, a row with another word is shown as the first.
 */
export const PROVIDER_IDS = ['claude', 'codex'] as const;

/** Whose agent it is. */
export type Provider = (typeof PROVIDER_IDS)[number];
/** Whether a session is steered or only watched. */
export type IntegrationMode = 'direct' | 'passive';
/** Whether a session goes on. */
export type SessionStatus = 'active' | 'ended';
/** Whom a session waits for. */
export type WorkStatus = 'working' | 'waiting' | 'permission' | 'question' | 'reply' | 'ended';
/** Who or what a message comes from. */
export type MessageType =
  | 'user'
  | 'assistant'
  | 'thinking'
  | 'tool'
  | 'tool_result'
  | 'steer'
  | 'shell';
/** How the server reaches the provider of a session that it steers. */
export type LinkState = 'detached' | 'attaching' | 'attached' | 'failed';
/** What kind of decision is asked for. */
export type ApprovalType = 'exec' | 'patch' | 'question';

/**
 * An image of a message. From a client: `url` (a data URI or an address) or `path` (a file of the
 * server's machine). To a client: `path` for those on this machine, and for everybody else `url`.
 */
export interface ImageInput {
  input_type: string;
  value: string;
  /** Additive: where this server serves it, `/images/<sha256>`. */
  url?: string;
  /** Additive: such as `image/png`. */
  media_type?: string;
}

/** One entry of a conversation. */
export interface Message {
  /** Globally unique: the session id and what the provider calls it. */
  id: string;
  session_id: string;
  message_type: MessageType;
  content: string;
  tool_name: string | null;
  /** JSON text, not an object. */
  tool_input: string | null;
  tool_output: string | null;
  is_error: boolean;
  /** ISO 8601 UTC with milliseconds. */
  timestamp: string;
  duration_ms: number | null;
  images?: ImageInput[];
  /** Additive: present and true while a command runs. */
  is_in_progress?: boolean;
  /** Additive: texts that are cut here, with the lengths (UTF-16 units) in which they are stored. */
  truncated?: { content?: number; tool_input?: number; tool_output?: number };
}

/** What may change on a message after it was appended; nothing can be cleared. */
export interface MessageChanges {
  content?: string;
  tool_output?: string;
  is_error?: boolean;
  duration_ms?: number;
  /** Additive: all images of the message, those it had before included. */
  images?: ImageInput[];
  /** Additive. */
  is_in_progress?: boolean;
}

/** Tokens, as the provider counts them. */
export interface TokenUsage {
  input_tokens: number;
  output_tokens: number;
  cached_tokens: number;
  context_window: number;
}

/** One choice of a question, as the asking tool worded it. */
export interface QuestionOption {
  label: string;
  description?: string;
}

/** One question of a request that may hold several (additive to the reference). */
export interface Question {
  /** The provider's id, where it has one: answers may go by it. */
  id?: string;
  question: string;
  header?: string;
  options: QuestionOption[];
  multi_select: boolean;
}

/** What a session waits for a human to decide. */
export interface ApprovalRequest {
  /** The request id that `approve_tool` and `answer_question` name. */
  id: string;
  session_id: string;
  type: ApprovalType;
  command: string | null;
  file_path: string | null;
  diff: string | null;
  question: string | null;
  proposed_amendment?: string[];
  /** Additive: the tool asked for, and its input as JSON text where the fields above do not say it all. */
  tool_name?: string;
  tool_input?: string;
  /** Additive: all questions with their options. */
  questions?: Question[];
  /** Additive: the subagent that asks. */
  agent_id?: string;
  /**
   * Additive, for a session in a terminal: its CLI waits for an answer from here too, beside its own dialog.
   * Absent there: only the terminal can answer.
   */
  answerable?: true;
  /** Additive: a client decided this, and its effect was not seen yet. */
  decision_sent?: string;
  /** Additive: rules that the CLI itself suggests for "always", as JSON text of its list. */
  suggestions?: string;
}

/** A request that was asked once, and how it was settled. Every optional is present as null. */
export interface ApprovalHistoryItem {
  id: number;
  session_id: string;
  request_id: string;
  /** Here the key is `approval_type`, in a request it is `type`. */
  approval_type: ApprovalType;
  tool_name: string | null;
  command: string | null;
  file_path: string | null;
  cwd: string | null;
  decision: string | null;
  proposed_amendment: string[] | null;
  created_at: string;
  decided_at: string | null;
  /** Additive: the client of this server that decided; absent where nobody did, or somebody elsewhere. */
  decided_by?: Decider;
}

/** Who decided a request, as the journal names callers. */
export interface Decider {
  /** `local`: trusted because of where it comes from; `token`: showed a token. */
  kind: 'local' | 'token' | 'anonymous';
  address: string;
  /** Name of its token; absent for the one that is configured. */
  holder?: string;
  /** Id of the connection, as in the log: its transport and a number, such as `ws-12`. */
  connection: string;
}

/** A subagent of a session. */
export interface SubagentInfo {
  id: string;
  agent_type: string;
  started_at: string;
  ended_at?: string;
}

/** The changes of one turn as a unified diff. */
export interface TurnDiff {
  turn_id: string;
  diff: string;
  token_usage?: TokenUsage;
  /** Additive: present when the diff is cut here, with its length (UTF-16 units) as it is stored. */
  truncated?: { diff: number };
}

/** A session as the list shows it. */
export interface SessionSummary {
  id: string;
  provider: Provider;
  project_path: string;
  transcript_path?: string;
  project_name: string | null;
  model: string | null;
  custom_name?: string;
  summary?: string;
  first_prompt?: string;
  last_message?: string;
  status: SessionStatus;
  work_status: WorkStatus;
  token_usage: TokenUsage;
  has_pending_approval: boolean;
  codex_integration_mode?: IntegrationMode;
  claude_integration_mode?: IntegrationMode;
  approval_policy?: string;
  sandbox_mode?: string;
  permission_mode?: string;
  started_at: string | null;
  last_activity_at: string | null;
  git_branch?: string;
  git_sha?: string;
  current_cwd?: string;
  effort?: string;
  forked_from_session_id?: string;
  /** Additive: whether a steered session has its connector; absent for watched ones. */
  link_state?: LinkState;
  /** Additive: why the connector is gone or could not start. */
  link_reason?: string;
}

/** A session as a snapshot shows it: the summary's fields and the conversation's newest part. */
export interface SessionState extends Omit<SessionSummary, 'has_pending_approval'> {
  /** The newest, the oldest first; those before them come with `get_messages`. */
  messages: Message[];
  /** Whether there are messages before those in `messages` (additive). */
  has_older: boolean;
  /** How many messages exist, also those too old to be in `messages` (additive). */
  message_count: number;
  /** Additive: so many older messages are gone because they were older than is kept. */
  messages_removed?: number;
  /** Additive: some texts or diffs in here are cut, or diffs left out. */
  truncated?: true;
  pending_approval: ApprovalRequest | null;
  current_diff: string | null;
  current_plan: string | null;
  revision: number;
  /** Changes only with a new or restored database (additive). */
  epoch: string;
  current_turn_id?: string;
  turn_count: number;
  turn_diffs?: TurnDiff[];
  subagents?: SubagentInfo[];
  terminal_session_id?: string;
  terminal_app?: string;
  /** Additive: the newest comments, oldest first; left out when there is none. */
  review_comments?: ReviewComment[];
}

/** Fields of a session that changed: absent = unchanged, null = cleared. */
export interface StateChanges {
  status?: SessionStatus;
  work_status?: WorkStatus;
  token_usage?: TokenUsage;
  /** ISO inside the server; the codec writes `"<unix seconds>Z"`, the only form the app reads here. */
  last_activity_at?: string;
  turn_count?: number;
  pending_approval?: ApprovalRequest | null;
  current_diff?: string | null;
  current_plan?: string | null;
  custom_name?: string | null;
  summary?: string | null;
  first_prompt?: string | null;
  last_message?: string | null;
  codex_integration_mode?: IntegrationMode | null;
  claude_integration_mode?: IntegrationMode | null;
  approval_policy?: string | null;
  sandbox_mode?: string | null;
  permission_mode?: string | null;
  current_turn_id?: string | null;
  git_branch?: string | null;
  git_sha?: string | null;
  current_cwd?: string | null;
  model?: string | null;
  effort?: string | null;
  /** Additive: whether the session has its connector, and why not. */
  link_state?: LinkState | null;
  link_reason?: string | null;
  /** Additive: subagents that started or ended; each replaces the one of its id. */
  subagents?: SubagentInfo[];
  /** Additive, on the list's stream only: what `pending_approval` means for a summary. */
  has_pending_approval?: boolean;
}

/* Nouns around a session's work: review comments, directories. Shapes only. */

/** What a comment is meant as. */
export type ReviewCommentTag = 'clarity' | 'scope' | 'risk' | 'nit';
/** Whether a comment is dealt with. */
export type ReviewCommentStatus = 'open' | 'resolved';

/** A remark about lines of a file, of a turn's diff if it names one. */
export interface ReviewComment {
  id: string;
  session_id: string;
  turn_id?: string;
  file_path: string;
  line_start: number;
  line_end?: number;
  body: string;
  tag?: ReviewCommentTag;
  status: ReviewCommentStatus;
  created_at: string;
  updated_at?: string;
}

/** One tool use of a subagent. */
export interface SubagentTool {
  id: string;
  tool_name: string;
  summary: string;
  output?: string;
  is_in_progress: boolean;
}

/** One name in a directory. */
export interface DirectoryEntry {
  name: string;
  is_dir: boolean;
  is_git: boolean;
}

/** A directory in which sessions ran. */
export interface RecentProject {
  path: string;
  session_count: number;
  last_active?: string;
}

/* Lists of fields that several readers of a session share, checked against the nouns. */

/** Plain fields that a summary and a delta have in common: what the list hears of a delta. */
export const SHARED_FIELDS = [
  'status',
  'work_status',
  'last_activity_at',
  'custom_name',
  'summary',
  'first_prompt',
  'last_message',
  'codex_integration_mode',
  'claude_integration_mode',
  'approval_policy',
  'sandbox_mode',
  'permission_mode',
  'git_branch',
  'git_sha',
  'current_cwd',
  'model',
  'effort',
  'link_state',
  'link_reason',
] as const satisfies ReadonlyArray<keyof StateChanges & keyof SessionSummary>;
