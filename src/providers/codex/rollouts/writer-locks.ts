/**
 * Which threads are held, and by which process: Codex holds an flock on a file of each thread that it has loaded.
 * Node cannot ask for a lock without taking it, so the system's list is read; where there is none (macOS, Windows)
 * nothing is known.
 */
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCodeOf } from '../../../exit.ts';

/** A thread that a process has loaded. */
export interface WriterLock {
  threadId: string;
  pid: number;
  /** When the file of the lock was made: it goes with the lock. Milliseconds since 1970. */
  since: number;
}

/** Where Linux lists its locks. */
const PROC_LOCKS = '/proc/locks';

const LOCK_NAME = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.lock$/;
/** More threads than any machine has loaded. */
const MAX_LOCKS = 2_000;

/**
 * The threads of these homes that are loaded somewhere; null where that cannot be known.
 *
 * @param listPath  the system's list of locks
 */
export async function readWriterLocks(
  homes: readonly string[],
  listPath = PROC_LOCKS,
): Promise<Map<string, WriterLock> | null> {
  const list = await textOf(listPath);
  if (list === null) return null;
  const holders = holdersIn(list);
  const locks = new Map<string, WriterLock>();
  for (const home of homes) {
    const folder = join(home, 'thread-writer-locks');
    for (const name of (await namesIn(folder)).slice(0, MAX_LOCKS)) {
      const threadId = LOCK_NAME.exec(name)?.[1];
      if (threadId === undefined) continue;
      const stat = await lstat(join(folder, name)).catch(() => null);
      const pid = stat?.isFile() ? holders.get(stat.ino) : undefined;
      if (stat && pid !== undefined)
        locks.set(threadId, { threadId, pid, since: stat.birthtimeMs });
    }
  }
  return locks;
}

/**
 * The process of each flock by the inode of its file. The device is left out: what the list and a file's own say of
 * it differ on some file systems, and an inode that is met by chance only keeps a session from being called over.
 */
function holdersIn(list: string): Map<number, number> {
  const holders = new Map<number, number>();
  for (const line of list.split('\n')) {
    const [, pid, inode] =
      /FLOCK\s+\w+\s+WRITE\s+(\d+)\s+[0-9a-f]+:[0-9a-f]+:(\d+)/.exec(line) ?? [];
    if (pid !== undefined && inode !== undefined) holders.set(Number(inode), Number(pid));
  }
  return holders;
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === null) throw error;
    return null;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCodeOf(error) === null) throw error;
    return [];
  }
}
