/**
 * What Codex leaves lying about: its sandbox (bwrap) hides `.git` and the like by mounting over them, and
 * makes an empty folder where there is nothing to mount over. A command that is ended from outside never
 * takes them away again. We remember what was missing in a thread's folders before its first command and
 * remove those that are still empty (codex.md 6). After our own SIGKILL nobody remembers.
 */
import { existsSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
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

/** Traces of nobody yet. */
export function createTraces(log: Logger): Traces {
  /** Folder -> what was missing in it before. */
  const missing = new Map<string, readonly string[]>();
  const folders = new Map<string, Set<string>>();

  async function tidy(folder: string): Promise<void> {
    for (const path of missing.get(folder) ?? []) {
      try {
        await rmdir(path);
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException;
        if (!LEFT_ALONE.has(code)) log.warn('codex.trace_stays', { path, error: error as Error });
      }
    }
  }

  return {
    worksIn(threadId, paths) {
      const own = folders.get(threadId) ?? new Set();
      folders.set(threadId, own);
      for (const path of paths) {
        own.add(path);
        if (missing.has(path)) continue;
        const names = NAMES.map((name) => join(path, name));
        missing.set(
          path,
          names.filter((name) => !existsSync(name)),
        );
      }
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
      folders.clear();
    },
  };
}
