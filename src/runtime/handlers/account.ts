/** The provider account and its models. None of it belongs to a session. */
import { OrbitError } from '../../errors.ts';
import type { Account } from '../../providers/provider.ts';
import type { Providers } from '../../providers/registry.ts';
import type { Handlers } from './handler.ts';

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
