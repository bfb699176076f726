/**
 * What runs on this machine, for tests that say nothing is left behind.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Ids of the processes whose command line holds these words; those that have ended and were not yet waited for do not count. */
export function processesWith(words: string): number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,stat=,args='], { encoding: 'utf8' });
  return table.split('\n').flatMap((line) => {
    const [, pid, state = '', args = ''] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return pid && !state.startsWith('Z') && args.includes(words) ? [Number(pid)] : [];
  });
}

/**
 * The app-server that lives in this home, by the environment it was started with.
 *
 * @throws when there is none
 */
export function engineOf({ codexHome }: { codexHome: string }): number {
  const pid = readdirSync('/proc').find((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const isEngine =
        readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')[1] === 'app-server';
      return isEngine && readFileSync(`/proc/${name}/environ`, 'utf8').includes(codexHome);
    } catch {
      // It ended while we looked.
      return false;
    }
  });
  if (!pid) throw new Error(`no app-server runs in ${codexHome}`);
  return Number(pid);
}

/**
 * Command lines of the processes that work in this directory, as `ps` would show them. The rest of the
 * machine belongs to others: what they have in their arguments says nothing about what is tested.
 */
export function commandLinesIn(directory: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      if (readlinkSync(`/proc/${pid}/cwd`) !== directory) return [];
      return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
    } catch {
      return []; // It ended meanwhile, or is not ours to look at.
    }
  });
}

/** Command lines of the processes that were started with this directory in their environment. */
export function commandLinesOfHome(home: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(home)) return [];
      return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
    } catch {
      return []; // It ended meanwhile, or is not ours to look at.
    }
  });
}
