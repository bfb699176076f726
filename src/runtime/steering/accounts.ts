/**
 * The account that Codex uses: who is signed in, and the one login that may be under way. Whatever changes
 * it, we, a browser or the engine itself, is heard from the engine and told to the list's room.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { accountOnDisk, accountStatus, unknownAccount } from '../../connectors/codex/catalog.ts';
import type { Engine } from '../../connectors/codex/engine/engine.ts';
import { OrbitError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { CodexAccountStatus, CodexLoginCancelStatus } from '../../protocol/codex-nouns.ts';
import type { News } from '../rooms/news.ts';

/** The account, as handlers need it. */
export interface Accounts {
  /** Who is signed in; says so when that cannot be found out. Never rejects. */
  status(options?: { refresh?: boolean }): Promise<CodexAccountStatus>;
  /** Begins a login in the browser; one that is under way is over. @throws OrbitError */
  startLogin(): Promise<{ loginId: string; authUrl: string }>;
  cancelLogin(loginId: string): Promise<CodexLoginCancelStatus>;
  /** Signs out, and cancels a login that is under way. @throws OrbitError */
  signOut(): Promise<void>;
  /** Signs in with a key. @throws OrbitError `already_signed_in`, `codex_error` */
  useApiKey(key: string): Promise<void>;
}

interface AccountsDeps {
  engine: Engine;
  news: Pick<News, 'tellList'>;
  /** CODEX_HOME, whose `auth.json` others may change too. */
  codexHome: string;
  log: Logger;
  /** How long a login may wait for its user. */
  loginLimitMs?: number;
}

const LOGIN_LIMIT_MS = 10 * 60_000;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The account over an engine that need not run. */
export function createAccounts(deps: AccountsDeps): Accounts {
  const { engine, news, log, loginLimitMs = LOGIN_LIMIT_MS } = deps;
  let login: { id: string; timer: NodeJS.Timeout } | null = null;
  /** What `auth.json` was when the engine read it; null when the engine has written it since. */
  let seenAuth: string | null = null;
  let last: Promise<unknown> = Promise.resolve();

  /** One after another: a renewed engine must not take a login with it that has just begun. */
  function inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = last.then(run);
    last = result.catch(() => {
      // Whoever asked hears of it; the next one begins all the same.
    });
    return result;
  }

  engine.onReport((report) => {
    if (report.method.startsWith('account/')) seenAuth = null;
    if (report.method === 'account/login/completed') {
      const { loginId, success, error } = report.params;
      if (loginId !== null && loginId === login?.id) loginOver(success, error);
    } else if (report.method === 'account/updated') {
      void tellUpdated();
    }
  });
  engine.onState((state, reason) => {
    if (state === 'ready') seenAuth = null;
    // The process that waited for the browser is gone.
    else if (state === 'failed' && login) loginOver(false, reason ?? 'Codex stopped');
  });

  const loginId = (): string | null => login?.id ?? null;

  /** As much as can be had: without a network there is nothing to refresh with, or less to say. */
  async function read(refreshToken: boolean): Promise<CodexAccountStatus> {
    try {
      return accountStatus(await engine.request('account/read', { refreshToken }), loginId());
    } catch (error) {
      if (!(error instanceof OrbitError) || engine.state !== 'ready') throw error;
      log.warn('codex.account_read_failed', { error, refresh: refreshToken });
      if (refreshToken) return read(false);
      const params = { includeToken: false, refreshToken: false };
      const onDisk = await engine.request('getAuthStatus', params);
      return accountOnDisk(onDisk, loginId(), error.message);
    }
  }

  async function statusNow({ refresh = false } = {}): Promise<CodexAccountStatus> {
    try {
      await renewAfterForeignChange();
      return await read(refresh);
    } catch (error) {
      // An error here would make the app ask again at once, for ever (contract.md 9.4 no. 20).
      log.warn('codex.account_unknown', { error: error as Error });
      return unknownAccount(error instanceof OrbitError ? error.message : 'see the log');
    }
  }

  /** `codex login` in a terminal: the engine reads its files only when it starts. */
  async function renewAfterForeignChange(): Promise<void> {
    if (engine.state !== 'ready' || login) return;
    const before = seenAuth;
    seenAuth = await authStamp(deps.codexHome);
    if (before === null || before === seenAuth) return;
    const renewed = await engine.renew();
    log.info('codex.account_changed_elsewhere', { renewed });
  }

  const status: Accounts['status'] = (options) => inTurn(() => statusNow(options));

  async function tellUpdated(): Promise<void> {
    const now = await status();
    news.tellList({ type: 'codex_account_updated', status: now });
    news.tellList({ type: 'codex_account_status', status: now });
  }

  async function tellStatus(): Promise<void> {
    news.tellList({ type: 'codex_account_status', status: await status() });
  }

  function forgetLogin(): void {
    clearTimeout(login?.timer);
    login = null;
  }

  /** A success is followed by the engine's word that the account changed, which tells the status. */
  function loginOver(success: boolean, error: string | null): void {
    const login_id = login?.id ?? '';
    forgetLogin();
    const why = error !== null && { error };
    news.tellList({ type: 'codex_login_chatgpt_completed', login_id, success, ...why });
    if (!success) void tellStatus();
  }

  /** Ends a login whose user never came. */
  async function timeOut(id: string): Promise<void> {
    if (login?.id !== id) return;
    loginOver(false, 'Login timed out');
    await engine.request('account/login/cancel', { loginId: id }).catch((error: Error) => {
      log.warn('codex.login_not_cancelled', { error });
    });
  }

  async function startLogin(): Promise<{ loginId: string; authUrl: string }> {
    const begun = await engine
      .request('account/login/start', { type: 'chatgpt' })
      .catch((cause: unknown) => {
        throw failed('codex_auth_login_start_failed', cause);
      });
    if (begun.type !== 'chatgpt') {
      throw failed('codex_auth_login_start_failed', new Error(`Codex began ${begun.type}`));
    }
    const { loginId, authUrl } = begun;
    forgetLogin();
    const timer = setTimeout(() => void timeOut(loginId), loginLimitMs).unref();
    login = { id: loginId, timer };
    // Behind the asker's answer.
    setImmediate(() => void tellStatus());
    return { loginId, authUrl };
  }

  async function cancelLogin(loginId: string): Promise<CodexLoginCancelStatus> {
    if (!UUID.test(loginId)) return 'invalid_id';
    if (loginId !== login?.id) return 'not_found';
    // First, so that what the engine says of it is no news any more.
    forgetLogin();
    const { status } = await engine.request('account/login/cancel', { loginId });
    setImmediate(() => void tellStatus());
    return status === 'canceled' ? 'canceled' : 'not_found';
  }

  async function signOut(): Promise<void> {
    const loginId = login?.id;
    forgetLogin();
    try {
      if (loginId !== undefined) await engine.request('account/login/cancel', { loginId });
      await engine.request('account/logout', undefined);
    } catch (cause) {
      throw failed('codex_auth_logout_failed', cause);
    }
  }

  async function useApiKey(apiKey: string): Promise<void> {
    const { auth_mode } = await statusNow();
    if (auth_mode === 'chatgpt') throw new OrbitError('already_signed_in');
    await engine.request('account/login/start', { type: 'apiKey', apiKey });
  }

  return {
    status,
    startLogin: () => inTurn(startLogin),
    cancelLogin: (loginId) => inTurn(() => cancelLogin(loginId)),
    signOut: () => inTurn(signOut),
    useApiKey: (key) => inTurn(() => useApiKey(key)),
  };
}

/** Changes whenever the file does; a keyring has no file and is never noticed. */
async function authStamp(codexHome: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(join(codexHome, 'auth.json'));
    return `${ino}:${mtimeMs}:${size}`;
  } catch {
    // Nobody is signed in by file.
    return 'none';
  }
}

function failed(
  code: 'codex_auth_login_start_failed' | 'codex_auth_logout_failed',
  cause: unknown,
): OrbitError {
  const words = cause instanceof OrbitError ? cause.details.reason : (cause as Error).message;
  return new OrbitError(code, { reason: String(words) }, { cause });
}
