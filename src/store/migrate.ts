/**
 * Brings a database forward, one migration at a time, each with its version row in one transaction: a
 * failure leaves the version before it, and the next start tries again. Never backwards. A database that
 * holds something is copied aside first. Called by database.ts, which has checked whose file it is.
 */
import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { EXIT, ExitError } from '../exit.ts';
import { createPrivateFile } from './lock.ts';
import { isoMs } from './text.ts';

declare const __MIGRATIONS__: Array<{ name: string; sql: string }> | undefined;

/** One step of the schema: its number and name come from the file name, `003_repair.sql`. */
export interface Migration {
  version: number;
  name: string;
  sql: string;
}

/** The schema of the reference server ends here. */
const NEWEST_REFERENCE_VERSION = 2;

/**
 * Applies what is missing. Safe to call on a database that is up to date: it then writes nothing.
 *
 * @param path  where the database is, for its backup and for messages
 * @param migrations  all there are, oldest first; tests hand in their own
 * @throws ExitError 78 when the schema is newer than we are, or naming the migration that failed
 */
export function migrate(
  database: Database.Database,
  path: string,
  migrations: Migration[] = loadMigrations(),
): void {
  const applied = appliedVersions(database);
  const newestKnown = migrations.at(-1)?.version ?? 0;
  refuseNewerSchema(database, path, Math.max(0, ...applied), newestKnown);
  const missing = migrations.filter(({ version }) => !applied.has(version));
  if (missing[0] === undefined) return;
  if (applied.size > 0) backUp(database, `${path}.before-${missing[0].version}`);
  makeShrinkable(database);
  database.function('iso_ms', { deterministic: true }, (value: unknown) =>
    typeof value === 'string' ? isoMs(value) : value,
  );
  for (const migration of missing) apply(database, path, migration);
}

/** @throws ExitError 78 when the schema is newer than we are */
export function refuseUnknownSchema(database: Database.Database, path: string): void {
  const newest = Math.max(0, ...appliedVersions(database));
  refuseNewerSchema(database, path, newest, loadMigrations().at(-1)?.version ?? 0);
}

function appliedVersions(database: Database.Database): Set<number> {
  const isNew = !hasRow(database, `SELECT 1 FROM sqlite_master WHERE name = 'schema_versions'`);
  if (isNew) return new Set();
  const versions = new Set(
    database.prepare<[], number>('SELECT version FROM schema_versions').pluck().all(),
  );
  // The reference records a migration as applied even when it failed: look instead of believing.
  const hasImages = `SELECT 1 FROM pragma_table_info('messages') WHERE name = 'images_json'`;
  if (versions.has(2) && !hasRow(database, hasImages)) versions.delete(2);
  return versions;
}

/** So that the file gives back what retention frees. A file that holds something is written anew once for it. */
function makeShrinkable(database: Database.Database): void {
  if (database.pragma('auto_vacuum', { simple: true }) === INCREMENTAL) return;
  database.pragma('auto_vacuum = INCREMENTAL');
  database.exec('VACUUM');
}

const INCREMENTAL = 2;

function hasRow(database: Database.Database, sql: string): boolean {
  return database.prepare(sql).get() !== undefined;
}

function refuseNewerSchema(
  database: Database.Database,
  path: string,
  newest: number,
  newestKnown: number,
): void {
  const isReference = database.pragma('application_id', { simple: true }) === 0;
  const limit = isReference ? NEWEST_REFERENCE_VERSION : newestKnown;
  if (newest <= limit) return;
  throw new ExitError(
    EXIT.configuration,
    `The database ${path} has schema ${newest}, this program knows ${limit}; it was left alone. ` +
      'Install a newer version or choose another --data-dir',
  );
}

function apply(database: Database.Database, path: string, migration: Migration): void {
  const { version, name, sql } = migration;
  try {
    database.transaction(() => {
      database.exec(sql);
      database
        .prepare('INSERT OR REPLACE INTO schema_versions (version, name) VALUES (?, ?)')
        .run(version, name);
    })();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExitError(
      EXIT.configuration,
      `Migration ${version} (${name}) of ${path} failed: ${reason}. Nothing of it was kept; ` +
        'the database is as it was before',
      { cause: error },
    );
  }
}

/** Copies the database to `target`, whole or not at all, also while its WAL holds commits. */
function backUp(database: Database.Database, target: string): void {
  const unfinished = `${target}.part`;
  try {
    rmSync(unfinished, { force: true });
    createPrivateFile(unfinished);
    database.prepare('VACUUM INTO ?').run(unfinished);
    renameSync(unfinished, target);
  } catch (error) {
    rmSync(unfinished, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExitError(
      EXIT.configuration,
      `Cannot copy the database to ${target} before migrating it: ${reason}. Nothing was changed`,
      { cause: error },
    );
  }
}

/** All migrations, oldest first: embedded by the build, in development read from the tree. */
export function loadMigrations(): Migration[] {
  const files = typeof __MIGRATIONS__ === 'undefined' ? readFromTree() : __MIGRATIONS__;
  return files.map(({ name, sql }) => ({
    version: Number.parseInt(name, 10),
    name: name.replace(/^\d+_|\.sql$/g, ''),
    sql,
  }));
}

function readFromTree(): Array<{ name: string; sql: string }> {
  const folder = new URL('../../migrations/', import.meta.url);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => ({ name, sql: readFileSync(new URL(name, folder), 'utf8') }));
}
