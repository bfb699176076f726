/**
 * Nouns that only replies name: what is found, listed and counted, and the catalogue of a provider. Written as those
 * of nouns.ts; server.ts names them in its messages.
 */
import type { Shape, Value } from './ark.ts';
import type { Names, Words } from './nouns.ts';

/** A request that was asked once, and how it was settled. Every optional is present as null. */
export const ApprovalHistoryItem = {
  id: 'count',
  session_id: 'string',
  request_id: 'string',
  /** Here the key is `approval_type`, in a request it is `type`. */
  approval_type: 'ApprovalType',
  tool_name: 'string | null',
  command: 'string | null',
  file_path: 'string | null',
  cwd: 'string | null',
  decision: 'string | null',
  proposed_amendment: 'string[] | null',
  created_at: 'string',
  decided_at: 'string | null',
  /** Additive: the client of this server that decided; absent where none did, as for a decision in a terminal. */
  decided_by: 'Decider?',
} as const;
export interface ApprovalHistoryItem extends Shape<typeof ApprovalHistoryItem, Names> {}

/** One name in a directory. */
export const DirectoryEntry = { name: 'string', is_dir: 'boolean', is_git: 'boolean' } as const;
export interface DirectoryEntry extends Shape<typeof DirectoryEntry, Names> {}

/** A directory in which sessions ran. */
export const RecentProject = {
  path: 'string',
  session_count: 'count',
  last_active: 'string?',
} as const;
export interface RecentProject extends Shape<typeof RecentProject, Names> {}

/** A conversation as its provider keeps it on disk. */
export const PastSession = {
  /** The provider's own id of the conversation: a live session of it has the same. */
  id: 'string',
  provider: 'Provider',
  /** The name that a person or the provider gave it. */
  title: 'string | null',
  first_prompt: 'string | null',
  project_path: 'string | null',
  git_branch: 'string | null',
  model: 'string | null',
  /** When its file was changed last. */
  last_activity_at: 'string',
  /** Size of its file. */
  bytes: 'count',
} as const;
export interface PastSession extends Shape<typeof PastSession, Names> {}

/** A git worktree that was made for sessions. */
export const Worktree = {
  path: 'string',
  /** Null while none is checked out in it. */
  branch: 'string | null',
  /** What its branch was made from; null when that is not known, or gone. */
  base: 'string | null',
  /** Files that are changed or new and in no commit. */
  uncommitted: 'count',
  /** Commits that `base` does not have. */
  unmerged: 'count',
} as const;
export interface Worktree extends Shape<typeof Worktree, Names> {}

/** Where words were found: in a message, or in what a session is called. */
export const SearchHit = {
  session_id: 'string',
  /** Of the session: its name, its provider's title or its first prompt. */
  title: 'string',
  project_name: 'string | null',
  provider: 'string',
  /** Null for a hit in the session's own words. */
  message_id: 'string | null',
  message_type: 'MessageType?',
  tool_name: 'string?',
  timestamp: 'string | null',
  /** The text in which the words stand. */
  field: "'title' | 'content' | 'tool_input' | 'tool_output'",
  /** The line in which the first of them stands, at most 240 UTF-16 units. */
  line: 'string',
  /** Begin (included) and end (excluded) of each word in `line`, UTF-16 units. */
  marks: 'number.integer[][]',
} as const;
export interface SearchHit extends Shape<typeof SearchHit, Names> {}

/** What rows of usage are sums of. */
export type UsageBy = 'day' | 'session' | 'project' | 'provider';

const SPENT = {
  sessions: 'count',
  /** Without what the cache read or took. */
  input_tokens: 'count',
  output_tokens: 'count',
  cache_read_tokens: 'count',
  cache_write_tokens: 'count',
  /** US dollars, as the provider's own tool says; null where it says nothing. */
  cost_usd: 'number >= 0 | null',
} as const;

/** What was read, written and paid for in all. */
export const UsageSum = SPENT;
export interface UsageSum extends Shape<typeof UsageSum, Names> {}

/** What was read, written and paid for by one day, session, project or provider. */
export const UsageRow = {
  /** The day (YYYY-MM-DD of the asker's clock), id of the session, path of the project, or provider. */
  key: 'string',
  /** Of the session or the project. */
  name: 'string?',
  ...SPENT,
} as const;
export interface UsageRow extends Shape<typeof UsageRow, Names> {}

/** How much of a rate limit is used, as its provider has reported it. */
export const RateLimit = {
  provider: 'string',
  /** What the provider calls it. */
  limit: 'string',
  /** How long the window is; null where the provider does not say. */
  window_minutes: 'count | null',
  used_percent: 'number >= 0',
  /** When the window begins anew; null where the provider does not say. */
  resets_at: 'string | null',
  /** When it was reported. */
  at: 'string',
} as const;
export interface RateLimit extends Shape<typeof RateLimit, Names> {}

/** Hours without notifications: times of the day as HH:MM by the server's clock; may go over midnight. */
export const QuietTimes = { from: 'string', to: 'string' } as const;
export interface QuietTimes extends Shape<typeof QuietTimes, Names> {}

/** A browser that is notified by Web Push. */
export const PushDevice = {
  id: 'string',
  /** What it calls itself, and the beginning of its id. */
  name: 'string',
  created_at: 'string',
  /** It subscribed with the asker's token. */
  is_mine: 'true?',
  /** Name of the token that it subscribed with; left out where that is no named one. */
  token: 'string?',
} as const;
export interface PushDevice extends Shape<typeof PushDevice, Names> {}

/** One tool use of a subagent. */
export const SubagentTool = {
  id: 'string',
  tool_name: 'string',
  summary: 'string',
  output: 'string?',
  is_in_progress: 'boolean',
} as const;
export interface SubagentTool extends Shape<typeof SubagentTool, Names> {}

/* Nouns of a provider's catalogue: models, skills, MCP servers, the account. */

/** What the nouns of the catalogue name in each other. */
interface CatalogueNames extends Words {
  SkillMetadata: SkillMetadata;
  SkillErrorInfo: SkillErrorInfo;
  McpStarting: Shape<typeof McpStarting>;
  McpReady: Shape<typeof McpReady>;
  McpFailed: Shape<typeof McpFailed>;
  McpCancelled: Shape<typeof McpCancelled>;
  CodexAccount: CodexAccount;
}

/** One model of the picker. */
export const CodexModelOption = {
  id: 'string',
  model: 'string',
  display_name: 'string',
  description: 'string',
  is_default: 'boolean',
  supported_reasoning_efforts: 'string[]',
} as const;
export interface CodexModelOption extends Shape<typeof CodexModelOption, CatalogueNames> {}

/** A skill a session may use. */
export const SkillMetadata = {
  name: 'string',
  description: 'string',
  short_description: 'string?',
  path: 'string',
  scope: "'user' | 'repo' | 'system' | 'admin'",
  enabled: 'boolean',
} as const;
export interface SkillMetadata extends Shape<typeof SkillMetadata, CatalogueNames> {}

/** A skill that could not be read. */
export const SkillErrorInfo = { path: 'string', message: 'string' } as const;
export interface SkillErrorInfo extends Shape<typeof SkillErrorInfo, CatalogueNames> {}

/** The skills of one directory. */
export const SkillsListEntry = {
  cwd: 'string',
  skills: 'SkillMetadata[]',
  errors: 'SkillErrorInfo[]',
} as const;
export interface SkillsListEntry extends Shape<typeof SkillsListEntry, CatalogueNames> {}

/** A skill that was published. */
export const RemoteSkillSummary = { id: 'string', name: 'string', description: 'string' } as const;
export interface RemoteSkillSummary extends Shape<typeof RemoteSkillSummary, CatalogueNames> {}

/** A tool of an MCP server; keys are MCP's own camelCase. */
export const McpTool = {
  name: 'string',
  title: 'string?',
  description: 'string?',
  inputSchema: 'unknown',
  outputSchema: 'unknown?',
  annotations: 'unknown?',
} as const;
export interface McpTool extends Shape<typeof McpTool, CatalogueNames> {}

/** A resource of an MCP server; keys are MCP's own camelCase. */
export const McpResource = {
  name: 'string',
  uri: 'string',
  description: 'string?',
  mimeType: 'string?',
  title: 'string?',
  size: 'count?',
  annotations: 'unknown?',
} as const;
export interface McpResource extends Shape<typeof McpResource, CatalogueNames> {}

/** A family of resources; keys are MCP's own camelCase. */
export const McpResourceTemplate = {
  name: 'string',
  uriTemplate: 'string',
  title: 'string?',
  description: 'string?',
  mimeType: 'string?',
  annotations: 'unknown?',
} as const;
export interface McpResourceTemplate extends Shape<typeof McpResourceTemplate, CatalogueNames> {}

/** `oauth`, not the reference's `o_auth`: the app reads only this word. */
export const McpAuthStatus = "'unsupported' | 'not_logged_in' | 'bearer_token' | 'oauth'";
export type McpAuthStatus = Value<typeof McpAuthStatus>;

/** All that MCP servers offer, by the names the wire uses. */
export interface McpInventory {
  /** `mcp__<server>__<tool>`, as models call it. */
  tools: Record<string, McpTool>;
  resources: Record<string, McpResource[]>;
  resource_templates: Record<string, McpResourceTemplate[]>;
  auth_statuses: Record<string, McpAuthStatus>;
}

export const McpStarting = { state: "'starting'" } as const;
export const McpReady = { state: "'ready'" } as const;
export const McpFailed = { state: "'failed'", error: 'string' } as const;
export const McpCancelled = { state: "'cancelled'" } as const;
/** How far an MCP server has come. */
export const McpStartupStatus = 'McpStarting | McpReady | McpFailed | McpCancelled';
export type McpStartupStatus = Value<typeof McpStartupStatus, CatalogueNames>;

/** A server that did not start. */
export const McpStartupFailure = { server: 'string', error: 'string' } as const;
export interface McpStartupFailure extends Shape<typeof McpStartupFailure, CatalogueNames> {}

/** Who Codex is logged in as. */
export const CodexAccount = [
  { type: "'api_key'" },
  '|',
  { type: "'chatgpt'", email: 'string?', plan_type: 'string?' },
] as const;
export type CodexAccount = Value<typeof CodexAccount>;

/** Who is signed in, as far as the engine knows. */
export const CodexAccountStatus = {
  auth_mode: "'api_key' | 'chatgpt' | null",
  requires_openai_auth: 'boolean',
  account: 'CodexAccount?',
  login_in_progress: 'boolean',
  active_login_id: 'string?',
  /** Additive: why the engine could not be asked; then the rest is not known. */
  unavailable: 'string?',
} as const;
export interface CodexAccountStatus extends Shape<typeof CodexAccountStatus, CatalogueNames> {}

/** What became of taking a login back. */
export const CodexLoginCancelStatus = "'canceled' | 'not_found' | 'invalid_id'";
export type CodexLoginCancelStatus = Value<typeof CodexLoginCancelStatus>;
