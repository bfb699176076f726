/**
 * The account that Codex uses: who is signed in, the one login that may be under way, and how much of its limits is
 * used. Whatever changes it, we, a browser or the engine itself, the engine reports it, and the list's room gets it.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OrbitError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type {
  CodexAccountStatus,
  CodexLoginCancelStatus,
  RateLimit,
} from '../../protocol/reply-nouns.ts';
import type { Account, ServerPort } from '../provider.ts';
import { accountOnDisk, accountStatus, unknownAccount } from './catalog.ts';
import type { Engine } from './engine/engine.ts';
import { type Json, number, object, string } from './rollouts/rollout-items.ts';

interface AccountDeps {
  engine: Engine;
  port: Pick<ServerPort, 'sendToList'>;
  /** CODEX_HOME, whose `auth.json` others may change too. */
  codexHome: string;
  log: Logger;
  /** How long a login may wait for its user. */
  loginLimitMs?: number;
}

const LOGIN_LIMIT_MS = 10 * 60_000;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The account over an engine that need not run. */
export function createAccount(deps: AccountDeps): Account {
  return new CodexAccount(deps);
}

class CodexAccount implements Account {
  readonly #deps: AccountDeps;
  #login: { id: string; timer: NodeJS.Timeout } | null = null;
  /** What `auth.json` was when the engine read it; null when the engine has written it since. */
  #seenAuth: string | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(deps: AccountDeps) {
    this.#deps = deps;
    this.#deps.engine.onReport((report) => {
      if (report.method.startsWith('account/')) this.#seenAuth = null;
      if (report.method === 'account/login/completed') {
        const { loginId, success, error } = report.params;
        if (loginId !== null && loginId === this.#login?.id) this.#loginOver(success, error);
      } else if (report.method === 'account/updated') {
        void this.#sendUpdated();
      }
    });
    this.#deps.engine.onState((state, reason) => {
      if (state === 'ready') this.#seenAuth = null;
      // The process that waited for the browser is gone.
      else if (state === 'failed' && this.#login) this.#loginOver(false, reason ?? 'Codex stopped');
    });
  }

  startLogin(): Promise<{ loginId: string; authUrl: string }> {
    return this.#inTurn(() => this.#startLogin());
  }

  cancelLogin(loginId: string): Promise<CodexLoginCancelStatus> {
    return this.#inTurn(() => this.#cancelLogin(loginId));
  }

  signOut(): Promise<void> {
    return this.#inTurn(() => this.#signOut());
  }

  useApiKey(key: string): Promise<void> {
    return this.#inTurn(() => this.#useApiKey(key));
  }

  /** One after another: a renewed engine must not take a login with it that has just begun. */
  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(run);
    this.#last = result.catch(() => {
      // The caller gets the error; the next one begins all the same.
    });
    return result;
  }

  #loginId(): string | null {
    return this.#login?.id ?? null;
  }

  /** As much as can be had: without a network there is nothing to refresh with, or less to say. */
  async #read(refreshToken: boolean): Promise<CodexAccountStatus> {
    try {
      return accountStatus(
        await this.#deps.engine.request('account/read', { refreshToken }),
        this.#loginId(),
      );
    } catch (error) {
      if (!(error instanceof OrbitError) || this.#deps.engine.state !== 'ready') throw error;
      this.#deps.log.warn('codex.account_read_failed', { error, refresh: refreshToken });
      if (refreshToken) return this.#read(false);
      const params = { includeToken: false, refreshToken: false };
      const onDisk = await this.#deps.engine.request('getAuthStatus', params);
      return accountOnDisk(onDisk, this.#loginId(), error.message);
    }
  }

  async #statusNow({ refresh = false } = {}): Promise<CodexAccountStatus> {
    try {
      await this.#renewAfterForeignChange();
      return await this.#read(refresh);
    } catch (error) {
      // An error here would make the app ask again at once, for ever.
      this.#deps.log.warn('codex.account_unknown', { error: error as Error });
      return unknownAccount(error instanceof OrbitError ? error.message : 'see the log');
    }
  }

  /** `codex login` in a terminal: the engine reads its files only when it starts. */
  async #renewAfterForeignChange(): Promise<void> {
    if (this.#deps.engine.state !== 'ready' || this.#login) return;
    const before = this.#seenAuth;
    this.#seenAuth = await authStamp(this.#deps.codexHome);
    if (before === null || before === this.#seenAuth) return;
    const renewed = await this.#deps.engine.renew();
    this.#deps.log.info('codex.account_changed_elsewhere', { renewed });
  }

  status(options?: { refresh?: boolean }): Promise<CodexAccountStatus> {
    return this.#inTurn(() => this.#statusNow(options));
  }

  async #sendUpdated(): Promise<void> {
    const now = await this.status();
    this.#deps.port.sendToList({ type: 'codex_account_updated', status: now });
    this.#deps.port.sendToList({ type: 'codex_account_status', status: now });
  }

  async #sendStatus(): Promise<void> {
    this.#deps.port.sendToList({ type: 'codex_account_status', status: await this.status() });
  }

  #forgetLogin(): void {
    clearTimeout(this.#login?.timer);
    this.#login = null;
  }

  /** A success is followed by the engine's word that the account changed, which sends the status. */
  #loginOver(success: boolean, error: string | null): void {
    const login_id = this.#login?.id ?? '';
    this.#forgetLogin();
    const why = error !== null && { error };
    this.#deps.port.sendToList({
      type: 'codex_login_chatgpt_completed',
      login_id,
      success,
      ...why,
    });
    if (!success) void this.#sendStatus();
  }

  /** Ends a login whose user never came. */
  async #timeOut(id: string): Promise<void> {
    if (this.#login?.id !== id) return;
    this.#loginOver(false, 'Login timed out');
    await this.#deps.engine
      .request('account/login/cancel', { loginId: id })
      .catch((error: Error) => {
        this.#deps.log.warn('codex.login_not_cancelled', { error });
      });
  }

  async #startLogin(): Promise<{ loginId: string; authUrl: string }> {
    const begun = await this.#deps.engine
      .request('account/login/start', { type: 'chatgpt' })
      .catch((cause: unknown) => {
        throw failed('codex_auth_login_start_failed', cause);
      });
    if (begun.type !== 'chatgpt') {
      throw failed('codex_auth_login_start_failed', new Error(`Codex began ${begun.type}`));
    }
    const { loginId, authUrl } = begun;
    this.#forgetLogin();
    const timer = setTimeout(
      () => void this.#timeOut(loginId),
      this.#deps.loginLimitMs ?? LOGIN_LIMIT_MS,
    ).unref();
    this.#login = { id: loginId, timer };
    // Behind the asker's answer.
    setImmediate(() => void this.#sendStatus());
    return { loginId, authUrl };
  }

  async #cancelLogin(loginId: string): Promise<CodexLoginCancelStatus> {
    if (!UUID.test(loginId)) return 'invalid_id';
    if (loginId !== this.#login?.id) return 'not_found';
    // First, so that what the engine says of it is no news any more.
    this.#forgetLogin();
    const { status } = await this.#deps.engine.request('account/login/cancel', { loginId });
    setImmediate(() => void this.#sendStatus());
    return status === 'canceled' ? 'canceled' : 'not_found';
  }

  async #signOut(): Promise<void> {
    const loginId = this.#login?.id;
    this.#forgetLogin();
    try {
      if (loginId !== undefined)
        await this.#deps.engine.request('account/login/cancel', { loginId });
      await this.#deps.engine.request('account/logout', undefined);
    } catch (cause) {
      throw failed('codex_auth_logout_failed', cause);
    }
  }

  async #useApiKey(apiKey: string): Promise<void> {
    const { auth_mode } = await this.#statusNow();
    if (auth_mode === 'chatgpt') throw new OrbitError('already_signed_in');
    await this.#deps.engine.request('account/login/start', { type: 'apiKey', apiKey });
  }
}

/** Changes whenever the file does; a keyring has no file and is never noticed. */
async function authStamp(codexHome: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(join(codexHome, 'auth.json'));
    return `${ino}:${mtimeMs}:${size}`;
  } catch {
    // No account is signed in by file.
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

/* How much of its limits is used, as engine and rollouts report it with every answer of a model. */

/** Sends what an engine reports about the account's limits. */
export function followLimits(
  engine: Pick<Engine, 'onReport'>,
  port: Pick<ServerPort, 'sendLimits'>,
): void {
  engine.onReport((report) => {
    if (report.method !== 'account/rateLimits/updated') return;
    port.sendLimits(limitsFrom(report.params.rateLimits, Date.now()));
  });
}

/**
 * The windows of a snapshot: the engine writes its names in camel case, a rollout in snake case. A window that is left
 * out is one that nothing new is known of.
 *
 * @param atMs  when it was reported, ms since 1970
 */
export function limitsFrom(snapshot: unknown, atMs: number): RateLimit[] {
  const reported = object(snapshot);
  if (reported === null) return [];
  const limit =
    textOf(reported, 'limitName', 'limit_name') ?? textOf(reported, 'limitId', 'limit_id');
  const at = new Date(atMs).toISOString();
  return ['primary', 'secondary'].flatMap((name) => {
    const window = object(reported[name]);
    const used = window && countOf(window, 'usedPercent', 'used_percent');
    if (window === null || used === null) return [];
    const resets = countOf(window, 'resetsAt', 'resets_at');
    return [
      {
        provider: 'codex',
        limit: limit ?? 'codex',
        window_minutes: minutesOf(window),
        used_percent: Math.max(0, used),
        resets_at: resets === null ? null : new Date(resets * 1000).toISOString(),
        at,
      },
    ];
  });
}

function minutesOf(window: Json): number | null {
  const minutes = countOf(window, 'windowDurationMins', 'window_minutes');
  return minutes === null || minutes < 0 ? null : Math.floor(minutes);
}

function textOf(from: Json, ...names: string[]): string | null {
  return names.map((name) => string(from[name])).find((text) => text !== null) ?? null;
}

function countOf(from: Json, ...names: string[]): number | null {
  return names.map((name) => number(from[name])).find((value) => value !== null) ?? null;
}
