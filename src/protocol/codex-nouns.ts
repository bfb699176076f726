/** Nouns of the provider's catalogue: models, skills, MCP servers, the account; written as those of nouns.ts. */
import type { Shape, Value } from './ark.ts';
import type { Words } from './nouns.ts';

/** What these nouns name in each other. */
interface Names extends Words {
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
export interface CodexModelOption extends Shape<typeof CodexModelOption, Names> {}

/** A skill a session may use. */
export const SkillMetadata = {
  name: 'string',
  description: 'string',
  short_description: 'string?',
  path: 'string',
  scope: "'user' | 'repo' | 'system' | 'admin'",
  enabled: 'boolean',
} as const;
export interface SkillMetadata extends Shape<typeof SkillMetadata, Names> {}

/** A skill that could not be read. */
export const SkillErrorInfo = { path: 'string', message: 'string' } as const;
export interface SkillErrorInfo extends Shape<typeof SkillErrorInfo, Names> {}

/** The skills of one directory. */
export const SkillsListEntry = {
  cwd: 'string',
  skills: 'SkillMetadata[]',
  errors: 'SkillErrorInfo[]',
} as const;
export interface SkillsListEntry extends Shape<typeof SkillsListEntry, Names> {}

/** A skill that was published. */
export const RemoteSkillSummary = { id: 'string', name: 'string', description: 'string' } as const;
export interface RemoteSkillSummary extends Shape<typeof RemoteSkillSummary, Names> {}

/** A tool of an MCP server; keys are MCP's own camelCase. */
export const McpTool = {
  name: 'string',
  title: 'string?',
  description: 'string?',
  inputSchema: 'unknown',
  outputSchema: 'unknown?',
  annotations: 'unknown?',
} as const;
export interface McpTool extends Shape<typeof McpTool, Names> {}

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
export interface McpResource extends Shape<typeof McpResource, Names> {}

/** A family of resources; keys are MCP's own camelCase. */
export const McpResourceTemplate = {
  name: 'string',
  uriTemplate: 'string',
  title: 'string?',
  description: 'string?',
  mimeType: 'string?',
  annotations: 'unknown?',
} as const;
export interface McpResourceTemplate extends Shape<typeof McpResourceTemplate, Names> {}

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
export type McpStartupStatus = Value<typeof McpStartupStatus, Names>;

/** A server that did not start. */
export const McpStartupFailure = { server: 'string', error: 'string' } as const;
export interface McpStartupFailure extends Shape<typeof McpStartupFailure, Names> {}

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
export interface CodexAccountStatus extends Shape<typeof CodexAccountStatus, Names> {}

/** What became of taking a login back. */
export const CodexLoginCancelStatus = "'canceled' | 'not_found' | 'invalid_id'";
export type CodexLoginCancelStatus = Value<typeof CodexLoginCancelStatus>;
