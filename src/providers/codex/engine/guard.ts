/**
 * Nothing that the engine started outlives it, whatever kills whom. The kernel's death signal and the
 * end of stdin reach the app-server and nearly everything below it, but not a sandbox that is just being
 * set up: `bwrap` asks to die with its parent a moment after it began, and not at all when the parent is
 * gone by then. So a shell waits beside it for the end, ours or its, and then kills whatever carries the
 * run's mark in its environment. Linux only: elsewhere there is no such sandbox (and no /proc).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Logger } from '../../../log.ts';

/** Who waits for the end of one run. */
export interface Guard {
  /** The run is over: settles when nothing of it is left, within 3 s. */
  end(): Promise<void>;
}

/** The variable that everything below the engine inherits. */
export const MARK = 'DOCK_ENGINE_RUN';

/**
 * `cat` ends when the last writer of its pipe is gone, which no signal can prevent. A look that finds
 * nothing counts only the second time: a process may be born while `/proc` is read. (What grep finds
 * counts, not how it ends: a file that is gone meanwhile is an error to it.)
 */
const SCRIPT = `
cat >/dev/null
round=0 quiet=0
while [ $quiet -lt 2 ] && [ $round -lt 20 ]; do
  quiet=$((quiet + 1)) round=$((round + 1))
  for file in $(grep -lsF "$1" /proc/[0-9]*/environ); do
    quiet=0 pid=\${file#/proc/}
    kill -9 "\${pid%/environ}"
  done
  sleep 0.05
done
`;

/** Starts a guard for what carries `run` as its mark. */
export function startGuard(run: string, log: Logger): Guard {
  if (process.platform !== 'linux') return { end: async () => {} };
  // Its own environment must not hold the mark; its group is its own, so that ours may be killed.
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'guard', run], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
  });
  shell.on('error', (error) => log.warn('codex.guard_failed', { error }));
  shell.stdin.on('error', (error) => log.debug('codex.guard_closed', { error }));
  const gone = once(shell, 'close').catch(() => {
    // It could not be started, which was logged.
  });
  return {
    async end() {
      shell.stdin.end();
      await gone;
    },
  };
}
