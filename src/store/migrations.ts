/**
 * The migrations as text: embedded by the build, read from the tree in development and tests. Called by
 * migrate.ts alone.
 */
import { readdirSync, readFileSync } from 'node:fs';

declare const __MIGRATIONS__: Array<{ name: string; sql: string }> | undefined;

/** One step of the schema: its number and name come from the file name, `003_repair.sql`. */
export interface Migration {
  version: number;
  name: string;
  sql: string;
}

/** All migrations, oldest first, without gaps. */
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
