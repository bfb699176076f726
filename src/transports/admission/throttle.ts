/**
 * Slows down guessing: who presents wrong tokens is told to wait, longer each time. It only ever changes
 * the answer to a wrong token; a valid one is let in before anybody asks here, so that no flood can lock
 * out the owner.
 */
import type { Clock } from '../ports.ts';

/** Wrong tokens that are free within a minute. */
const FREE_FAILURES = 10;
const WINDOW_MS = 60_000;
const FIRST_WAIT_MS = 60_000;
const LONGEST_WAIT_MS = 15 * 60_000;
/** Addresses remembered; the one that failed longest ago is forgotten first. */
const MAX_ADDRESSES = 10_000;

interface Failures {
  windowStart: number;
  failures: number;
  waitMs: number;
  blockedUntil: number;
}

/** Slows those down who guess tokens. */
export interface Throttle {
  /**
   * Notes a wrong token.
   *
   * @returns seconds to wait when there were too many, else 0
   */
  failed(address: string): number;
}

/** A table of at most `maxAddresses` addresses; IPv6 counts by /64, which is what one person gets. */
export function createThrottle(deps: { clock: Clock; maxAddresses?: number }): Throttle {
  const { clock, maxAddresses = MAX_ADDRESSES } = deps;
  const records = new Map<string, Failures>();

  function recordOf(address: string, now: number): Failures {
    const key = networkOf(address);
    let record = records.get(key);
    records.delete(key);
    if (!record || now > Math.max(record.blockedUntil, record.windowStart) + LONGEST_WAIT_MS) {
      record = { windowStart: now, failures: 0, waitMs: FIRST_WAIT_MS, blockedUntil: 0 };
    }
    // Set again after the delete, so that the map's order is that of the last failure.
    records.set(key, record);
    if (records.size > maxAddresses) {
      const [oldest] = records.keys();
      if (oldest !== undefined) records.delete(oldest);
    }
    return record;
  }

  return {
    failed(address) {
      const now = clock.now();
      const record = recordOf(address, now);
      if (now < record.blockedUntil) return Math.ceil((record.blockedUntil - now) / 1000);
      if (now - record.windowStart >= WINDOW_MS) {
        record.windowStart = now;
        record.failures = 0;
      }
      record.failures++;
      if (record.failures <= FREE_FAILURES) return 0;
      record.blockedUntil = now + record.waitMs;
      record.waitMs = Math.min(record.waitMs * 2, LONGEST_WAIT_MS);
      return Math.ceil((record.blockedUntil - now) / 1000);
    },
  };
}

/** The address itself, or the first four groups of an IPv6 one. */
function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail = ''] = (address.split('%')[0] ?? '').split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::') ? Math.max(0, 8 - front.length - back.length) : 0;
  return [...front, ...Array<string>(zeros).fill('0'), ...back].slice(0, 4).join(':');
}
