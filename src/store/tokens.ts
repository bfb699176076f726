/**
 * Named tokens and pairing codes in the database: digests, never the secrets. The command line changes them beside a
 * running server, which notices within half a second; the server itself only turns a code into a token and notes use.
 */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { DataPaths } from '../config.ts';
import { EXIT, ExitError } from '../exit.ts';
import type { Scope } from '../protocol/scopes.ts';
import { standingDamage } from './damage.ts';
import { openDatabase, openMigrated, readOnce, type Sqlite } from './database.ts';
import { acquireLock, isLocked } from './lock.ts';
import { refuseUnknownSchema } from './migrate.ts';

/** A token as it is kept; times are ISO 8601 UTC with milliseconds. */
export interface TokenRow {
  id: string;
  name: string;
  /** SHA-256 of the whole text, hexadecimal. */
  digest: string;
  scopes: Scope[];
  made_by: 'command' | 'pair';
  created_at: string;
  expires_at: string | null;
  /** To the minute. */
  last_used_at: string | null;
  revoked_at: string | null;
  replaced_at: string | null;
}

/** A code that becomes a token, once. */
export interface PairingRow {
  digest: string;
  /** Of the token; empty: the device says. */
  name: string;
  scopes: Scope[];
  /** How long the token is good; null: for ever. */
  days: number | null;
  created_at: string;
  expires_at: string;
}

/** What the server asks the writer to change. */
export type TokenChange =
  /** A device brought a code: the token is made unless the code was used or is over. */
  | { type: 'claim'; code: string; token: TokenRow }
  | { type: 'used'; ids: string[] }
  | { type: 'revoke'; id: string };

/** What the server reads: all that is good now. */
export interface TokensRead {
  /** Changes with every commit of another connection; equal: nothing else was read. */
  version: number;
  /** Null when nothing has changed since `seen`. */
  now: { tokens: TokenRow[]; pairings: PairingRow[] } | null;
}

type Stored<Row extends { scopes: Scope[] }> = Omit<Row, 'scopes'> & { scopes: string };

const DAY_MS = 86_400_000;
/** What is over is still listed for so long. */
const KEEP_DAYS = 180;

/** Whether a token is valid at that time. */
export function isTokenGood(token: Pick<TokenRow, 'revoked_at' | 'expires_at'>, at: string) {
  return token.revoked_at === null && (token.expires_at === null || token.expires_at > at);
}

/** All tokens, the newest first, also those that are over. */
export function listTokens(database: Sqlite): TokenRow[] {
  return database
    .prepare<[], Stored<TokenRow>>('SELECT * FROM tokens ORDER BY created_at DESC, id')
    .all()
    .map(withScopes);
}

/** Reads for the server. @param seen  version of the read before; null: read all */
export function createTokensRead(database: Sqlite): (seen: number | null) => TokensRead {
  // A damaged database is not migrated: it may be older than the table.
  if (!hasTable(database, 'tokens'))
    return () => ({ version: 0, now: { tokens: [], pairings: [] } });
  const tokens = database.prepare<[], Stored<TokenRow>>(
    'SELECT * FROM tokens WHERE revoked_at IS NULL',
  );
  const pairings = database.prepare<[], Stored<PairingRow>>(
    'SELECT digest, name, scopes, days, created_at, expires_at FROM pairings WHERE used_at IS NULL',
  );
  return (seen) => {
    const version = database.pragma('data_version', { simple: true }) as number;
    if (version === seen) return { version, now: null };
    const now = { tokens: tokens.all().map(withScopes), pairings: pairings.all().map(withScopes) };
    return { version, now };
  };
}

/** Makes a change for the server, inside its transaction. @returns false when code or token is not good (any more) */
export function applyTokenChange(database: Sqlite, change: TokenChange, at: string): boolean {
  if (change.type === 'used') {
    const use = database.prepare('UPDATE tokens SET last_used_at = ? WHERE id = ?');
    for (const id of change.ids) use.run(`${at.slice(0, 16)}:00.000Z`, id);
    return true;
  }
  if (change.type === 'revoke') return revokeToken(database, change.id, at) > 0;
  const { changes } = database
    .prepare(
      'UPDATE pairings SET used_at = ? WHERE digest = ? AND used_at IS NULL AND expires_at > ?',
    )
    .run(at, change.code, at);
  if (changes === 0) return false;
  insertToken(database, { ...change.token, name: freeName(database, change.token.name) }, at);
  return true;
}

/** Two devices of one kind call themselves the same. */
function freeName(database: Sqlite, name: string): string {
  const isTaken = database
    .prepare<[string], 1>(
      'SELECT 1 FROM tokens WHERE name = ? AND revoked_at IS NULL AND replaced_at IS NULL',
    )
    .pluck();
  let free = name;
  for (let number = 2; isTaken.get(free) !== undefined; number += 1) free = `${name} ${number}`;
  return free;
}

/** Adds a token. @throws ExitError 64 when a good one has its name */
export function insertToken(database: Sqlite, token: TokenRow, at: string): void {
  tidy(database, at);
  try {
    database
      .prepare(
        `INSERT INTO tokens (id, name, digest, scopes, made_by, created_at, expires_at)
         VALUES (@id, @name, @digest, @scopes, @made_by, @created_at, @expires_at)`,
      )
      .run({ ...token, scopes: token.scopes.join(' ') });
  } catch (error) {
    if (!(error instanceof Database.SqliteError && error.code === 'SQLITE_CONSTRAINT_UNIQUE')) {
      throw error;
    }
    const reason = `There is a token ${JSON.stringify(token.name)} already`;
    throw new ExitError(EXIT.usage, `${reason}; choose another name, or rotate or revoke it`);
  }
}

/** Adds a pairing code. */
export function insertPairing(database: Sqlite, pairing: PairingRow, at: string): void {
  tidy(database, at);
  database
    .prepare(
      `INSERT INTO pairings (digest, name, scopes, days, created_at, expires_at)
       VALUES (@digest, @name, @scopes, @days, @created_at, @expires_at)`,
    )
    .run({ ...pairing, scopes: pairing.scopes.join(' ') });
}

/**
 * Ends all good tokens of that name or id, also one that was replaced and is still good.
 *
 * @returns how many
 */
export function revokeToken(database: Sqlite, name: string, at: string): number {
  return database
    .prepare(
      `UPDATE tokens SET revoked_at = @at WHERE (name = @name OR id = @name) AND revoked_at IS NULL
         AND (expires_at IS NULL OR expires_at > @at)`,
    )
    .run({ name, at }).changes;
}

/** Takes a token away that was handed to no one: no list needs to name it. */
export function forgetToken(database: Sqlite, id: string): void {
  database.prepare('DELETE FROM tokens WHERE id = ?').run(id);
}

/**
 * Puts a new secret in the place of a token's; the old one is good until then.
 *
 * @param replacement  of the new secret
 * @param until  when the old one ends
 * @returns the new token; null when there is no good one of that name
 */
export function rotateToken(
  database: Sqlite,
  name: string,
  replacement: { id: string; digest: string },
  { at, until }: { at: string; until: string },
): TokenRow | null {
  const old = database
    .prepare<{ name: string; at: string }, Stored<TokenRow>>(
      `SELECT * FROM tokens WHERE name = @name AND revoked_at IS NULL AND replaced_at IS NULL
         AND (expires_at IS NULL OR expires_at > @at)`,
    )
    .get({ name, at });
  if (old === undefined) return null;
  database
    .prepare(
      `UPDATE tokens SET replaced_at = @at, expires_at = min(coalesce(expires_at, @until), @until)
       WHERE id = @id`,
    )
    .run({ id: old.id, at, until });
  // As long as the old one was made for, from now on.
  const span = old.expires_at && Date.parse(old.expires_at) - Date.parse(old.created_at);
  const expires_at = span === null ? null : new Date(Date.parse(at) + Number(span)).toISOString();
  const token = { ...withScopes(old), ...replacement, created_at: at, expires_at };
  insertToken(database, token, at);
  return token;
}

/** Names become free again, and what is over for long goes. */
function tidy(database: Sqlite, at: string): void {
  const old = new Date(Date.parse(at) - KEEP_DAYS * DAY_MS).toISOString();
  database
    .prepare(
      'UPDATE tokens SET revoked_at = expires_at WHERE revoked_at IS NULL AND expires_at <= ?',
    )
    .run(at);
  database.prepare('DELETE FROM tokens WHERE revoked_at < ?').run(old);
  database.prepare('DELETE FROM pairings WHERE used_at IS NOT NULL OR expires_at <= ?').run(at);
}

function withScopes<Row extends { scopes: Scope[] }>(row: Stored<Row>): Row {
  return { ...row, scopes: row.scopes.split(' ') as Scope[] } as unknown as Row;
}

/** How long a change waits for the server's own writes, ms. */
const PATIENCE_MS = 10_000;
const TRY_AGAIN_MS = 20;

/**
 * Runs a change of the command line in one transaction, beside a running server or without one.
 *
 * @throws ExitError 78 when the database cannot be used or is only read because of damage; 75 when it stays busy
 */
export async function changeTokens<T>(paths: DataPaths, work: (database: Sqlite) => T): Promise<T> {
  if (standingDamage(paths) !== null) {
    const reason = `The database ${paths.database} is damaged and only read, so no token can be made or revoked`;
    const remedy =
      'stop the server and restore a backup; until then only the configured token counts';
    throw new ExitError(EXIT.configuration, `${reason}; ${remedy}`);
  }
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return changeOnce(paths, work);
    } catch (error) {
      const isBusy = error instanceof Database.SqliteError && /^SQLITE_BUSY/.test(error.code);
      if (!isBusy) throw error;
      if (performance.now() > until) {
        throw new ExitError(EXIT.busy, `The database ${paths.database} is busy; try again`);
      }
      await sleep(TRY_AGAIN_MS);
    }
  }
}

function changeOnce<T>(paths: DataPaths, work: (database: Sqlite) => T): T {
  const lock = isLocked(paths.lock) ? null : acquireLock(paths);
  try {
    const database = lock
      ? openMigrated(paths, 'full')
      : openDatabase(paths.database, { durability: 'full' });
    try {
      refuseUnknownSchema(database, paths.database);
      return database.transaction(() => work(database)).immediate();
    } finally {
      database.close();
    }
  } finally {
    lock?.release();
  }
}

const TABLES = ['tokens', 'pairings'] as const;

/**
 * Puts the tokens of one database in the place of those in another: a backup would bring revoked ones back.
 *
 * @param from  path of the database that has them; where it cannot be read, no token is kept
 * @param into  path of a copy that is not in use yet
 */
export function keepTokens(from: string, into: string): void {
  const copy = openDatabase(into, { durability: 'full' });
  try {
    for (const table of TABLES) {
      if (!hasTable(copy, table)) continue;
      const rows = rowsOf(from, table);
      copy.transaction(() => {
        copy.prepare(`DELETE FROM ${table}`).run();
        for (const row of rows) {
          const names = Object.keys(row);
          const values = names.map((name) => `@${name}`);
          copy.prepare(`INSERT INTO ${table} (${names.join()}) VALUES (${values.join()})`).run(row);
        }
      })();
    }
  } finally {
    copy.close();
  }
}

/** Damage is the usual reason for a restore: then no token is kept. */
function rowsOf(path: string, table: (typeof TABLES)[number]): object[] {
  if (!existsSync(path)) return [];
  const read = (database: Sqlite) =>
    hasTable(database, table) ? database.prepare<[], object>(`SELECT * FROM ${table}`).all() : [];
  return readOnce(path, read) ?? [];
}

/** All tokens of a database, read beside its writer; null when it cannot be read. */
export function readTokens(path: string): TokenRow[] | null {
  return readOnce(path, (database) => (hasTable(database, 'tokens') ? listTokens(database) : []));
}

function hasTable(database: Sqlite, name: string): boolean {
  return database.prepare('SELECT 1 FROM sqlite_master WHERE name = ?').get(name) !== undefined;
}
