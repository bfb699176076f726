/**
 * Opens the database the one way it is ever opened: checked for whose file it is, private, WAL, with
 * the durability an acknowledgement promises. Called by the writer thread (which also migrates), by
 * `init`, and read-only by whatever looks from aside.
 */
import { chmodSync, existsSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { DataPaths } from '../config.ts';
import { brokenInstallation, EXIT, ExitError, exitCodeOf } from '../exit.ts';
import { makeDirectory } from '../files.ts';
import { acquireLock, createPrivateFile, openSqlite } from './lock.ts';
import { migrate } from './migrate.ts';

/** An open connection. */
export type Sqlite = Database.Database;

/** Before it two connections that write and checkpoint at once could corrupt a WAL database. */
const OLDEST_SAFE_SQLITE = [3, 51, 3] as const;

/** How long one attempt waits for a lock that a foreign tool holds, ms; the writer retries for ever. */
const BUSY_TIMEOUT_MS = 250;

/** The WAL is cut back to this size after a checkpoint, bytes. */
const WAL_SIZE_LIMIT = 64 * 1024 * 1024;

/** Pages that a connection keeps, KiB: what it needs again and again. The kernel keeps the others as well. */
const CACHE_KIB = 4096;

/** SQLite's codes for a file that is damaged or was never a database. */
const DAMAGED = /^SQLITE_(CORRUPT|NOTADB)/;

/** How a database is opened. */
export interface OpenOptions {
  /** `full`: a commit survives a power cut. `normal`: it survives everything else. */
  durability: 'full' | 'normal';
  readonly?: boolean;
}

/**
 * Opens an existing or new database file with our settings; does not look at its schema.
 *
 * @throws ExitError 78 when the file is damaged, is no database, or cannot be opened
 */
export function openDatabase(path: string, { durability, readonly = false }: OpenOptions): Sqlite {
  assertSafeSqlite();
  let database: Sqlite | undefined;
  try {
    if (!readonly) makePrivate(path);
    database = openSqlite(path, { readonly, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    if (!readonly) {
      database.pragma('journal_mode = WAL');
      database.pragma(`synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`);
      database.pragma('wal_autocheckpoint = 1000');
      database.pragma(`journal_size_limit = ${WAL_SIZE_LIMIT}`);
    }
    database.pragma(`cache_size = -${CACHE_KIB}`);
    database.pragma('foreign_keys = ON');
    database.prepare('SELECT count(*) FROM sqlite_master').get();
    return database;
  } catch (error) {
    database?.close();
    throw asExitError(path, error);
  }
}

/**
 * Takes the lock, creates or migrates the database and lets go of both: what `init` does.
 *
 * @throws ExitError 75 while a server runs; 78 when the database cannot be used
 */
export function prepareDatabase(paths: DataPaths): { path: string } {
  makeDirectory(paths.dir);
  const lock = acquireLock(paths);
  try {
    openMigrated(paths, 'full').close();
    return { path: paths.database };
  } finally {
    lock.release();
  }
}

/**
 * The database at the newest schema. The caller holds the lock.
 *
 * @throws ExitError 78 when the file is not ours, is newer than we are, is damaged or lost, or a migration fails
 */
export function openMigrated(
  paths: Pick<DataPaths, 'database' | 'epoch'>,
  durability: OpenOptions['durability'],
): Sqlite {
  refuseLostDatabase(paths);
  refuseForeignFile(paths.database);
  const database = openDatabase(paths.database, { durability });
  try {
    migrate(database, paths.database);
    return database;
  } catch (error) {
    database.close();
    throw asExitError(paths.database, error);
  }
}

/** How many sessions a database holds, without disturbing who writes it; null when it cannot be read. */
export function countSessions(path: string): { total: number; active: number } | null {
  return readOnce(path, (database) =>
    database
      .prepare<[], { total: number; active: number }>(
        `SELECT count(*) AS total, count(*) FILTER (WHERE status = 'active') AS active FROM sessions`,
      )
      .get(),
  );
}

/** The time of the newest session's last activity, ISO 8601 UTC; null when there is none or it cannot be read. */
export function newestActivity(path: string): string | null {
  return readOnce(path, (database) =>
    database.prepare<[], string | null>('SELECT max(last_activity_at) FROM sessions').pluck().get(),
  );
}

/** Reads beside the writer; null when the database cannot be read. */
export function readOnce<T>(path: string, read: (database: Sqlite) => T | undefined): T | null {
  try {
    const database = openDatabase(path, { durability: 'normal', readonly: true });
    try {
      return read(database) ?? null;
    } finally {
      database.close();
    }
  } catch (error) {
    if (brokenInstallation((error as Error).cause ?? error)) throw error;
    return null;
  }
}

/**
 * What went wrong with the file, as a refusal to run that names the remedy. Refusals pass unchanged.
 */
export function asExitError(path: string, error: unknown): ExitError {
  if (error instanceof ExitError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const code = error instanceof Database.SqliteError ? error.code : '';
  const remedy = DAMAGED.test(code)
    ? `is damaged (${reason}). Nothing was changed. ${REMEDY}, or try \`sqlite3 ${path} .recover\``
    : `cannot be used: ${reason}`;
  const exitCode = exitCodeOf(error) === EXIT.busy ? EXIT.busy : EXIT.configuration;
  return new ExitError(exitCode, `The database ${path} ${remedy}`, { cause: error });
}

/** What puts another database in the place of one that cannot be used; the old file is kept aside. */
const REMEDY =
  'Restore a backup with `orbitdock-server restore FILE`, or begin anew with `orbitdock-server init --fresh-db`';

/**
 * A server that ran here has left `epoch.json`: then a database that is missing or holds nothing was lost, and a
 * new one in its place would hide that.
 *
 * @throws ExitError 78
 */
function refuseLostDatabase({ database, epoch }: Pick<DataPaths, 'database' | 'epoch'>): void {
  if (!existsSync(epoch)) return;
  const what = !existsSync(database) ? 'is missing' : isEmptyDatabase(database) ? 'is empty' : null;
  if (what === null) return;
  throw new ExitError(
    EXIT.configuration,
    `The database ${database} ${what}, but ${epoch} says that there was one. Nothing was changed. ${REMEDY}`,
  );
}

function isEmptyDatabase(path: string): boolean {
  if (statSync(path).size === 0) return true;
  const database = openDatabase(path, { durability: 'full', readonly: true });
  try {
    return database.prepare('SELECT 1 FROM sqlite_master').get() === undefined;
  } finally {
    database.close();
  }
}

/** @throws ExitError 78 for a SQLite file of another program; it is opened for reading only. */
export function refuseForeignFile(path: string): void {
  if (!existsSync(path) || statSync(path).size === 0) return;
  const database = openDatabase(path, { durability: 'full', readonly: true });
  try {
    const applicationId = database.pragma('application_id', { simple: true });
    const tables = database
      .prepare<[], string>(`SELECT name FROM sqlite_master WHERE type = 'table'`)
      .pluck()
      .all();
    const isReference = ['schema_versions', 'sessions', 'messages'].every((name) =>
      tables.includes(name),
    );
    const isOurs = applicationId === APPLICATION_ID;
    if (isOurs || (applicationId === 0 && (isReference || tables.length === 0))) return;
  } finally {
    database.close();
  }
  throw new ExitError(
    EXIT.configuration,
    `${path} is a database of another program; it was left alone. Move it away or choose another --data-dir`,
  );
}

/** 'OrDc', set by migration 3. */
const APPLICATION_ID = 0x4f724463;

function makePrivate(path: string): void {
  createPrivateFile(path);
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
}

let versionChecked = false;

function assertSafeSqlite(): void {
  if (versionChecked) return;
  const probe = openSqlite(':memory:');
  const version = probe.prepare<[], string>('SELECT sqlite_version()').pluck().get() ?? '0';
  probe.close();
  const parts = version.split('.').map(Number);
  for (const [at, least] of OLDEST_SAFE_SQLITE.entries()) {
    const part = parts[at] ?? 0;
    if (part > least) break;
    if (part < least) {
      const wanted = OLDEST_SAFE_SQLITE.join('.');
      throw new ExitError(
        EXIT.configuration,
        `SQLite ${version} can corrupt databases; reinstall better-sqlite3 to get ${wanted} or newer`,
      );
    }
  }
  versionChecked = true;
}
