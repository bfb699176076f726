/**
 * The named tokens while the server runs. The command line writes them into the database; here they are read again
 * every half second, so that a revoked one ends within a second, also where it opened a connection days ago.
 */
import { timingSafeEqual } from 'node:crypto';
import { type Rights, scopesFrom } from '../access.ts';
import { OrbitError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Scope } from '../protocol/scopes.ts';
import { digestOf, mintToken, tokenIdOf } from '../secrets.ts';
import type { PairingRow, TokenChange, TokenRow } from '../store/tokens.ts';
import type { Writer } from '../store/writer.ts';
import type { AccessItem, ReadResults } from '../store/writer-messages.ts';

/** How often the database is asked whether tokens have changed, ms. */
const CHECK_EVERY_MS = 500;
/** How often it is noted which tokens were used, ms. */
const NOTE_USE_EVERY_MS = 60_000;
const DAY_MS = 86_400_000;
/** What a device may call itself. */
const DEVICE_NAME = /[^\p{L}\p{N} ._@()-]/gu;
const NONE: ReadonlySet<Scope> = new Set();

/** What a device is called: what it calls itself, as far as a terminal and a page can show it as one word. */
export function deviceNameOf(given: string): string {
  return given.replace(DEVICE_NAME, '').trim().slice(0, 40) || 'device';
}

/** A token that was just made for a device. */
export interface PairedToken {
  /** The secret; it is nowhere else. */
  token: string;
  name: string;
  scopes: readonly Scope[];
  /** ISO 8601 UTC; null: it does not end by itself. */
  expires_at: string | null;
}

/** What a caller with a token holds: empty from the moment it is revoked or over. */
class TokenRights implements Rights {
  readonly token: { readonly id: string; readonly name: string };
  readonly #all: ReadonlySet<Scope>;
  readonly #now: () => string;
  row: TokenRow;
  isRevoked = false;

  constructor(row: TokenRow, now: () => string) {
    this.row = row;
    this.token = { id: row.id, name: row.name };
    this.#all = scopesFrom(row.scopes);
    this.#now = now;
  }

  get scopes(): ReadonlySet<Scope> {
    const { expires_at } = this.row;
    const isOver = this.isRevoked || (expires_at !== null && expires_at <= this.#now());
    return isOver ? NONE : this.#all;
  }
}

/** All tokens and pairing codes that are good. */
export class NamedTokens {
  readonly #writer: Pick<Writer, 'read' | 'submit' | 'storageError'>;
  readonly #log: Logger;
  readonly #now: () => string;
  readonly #endListeners: Array<() => void> = [];
  #tokens = new Map<string, TokenRights>();
  #pairings = new Map<string, PairingRow>();
  readonly #used = new Set<string>();
  /** Ids whose end was reported already. */
  readonly #ended = new Set<string>();
  #version: number | null = null;
  #checkedAt = 0;
  #timers: NodeJS.Timeout[] = [];

  /** @param deps.nowMs  the wall clock; ends of tokens are moments of the calendar */
  constructor(deps: {
    writer: Pick<Writer, 'read' | 'submit' | 'storageError'>;
    log: Logger;
    nowMs?: () => number;
  }) {
    this.#writer = deps.writer;
    this.#log = deps.log;
    const nowMs = deps.nowMs ?? Date.now;
    this.#now = () => new Date(nowMs()).toISOString();
  }

  /** Reads them and begins to look for changes. */
  async open(): Promise<void> {
    await this.check();
    const check = setInterval(() => void this.check(), CHECK_EVERY_MS);
    const use = setInterval(() => this.#noteUse(), NOTE_USE_EVERY_MS);
    this.#timers = [check.unref(), use.unref()];
  }

  /** Looks no more, and notes what was used; to be called while the writer still takes items. */
  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#noteUse();
  }

  /** Calls back when a token has ended: its callers have no rights any more. */
  onEnd(listener: () => void): void {
    this.#endListeners.push(listener);
  }

  /**
   * What the bearer of this token may do. The object lives: it is empty once the token has ended.
   *
   * @returns null when there is no such token (any more)
   */
  judge(text: string): Rights | null {
    const id = tokenIdOf(text);
    const rights = id === null ? undefined : this.#tokens.get(id);
    // Compared also where there is none, so that the time does not show which ids exist.
    const expected = Buffer.from(rights?.row.digest ?? digestOf(''), 'hex');
    const isRight = timingSafeEqual(Buffer.from(digestOf(text), 'hex'), expected);
    if (!rights || !isRight || rights.scopes.size === 0) return null;
    this.#used.add(rights.row.id);
    return rights;
  }

  /**
   * Makes a device's token of a pairing code, once.
   *
   * @param device  what it calls itself; used where the code names no token
   * @returns null when the code is wrong, over or used
   * @throws OrbitError `storage_unavailable` when it cannot be stored
   */
  async claim(code: string, device: string): Promise<PairedToken | null> {
    const digest = digestOf(code);
    // It may have been made a moment ago. A caller that tries many does not get a read for each.
    if (!this.#pairings.has(digest) && performance.now() - this.#checkedAt > 100)
      await this.check();
    const pairing = this.#pairings.get(digest);
    const at = this.#now();
    if (!pairing || pairing.expires_at <= at) return null;
    const { storageError: trouble } = this.#writer;
    if (trouble !== null) throw new OrbitError('storage_unavailable', { reason: trouble });
    const { text, ...minted } = mintToken();
    const { days, scopes } = pairing;
    const name = pairing.name || deviceNameOf(device);
    const expires_at =
      days === null ? null : new Date(Date.parse(at) + days * DAY_MS).toISOString();
    const ends = { last_used_at: null, revoked_at: null, replaced_at: null };
    const token: TokenRow = {
      ...{ ...minted, name, scopes, made_by: 'pair', created_at: at, expires_at },
      ...ends,
    };
    if (!(await this.#change({ type: 'claim', code: digest, token }))) return null;
    this.#version = null;
    await this.check();
    const stored = this.#tokens.get(minted.id)?.row ?? token;
    this.#log.info('token.paired', { holder: stored.name, id: stored.id });
    return { token: text, name: stored.name, scopes, expires_at };
  }

  /** The name of a token that is good now; null when there is none of this id. */
  nameOf(id: string): string | null {
    const rights = this.#tokens.get(id);
    return rights !== undefined && rights.scopes.size > 0 ? rights.row.name : null;
  }

  /**
   * Ends a token at once; what it opened is closed before this resolves.
   *
   * @returns false when it is not good (any more)
   * @throws OrbitError `storage_unavailable` when that cannot be stored
   */
  async revoke(id: string): Promise<boolean> {
    if (!(await this.#change({ type: 'revoke', id }))) return false;
    // A change of our own does not show in the version.
    this.#version = null;
    await this.check();
    return true;
  }

  /** Reads what has changed; what cannot be read now is read the next time. Never rejects. */
  async check(): Promise<void> {
    this.#checkedAt = performance.now();
    try {
      const { version, now } = await this.#writer.read({ kind: 'tokens', seen: this.#version });
      this.#version = version;
      if (now !== null) this.#take(now);
    } catch (error) {
      if (!(error instanceof OrbitError)) throw error;
      // Storage errors and the end of the server are reported elsewhere; known tokens stay as they are.
      this.#log.debug('tokens.not_read', { code: error.code });
    }
    this.#noticeExpired();
  }

  #take({ tokens, pairings }: NonNullable<ReadResults['tokens']['now']>): void {
    const known = this.#tokens;
    this.#tokens = new Map(
      tokens.map((row) => {
        const rights = known.get(row.id) ?? new TokenRights(row, this.#now);
        rights.row = row;
        return [row.id, rights];
      }),
    );
    this.#pairings = new Map(pairings.map((pairing) => [pairing.digest, pairing]));
    const gone = [...known.values()].filter(({ token }) => !this.#tokens.has(token.id));
    for (const rights of gone) {
      rights.isRevoked = true;
      this.#log.info('token.revoked', { holder: rights.token.name, id: rights.token.id });
    }
    if (gone.length > 0) this.#send();
  }

  /** Those that have expired: no row has changed. */
  #noticeExpired(): void {
    const over = [...this.#tokens.values()].filter(
      ({ scopes, row }) => scopes.size === 0 && !this.#ended.has(row.id),
    );
    for (const { row } of over) this.#ended.add(row.id);
    if (over.length > 0) this.#send();
  }

  #send(): void {
    for (const listener of this.#endListeners) listener();
  }

  #noteUse(): void {
    if (this.#used.size === 0 || this.#writer.storageError !== null) return;
    const ids = [...this.#used];
    this.#used.clear();
    this.#change({ type: 'used', ids }).catch((error: unknown) => {
      this.#log.debug('tokens.use_not_noted', { reason: String(error) });
    });
  }

  /** @returns false when it came too late */
  #change(change: TokenChange): Promise<boolean> {
    const item: AccessItem = { kind: 'access', sessionId: '', key: null, at: this.#now(), change };
    return new Promise((resolve, reject) => {
      this.#writer.submit(item, (result) => {
        if (result.outcome !== 'quarantined') return resolve(result.outcome === 'committed');
        reject(new OrbitError('storage_unavailable', { reason: result.error }));
      });
    });
  }
}
