/**
 * Everything the server sends, as schemas: nouns, messages, and the answers of the HTTP interface. Nothing that
 * serves loads this file but the OpenAPI document; tests check every frame with it.
 */
import type { OperationId } from './api.ts';
import { closed, scope, type, type Unmarked } from './ark.ts';
import * as nouns from './nouns.ts';
import * as replies from './reply-nouns.ts';
import {
  LIST_FACTS,
  type Names,
  REPLIES,
  SESSION_FACTS,
  type ServerMessage,
  TRANSIENT_LIST_MESSAGES,
  TRANSIENT_SESSION_MESSAGES,
} from './server.ts';

/** All nouns by name, in the order in which documents show them. */
const NOUNS = {
  ...nouns.WORDS,
  ImageInput: nouns.ImageInput,
  Message: nouns.Message,
  CutFields: nouns.CutFields,
  MessageChanges: nouns.MessageChanges,
  TokenUsage: nouns.TokenUsage,
  QuestionOption: nouns.QuestionOption,
  Question: nouns.Question,
  ApprovalRequest: nouns.ApprovalRequest,
  SubagentInfo: nouns.SubagentInfo,
  TurnDiff: nouns.TurnDiff,
  SessionSummary: { ...nouns.SESSION_FIELDS, ...nouns.SessionSummary },
  SessionState: { ...nouns.SESSION_FIELDS, ...nouns.SessionState },
  StateChanges: nouns.StateChanges,
  ApprovalHistoryItem: replies.ApprovalHistoryItem,
  Decider: nouns.Decider,
  ReviewComment: nouns.ReviewComment,
  SubagentTool: replies.SubagentTool,
  DirectoryEntry: replies.DirectoryEntry,
  PastSession: replies.PastSession,
  RecentProject: replies.RecentProject,
  Worktree: replies.Worktree,
  SearchHit: replies.SearchHit,
  UsageSum: replies.UsageSum,
  RateLimit: replies.RateLimit,
  UsageRow: replies.UsageRow,
  QuietTimes: replies.QuietTimes,
  PushDevice: replies.PushDevice,
  CodexModelOption: replies.CodexModelOption,
  SkillMetadata: replies.SkillMetadata,
  SkillErrorInfo: replies.SkillErrorInfo,
  SkillsListEntry: replies.SkillsListEntry,
  RemoteSkillSummary: replies.RemoteSkillSummary,
  McpTool: replies.McpTool,
  McpResource: replies.McpResource,
  McpResourceTemplate: replies.McpResourceTemplate,
  McpAuthStatus: replies.McpAuthStatus,
  McpStarting: replies.McpStarting,
  McpReady: replies.McpReady,
  McpFailed: replies.McpFailed,
  McpCancelled: replies.McpCancelled,
  McpStartupStatus: replies.McpStartupStatus,
  McpStartupFailure: replies.McpStartupFailure,
  CodexAccount: replies.CodexAccount,
  CodexAccountStatus: replies.CodexAccountStatus,
  codexLoginCancelStatus: replies.CodexLoginCancelStatus,
} as const;

const session = {
  id: 'string',
  custom_name: 'string?',
  summary: 'string?',
  first_prompt: 'string?',
  project_name: 'string | null',
  project_path: 'string',
  git_branch: 'string?',
  // What these two were called here before.
  name: 'string | null',
  branch: 'string | null',
  model: 'string | null',
  provider: 'Provider',
  status: 'SessionStatus',
  work_status: 'WorkStatus',
  attention_reason: "'none' | 'awaitingReply' | 'awaitingPermission' | 'awaitingQuestion'",
  is_direct: 'boolean',
  is_direct_codex: 'boolean',
  is_direct_claude: 'boolean',
  pending_approval_id: 'string?',
  permission_mode: 'string?',
  started_at: 'string | null',
  last_activity_at: 'string | null',
} as const;

/** Nouns, and what each operation of the HTTP interface answers with. */
export const ANSWERS = scope({
  ...NOUNS,
  Session: session,
  SessionDetail: { ...session, ended_at: 'string | null' },

  health: {
    status: "'ok'",
    port: 'number.integer',
    degraded: 'string?',
    remedy: 'string?',
  },
  listSessions: { sessions: 'Session[]', total: 'count', next: 'string | null' },
  getSession: 'SessionDetail',
  getConversation: { session: 'SessionState' },
  listMessages: { ...REPLIES.messages_page, truncated: 'true?' },
  listTurnDiffs: { ...REPLIES.turn_diffs_page, truncated: 'true?' },
  listPastSessions: REPLIES.past_sessions_list,
  openPastSession: { ...REPLIES.past_session, truncated: 'true?' },
  getText: { session_id: 'string', field: 'string', text: 'string' },
  search: REPLIES.search_results,
  getUsage: REPLIES.usage_report,
  listModels: REPLIES.models_list,
  listApprovals: REPLIES.approvals_list,
  sendMessage: { status: "'sent' | 'queued'", session_id: 'string', message_id: 'string?' },
  interrupt: { status: "'interrupted'", session_id: 'string' },
  approve: { status: "'approved'", session_id: 'string', request_id: 'string' },
  steer: { status: "'steered' | 'queued'", session_id: 'string', message_id: 'string?' },
  fork: {
    status: "'fork_requested'",
    session_id: 'string',
    nth_user_message: 'number.integer | null',
    new_session_id: 'string',
  },
  setPermissionMode: { status: "'updated'", session_id: 'string', permission_mode: 'string' },
  say: { type: 'string', '[string]': 'unknown' },
  openapi: { openapi: 'string', '[string]': 'unknown' },
  asyncapi: { asyncapi: 'string', '[string]': 'unknown' },
}).export();

/** What an operation answers with. */
export type AnswerOf<Id extends OperationId> = (typeof ANSWERS)[Id]['infer'];

type Schema = ((value: unknown) => unknown) & { toJsonSchema(options?: object): object };

/** Every message that the server sends, by its type: exactly its fields, as no client knows another. */
export const MESSAGES = scope(
  Object.fromEntries([
    ...Object.entries(NOUNS).map(([name, definition]) => [name, closed(definition)]),
    ...messages(SESSION_FACTS, { session_id: 'string', revision: 'count?' }),
    ...messages(LIST_FACTS, {}),
    ...messages(TRANSIENT_SESSION_MESSAGES, { session_id: 'string' }),
    ...messages({ ...TRANSIENT_LIST_MESSAGES, ...REPLIES }, { request_id: 'string?' }),
  ]),
).export() as unknown as Readonly<Record<ServerMessage['type'], Schema>>;

/** Definitions of messages with their type and what all of them may have: anything in a frame may be cut. */
function messages(definitions: object, common: object): [string, unknown][] {
  return Object.entries(definitions).map(([tag, fields]) => [
    tag,
    closed({ type: `'${tag}'`, truncated: 'true?', ...common, ...fields }),
  ]);
}

/** Every type of message the server sends. */
export const SERVER_TYPES = Object.keys({
  ...SESSION_FACTS,
  ...LIST_FACTS,
  ...TRANSIENT_SESSION_MESSAGES,
  ...TRANSIENT_LIST_MESSAGES,
  ...REPLIES,
}).sort() as ServerMessage['type'][];

type Known = Pick<Names, keyof Names & keyof typeof NOUNS>;
/** Parts of definitions that arktype cannot read, such as the name of a noun that there is not. */
type Unreadable<Definition> =
  Unmarked<Definition> extends infer Whole
    ? Whole extends string
      ? Whole extends type.validate<Whole, Known>
        ? never
        : Whole
      : { [Part in keyof Whole]: Unreadable<Whole[Part]> }[keyof Whole]
    : never;
type UnreadableMessage = Unreadable<
  | typeof SESSION_FACTS
  | typeof LIST_FACTS
  | typeof TRANSIENT_SESSION_MESSAGES
  | typeof TRANSIENT_LIST_MESSAGES
  | typeof REPLIES
>;

/**
 * Does not compile while there is one, and names it. Those of nouns are checked where `ANSWERS` is made.
 *
 * @public
 */
export const MESSAGES_ARE_READABLE: [UnreadableMessage] extends [never] ? true : UnreadableMessage =
  true;

/**
 * What is wrong with a frame, in words.
 *
 * @returns null for a message that we may send: a known type with exactly its fields
 */
export function validationErrorOf(frame: unknown): string | null {
  const { type: tag } = (frame ?? {}) as { type?: unknown };
  if (typeof tag !== 'string' || !(SERVER_TYPES as string[]).includes(tag)) {
    return `no type of ours: ${tag}`;
  }
  const checked = MESSAGES[tag as ServerMessage['type']](frame);
  return checked instanceof type.errors ? `${tag}: ${checked.summary}` : null;
}
