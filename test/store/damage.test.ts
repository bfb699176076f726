/** A damaged database: how it is known, what is put aside, and how long the note of it stays. */
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DataPaths } from '../../src/config.ts';
import {
  asidePath,
  findDamage,
  forgetDamage,
  isDamage,
  keepDamage,
  standingDamage,
} from '../../src/store/damage.ts';
import { prepareDatabase } from '../../src/store/database.ts';
import { tempPaths } from './support.ts';

const NOW = new Date('2026-03-01T12:00:00.123Z');

/** A data directory with a sound database. */
function sound(): DataPaths {
  const paths = tempPaths();
  prepareDatabase(paths);
  return paths;
}

/** Overwrites everything behind the first page. */
function damage({ database }: DataPaths): void {
  const { length } = readFileSync(database);
  const file = openSync(database, 'r+');
  writeSync(file, Buffer.alloc(length - 4096, 0x5a), 0, length - 4096, 4096);
  closeSync(file);
}

describe('damage is', () => {
  test('a code of SQLite, of the error itself or of its cause', () => {
    expect(isDamage({ code: 'SQLITE_CORRUPT_VTAB' })).toBe(true);
    expect(isDamage(new Error('read', { cause: { code: 'SQLITE_NOTADB' } }))).toBe(true);
    expect(isDamage({ code: 'SQLITE_BUSY' })).toBe(false);
    expect(isDamage(undefined)).toBe(false);
  });

  test('found by a look at the whole file', () => {
    const paths = sound();
    expect(findDamage(paths.database)).toBe(null);
    damage(paths);
    expect(findDamage(paths.database)).toMatch(/malformed|rror|page/);
  });

  test('no other trouble: that is thrown', () => {
    expect(() => findDamage(join(tempPaths().dir, 'none', 'no.db'))).toThrow();
  });
});

describe('what is kept of it', () => {
  test('is a copy of every file of the database', () => {
    const paths = sound();
    for (const end of ['-wal', '-shm']) writeFileSync(`${paths.database}${end}`, end);
    const { reason, copy } = keepDamage(paths, 'page 7 is torn', NOW);
    expect([reason, copy]).toEqual([
      'page 7 is torn',
      join(paths.dir, 'corrupt-2026-03-01T120000Z'),
    ]);
    expect(readdirSync(copy ?? '').sort()).toEqual([
      'orbitdock.db',
      'orbitdock.db-shm',
      'orbitdock.db-wal',
    ]);
    expect(readFileSync(join(copy ?? '', 'orbitdock.db-wal'), 'utf8')).toBe('-wal');
  });

  test('is nothing that other users may read', () => {
    const paths = sound();
    const { copy } = keepDamage(paths, 'page 7 is torn', NOW);
    const modeOf = (path: string) => statSync(path).mode & 0o777;
    expect([modeOf(join(paths.dir, 'damaged.json')), modeOf(copy ?? '')]).toEqual([0o600, 0o700]);
  });

  test('is one copy: damage that is known already is not copied again', () => {
    const paths = sound();
    const first = keepDamage(paths, 'page 7 is torn', NOW);
    expect(keepDamage(paths, 'page 8 is torn', new Date())).toEqual(first);
    expect(readdirSync(paths.dir).filter((name) => name.startsWith('corrupt'))).toHaveLength(1);
  });

  test('is only a note where no copy can be made, and nothing half copied', () => {
    const paths = sound();
    mkdirSync(`${paths.database}-wal`);
    expect(keepDamage(paths, 'page 7 is torn', NOW)).toEqual({
      reason: 'page 7 is torn',
      copy: null,
    });
    expect(readdirSync(paths.dir).filter((name) => name.startsWith('corrupt'))).toEqual([]);
    expect(readdirSync(paths.dir)).toContain('damaged.json');
  });

  test('has a name of its own, also twice in a second', () => {
    const paths = sound();
    for (const end of ['', '-2', '-3']) {
      const path = asidePath(paths, 'corrupt', NOW);
      expect(path).toBe(join(paths.dir, `corrupt-2026-03-01T120000Z${end}`));
      mkdirSync(path);
    }
  });
});

describe('the note of it', () => {
  test('stands while the database is damaged, with what was known then', () => {
    const paths = sound();
    expect(standingDamage(paths)).toBe(null);
    const kept = keepDamage(paths, 'page 7 is torn', NOW);
    damage(paths);
    expect(standingDamage(paths)).toEqual(kept);
    expect(standingDamage(paths)).toEqual(kept);
  });

  test('goes when a sound database stands in its place', () => {
    const paths = sound();
    keepDamage(paths, 'page 7 is torn', NOW);
    expect(standingDamage(paths)).toBe(null);
    expect(readdirSync(paths.dir)).not.toContain('damaged.json');
  });

  test('is one also when it cannot be read', () => {
    const paths = sound();
    damage(paths);
    writeFileSync(join(paths.dir, 'damaged.json'), '{"reason":');
    expect(standingDamage(paths)).toEqual({ reason: 'noted by an earlier start', copy: null });
  });

  test('may be taken away where there is none', () => {
    const paths = sound();
    expect(() => forgetDamage(paths)).not.toThrow();
  });
});
