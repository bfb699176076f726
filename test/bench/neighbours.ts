/**
 * How much of the machine others took while something was measured: what all processors did, less what this process
 * and the children it has ended did. Linux only, as the rest of the bench.
 */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Of all processors together. Above it a figure that is over its budget says little. */
const DISTURBED_SHARE = 0.1;

/** What the system counts processor time in: ticks in a second, on every Linux. */
const TICKS = 100;

/** Fields of the first line of /proc/stat: idle time, and time that waited for a disk. */
const IDLE = [3, 4];
/** Fields of /proc/stat that are counted in those before it: time of guests. */
const COUNTED = 8;
/** Fields of /proc/self/stat behind the name: own time, and that of children that have ended; user and system. */
const OWN = [11, 12, 13, 14];

/** Seconds of processor time. */
interface Reading {
  atMs: number;
  busy: number;
  own: number;
}

/** Begins to look. @returns the share of all processors that others have taken since, 0 to 1 */
export function watchNeighbours(): () => number {
  const before = read();
  return () => {
    const now = read();
    const others = now.busy - before.busy - (now.own - before.own);
    const seconds = (now.atMs - before.atMs) / 1000;
    return Math.max(0, others / (seconds * cpus().length));
  };
}

/** Whether so much of the machine was taken that a figure says little. */
export function isDisturbed(share: number): boolean {
  return share > DISTURBED_SHARE;
}

function read(): Reading {
  const [all = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const times = all
    .trim()
    .split(/\s+/)
    .slice(1, COUNTED + 1)
    .map(Number);
  const busy = times.reduce((sum, ticks, at) => (IDLE.includes(at) ? sum : sum + ticks), 0);
  const self = readFileSync('/proc/self/stat', 'utf8');
  // The name in parentheses may hold anything.
  const fields = self.slice(self.lastIndexOf(')') + 2).split(' ');
  const own = OWN.reduce((sum, at) => sum + Number(fields[at]), 0);
  return { atMs: performance.now(), busy: busy / TICKS, own: own / TICKS };
}
