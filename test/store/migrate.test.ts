import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { openDatabase, openMigrated, prepareDatabase } from '../../src/store/database.ts';
import { loadMigrations, migrate } from '../../src/store/migrate.ts';
import { tempPaths } from './support.ts';

const migrations = loadMigrations();
const all = migrations.map(({ version }) => version);

/** Tables, indexes and columns, in a form two databases can be compared by. */
function schemaOf(database: Database.Database): unknown {
  const tables = database
    .prepare<[], { type: string; name: string }>(
      `SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name`,
    )
    .all();
  return tables.map(({ type, name }) => ({
    type,
    name,
    columns: database.prepare(`SELECT * FROM pragma_table_info('${name}')`).all(),
  }));
}

function versionsOf(database: Database.Database): number[] {
  return database
    .prepare<[], number>('SELECT version FROM schema_versions ORDER BY version')
    .pluck()
    .all();
}

describe('migrations', () => {
  test('have numbers of their own, in the order in which they run', () => {
    expect(all).toEqual([...new Set(all)].sort((a, b) => a - b));
  });

  test('bring a database from every version to the same schema', () => {
    const fresh = openMigrated(tempPaths(), 'normal');
    const wanted = schemaOf(fresh);
    fresh.close();
    for (const [at, { version }] of migrations.entries()) {
      const paths = tempPaths();
      const database = openDatabase(paths.database, { durability: 'normal' });
      migrate(database, paths.database, migrations.slice(0, at + 1));
      expect(versionsOf(database)).toEqual(all.slice(0, at + 1));
      migrate(database, paths.database);
      expect(schemaOf(database), `from version ${version}`).toEqual(wanted);
      expect(database.prepare('PRAGMA foreign_key_check').all()).toEqual([]);
      database.close();
    }
  });

  test('write nothing when there is nothing to do', () => {
    const paths = tempPaths();
    prepareDatabase(paths);
    const before = readFileSync(paths.database);
    prepareDatabase(paths);
    expect(readFileSync(paths.database).equals(before)).toBe(true);
    expect(readdirSync(paths.dir).some((name) => name.includes('before'))).toBe(false);
  });

  test('leave the version before when one fails, and the next start tries again', () => {
    const paths = tempPaths();
    const database = openDatabase(paths.database, { durability: 'normal' });
    const broken = [
      ...migrations.slice(0, 3),
      { version: 4, name: 'broken', sql: 'CREATE TABLE half (a); SELECT * FROM nowhere;' },
    ];
    expect(() => migrate(database, paths.database, broken)).toThrow(
      expect.objectContaining({ exitCode: 78, message: expect.stringContaining('4 (broken)') }),
    );
    expect(versionsOf(database)).toEqual([1, 2, 3]);
    expect(database.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'half'`).get()).toBe(
      undefined,
    );
    migrate(database, paths.database);
    expect(versionsOf(database)).toEqual(all);
    database.close();
  });

  test('copy a database aside before they touch it', () => {
    const paths = tempPaths();
    const database = openDatabase(paths.database, { durability: 'normal' });
    migrate(database, paths.database, migrations.slice(0, 2));
    database.exec(`INSERT INTO sessions (id, project_path, started_at) VALUES ('s', '/p', '17Z')`);
    migrate(database, paths.database);
    const copy = new Database(`${paths.database}.before-3`, { readonly: true });
    expect(copy.prepare('SELECT started_at FROM sessions').pluck().get()).toBe('17Z');
    expect(statSync(`${paths.database}.before-3`).mode & 0o777).toBe(0o600);
    copy.close();
    database.close();
  });

  test('touch nothing where no copy can be made', () => {
    const paths = tempPaths();
    const database = openDatabase(paths.database, { durability: 'normal' });
    migrate(database, paths.database, migrations.slice(0, 2));
    mkdirSync(`${paths.database}.before-3`);
    expect(() => migrate(database, paths.database)).toThrow(
      expect.objectContaining({
        exitCode: 78,
        message: expect.stringMatching(
          /Cannot copy.*before-3 before migrating.*Nothing was changed/,
        ),
      }),
    );
    expect(versionsOf(database)).toEqual(all.slice(0, 2));
    expect(existsSync(`${paths.database}.before-3.part`)).toBe(false);
    database.close();
  });

  test('run the second one again where the reference only claims to have run it', () => {
    const paths = tempPaths();
    const database = openDatabase(paths.database, { durability: 'normal' });
    migrate(database, paths.database, migrations.slice(0, 1));
    database.exec(`INSERT INTO schema_versions (version, name) VALUES (2, 'message_images')`);
    migrate(database, paths.database);
    expect(versionsOf(database)).toEqual(all);
    database.close();
  });
});

describe('openMigrated', () => {
  test('refuses a database that is newer than the program', () => {
    const paths = tempPaths();
    const database = openMigrated(paths, 'normal');
    database.exec(`INSERT INTO schema_versions (version, name) VALUES (99, 'future')`);
    database.close();
    expect(() => openMigrated(paths, 'normal')).toThrow(
      expect.objectContaining({
        exitCode: 78,
        message: expect.stringMatching(/schema 99.*left alone.*newer version or.*--data-dir/),
      }),
    );
  });

  test('refuses a later version of the reference', () => {
    const paths = tempPaths();
    const database = openDatabase(paths.database, { durability: 'normal' });
    migrate(database, paths.database, migrations.slice(0, 2));
    database.exec(`INSERT INTO schema_versions (version, name) VALUES (3, 'theirs')`);
    database.close();
    expect(() => openMigrated(paths, 'normal')).toThrow(expect.objectContaining({ exitCode: 78 }));
  });

  test('refuses the database of another program and leaves it untouched', () => {
    for (const journal of ['DELETE', 'WAL']) {
      const paths = tempPaths();
      const foreign = new Database(paths.database);
      foreign.pragma(`journal_mode = ${journal}`);
      foreign.exec('CREATE TABLE bookmarks (url TEXT)');
      foreign.close();
      const before = readFileSync(paths.database);
      expect(() => openMigrated(paths, 'normal')).toThrow(
        expect.objectContaining({ exitCode: 78, message: expect.stringContaining('left alone') }),
      );
      expect(readFileSync(paths.database).equals(before)).toBe(true);
    }
  });

  test.each(['schema_versions', 'sessions', 'messages'])(
    'refuses one that has the tables of the reference but for %s',
    (missing) => {
      const paths = tempPaths();
      const foreign = new Database(paths.database);
      for (const table of ['schema_versions', 'sessions', 'messages', 'other'])
        if (table !== missing) foreign.exec(`CREATE TABLE ${table} (a)`);
      foreign.close();
      expect(() => openMigrated(paths, 'normal')).toThrow(
        expect.objectContaining({
          exitCode: 78,
          message: expect.stringMatching(/another program/),
        }),
      );
    },
  );

  test('refuses a file with the application id of somebody else', () => {
    const paths = tempPaths();
    const foreign = new Database(paths.database);
    foreign.pragma('application_id = 4711');
    foreign.exec('CREATE TABLE schema_versions (version); CREATE TABLE sessions (id);');
    foreign.exec('CREATE TABLE messages (id);');
    foreign.close();
    expect(() => openMigrated(paths, 'normal')).toThrow(expect.objectContaining({ exitCode: 78 }));
  });

  test('names the remedy for a file that is damaged or no database', () => {
    const paths = tempPaths();
    writeFileSync(paths.database, 'this is not a database, whatever its name says'.repeat(100));
    expect(() => openMigrated(paths, 'normal')).toThrow(
      expect.objectContaining({ exitCode: 78, message: expect.stringContaining('damaged') }),
    );
  });

  test('takes an empty file for a new database', () => {
    const paths = tempPaths();
    writeFileSync(paths.database, '');
    openMigrated(paths, 'normal').close();
    expect(statSync(paths.database).size).toBeGreaterThan(0);
  });

  test('keeps database, WAL and lock for their owner alone', () => {
    const paths = tempPaths();
    writeFileSync(paths.database, '', { mode: 0o644 });
    const database = openMigrated(paths, 'full');
    for (const path of [paths.database, `${paths.database}-wal`]) {
      expect(existsSync(path)).toBe(true);
      expect(statSync(path).mode & 0o777).toBe(0o600);
    }
    expect(database.pragma('synchronous', { simple: true })).toBe(2);
    expect(database.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(database.pragma('foreign_keys', { simple: true })).toBe(1);
    database.close();
  });
});

test('a database that gives back what is free already is not written anew by a migration', () => {
  const { database: path } = tempPaths();
  const database = new Database(path);
  migrate(database, path, migrations.slice(0, -1));
  database.exec(
    'CREATE TABLE large (x); INSERT INTO large VALUES (zeroblob(1000000)); DROP TABLE large',
  );
  const free = () => Number(database.pragma('freelist_count', { simple: true }));
  expect(free()).toBeGreaterThan(200);
  migrate(database, path, migrations);
  expect(free()).toBeGreaterThan(150);
  database.close();
});
