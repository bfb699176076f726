/** The provider account and its models (contract.md 2.6). None of it belongs to a session. */
import { modelOption } from '../../connectors/codex/catalog.ts';
import type { Engine } from '../../connectors/codex/engine/engine.ts';
import { allPages } from '../../connectors/codex/pages.ts';
import type { Model } from '../../connectors/codex/protocol/generated/v2/Model.ts';
import { OrbitError } from '../../errors.ts';
import type { Accounts } from '../steering/accounts.ts';
import type { Handlers } from './handler.ts';

type AccountTag =
  | 'list_models'
  | 'codex_account_read'
  | 'codex_login_chatgpt_start'
  | 'codex_login_chatgpt_cancel'
  | 'codex_account_logout'
  | 'set_open_ai_key';

interface AccountHandlersDeps {
  engine: Engine;
  accounts: Accounts;
}

/** What a key may be: one word of printable ASCII, as it goes into a header. */
const KEY = /^[!-~]{8,512}$/;

/** Handlers of this group. */
export function createAccountHandlers({
  engine,
  accounts,
}: AccountHandlersDeps): Handlers<AccountTag> {
  return {
    async list_models(_, { reply }) {
      const models = await allModels(engine);
      reply({ type: 'models_list', models: models.map(modelOption) });
    },
    async codex_account_read({ refresh_token }, { reply }) {
      const status = await accounts.status({ refresh: refresh_token === true });
      reply({ type: 'codex_account_status', status });
    },
    async codex_login_chatgpt_start(_, { reply }) {
      const { loginId, authUrl } = await accounts.startLogin();
      reply({ type: 'codex_login_chatgpt_started', login_id: loginId, auth_url: authUrl });
    },
    async codex_login_chatgpt_cancel({ login_id }, { reply }) {
      const status = await accounts.cancelLogin(login_id);
      reply({ type: 'codex_login_chatgpt_canceled', login_id, status });
    },
    async codex_account_logout(_, { reply }) {
      await accounts.signOut();
      reply({ type: 'codex_account_updated', status: await accounts.status() });
    },
    async set_open_ai_key({ key }) {
      const word = key.trim();
      if (!KEY.test(word)) {
        throw new OrbitError('invalid_argument', { reason: 'This is no API key; nothing was set' });
      }
      await accounts.useApiKey(word);
    },
  };
}

/** What the picker offers. @throws OrbitError `model_list_failed` */
async function allModels(engine: Engine): Promise<Model[]> {
  try {
    const models = await allPages((cursor) => engine.request('model/list', { cursor }));
    return models.filter(({ hidden }) => !hidden);
  } catch (cause) {
    if (!(cause instanceof OrbitError)) throw cause;
    throw new OrbitError('model_list_failed', { reason: cause.message }, { cause });
  }
}
