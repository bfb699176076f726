/**
 * What Codex leaves lying about: its sandbox (bwrap) hides `.git` and the like by mounting over them, and
 * makes an empty folder where there is nothing to mount over. A command that is ended from outside never
 * takes them away again. We remember what was missing in a thread's folders before its first command and
 * remove those that are still empty (codex.md 6). The list is on disk, too: what a SIGKILL of ours left is
 * removed by the next process.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../../../files.ts';
import type { Logger } from '../../../log.ts';

const NAMES = ['.agents', '.aws', '.codex', '.git'];
/** Used, or gone already: then there is nothing to tidy up. */
const LEFT_ALONE = new Set(['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR']);

/** Folders in which threads work. */
export interface Traces {
  /** A thread works in these from now on. Looks at once, so it may be called between two lines. */
  worksIn(threadId: string, folders: readonly string[]): void;
  /** A thread's commands were ended; tidies up where no other thread works. */
  cleaned(threadId: string): Promise<void>;
  /** No thread has it loaded any more, or will before it says so again. */
  left(threadId: string): void;
  /** Nothing runs any more: tidies up everywhere. */
  allEnded(): Promise<void>;
}

/** Removes what of these is an empty folder. Returns those that could not be removed now. */
async function removeEmpty(paths: readonly string[], log: Logger): Promise<string[]> {
  const left: string[] = [];
  for (const path of paths) {
    try {
      await rmdir(path);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (LEFT_ALONE.has(code)) continue;
      left.push(path);
      log.warn('codex.trace_stays', { path, error: error as Error });
    }
  }
  return left;
}

/**
 * Removes what the threads of a process that was killed left. What cannot be removed now stays listed.
 *
 * @param listFile where that process kept its list; null when it kept none
 */
export async function removeOldTraces(listFile: string | null, log: Logger): Promise<void> {
  if (listFile === null || !existsSync(listFile)) return;
  try {
    const listed: unknown = JSON.parse(readFileSync(listFile, 'utf8'));
    const paths = Array.isArray(listed) ? listed.filter((path) => typeof path === 'string') : [];
    keepList(listFile, await removeEmpty(paths, log));
  } catch (error) {
    log.warn('codex.traces_unreadable', { path: listFile, error: error as Error });
  }
}

function keepList(listFile: string, paths: readonly string[]): void {
  if (paths.length === 0) rmSync(listFile, { force: true });
  else writeFileAtomically(listFile, JSON.stringify(paths), { mode: 0o600 });
}

/** Traces of nobody yet. @param listFile what was missing is listed there; null keeps no list */
export function createTraces(listFile: string | null, log: Logger): Traces {
  /** Folder -> what was missing in it before. */
  const missing = new Map<string, readonly string[]>();
  const folders = new Map<string, Set<string>>();

  async function tidy(folder: string): Promise<void> {
    await removeEmpty(missing.get(folder) ?? [], log);
  }

  function list(): void {
    if (listFile === null) return;
    try {
      keepList(listFile, [...missing.values()].flat());
    } catch (error) {
      // Without the list the threads work all the same.
      log.warn('codex.traces_not_listed', { path: listFile, error: error as Error });
    }
  }

  return {
    worksIn(threadId, paths) {
      const own = folders.get(threadId) ?? new Set();
      folders.set(threadId, own);
      const known = missing.size;
      for (const path of paths) {
        own.add(path);
        if (missing.has(path)) continue;
        const names = NAMES.map((name) => join(path, name));
        missing.set(
          path,
          names.filter((name) => !existsSync(name)),
        );
      }
      if (missing.size > known) list();
    },
    async cleaned(threadId) {
      const own = folders.get(threadId) ?? new Set();
      const others = [...folders].filter(([id]) => id !== threadId);
      const alone = [...own].filter((path) => !others.some(([, theirs]) => theirs.has(path)));
      for (const path of alone) await tidy(path);
    },
    left(threadId) {
      folders.delete(threadId);
    },
    async allEnded() {
      for (const path of missing.keys()) await tidy(path);
      missing.clear();
      list();
      folders.clear();
    },
  };
}
