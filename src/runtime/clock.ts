/**
 * The one source of time below the doors. Stamps are strictly increasing, also when the wall clock is
 * set back, so that two events of this process never tie.
 */
import type { Stamp } from '../../machines/session-types.ts';

export interface StampClock {
  /** Now, later than every stamp given before. */
  stamp(): Stamp;
}

/** A clock over the wall, with microseconds from the monotonic timer. */
export function createStampClock(nowMs: () => number = wallMs): StampClock {
  let last = 0;
  return {
    stamp() {
      last = Math.max(last + 1, Math.floor(nowMs() * 1000));
      return stampFromMicroseconds(last);
    },
  };
}

/** Milliseconds since 1970 with a fraction; follows the wall clock when that is set. */
function wallMs(): number {
  return Date.now() + (performance.now() % 1);
}

/** ISO 8601 with microseconds. @param us microseconds since 1970 */
export function stampFromMicroseconds(us: number): Stamp {
  const ms = Math.floor(us / 1000);
  const fraction = String(us % 1000).padStart(3, '0');
  return `${new Date(ms).toISOString().slice(0, 23)}${fraction}Z`;
}
