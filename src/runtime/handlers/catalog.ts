/**
 * Messages that ask a provider: account, models, skills, MCP servers.
 */
import { isAbsolute } from 'node:path';
import { OrbitError } from '../../errors.ts';
import type { Account, Catalog } from '../../providers/provider.ts';
import type { Providers } from '../../providers/registry.ts';
import type { Writer } from '../../store/writer.ts';
import type { Handlers } from '../runtime-api.ts';
import type { BoundThreads } from '../steering/connectors.ts';

type CatalogTag =
  | 'list_skills'
  | 'list_remote_skills'
  | 'download_remote_skill'
  | 'list_mcp_tools'
  | 'refresh_mcp_servers';

interface CatalogDeps {
  providers: Pick<Providers, 'catalog'>;
  threads: Pick<BoundThreads, 'threadOf'>;
  writer: Pick<Writer, 'read'>;
}

const MAX_CWDS = 32;

/** Handlers of this group. */
export function createCatalogHandlers({
  providers,
  threads,
  writer,
}: CatalogDeps): Handlers<CatalogTag> {
  /** The catalog of a session's provider, and where it works. @throws OrbitError `session_not_found` */
  async function catalogOf(sessionId: string): Promise<{ catalog: Catalog; directory: string }> {
    const { stored } = await writer.read({ kind: 'actor', sessionId });
    const catalog = stored && providers.catalog(stored.summary.provider);
    if (!stored || !catalog) {
      throw new OrbitError('session_not_found', { id: sessionId }, { sessionId });
    }
    return { catalog, directory: stored.summary.current_cwd ?? stored.summary.project_path };
  }

  async function refuseRemote({ session_id }: { session_id: string }): Promise<never> {
    await catalogOf(session_id);
    const reason = 'this Codex offers none; put the skill into the skills folder of the project';
    const what = 'A remote skill';
    throw new OrbitError('unsupported', { what, reason }, { sessionId: session_id });
  }

  return {
    async list_skills({ session_id, cwds, force_reload }, { reply }) {
      const { catalog, directory } = await catalogOf(session_id);
      const wanted = cwds?.length ? checkedCwds(cwds, session_id) : [directory];
      const skills = await catalog.skills(wanted, { reload: force_reload === true });
      const errors = skills.flatMap((entry) => entry.errors);
      reply({ type: 'skills_list', session_id, skills, errors });
    },
    list_remote_skills: refuseRemote,
    download_remote_skill: refuseRemote,
    async list_mcp_tools({ session_id }, { reply }) {
      const { catalog } = await catalogOf(session_id);
      const inventory = await catalog.mcpServers(threads.threadOf(session_id));
      reply({ type: 'mcp_tools_list', session_id, ...inventory });
    },
    async refresh_mcp_servers({ session_id }) {
      const { catalog } = await catalogOf(session_id);
      await catalog.reloadMcpServers();
    },
  };
}

function checkedCwds(cwds: readonly string[], sessionId: string): string[] {
  if (cwds.length <= MAX_CWDS && cwds.every((path) => isAbsolute(path))) return [...cwds];
  const reason = `cwds is a list of at most ${MAX_CWDS} absolute paths`;
  throw new OrbitError('invalid_argument', { reason }, { sessionId });
}

type AccountTag =
  | 'list_models'
  | 'codex_account_read'
  | 'codex_login_chatgpt_start'
  | 'codex_login_chatgpt_cancel'
  | 'codex_account_logout'
  | 'set_open_ai_key';

/** What a key may be: one word of printable ASCII, as it goes into a header. */
const KEY = /^[!-~]{8,512}$/;

/** Handlers of this group. */
export function createAccountHandlers(providers: Providers): Handlers<AccountTag> {
  return {
    async list_models(_, { reply }) {
      const catalogs = [...providers].flatMap(({ catalog }) => catalog ?? []);
      const lists = await Promise.all(catalogs.map((catalog) => catalog.models()));
      reply({ type: 'models_list', models: lists.flat() });
    },
    async codex_account_read({ refresh_token }, { reply }) {
      const status = await accountOf(providers).status({ refresh: refresh_token === true });
      reply({ type: 'codex_account_status', status });
    },
    async codex_login_chatgpt_start(_, { reply }) {
      const { loginId, authUrl } = await accountOf(providers).startLogin();
      reply({ type: 'codex_login_chatgpt_started', login_id: loginId, auth_url: authUrl });
    },
    async codex_login_chatgpt_cancel({ login_id }, { reply }) {
      const status = await accountOf(providers).cancelLogin(login_id);
      reply({ type: 'codex_login_chatgpt_canceled', login_id, status });
    },
    async codex_account_logout(_, { reply }) {
      await accountOf(providers).signOut();
      reply({ type: 'codex_account_updated', status: await accountOf(providers).status() });
    },
    async set_open_ai_key({ key }) {
      const word = key.trim();
      if (!KEY.test(word)) {
        throw new OrbitError('invalid_argument', { reason: 'This is no API key; nothing was set' });
      }
      await accountOf(providers).useApiKey(word);
    },
  };
}

/** The one account that the wire has messages for. @throws OrbitError where there is none */
function accountOf(providers: Providers): Account {
  const { account, name } = providers.of('codex');
  if (account) return account;
  throw new OrbitError('unsupported', { what: `An account of ${name}`, reason: 'it has none' });
}
