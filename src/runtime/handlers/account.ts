/** The provider account and its models. */
import { type Handlers, notBuilt } from './handler.ts';

type AccountTag =
  | 'list_models'
  | 'codex_account_read'
  | 'codex_login_chatgpt_start'
  | 'codex_login_chatgpt_cancel'
  | 'codex_account_logout'
  | 'set_open_ai_key';

/** Handlers of this group. */
export function createAccountHandlers(): Handlers<AccountTag> {
  return {
    list_models: notBuilt,
    codex_account_read: notBuilt,
    codex_login_chatgpt_start: notBuilt,
    codex_login_chatgpt_cancel: notBuilt,
    codex_account_logout: notBuilt,
    set_open_ai_key: notBuilt,
  };
}
