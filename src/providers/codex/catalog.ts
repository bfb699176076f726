/**
 * What a Codex engine offers beside its threads: models, skills, MCP servers and their notifications, page by page.
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
} from '../../protocol/reply-nouns.ts';
import type { TransientSessionMessage } from '../../protocol/server.ts';
import type { ServerPort } from '../provider.ts';
import type { Engine } from './engine/engine.ts';
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

/** Lists of the engine come in pages; their readers want them whole, and not for ever. */

interface Page<Item> {
  data: Item[];
  nextCursor: string | null;
}

/** All items of a list, of at most `maxPages` pages. Rejects as the asking does. */
export async function allPages<Item>(
  ask: (cursor: string | null) => Promise<Page<Item>>,
  maxPages = 20,
): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < maxPages; page++) {
    const { data, nextCursor }: Page<Item> = await ask(cursor);
    items.push(...data);
    cursor = nextCursor;
    if (cursor === null) break;
  }
  return items;
}

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
function mcpStartup(report: McpServerStatusUpdatedNotification): McpStartupStatus {
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

interface EngineNotificationDeps {
  engine: Pick<Engine, 'onReport' | 'onState'>;
  port: Pick<ServerPort, 'threads' | 'send' | 'keep'>;
}

/** Threads that are never bound are forgotten beyond this many. */
const MAX_UNBOUND = 100;

type Servers = Map<string, McpStartupStatus>;

/** Follows the engine from now on. */
export function followEngine(deps: EngineNotificationDeps): void {
  followMcpStartup(deps);
  const { engine, port } = deps;
  engine.onReport(({ method }) => {
    if (method !== 'skills/changed') return;
    for (const session_id of port.threads.sessions()) {
      port.send({ type: 'skills_update_available', session_id });
    }
  });
}

function followMcpStartup({ engine, port }: EngineNotificationDeps): void {
  const { threads } = port;
  const known = new Map<string, Servers>();

  engine.onReport((report) => {
    if (report.method !== 'mcpServer/startupStatus/updated') return;
    const { threadId, name } = report.params;
    if (threadId === null) return;
    const servers = known.get(threadId) ?? new Map();
    const status = mcpStartup(report.params);
    known.set(threadId, servers.set(name, status));
    const session_id = threads.sessionOf(threadId);
    if (session_id === null) return forgetUnbound();
    port.send({ type: 'mcp_startup_update', session_id, server: name, status });
    for (const message of completion(session_id, servers)) port.send(message);
  });
  // What a process said of its servers means nothing once it is gone.
  engine.onState((state) => {
    if (state !== 'ready') known.clear();
  });
  threads.onBound((sessionId) => {
    for (const message of standing(sessionId)) port.send(message);
  });
  port.keep(standing);

  function standing(session_id: string): TransientSessionMessage[] {
    const servers = known.get(threads.threadOf(session_id) ?? '');
    if (!servers) return [];
    const updates = [...servers].map(
      ([server, status]): TransientSessionMessage => ({
        type: 'mcp_startup_update',
        session_id,
        server,
        status,
      }),
    );
    return [...updates, ...completion(session_id, servers)];
  }

  function forgetUnbound(): void {
    const unbound = [...known.keys()].filter((threadId) => threads.sessionOf(threadId) === null);
    for (const threadId of unbound.slice(0, -MAX_UNBOUND)) known.delete(threadId);
  }
}

/** The sum of it all, as soon as no server is still starting. */
function completion(session_id: string, servers: Servers): TransientSessionMessage[] {
  const all = [...servers];
  if (all.some(([, { state }]) => state === 'starting')) return [];
  const named = (wanted: McpStartupStatus['state']) =>
    all.filter(([, { state }]) => state === wanted).map(([server]) => server);
  const failed = all.flatMap(([server, status]) =>
    status.state === 'failed' ? [{ server, error: status.error }] : [],
  );
  return [
    {
      type: 'mcp_startup_complete',
      session_id,
      ready: named('ready'),
      failed,
      cancelled: named('cancelled'),
    },
  ];
}
