/**
 * The one source of time below the doors. Stamps are strictly increasing, also when the wall clock is
 * set back, so that two events of this process never tie.
 */
import type { Stamp } from '../../machines/session-types.ts';

/** Time as the house tells it. */
export interface StampClock {
  /** Now, later than every stamp given before. */
  stamp(): Stamp;
  /** The same in microseconds since 1970, for who may not need it written. */
  now(): number;
}

/** A clock over the wall, with microseconds from the monotonic timer. */
export function createStampClock(nowMs: () => number = wallMs): StampClock {
  let last = 0;
  const now = () => {
    last = Math.max(last + 1, Math.floor(nowMs() * 1000));
    return last;
  };
  return { now, stamp: () => stampFromMicroseconds(now()) };
}

/** The last microsecond of a millisecond. */
const LAST_OF_MS = 0.999;

/** What the monotonic timer lacks of the wall clock, as far as it was seen to tick. */
let offsetMs = performance.timeOrigin;

/** Milliseconds since 1970 with the wall clock's own fraction; follows that clock when it is set. */
function wallMs(): number {
  const wall = Date.now();
  const precise = offsetMs + performance.now();
  // Within the millisecond that the wall shows, the timer is right; else it learns where the tick was.
  const kept = Math.min(Math.max(precise, wall), wall + LAST_OF_MS);
  offsetMs += kept - precise;
  return kept;
}

/** The second that was written last, up to its point: most stamps are of the same one. */
let lastSecond = Number.NaN;
let lastPrefix = '';

/** ISO 8601 with microseconds. @param us microseconds since 1970 */
export function stampFromMicroseconds(us: number): Stamp {
  const second = Math.floor(us / 1e6);
  if (second !== lastSecond) {
    lastPrefix = new Date(second * 1000).toISOString().slice(0, 20);
    lastSecond = second;
  }
  return `${lastPrefix}${String(us - second * 1e6).padStart(6, '0')}Z`;
}
