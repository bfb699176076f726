/**
 * One server per data directory: an exclusive lock the kernel keeps, so that it cannot outlive its
 * holder and needs no pid. Held by the writer thread as long as it runs; `status` and `init` only ask.
 * It is the lock SQLite takes on `lock.db`; that file never holds anything.
 */
import { closeSync, existsSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { DataPaths } from '../config.ts';
import { brokenInstallation, EXIT, ExitError, systemCodeOf } from '../exit.ts';
import { readServerNote } from '../files.ts';
import { addonPath, addonRefusal } from '../standalone.ts';

/** How long a start waits for the short lock of a check (`isLocked`), ms. */
const PATIENCE_MS = 200;

/**
 * Opens a SQLite file; every database of this program is opened here.
 *
 * @throws ExitError 78, with the remedy, when the addon cannot be loaded; what SQLite throws otherwise
 */
export function openSqlite(path: string, options?: Database.Options): Database.Database {
  try {
    const nativeBinding = addonPath();
    return new Database(path, {
      ...options,
      ...(nativeBinding !== undefined && { nativeBinding }),
    });
  } catch (error) {
    throw addonRefusal(error) ?? brokenInstallation(error) ?? error;
  }
}

/** The lock, held. */
export interface HeldLock {
  /** Lets the next server in. Safe to call twice. */
  release(): void;
}

/**
 * Takes the lock of the data directory for as long as the process lives or until `release`.
 *
 * @throws ExitError 75 when another process holds it, naming it where `server.json` says who it is;
 *   78 when the lock file cannot be used
 */
export function acquireLock(paths: Pick<DataPaths, 'dir' | 'lock' | 'server'>): HeldLock {
  let database: Database.Database | undefined;
  try {
    createPrivateFile(paths.lock);
    database = openSqlite(paths.lock, { timeout: PATIENCE_MS });
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    throw isBusy(error) ? heldByAnother(paths, error) : unusable(paths.lock, error);
  }
  const held = database;
  return { release: () => void held.close() };
}

/**
 * Whether a server runs on this data directory, without disturbing it or a start in progress.
 * A directory without a lock file is not locked; nothing is created.
 */
export function isLocked(lockPath: string): boolean {
  if (!existsSync(lockPath)) return false;
  const database = openSqlite(lockPath, { readonly: true, fileMustExist: true, timeout: 0 });
  try {
    database.prepare('SELECT count(*) FROM sqlite_master').get();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw error;
  } finally {
    database.close();
  }
}

/**
 * Creates an empty file that only its owner may read, if it is not there. An existing file is not even
 * opened: closing it would drop every lock this process holds on it (POSIX).
 */
export function createPrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');
}

function heldByAnother(paths: Pick<DataPaths, 'dir' | 'server'>, cause: unknown): ExitError {
  return new ExitError(
    EXIT.busy,
    `Another server${describeHolder(paths.server)} runs on ${paths.dir}; stop it or choose another --data-dir`,
    { cause },
  );
}

function describeHolder(serverPath: string): string {
  const note = readServerNote(serverPath);
  return note === null ? '' : ` (pid ${note.pid}, ${note.address} port ${note.port})`;
}

function unusable(path: string, cause: unknown): ExitError {
  if (cause instanceof ExitError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ExitError(EXIT.configuration, `Cannot lock ${path}: ${reason}`, { cause });
}
