/**
 * What runs on this machine, for tests that say nothing is left behind.
 */
import { execFileSync } from 'node:child_process';

/** Ids of the processes whose command line holds these words; those that are dead and unburied do not count. */
export function processesWith(words: string): number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,stat=,args='], { encoding: 'utf8' });
  return table.split('\n').flatMap((line) => {
    const [, pid, state = '', args = ''] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return pid && !state.startsWith('Z') && args.includes(words) ? [Number(pid)] : [];
  });
}

/** Whether a process lives. */
export function isRunning(pid: number): boolean {
  try {
    const state = execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
    return !state.trim().startsWith('Z');
  } catch {
    // ps says with its exit code that there is none.
    return false;
  }
}
