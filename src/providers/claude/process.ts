/**
 * Whether a process that a session named is still that process. A pid alone proves nothing, because the
 * system gives it to another process later: the start time belongs to it. Linux shows both in `/proc`;
 * elsewhere only the existence of the pid is known.
 */
import { readFileSync, readlinkSync } from 'node:fs';

/** What is known of a process now. */
export type ProcessState = 'running' | 'suspended' | 'gone';

/** What the system says about a pid. */
export interface ProcessStat {
  /** Letter of `proc(5)`: `R` `S` `D` run, `T` `t` are stopped, `Z` `X` have ended. */
  letter: string;
  /** Start time in clock ticks since the boot, as a decimal number. */
  start: string;
}

/**
 * Reads a line of `/proc/<pid>/stat`; null when it is none. The name of the program is in brackets
 * and may itself hold brackets and spaces, so the fields are counted from the last one.
 */
export function parseStat(line: string): ProcessStat | null {
  const end = line.lastIndexOf(')');
  const fields = line
    .slice(end + 1)
    .trim()
    .split(/\s+/);
  // The state is field 3 of the line and the first after the name; the start time is field 22.
  const [letter] = fields;
  const start = fields[19];
  if (end === -1 || letter === undefined || !/^\d+$/.test(start ?? '')) return null;
  return { letter, start: start as string };
}

/** The process that has this pid now; null when there is none, or on a system without `/proc`. */
export function statOf(pid: number): ProcessStat | null {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/**
 * The state of the process that had this pid and start time.
 *
 * @param start  clock ticks since the boot, as the registry's `procStart`; null where it was never known
 */
export function processState(pid: number, start: string | null): ProcessState {
  if (process.platform !== 'linux') return exists(pid) ? 'running' : 'gone';
  const stat = statOf(pid);
  if (stat === null || 'ZXx'.includes(stat.letter)) return 'gone';
  if (start !== null && stat.start !== start) return 'gone';
  return 'Tt'.includes(stat.letter) ? 'suspended' : 'running';
}

function exists(pid: number): boolean {
  const code = codeOfSignal(pid);
  // A process of another user refuses the signal, but it exists.
  return code === null || code === 'EPERM';
}

/** Why a pid takes no signal of ours; null when it does. */
function codeOfSignal(pid: number): string | undefined | null {
  try {
    process.kill(pid, 0);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

/**
 * The process of this user that has this pid now. A pid that a container or another machine gave names none, or by
 * chance one that has nothing to do with it.
 */
export function ownProcess(pid: number): { pid: number; start: string | null } | null {
  if (codeOfSignal(pid) !== null || processState(pid, null) === 'gone') return null;
  return { pid, start: statOf(pid)?.start ?? null };
}

/**
 * Whether a pid of that domain (`linux:<machine>:pid:[<namespace>]`) means a process that we can see. A CLI
 * in a container, or on the other machine of a shared home, has a pid that says nothing here.
 *
 * @param domain  null for versions that do not write it: such a pid is taken to be ours
 */
export function isOurDomain(domain: string | null): boolean {
  if (domain === null || process.platform !== 'linux') return true;
  const [, machine, namespace] = /^linux:([^:]*):(pid:\[\d+\])$/.exec(domain) ?? [];
  if (machine === undefined) return false;
  const ours = readOrNull(() => readlinkSync('/proc/self/ns/pid'));
  if (ours !== null && ours !== namespace) return false;
  const id = readOrNull(() => readFileSync('/etc/machine-id', 'utf8').trim());
  return id === null || id === '' || machine === '' || id === machine;
}

function readOrNull(read: () => string): string | null {
  try {
    return read();
  } catch (error) {
    if (isGone(error) || (error as NodeJS.ErrnoException).code === 'EACCES') return null;
    throw error;
  }
}

/** No such process: it was never there, or it ended while it was read. */
function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}
