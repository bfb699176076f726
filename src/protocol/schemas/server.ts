/**
 * Every message the server sends, as schemas: what `server.ts` says in types, said once
 * more so that frames can be checked, and held against it by the compiler in both directions. Nothing that
 * serves loads this file but the OpenAPI document; whoever checks frames does.
 */
import { scope, type } from '../ark.ts';
import type { ServerMessage } from '../server.ts';
import { codexNouns, sessionNouns, sessionViews, words, workNouns } from './nouns.ts';

/** Any frame may say that something in it was cut or left out. */
const frame = { '+': 'reject', 'truncated?': 'true' } as const;
/** Facts of a session's room: each may carry the session's revision. */
const fact = { ...frame, session_id: 'string', 'revision?': 'count' } as const;
/** News of a session's room. */
const transientMessages = { ...frame, session_id: 'string' } as const;
/** Answers and news of the list: with the asker's own id, where there was one. */
const answer = { ...frame, 'request_id?': 'string' } as const;

const facts = {
  session_delta: { type: "'session_delta'", ...fact, changes: 'StateChanges' },
  message_appended: {
    type: "'message_appended'",
    ...fact,
    message: 'Message',
    'after?': 'string | null',
  },
  message_updated: {
    type: "'message_updated'",
    ...fact,
    message_id: 'string',
    changes: 'MessageChanges',
  },
  approval_requested: { type: "'approval_requested'", ...fact, request: 'ApprovalRequest' },
  tokens_updated: { type: "'tokens_updated'", ...fact, usage: 'TokenUsage' },
  turn_diff_snapshot: {
    type: "'turn_diff_snapshot'",
    ...fact,
    turn_id: 'string',
    diff: 'string',
    'input_tokens?': 'count',
    'output_tokens?': 'count',
    'cached_tokens?': 'count',
    'context_window?': 'count',
  },
  context_compacted: { type: "'context_compacted'", ...fact },

  undo_started: { type: "'undo_started'", ...fact, 'message?': 'string' },
  undo_completed: { type: "'undo_completed'", ...fact, success: 'boolean', 'message?': 'string' },
  thread_rolled_back: { type: "'thread_rolled_back'", ...fact, num_turns: 'count' },
  session_ended: { type: "'session_ended'", ...fact, reason: 'string' },
  review_comment_created: { type: "'review_comment_created'", ...fact, comment: 'ReviewComment' },
  review_comment_updated: { type: "'review_comment_updated'", ...fact, comment: 'ReviewComment' },
  review_comment_deleted: { type: "'review_comment_deleted'", ...fact, comment_id: 'string' },
  shell_started: { type: "'shell_started'", ...fact, request_id: 'string', command: 'string' },
  shell_output: {
    type: "'shell_output'",
    ...fact,
    request_id: 'string',
    stdout: 'string',
    stderr: 'string',
    exit_code: 'integer | null',
    duration_ms: 'count',
    outcome: 'ShellOutcome',
  },
} as const;

const transientRoomMessages = {
  session_created: { type: "'session_created'", ...frame, session: 'SessionSummary' },
  message_delta: {
    type: "'message_delta'",
    ...transientMessages,
    message_id: 'string',
    offset: 'count',
    text: 'string',
  },
  shell_delta: {
    type: "'shell_delta'",
    ...transientMessages,
    request_id: 'string',
    stream: "'stdout' | 'stderr'",
    offset: 'count',
    text: 'string',
  },
  mcp_startup_update: {
    type: "'mcp_startup_update'",
    ...transientMessages,
    server: 'string',
    status: 'McpStartupStatus',
  },
  mcp_startup_complete: {
    type: "'mcp_startup_complete'",
    ...transientMessages,
    ready: 'string[]',
    failed: 'McpStartupFailure[]',
    cancelled: 'string[]',
  },
  skills_update_available: { type: "'skills_update_available'", ...transientMessages },
  claude_capabilities: {
    type: "'claude_capabilities'",
    ...transientMessages,
    slash_commands: 'string[]',
    skills: 'string[]',
    tools: 'string[]',
  },
} as const;

const transientListMessages = {
  server_status: {
    type: "'server_status'",
    ...answer,
    degraded: 'string | null',
    'remedy?': 'string',
  },
  codex_account_status: {
    type: "'codex_account_status'",
    ...answer,
    status: 'CodexAccountStatus',
  },
  codex_account_updated: {
    type: "'codex_account_updated'",
    ...answer,
    status: 'CodexAccountStatus',
  },
  codex_login_chatgpt_completed: {
    type: "'codex_login_chatgpt_completed'",
    ...answer,
    login_id: 'string',
    success: 'boolean',
    'error?': 'string',
  },
} as const;

const replies = {
  hello: {
    type: "'hello'",
    ...answer,
    version: 'string',
    protocol_version: '1',
    epoch: 'string',
    'degraded?': 'string',
    'remedy?': 'string',
    'retention?': {
      '+': 'reject',
      event_days: 'count',
      events: 'count',
      session_days: 'count',
      max_bytes: 'count',
    },
  },
  sessions_list: {
    type: "'sessions_list'",
    ...answer,
    sessions: 'SessionSummary[]',
    total: 'count',
    'next?': 'string',
    'unreadable?': 'count',
  },
  sessions_page: {
    type: "'sessions_page'",
    ...answer,
    sessions: 'SessionSummary[]',
    total: 'count',
    next: 'string | null',
  },
  session_snapshot: { type: "'session_snapshot'", ...answer, session: 'SessionState' },
  session_forked: {
    type: "'session_forked'",
    ...answer,
    source_session_id: 'string',
    new_session_id: 'string',
    'forked_from_thread_id?': 'string',
  },
  messages_page: {
    type: "'messages_page'",
    ...answer,
    session_id: 'string',
    messages: 'Message[]',
    has_older: 'boolean',
    has_newer: 'boolean',
    message_count: 'count',
  },
  turn_diffs_page: {
    type: "'turn_diffs_page'",
    ...answer,
    session_id: 'string',
    turn_diffs: 'TurnDiff[]',
    has_older: 'boolean',
  },
  search_results: {
    type: "'search_results'",
    ...answer,
    query: 'string',
    hits: 'SearchHit[]',
    next: 'count | null',
    'is_partial?': 'true',
  },
  text_part: {
    type: "'text_part'",
    ...answer,
    session_id: 'string',
    'message_id?': 'string',
    'turn_id?': 'string',
    field: "'content' | 'tool_input' | 'tool_output' | 'diff'",
    offset: 'count',
    text: 'string',
    length: 'count',
  },
  approvals_list: {
    type: "'approvals_list'",
    ...answer,
    session_id: 'string | null',
    approvals: 'ApprovalHistoryItem[]',
  },
  approval_deleted: { type: "'approval_deleted'", ...answer, approval_id: 'count' },
  review_comments_list: {
    type: "'review_comments_list'",
    ...answer,
    session_id: 'string',
    comments: 'ReviewComment[]',
  },
  subagent_tools_list: {
    type: "'subagent_tools_list'",
    ...answer,
    session_id: 'string',
    subagent_id: 'string',
    tools: 'SubagentTool[]',
    'unavailable?': 'string',
  },
  directory_listing: {
    type: "'directory_listing'",
    ...answer,
    path: 'string',
    entries: 'DirectoryEntry[]',
  },
  recent_projects_list: {
    type: "'recent_projects_list'",
    ...answer,
    projects: 'RecentProject[]',
  },
  error: {
    type: "'error'",
    ...answer,
    code: 'string',
    message: 'string',
    session_id: 'string | null',
  },
  ack: { type: "'ack'", ...answer, 'id?': 'string' },
} as const;

const catalog = {
  models_list: { type: "'models_list'", ...answer, models: 'CodexModelOption[]' },
  codex_login_chatgpt_started: {
    type: "'codex_login_chatgpt_started'",
    ...answer,
    login_id: 'string',
    auth_url: 'string',
  },
  codex_login_chatgpt_canceled: {
    type: "'codex_login_chatgpt_canceled'",
    ...answer,
    login_id: 'string',
    status: "'canceled' | 'not_found' | 'invalid_id'",
  },
  skills_list: {
    type: "'skills_list'",
    ...answer,
    session_id: 'string',
    skills: 'SkillsListEntry[]',
    errors: 'SkillErrorInfo[]',
  },
  remote_skills_list: {
    type: "'remote_skills_list'",
    ...answer,
    session_id: 'string',
    skills: 'RemoteSkillSummary[]',
  },
  remote_skill_downloaded: {
    type: "'remote_skill_downloaded'",
    ...answer,
    session_id: 'string',
    id: 'string',
    name: 'string',
    path: 'string',
  },
  mcp_tools_list: {
    type: "'mcp_tools_list'",
    ...answer,
    session_id: 'string',
    tools: 'Record<string, McpTool>',
    resources: 'Record<string, McpResource[]>',
    resource_templates: 'Record<string, McpResourceTemplate[]>',
    auth_statuses: 'Record<string, McpAuthStatus>',
  },
} as const;

const wire = scope({
  ...words,
  ...sessionNouns,
  ...sessionViews,
  ...workNouns,
  ...codexNouns,
  ...facts,
  ...transientRoomMessages,
  ...transientListMessages,
  ...replies,
  ...catalog,
});

/** Every noun and every message that the server sends, by name. */
export const WIRE = wire.export();

type Schemas = Pick<typeof WIRE, ServerMessage['type']>;

/** Plain nested properties, so that two ways of saying the same compare as the same. */
type Plain<T> = T extends object ? { [Key in keyof T]: Plain<T[Key]> } : T;
type Same<One, Other> =
  (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Other ? 1 : 2 ? true : false;
/** What a type of message holds besides what carries it. */
type Bare<Message> = Plain<Omit<Message, 'revision' | 'request_id' | 'truncated'>>;
type Typed<Tag extends ServerMessage['type']> = Extract<ServerMessage, { type: Tag }>;

/** The types of message whose schema says something else than `server.ts`. */
type Disagreeing = {
  [Tag in keyof Schemas]: Same<Bare<Schemas[Tag]['infer']>, Bare<Typed<Tag>>> extends true
    ? never
    : Tag;
}[keyof Schemas];

/**
 * Does not compile while there is one, and names it.
 *
 * @public
 */
export const SCHEMAS_AGREE: [Disagreeing] extends [never] ? true : Disagreeing = true;

/** Every type of message the server sends. */
export const SERVER_TYPES = Object.keys({
  ...facts,
  ...transientRoomMessages,
  ...transientListMessages,
  ...replies,
  ...catalog,
}).sort() as ServerMessage['type'][];

/**
 * What is wrong with a frame, in words.
 *
 * @returns null for a message that we may send: a known type with exactly its fields
 */
export function validationErrorOf(frame: unknown): string | null {
  const { type: tag } = (frame ?? {}) as { type?: unknown };
  if (typeof tag !== 'string' || !Object.hasOwn(WIRE, tag)) return `no type of ours: ${tag}`;
  const checked = (WIRE[tag as keyof Schemas] as (value: unknown) => unknown)(frame);
  return checked instanceof type.errors ? `${tag}: ${checked.summary}` : null;
}
