/**
 * What Codex keeps of its threads beside their rollouts. Names: a list to which it appends, of which only the end is
 * read. Locks: an flock on a file of each thread that a process has loaded; Node cannot ask for a lock without taking it,
 * so the system's list is read, and where there is none (macOS, Windows) nothing is known.
 */
import { constants } from 'node:fs';
import { lstat, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCodeOf } from '../../../exit.ts';
import { object, string } from './rollout-items.ts';

/** A name that a thread has got. */
export interface ThreadName {
  threadId: string;
  name: string;
  /** Milliseconds since 1970. */
  at: number;
}

/** More of the list is not read. */
const MAX_BYTES = 1024 * 1024;

/** The names of all homes. */
export class ThreadNames {
  readonly #homes: readonly string[];
  readonly #names = new Map<string, ThreadName>();
  readonly #seen = new Map<string, string>();
  #changed: ThreadName[] = [];

  constructor(homes: readonly string[]) {
    this.#homes = homes;
  }

  /** Null where a thread has none. */
  of(threadId: string): string | null {
    return this.#names.get(threadId)?.name ?? null;
  }

  /** What has changed since this was last asked. */
  changed(): ThreadName[] {
    return this.#changed.splice(0);
  }

  /** Reads the lists that were written since. */
  async check(): Promise<void> {
    for (const home of this.#homes) {
      for (const line of await this.#linesOf(join(home, 'session_index.jsonl'))) this.#take(line);
    }
  }

  async #linesOf(path: string): Promise<string[]> {
    try {
      const handle = await open(
        path,
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      );
      try {
        const stat = await handle.stat();
        const version = `${stat.ino}:${stat.size}:${stat.mtimeMs}`;
        if (!stat.isFile() || this.#seen.get(path) === version) return [];
        this.#seen.set(path, version);
        const from = Math.max(0, stat.size - MAX_BYTES);
        const { buffer, bytesRead } = await handle.read(
          Buffer.alloc(stat.size - from),
          0,
          stat.size - from,
          from,
        );
        return buffer.toString('utf8', 0, bytesRead).split('\n');
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (systemCodeOf(error) === null) throw error;
      return [];
    }
  }

  #take(line: string): void {
    const of = objectIn(line);
    const [threadId, name] = [string(of?.id), string(of?.thread_name)];
    if (threadId === null || name === null || name === '') return;
    const at = Date.parse(string(of?.updated_at) ?? '') || 0;
    const known = this.#names.get(threadId);
    if (known !== undefined && (known.name === name || known.at > at)) return;
    const named = { threadId, name, at };
    this.#names.set(threadId, named);
    this.#changed.push(named);
  }
}

function objectIn(line: string) {
  try {
    return object(JSON.parse(line));
  } catch {
    // The first line may be cut, the last not yet whole.
    return null;
  }
}

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
