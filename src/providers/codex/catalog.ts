/**
 * Models, skills, MCP servers and accounts, from the engine's words into the wire's. Pure; what the wire
 * has no word for is left out rather than guessed, because one unknown word makes the app drop the frame.
 */
import type {
  CodexAccount,
  CodexAccountStatus,
  CodexModelOption,
  McpAuthStatus,
  McpInventory,
  McpResource,
  McpResourceTemplate,
  McpStartupStatus,
  SkillMetadata,
  SkillsListEntry,
} from '../../protocol/codex-nouns.ts';
import type { GetAuthStatusResponse } from './protocol/generated/GetAuthStatusResponse.ts';
import type { Resource } from './protocol/generated/Resource.ts';
import type { ResourceTemplate } from './protocol/generated/ResourceTemplate.ts';
import type { Tool } from './protocol/generated/Tool.ts';
import type { Account } from './protocol/generated/v2/Account.ts';
import type { GetAccountResponse } from './protocol/generated/v2/GetAccountResponse.ts';
import type { McpAuthStatus as EngineAuthStatus } from './protocol/generated/v2/McpAuthStatus.ts';
import type { McpServerStatus } from './protocol/generated/v2/McpServerStatus.ts';
import type { McpServerStatusUpdatedNotification } from './protocol/generated/v2/McpServerStatusUpdatedNotification.ts';
import type { Model } from './protocol/generated/v2/Model.ts';
import type { SkillMetadata as EngineSkill } from './protocol/generated/v2/SkillMetadata.ts';
import type { SkillsListEntry as EngineSkills } from './protocol/generated/v2/SkillsListEntry.ts';

/** A model as the picker shows it. */
export function modelOption(model: Model): CodexModelOption {
  return {
    id: model.id,
    model: model.model,
    display_name: model.displayName,
    description: model.description,
    is_default: model.isDefault,
    supported_reasoning_efforts: model.supportedReasoningEfforts.map(
      ({ reasoningEffort }) => reasoningEffort,
    ),
  };
}

/** The skills of one directory. */
export function skillsEntry({ cwd, skills, errors }: EngineSkills): SkillsListEntry {
  return {
    cwd,
    skills: skills.map(skill),
    errors: errors.map(({ path, message }) => ({ path, message })),
  };
}

function skill(given: EngineSkill): SkillMetadata {
  const { name, description, path, scope, enabled } = given;
  const short = given.interface?.shortDescription ?? given.shortDescription;
  return {
    name,
    description,
    ...(short && { short_description: short }),
    path,
    scope,
    enabled,
  };
}

/** The inventory of several servers as one. */
export function mcpInventory(servers: readonly McpServerStatus[]): McpInventory {
  const inventory: McpInventory = {
    tools: {},
    resources: {},
    resource_templates: {},
    auth_statuses: {},
  };
  for (const server of servers) {
    for (const tool of Object.values(server.tools)) {
      if (tool) inventory.tools[`mcp__${server.name}__${tool.name}`] = mcpTool(tool);
    }
    inventory.resources[server.name] = server.resources.map(mcpResource);
    inventory.resource_templates[server.name] = server.resourceTemplates.map(mcpTemplate);
    inventory.auth_statuses[server.name] = authStatus(server.authStatus);
  }
  return inventory;
}

function mcpTool({ name, title, description, inputSchema, outputSchema, annotations }: Tool) {
  const more = { title, description, outputSchema, annotations };
  return { name, inputSchema, ...withoutEmpty(more) };
}

function mcpResource(resource: Resource): McpResource {
  const { name, uri, description, mimeType, title, size, annotations } = resource;
  return { name, uri, ...withoutEmpty({ description, mimeType, title, size, annotations }) };
}

function mcpTemplate(template: ResourceTemplate): McpResourceTemplate {
  const { name, uriTemplate, title, description, mimeType, annotations } = template;
  return { name, uriTemplate, ...withoutEmpty({ title, description, mimeType, annotations }) };
}

type OnlySet<Value> = { [Key in keyof Value]?: NonNullable<Value[Key]> };

/** Leaves out what is not set: a null where the app expects a text loses it the whole frame. */
function withoutEmpty<Value extends object>(value: Value): OnlySet<Value> {
  const set = Object.entries(value).filter(([, inner]) => inner !== undefined && inner !== null);
  return Object.fromEntries(set) as OnlySet<Value>;
}

function authStatus(status: EngineAuthStatus): McpAuthStatus {
  switch (status) {
    case 'oAuth':
      return 'oauth';
    case 'bearerToken':
      return 'bearer_token';
    case 'notLoggedIn':
      return 'not_logged_in';
    case 'unsupported':
    case 'unknown':
      return 'unsupported';
  }
}

/** How far the start of an MCP server has come. */
export function mcpStartup(report: McpServerStatusUpdatedNotification): McpStartupStatus {
  const { name, status, error } = report;
  if (status !== 'failed') return { state: status };
  return { state: 'failed', error: error ?? `${name} did not start` };
}

/** Who is signed in. @param loginId  the login that waits for its user in a browser */
export function accountStatus(
  { account, requiresOpenaiAuth }: GetAccountResponse,
  loginId: string | null,
): CodexAccountStatus {
  const known = account && knownAccount(account);
  return {
    auth_mode: known?.type ?? null,
    requires_openai_auth: requiresOpenaiAuth,
    ...(known && { account: known }),
    login_in_progress: loginId !== null,
    ...(loginId !== null && { active_login_id: loginId }),
  };
}

/**
 * Who is signed in by what is on disk, when the rest could not be had: of a ChatGPT account the engine
 * asks the network before it says a word.
 */
export function accountOnDisk(
  { authMethod, requiresOpenaiAuth }: GetAuthStatusResponse,
  loginId: string | null,
  reason: string,
): CodexAccountStatus {
  const type = authMethod === 'apikey' ? 'api_key' : authMethod === 'chatgpt' ? authMethod : null;
  return {
    auth_mode: type,
    requires_openai_auth: requiresOpenaiAuth ?? true,
    ...(type !== null && { account: { type } }),
    login_in_progress: loginId !== null,
    ...(loginId !== null && { active_login_id: loginId }),
    unavailable: reason,
  };
}

/** What is said of the account when the engine cannot be asked. */
export function unknownAccount(reason: string): CodexAccountStatus {
  return {
    auth_mode: null,
    requires_openai_auth: true,
    login_in_progress: false,
    unavailable: reason,
  };
}

/** The app knows two kinds of account; any other needs no OpenAI login and shows as none. */
function knownAccount(account: Account): CodexAccount | null {
  switch (account.type) {
    case 'apiKey':
      return { type: 'api_key' };
    case 'chatgpt': {
      const { email, planType } = account;
      return { type: 'chatgpt', ...(email !== null && { email }), plan_type: planType };
    }
    case 'amazonBedrock':
      return null;
  }
}
