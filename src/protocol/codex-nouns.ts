/** Nouns of the provider's catalogue: models, skills, MCP servers, the account. Shapes only. */

/** One model of the picker. */
export interface CodexModelOption {
  id: string;
  model: string;
  display_name: string;
  description: string;
  is_default: boolean;
  supported_reasoning_efforts: string[];
}

/** Where a skill of Codex is installed. */
type SkillScope = 'user' | 'repo' | 'system' | 'admin';

/** A skill a session may use. */
export interface SkillMetadata {
  name: string;
  description: string;
  short_description?: string;
  path: string;
  scope: SkillScope;
  enabled: boolean;
}

/** A skill that could not be read. */
export interface SkillErrorInfo {
  path: string;
  message: string;
}

/** The skills of one directory. */
export interface SkillsListEntry {
  cwd: string;
  skills: SkillMetadata[];
  errors: SkillErrorInfo[];
}

/** A skill somebody published. */
export interface RemoteSkillSummary {
  id: string;
  name: string;
  description: string;
}

/** A tool of an MCP server; keys are MCP's own camelCase. */
export interface McpTool {
  name: string;
  title?: string;
  description?: string;
  inputSchema: unknown;
  outputSchema?: unknown;
  annotations?: unknown;
}

/** A resource of an MCP server; keys are MCP's own camelCase. */
export interface McpResource {
  name: string;
  uri: string;
  description?: string;
  mimeType?: string;
  title?: string;
  size?: number;
  annotations?: unknown;
}

/** A family of resources; keys are MCP's own camelCase. */
export interface McpResourceTemplate {
  name: string;
  uriTemplate: string;
  title?: string;
  description?: string;
  mimeType?: string;
  annotations?: unknown;
}

/** `oauth`, not the reference's `o_auth`: the app reads only this word. */
export type McpAuthStatus = 'unsupported' | 'not_logged_in' | 'bearer_token' | 'oauth';

/** All that MCP servers offer, by the names the wire uses. */
export interface McpInventory {
  /** `mcp__<server>__<tool>`, as models call it. */
  tools: Record<string, McpTool>;
  resources: Record<string, McpResource[]>;
  resource_templates: Record<string, McpResourceTemplate[]>;
  auth_statuses: Record<string, McpAuthStatus>;
}

/** How far an MCP server has come. */
export type McpStartupStatus =
  | { state: 'starting' }
  | { state: 'ready' }
  | { state: 'failed'; error: string }
  | { state: 'cancelled' };

/** A server that did not start. */
export interface McpStartupFailure {
  server: string;
  error: string;
}

/** How Codex is logged in. */
type CodexAuthMode = 'api_key' | 'chatgpt';

/** Who Codex is logged in as. */
export type CodexAccount =
  | { type: 'api_key' }
  | { type: 'chatgpt'; email?: string; plan_type?: string };

/** Who is signed in, as far as the engine knows. */
export interface CodexAccountStatus {
  auth_mode: CodexAuthMode | null;
  requires_openai_auth: boolean;
  account?: CodexAccount;
  login_in_progress: boolean;
  active_login_id?: string;
  /** Additive: why the engine could not be asked; then the rest is not known. */
  unavailable?: string;
}

/** What became of taking a login back. */
export type CodexLoginCancelStatus = 'canceled' | 'not_found' | 'invalid_id';
