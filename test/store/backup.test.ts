/** Copies of the database and their way back: what stands where, and that nothing is lost or changed by it. */
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { DataPaths } from '../../src/config.ts';
import { backUpDatabase, restoreDatabase, setAside } from '../../src/store/backup.ts';
import { acquireLock } from '../../src/store/lock.ts';
import { appended, created, event, openStore, tempPaths } from './support.ts';

const NOW = new Date('2026-03-01T12:34:56.789Z');
const refused = (message: RegExp, exitCode = 78) =>
  expect.objectContaining({ exitCode, message: expect.stringMatching(message) });

/** A data directory with a session and this message of it, closed again. */
function aDatabase(message = 'm1'): DataPaths {
  const store = openStore();
  store.commit(created('s'), event('s', [appended('s', message)]));
  store.epoch.close();
  store.database.close();
  return store.paths;
}

/** Ids of the messages in the database that stands there. */
function messagesIn(paths: DataPaths): string[] {
  const store = openStore(paths);
  const ids = store.snapshot('s').messages.map(({ id }) => id);
  store.epoch.close();
  store.database.close();
  return ids;
}

/** Files that this process holds open. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      // The one of this look is over.
      return [];
    }
  });
}

describe('a backup', () => {
  test('goes where it was named, for its owner alone, and leaves nothing else behind', async () => {
    const paths = aDatabase();
    const target = join(paths.dir, 'copy.db');
    writeFileSync(`${target}.part`, 'left by one that was killed');
    expect(await backUpDatabase(paths, target)).toBe(target);
    expect(statSync(target).mode & 0o777).toBe(0o600);
    expect(existsSync(`${target}.part`)).toBe(false);
  });

  test('is one file that takes no other beside it, whoever reads it', async () => {
    const paths = aDatabase();
    const target = await backUpDatabase(paths, join(paths.dir, 'copy.db'));
    const copy = new Database(target);
    expect(copy.pragma('journal_mode', { simple: true })).toBe('delete');
    copy.prepare('SELECT count(*) FROM messages').get();
    expect(readdirSync(paths.dir).filter((name) => name.startsWith('copy.db'))).toEqual([
      'copy.db',
    ]);
    copy.close();
  });

  test('is held open by nobody, and neither is the database, once it is made or refused', async () => {
    const paths = aDatabase();
    const target = await backUpDatabase(paths, join(paths.dir, 'copy.db'));
    await expect(backUpDatabase(paths, join(paths.dir, 'gone', 'copy.db'))).rejects.toThrow();
    restoreDatabase(paths, target);
    expect(openFiles().filter((path) => path.startsWith(paths.dir))).toEqual([]);
  });

  test('changes nothing of the database, not even who may read it', async () => {
    const paths = aDatabase();
    chmodSync(paths.database, 0o644);
    await backUpDatabase(paths, join(paths.dir, 'copy.db'));
    expect(statSync(paths.database).mode & 0o777).toBe(0o644);
  });

  test('is named by the time where no name is given, in a folder for its owner alone', async () => {
    const paths = aDatabase();
    const folder = join(paths.dir, 'backups');
    const path = await backUpDatabase(paths, undefined, NOW);
    expect(path).toBe(join(folder, 'orbitdock-2026-03-01T123456Z.db'));
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder)).toEqual(['orbitdock-2026-03-01T123456Z.db']);
  });

  test('cannot be made in a folder that is not there, and says so', async () => {
    const paths = aDatabase();
    await expect(backUpDatabase(paths, join(paths.dir, 'gone', 'copy.db'))).rejects.toEqual(
      refused(/cannot be used: ENOENT/),
    );
  });

  test('is not made of nothing, and replaces nothing', async () => {
    await expect(backUpDatabase(tempPaths(), undefined)).rejects.toEqual(
      refused(/There is no database at .* to back up/),
    );
    const paths = aDatabase();
    const target = join(paths.dir, 'mine');
    writeFileSync(target, 'mine');
    await expect(backUpDatabase(paths, target)).rejects.toEqual(
      refused(/mine exists already; name a new file/),
    );
    expect(readFileSync(target, 'utf8')).toBe('mine');
  });
});

describe('a backup that is put back', () => {
  test('takes the place of the database, whose files are moved aside, and stays as it was', async () => {
    const paths = aDatabase('old');
    const backup = await backUpDatabase(paths, join(paths.dir, 'copy.db'));
    const bytes = readFileSync(backup);
    const later = openStore(paths);
    later.one(event('s', [appended('s', 'new')]));
    later.epoch.close();
    later.database.close();
    const kept = restoreDatabase(paths, backup, NOW);
    expect(kept).toBe(join(paths.dir, 'replaced-2026-03-01T123456Z'));
    expect(statSync(kept as string).mode & 0o777).toBe(0o700);
    expect(readdirSync(kept as string)).toEqual(
      expect.arrayContaining(['orbitdock.db', 'epoch.json']),
    );
    expect(existsSync(paths.epoch)).toBe(false);
    expect(existsSync(`${paths.database}.part`)).toBe(false);
    expect(statSync(paths.database).mode & 0o777).toBe(0o600);
    // Not even its header, which says how it is written.
    expect(readFileSync(backup).equals(bytes)).toBe(true);
    expect(readdirSync(paths.dir).filter((name) => name.startsWith('copy.db'))).toEqual([
      'copy.db',
    ]);
    expect(messagesIn(paths)).toEqual(['old']);
  });

  test('needs no database before it', async () => {
    const paths = aDatabase();
    const backup = await backUpDatabase(paths, join(paths.dir, 'copy.db'));
    for (const path of [paths.database, paths.epoch]) rmSync(path);
    for (const end of ['-wal', '-shm']) rmSync(`${paths.database}${end}`, { force: true });
    expect(restoreDatabase(paths, backup)).toBeNull();
    expect(messagesIn(paths)).toEqual(['m1']);
  });

  test('is a file that is there, another than the database, and one of this program', () => {
    const paths = aDatabase();
    const foreign = join(paths.dir, 'foreign.db');
    writeFileSync(foreign, 'no database at all, but long enough to be looked at'.repeat(20));
    const restore = (file: string) => () => restoreDatabase(paths, file);
    expect(restore(paths.database)).toThrow(refused(/is the database itself; name a backup/));
    expect(restore(join(paths.dir, 'gone.db'))).toThrow(
      refused(/gone\.db does not exist; backups of this server are in .*backups$/),
    );
    expect(restore(foreign)).toThrow(refused(/foreign\.db/));
    expect(messagesIn(paths)).toEqual(['m1']);
  });

  test('waits for the end of the server that runs, and the lock is free behind it', async () => {
    const paths = aDatabase();
    const backup = await backUpDatabase(paths, join(paths.dir, 'copy.db'));
    const lock = acquireLock(paths);
    expect(() => restoreDatabase(paths, backup)).toThrow(refused(/Another server/, 75));
    expect(() => setAside(paths)).toThrow(refused(/Another server/, 75));
    lock.release();
    restoreDatabase(paths, backup);
    acquireLock(paths).release();
  });
});

test('a database is set aside with all its files, each time in another place', () => {
  const paths = aDatabase();
  const first = setAside(paths, NOW);
  expect(existsSync(paths.database)).toBe(false);
  expect(setAside(paths, NOW)).toBeNull();
  for (const next of ['-2', '-3']) {
    writeFileSync(paths.database, 'another');
    expect(setAside(paths, NOW)).toBe(`${first}${next}`);
  }
  expect(readdirSync(first as string)).toContain('epoch.json');
});
