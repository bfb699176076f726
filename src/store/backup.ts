/**
 * Copies of the database: one is made while the server runs or not, and put back while none runs. Nothing that is
 * replaced is deleted: it is moved aside. Called by the commands `backup`, `restore` and `init --fresh-db`.
 */
import { constants, copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { DataPaths } from '../config.ts';
import { EXIT, ExitError } from '../exit.ts';
import { asidePath, filesOf, findDamage, forgetDamage } from './damage.ts';
import { asExitError, openDatabase, refuseForeignFile } from './database.ts';
import { acquireLock, createPrivateFile, openSqlite } from './lock.ts';
import { refuseUnknownSchema } from './migrate.ts';
import { keepTokens } from './tokens.ts';

/**
 * Copies the database as it is now, whole or not at all, also while a server writes into it.
 *
 * @param target  the new file; unless given, one in `backups` of the data directory, named by the time
 * @returns where the copy is
 * @throws ExitError 78 when there is no database, the target exists, or what can be copied is damaged
 */
export async function backUpDatabase(
  paths: DataPaths,
  target: string | undefined,
  now = new Date(),
): Promise<string> {
  if (!existsSync(paths.database)) {
    throw new ExitError(EXIT.configuration, `There is no database at ${paths.database} to back up`);
  }
  const path = target === undefined ? defaultTarget(paths, now) : resolve(target);
  if (existsSync(path)) {
    throw new ExitError(
      EXIT.configuration,
      `${path} exists already; name a new file for the backup`,
    );
  }
  const unfinished = `${path}.part`;
  const database = openDatabase(paths.database, { durability: 'full', readonly: true });
  try {
    rmSync(unfinished, { force: true });
    createPrivateFile(unfinished);
    await database.backup(unfinished);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw asExitError(paths.database, error);
  } finally {
    database.close();
  }
  const damage = findDamage(unfinished);
  if (damage !== null) {
    const kept = `${path}.damaged`;
    renameSync(unfinished, kept);
    throw new ExitError(
      EXIT.configuration,
      `The database ${paths.database} is damaged (${damage}). What can still be read is in ${kept}, which is no ` +
        `backup: try \`sqlite3 ${kept} .recover\``,
    );
  }
  makeOneFile(unfinished);
  renameSync(unfinished, path);
  return path;
}

/** Without a log of writes whoever reads the copy makes no other files beside it. */
function makeOneFile(path: string): void {
  const copy = openSqlite(path);
  try {
    copy.pragma('journal_mode = DELETE');
  } finally {
    copy.close();
  }
}

function defaultTarget(paths: DataPaths, now: Date): string {
  const folder = join(paths.dir, 'backups');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return `${asidePath({ dir: folder }, 'orbitdock', now)}.db`;
}

/**
 * Puts a backup in the place of the database. The next start begins a new epoch, so that clients throw away what
 * they knew, and migrates the backup where it is older than the program. Tokens are not put back: those of the
 * database that is replaced stay, and where it cannot be read there are none.
 *
 * @returns where the old files are; null when there were none
 * @throws ExitError 75 while a server runs; 78 when the file is no sound database of ours
 */
export function restoreDatabase(paths: DataPaths, file: string, now = new Date()): string | null {
  const source = resolve(file);
  refuseUnusable(source, paths);
  const lock = acquireLock(paths);
  const unfinished = `${paths.database}.part`;
  try {
    rmSync(unfinished, { force: true });
    createPrivateFile(unfinished);
    copyFileSync(source, unfinished, constants.COPYFILE_FICLONE);
    // Who was shut out since then stays out.
    keepTokens(paths.database, unfinished);
    const kept = moveAside(paths, now);
    renameSync(unfinished, paths.database);
    return kept;
  } finally {
    rmSync(unfinished, { force: true });
    lock.release();
  }
}

/**
 * Moves the database aside, so that the next start begins with a new one.
 *
 * @returns where the old files are; null when there were none
 * @throws ExitError 75 while a server runs
 */
export function setAside(paths: DataPaths, now = new Date()): string | null {
  const lock = acquireLock(paths);
  try {
    return moveAside(paths, now);
  } finally {
    lock.release();
  }
}

/** Without `epoch.json` the database that comes next begins an epoch of its own. */
function moveAside(paths: DataPaths, now: Date): string | null {
  const old = [...filesOf(paths), ...(existsSync(paths.epoch) ? [paths.epoch] : [])];
  const target = old.length === 0 ? null : asidePath(paths, 'replaced', now);
  if (target !== null) {
    mkdirSync(target, { mode: 0o700 });
    for (const path of old) renameSync(path, join(target, basename(path)));
  }
  forgetDamage(paths);
  return target;
}

function refuseUnusable(source: string, paths: DataPaths): void {
  const isOwn = filesOf(paths).includes(source);
  const problem = isOwn
    ? 'is the database itself; name a backup'
    : existsSync(source)
      ? null
      : `does not exist; backups of this server are in ${join(dirname(paths.database), 'backups')}`;
  if (problem !== null) throw new ExitError(EXIT.configuration, `${source} ${problem}`);
  refuseForeignFile(source);
  const damage = findDamage(source);
  if (damage !== null) {
    throw new ExitError(
      EXIT.configuration,
      `${source} is damaged itself (${damage}); name another backup`,
    );
  }
  const database = openDatabase(source, { durability: 'full', readonly: true });
  try {
    refuseUnknownSchema(database, source);
  } finally {
    database.close();
  }
}
