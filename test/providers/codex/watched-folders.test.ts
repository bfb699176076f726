/** What of a Codex home is watched: changes of the folders above one that is not there are nobody's business. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SILENT_LOGGER } from '../../../src/log.ts';
import { createDaemon } from '../../../src/providers/codex/engine/daemon.ts';
import { ThreadNames } from '../../../src/providers/codex/rollouts/names-and-locks.ts';
import { RolloutWatch } from '../../../src/providers/codex/rollouts/rollout-watch.ts';

const EVERY_MS = 20;
let user: string;
beforeEach(() => {
  user = mkdtempSync(join(tmpdir(), 'odw-'));
});
afterEach(() => rmSync(user, { recursive: true }));

/** Whether the system reports this process of changes in a folder, by the list it keeps of that. */
function isWatched(folder: string): boolean {
  const inode = statSync(folder).ino.toString(16);
  return readdirSync('/proc/self/fdinfo').some((fd) => {
    try {
      const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
      return new RegExp(`^inotify .*ino:${inode} `, 'm').test(text);
    } catch (error) {
      // It was closed meanwhile; the one that listed them is.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  });
}

function watchRollouts(home: string): { watch: RolloutWatch; looks: () => number } {
  let looks = 0;
  const names = new ThreadNames([home]);
  const check = names.check.bind(names);
  names.check = () => {
    looks += 1;
    return check();
  };
  const none = (): null => null;
  const watch = new RolloutWatch({
    ...{ homes: [home], names, known: [], everyMs: EVERY_MS },
    ...{ ownerOf: none, offsetBefore: none, isHeldByUs: () => false },
    ...{ onReports: none, onWarning: none, onLimits: none },
    onError: (error: unknown) => {
      throw error;
    },
  } as never);
  return { watch, looks: () => looks };
}

it.runIf(process.platform === 'linux')(
  'the folder of the user is not watched while Codex has none in it, and locks are once they are there',
  async () => {
    const home = join(user, '.codex');
    const { watch, looks } = watchRollouts(home);
    const daemon = createDaemon({ home, log: SILENT_LOGGER, version: '0', everyMs: EVERY_MS });
    try {
      await Promise.all([watch.start(), daemon.open()]);
      await expect.poll(looks).toBeGreaterThan(5);
      expect(isWatched(user)).toBe(false);

      const locks = join(home, 'thread-writer-locks');
      mkdirSync(locks, { recursive: true });
      await expect.poll(() => isWatched(locks)).toBe(true);
      expect(isWatched(user)).toBe(false);
    } finally {
      await Promise.all([watch.close(), daemon.close()]);
    }
  },
);
