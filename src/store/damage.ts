/**
 * A damaged database: how damage is found, and what is kept of it. Once it is known nothing is written into the
 * database any more: a copy is put aside, a note beside the database says so, and every start reads only until
 * a backup is restored. Called by the store's threads and, for the note, by the commands.
 */
import { constants, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DataPaths } from '../config.ts';
import { systemCodeOf } from '../exit.ts';
import { writeFileAtomically } from '../files.ts';
import { openDatabase, type Sqlite } from './database.ts';

/** Lines of SQLite's own account that are kept. */
const KEPT_LINES = 10;

/** What is known of a damaged database. */
export interface Damage {
  /** In SQLite's words. */
  reason: string;
  /** Directory with the copy that was put aside; null when none could be made. */
  copy: string | null;
}

/** Whether an error of SQLite says that what it read is damaged. */
export function isDamage(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: { code?: unknown } };
  return [code, cause?.code].some((each) => /^SQLITE_(CORRUPT|NOTADB)/.test(String(each)));
}

/** What is wrong with the file, in SQLite's words; null when nothing is. Reads the whole file. */
export function findDamage(path: string): string | null {
  let database: Sqlite | undefined;
  try {
    database = openDatabase(path, { durability: 'normal', readonly: true });
    const found = database.prepare<[], string>(`PRAGMA quick_check(${KEPT_LINES})`).pluck().all();
    return found.length === 1 && found[0] === 'ok' ? null : found.join('; ');
  } catch (error) {
    // The check itself may stumble over the damage.
    if (!isDamage(error)) throw error;
    return (error as Error).message;
  } finally {
    database?.close();
  }
}

/**
 * Puts a copy of the database aside and notes the damage, so that the next start writes nothing. What was noted
 * before stays: one damage makes one copy.
 *
 * @throws the system's error when not even the note can be written
 */
export function keepDamage(paths: DataPaths, reason: string, now: Date): Damage {
  const known = readNote(paths);
  if (known !== null) return known;
  const damage = { reason, copy: copyAside(paths, now) };
  writeFileAtomically(
    notePath(paths),
    `${JSON.stringify({ at: now.toISOString(), ...damage })}\n`,
    {
      mode: 0o600,
    },
  );
  return damage;
}

/**
 * Damage that an earlier process noted and that is still there; a database that is sound again has its note
 * taken away.
 */
export function standingDamage(paths: DataPaths): Damage | null {
  const note = readNote(paths);
  if (note === null) return null;
  if (findDamage(paths.database) !== null) return note;
  forgetDamage(paths);
  return null;
}

/** Takes the note away: another database is in place of the damaged one. */
export function forgetDamage(paths: Pick<DataPaths, 'dir'>): void {
  rmSync(notePath(paths), { force: true });
}

/** Where the note is. */
function notePath({ dir }: Pick<DataPaths, 'dir'>): string {
  return join(dir, 'damaged.json');
}

/** A name for a directory of files that are put aside, such as `corrupt-2026-03-01T120000Z`. */
export function asidePath({ dir }: Pick<DataPaths, 'dir'>, word: string, now: Date): string {
  const stamp = now.toISOString().replace(/\.\d+/, '').replaceAll(':', '');
  let path = join(dir, `${word}-${stamp}`);
  for (let at = 2; existsSync(path); at += 1) path = join(dir, `${word}-${stamp}-${at}`);
  return path;
}

/** The files of which a database consists. */
export function filesOf({ database }: Pick<DataPaths, 'database'>): string[] {
  return [database, `${database}-wal`, `${database}-shm`].filter((path) => existsSync(path));
}

function copyAside(paths: DataPaths, now: Date): string | null {
  const target = asidePath(paths, 'corrupt', now);
  try {
    mkdirSync(target, { mode: 0o700 });
    for (const path of filesOf(paths)) {
      copyFileSync(path, join(target, basename(path)), constants.COPYFILE_FICLONE);
    }
    return target;
  } catch (error) {
    // A full disk: the original is not touched any more, which is what matters. The log says that there is none.
    if (systemCodeOf(error) === null) throw error;
    rmSync(target, { recursive: true, force: true });
    return null;
  }
}

function readNote(paths: Pick<DataPaths, 'dir'>): Damage | null {
  let text: string;
  try {
    text = readFileSync(notePath(paths), 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    const { reason, copy } = JSON.parse(text) as Partial<Damage>;
    return { reason: String(reason), copy: copy ?? null };
  } catch {
    // A broken note is still one: that there was damage is what it says.
    return { reason: 'noted by an earlier start', copy: null };
  }
}
