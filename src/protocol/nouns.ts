/**
 * The nouns of the wire, each written once, in arktype's language: the type of the same name is inferred from it, and
 * schemas.ts checks frames with it. Keys keep the wire's snake_case everywhere, so nothing is re-cased between machine,
 * row and frame. `T | null` = always present, null when unset; `?` = left out when unset. Adding one? Also schemas.ts,
 * where the compiler will stop you.
 */
import type { Flat, Shape, Value } from './ark.ts';

/**
 * Whose agents the wire has words for; the id of a new provider is added here. The desktop app reads these two
 * and loses a whole list over any other: until it knows more, a row with another word is shown as the first.
 */
export const PROVIDER_IDS = ['claude', 'codex'] as const;

/** Numbers and words that several nouns share. */
export const WORDS = {
  count: '0 <= number.integer <= 9007199254740991',
  integer: '-9007199254740991 <= number.integer <= 9007199254740991',
  Provider: ['===', ...PROVIDER_IDS],
  IntegrationMode: "'direct' | 'passive'",
  SessionStatus: "'active' | 'ended'",
  WorkStatus: "'working' | 'waiting' | 'permission' | 'question' | 'reply' | 'ended'",
  MessageType: "'user' | 'assistant' | 'thinking' | 'tool' | 'tool_result' | 'steer' | 'shell'",
  ApprovalType: "'exec' | 'patch' | 'question'",
  EngineKind: "'private' | 'shared'",
  LinkState: "'detached' | 'attaching' | 'attached' | 'failed'",
  ShellOutcome: "'finished' | 'timed_out' | 'cancelled' | 'interrupted' | 'failed'",
} as const;

/** The types of these. */
export type Words = { [Name in keyof typeof WORDS]: Value<(typeof WORDS)[Name]> };
/** Whose agent it is. */
export type Provider = (typeof PROVIDER_IDS)[number];
/** Whether a session is steered or only watched. */
export type IntegrationMode = Words['IntegrationMode'];
/** Whether a session goes on. */
export type SessionStatus = Words['SessionStatus'];
/** Whom a session waits for. */
export type WorkStatus = Words['WorkStatus'];
/** Who or what a message comes from. */
export type MessageType = Words['MessageType'];
/** What kind of decision is asked for. */
export type ApprovalType = Words['ApprovalType'];
/** Where the thread of a steered session runs: in a process of this server, or in one that terminals share. */
export type EngineKind = Words['EngineKind'];
/** How the server reaches the provider of a session that it steers. */
export type LinkState = Words['LinkState'];

/** What definitions may name. */
export interface Names extends Words {
  ImageInput: ImageInput;
  Message: Message;
  CutFields: CutFields;
  TokenUsage: TokenUsage;
  QuestionOption: QuestionOption;
  Question: Question;
  ApprovalRequest: ApprovalRequest;
  SubagentInfo: SubagentInfo;
  TurnDiff: TurnDiff;
  Decider: Decider;
  ReviewComment: ReviewComment;
}

/**
 * An image of a message. From a client: `url` (a data URI or an address) or `path` (a file of the
 * server's machine). To a client: `path` for those on this machine, for all others `url`.
 */
export const ImageInput = {
  input_type: 'string',
  value: 'string',
  /** Additive: where this server serves it, `/images/<sha256>`. */
  url: 'string?',
  /** Additive: such as `image/png`. */
  media_type: 'string?',
} as const;
export interface ImageInput extends Shape<typeof ImageInput, Names> {}

/** One entry of a conversation. */
export const Message = {
  /** Globally unique: the session id and what the provider calls it. */
  id: 'string',
  session_id: 'string',
  message_type: 'MessageType',
  content: 'string',
  tool_name: 'string | null',
  /** JSON text, not an object. */
  tool_input: 'string | null',
  tool_output: 'string | null',
  is_error: 'boolean',
  /** ISO 8601 UTC with milliseconds. */
  timestamp: 'string',
  duration_ms: 'count | null',
  images: 'ImageInput[]?',
  /** Additive: present and true while a command runs. */
  is_in_progress: 'boolean?',
  /** Additive: the subagent that did or said it; absent for the main thread. */
  agent_id: 'string?',
  /** Additive: texts that are cut here, with the lengths (UTF-16 units) in which they are stored. */
  truncated: 'CutFields?',
} as const;
export interface Message extends Shape<typeof Message, Names> {}

/** Lengths (UTF-16 units) in which texts that are cut are stored. */
export const CutFields = {
  content: 'count?',
  tool_input: 'count?',
  tool_output: 'count?',
} as const;
// No interface: a reader takes its values as numbers, whatever their names.
export type CutFields = Flat<Shape<typeof CutFields, Names>>;

/** What may change on a message after it was appended; nothing can be cleared. */
export const MessageChanges = {
  content: 'string?',
  tool_output: 'string?',
  is_error: 'boolean?',
  duration_ms: 'count?',
  /** Additive: all images of the message, those it had before included. */
  images: 'ImageInput[]?',
  /** Additive. */
  is_in_progress: 'boolean?',
} as const;
export interface MessageChanges extends Shape<typeof MessageChanges, Names> {}

/** Tokens, as the provider counts them. */
export const TokenUsage = {
  input_tokens: 'count',
  output_tokens: 'count',
  cached_tokens: 'count',
  context_window: 'count',
  /** Additive: what fills the context now: all that the newest answer read, or what a compaction left. */
  context_tokens: 'count?',
  /** Additive: sums over all answers, each counted once; `total_input_tokens` without what the cache read or took. */
  total_input_tokens: 'count?',
  cache_read_tokens: 'count?',
  cache_write_tokens: 'count?',
  /** Additive: the same of what was written, where `output_tokens` is of the newest answer only. */
  total_output_tokens: 'count?',
  /** Additive: US dollars, as the provider's own tool says, with its subagents; absent where it says nothing. */
  cost_usd: 'number >= 0?',
} as const;
export interface TokenUsage extends Shape<typeof TokenUsage, Names> {}

/** One choice of a question, as the asking tool worded it. */
export const QuestionOption = { label: 'string', description: 'string?' } as const;
export interface QuestionOption extends Shape<typeof QuestionOption, Names> {}

/** One question of a request that may hold several (additive to the reference). */
export const Question = {
  /** The provider's id, where it has one: answers may go by it. */
  id: 'string?',
  question: 'string',
  header: 'string?',
  options: 'QuestionOption[]',
  multi_select: 'boolean',
} as const;
export interface Question extends Shape<typeof Question, Names> {}

/** What a session waits for a human to decide. */
export const ApprovalRequest = {
  /** The request id that `approve_tool` and `answer_question` name. */
  id: 'string',
  session_id: 'string',
  type: 'ApprovalType',
  command: 'string | null',
  file_path: 'string | null',
  diff: 'string | null',
  question: 'string | null',
  proposed_amendment: 'string[]?',
  /** Additive: the tool asked for, and its input as JSON text where the fields above do not say it all. */
  tool_name: 'string?',
  tool_input: 'string?',
  /** Additive: all questions with their options. */
  questions: 'Question[]?',
  /** Additive: the subagent that asks. */
  agent_id: 'string?',
  /**
   * Additive, for a session in a terminal: its CLI waits for an answer from here too, beside its own dialog.
   * Absent there: only the terminal can answer.
   */
  answerable: 'true?',
  /** Additive: a client decided this, and its effect was not seen yet. */
  decision_sent: 'string?',
  /** Additive: rules that the CLI itself suggests for "always", as JSON text of its list. */
  suggestions: 'string?',
} as const;
export interface ApprovalRequest extends Shape<typeof ApprovalRequest, Names> {}

/** Who decided a request, as the journal names callers. */
export const Decider = {
  /** `local`: trusted because of where it comes from; `token`: showed a token. */
  kind: "'local' | 'token' | 'anonymous'",
  address: 'string',
  /** Name of its token; absent for the one that is configured. */
  holder: 'string?',
  /** Id of the connection, as in the log: its transport and a number, such as `ws-12`. */
  connection: 'string',
} as const;
export interface Decider extends Shape<typeof Decider, Names> {}

/** A subagent of a session. */
export const SubagentInfo = {
  id: 'string',
  agent_type: 'string',
  started_at: 'string',
  ended_at: 'string?',
} as const;
export interface SubagentInfo extends Shape<typeof SubagentInfo, Names> {}

/** The changes of one turn as a unified diff. */
export const TurnDiff = {
  turn_id: 'string',
  diff: 'string',
  token_usage: 'TokenUsage?',
  /** Additive: present when the diff is cut here, with its length (UTF-16 units) as it is stored. */
  truncated: [{ diff: 'count' }, '?'],
} as const;
export interface TurnDiff extends Shape<typeof TurnDiff, Names> {}

/** Fields that a summary and a snapshot of a session have in common. */
export const SESSION_FIELDS = {
  id: 'string',
  provider: 'Provider',
  project_path: 'string',
  transcript_path: 'string?',
  project_name: 'string | null',
  model: 'string | null',
  custom_name: 'string?',
  summary: 'string?',
  first_prompt: 'string?',
  last_message: 'string?',
  status: 'SessionStatus',
  work_status: 'WorkStatus',
  token_usage: 'TokenUsage',
  codex_integration_mode: 'IntegrationMode?',
  claude_integration_mode: 'IntegrationMode?',
  approval_policy: 'string?',
  sandbox_mode: 'string?',
  permission_mode: 'string?',
  started_at: 'string | null',
  last_activity_at: 'string | null',
  git_branch: 'string?',
  git_sha: 'string?',
  current_cwd: 'string?',
  effort: 'string?',
  forked_from_session_id: 'string?',
  /** Additive: whether a steered session has its connector; absent for watched ones. */
  link_state: 'LinkState?',
  /** Additive: why the connector is gone or could not start. */
  link_reason: 'string?',
  /** Additive: where its thread runs; absent for a process of this server alone. */
  engine: 'EngineKind?',
  /** Additive: the command that opens it in a terminal; it works there while `engine` is `shared`. */
  resume_command: 'string?',
} as const;

/** A session as the list shows it. */
export const SessionSummary = { has_pending_approval: 'boolean' } as const;
export interface SessionSummary
  extends Shape<typeof SESSION_FIELDS, Names>,
    Shape<typeof SessionSummary, Names> {}

/** A session as a snapshot shows it: the summary's fields and the conversation's newest part. */
export const SessionState = {
  /** The newest, the oldest first; those before them come with `get_messages`. */
  messages: 'Message[]',
  /** Whether there are messages before those in `messages` (additive). */
  has_older: 'boolean',
  /** How many messages exist, also those too old to be in `messages` (additive). */
  message_count: 'count',
  /** Additive: so many older messages are gone because they were older than is kept. */
  messages_removed: 'count?',
  /** Additive: some texts or diffs in here are cut, or diffs left out. */
  truncated: 'true?',
  pending_approval: 'ApprovalRequest | null',
  current_diff: 'string | null',
  current_plan: 'string | null',
  revision: 'count',
  /** Changes only with a new or restored database (additive). */
  epoch: 'string',
  current_turn_id: 'string?',
  turn_count: 'count',
  turn_diffs: 'TurnDiff[]?',
  subagents: 'SubagentInfo[]?',
  terminal_session_id: 'string?',
  terminal_app: 'string?',
  /** Additive: the newest comments, oldest first; left out when there is none. */
  review_comments: 'ReviewComment[]?',
} as const;
export interface SessionState
  extends Shape<typeof SESSION_FIELDS, Names>,
    Shape<typeof SessionState, Names> {}

/** Fields of a session that changed: absent = unchanged, null = cleared. */
export const StateChanges = {
  status: 'SessionStatus?',
  work_status: 'WorkStatus?',
  token_usage: 'TokenUsage?',
  /** ISO inside the server; the codec writes `"<unix seconds>Z"`, the only form the app reads here. */
  last_activity_at: 'string?',
  turn_count: 'count?',
  pending_approval: 'ApprovalRequest | null?',
  current_diff: 'string | null?',
  current_plan: 'string | null?',
  custom_name: 'string | null?',
  summary: 'string | null?',
  first_prompt: 'string | null?',
  last_message: 'string | null?',
  codex_integration_mode: 'IntegrationMode | null?',
  claude_integration_mode: 'IntegrationMode | null?',
  approval_policy: 'string | null?',
  sandbox_mode: 'string | null?',
  permission_mode: 'string | null?',
  current_turn_id: 'string | null?',
  git_branch: 'string | null?',
  git_sha: 'string | null?',
  current_cwd: 'string | null?',
  model: 'string | null?',
  effort: 'string | null?',
  /** Additive: whether the session has its connector, and why not. */
  link_state: 'LinkState | null?',
  link_reason: 'string | null?',
  /** Additive: where its thread runs, and the command that opens it in a terminal. */
  engine: 'EngineKind | null?',
  resume_command: 'string | null?',
  /** Additive: subagents that started or ended; each replaces the one of its id. */
  subagents: 'SubagentInfo[]?',
  /** Additive, on the list's stream only: what `pending_approval` means for a summary. */
  has_pending_approval: 'boolean?',
} as const;
export interface StateChanges extends Shape<typeof StateChanges, Names> {}

/** A remark about lines of a file, of a turn's diff if it names one. */
export const ReviewComment = {
  id: 'string',
  session_id: 'string',
  turn_id: 'string?',
  file_path: 'string',
  line_start: 'count',
  line_end: 'count?',
  body: 'string',
  tag: "'clarity' | 'scope' | 'risk' | 'nit'?",
  status: "'open' | 'resolved'",
  created_at: 'string',
  updated_at: 'string?',
} as const;
export interface ReviewComment extends Shape<typeof ReviewComment, Names> {}
/** What a comment is meant as. */
export type ReviewCommentTag = NonNullable<ReviewComment['tag']>;
