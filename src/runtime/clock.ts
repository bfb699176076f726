/**
 * The server's clock: the one source of stamps. It never goes back. When the wall clock is set back it goes
 * on at half speed until the wall clock has caught up, so that stamps keep the order in which things
 * happened; when the wall clock is set forward it follows. What was stored before counts as seen.
 */
import type { Stamp } from '../../machines/session-types.ts';

/** Stamps in the order in which they are asked for. */
export interface StampClock {
  /** Now, later than every stamp given before. */
  stamp(): Stamp;
  /** The same in microseconds since 1970. */
  now(): number;
  /** What `now()` was so many microseconds ago; its own time runs slower while it waits for the wall clock. */
  before(us: number): number;
  /**
   * When something arrived that says nothing of its own time. What arrived later is never earlier, however
   * long the process was paused between its readings of the two clocks.
   *
   * @param ms  on the monotonic clock
   */
  arrivedAt(ms: number): number;
  /** From now on later than this stamp, which another process may have given. */
  advanceTo(stamp: Stamp): void;
}

/** The two clocks of the machine, in milliseconds: of the day, and one that only counts on. */
export interface MachineClocks {
  wallMs(): number;
  monotonicMs(): number;
}

/** This machine's clocks; the wall's ticks are milliseconds, as the senders of hooks are compared with them. */
export const CLOCKS_OF_MACHINE: MachineClocks = {
  wallMs: Date.now,
  monotonicMs: () => performance.now(),
};

const CLOCKS: MachineClocks = { wallMs: preciseWallMs, monotonicMs: () => performance.now() };

/** Less than this is two questions within one tick. */
const SET_BACK_US = 1000;

/** A clock over the machine's two. */
export function createStampClock({ wallMs, monotonicMs }: MachineClocks = CLOCKS): StampClock {
  /** The last stamp, in microseconds. */
  let last = 0;
  /** When it was given, by the monotonic clock. */
  let lastMs = monotonicMs();
  /** The last time at half speed: what it showed at the beginning, and when it was over. */
  let slow: { fromMs: number; fromUs: number; toMs: number } | null = null;
  /** The newest arrival, on both clocks. */
  let newest = { ms: Number.NEGATIVE_INFINITY, us: 0 };

  const now = () => {
    const wall = Math.floor(wallMs() * 1000);
    const nowMs = monotonicMs();
    const elapsed = Math.floor((nowMs - lastMs) * 1000);
    if (wall > last) {
      // Both met where its half speed and the wall clock's cross, or just now when that one was set.
      const metMs = lastMs + 2 * Math.max(0, elapsed - (wall - last)) * 1e-3;
      if (slow?.toMs === Number.POSITIVE_INFINITY) slow.toMs = Math.min(nowMs, metMs);
    } else if (last - wall > SET_BACK_US && slow?.toMs !== Number.POSITIVE_INFINITY) {
      slow = { fromMs: lastMs, fromUs: last, toMs: Number.POSITIVE_INFINITY };
    }
    last = wall > last ? wall : Math.max(last + 1, last + (elapsed >> 1));
    lastMs = nowMs;
    return last;
  };
  const before = (us: number) => {
    const current = now();
    const thenMs = lastMs - us / 1000;
    if (slow === null || thenMs >= slow.toMs) return current - us;
    const passed = (thenMs - slow.fromMs) * 1000;
    return slow.fromUs + Math.floor(passed > 0 ? passed / 2 : passed);
  };
  return {
    now,
    before,
    arrivedAt(ms) {
      const us = before(Math.max(0, Math.round((monotonicMs() - ms) * 1000)));
      if (ms < newest.ms) return us;
      newest = { ms, us: Math.max(us, newest.us + 1) };
      return newest.us;
    },
    stamp: () => stampFromMicroseconds(now()),
    advanceTo(stamp) {
      if (stamp !== '') last = Math.max(last, microsecondsOf(stamp));
    },
  };
}

/** The last microsecond of a millisecond. */
const LAST_OF_MS = 0.999;

/** What the monotonic timer lacks of the wall clock, as far as it was seen to tick. */
let offsetMs = performance.timeOrigin;

/** Milliseconds since 1970 with the wall clock's own fraction; follows that clock when it is set. */
function preciseWallMs(): number {
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

function microsecondsOf(stamp: Stamp): number {
  const ms = Date.parse(`${stamp.slice(0, 23)}Z`);
  return Number.isFinite(ms) ? ms * 1000 + Number(stamp.slice(23, 26).replace(/\D/g, '') || 0) : 0;
}

/** How long a live report may have been delayed, in microseconds: hook.sh gives up before that. */
const LONGEST_DELAY_US = 10_000_000;

/** How long a report may take from its sender to us, in microseconds; a longer way is a clock that was set. */
const LONGEST_WAY_US = 250_000;

/** What a report says of its time, by its sender's wall clock in microseconds; null where unknown. */
export interface ReportTime {
  /** When it happened. */
  stampUs: number | null;
  /** When it was sent. */
  sentUs: number | null;
  /** False for one that waited in the spool. */
  isLive: boolean;
}

/**
 * When a report happened, on the server's clock.
 *
 * While the sender's clock agrees with the server's, it happened at its stamp. When they do not agree, one
 * of them was set (or they are two machines): a live report then happened as long ago as its sender
 * waited before it was sent (`sentUs`), or just now where that is not known. So the order of arrival
 * counts, and no step of a clock makes a report late; one that is on its way while the clock is set counts
 * as new. A report from the spool happened at its stamp. Nothing happens in the future.
 *
 * @param arrivedMs  when it arrived, on the monotonic clock
 * @param clocks  the machine's two clocks
 */
export function happenedAt(
  clock: Pick<StampClock, 'now' | 'before' | 'arrivedAt'>,
  { arrivedMs, clocks }: { arrivedMs: number; clocks: MachineClocks },
  { stampUs, sentUs, isLive }: ReportTime,
): number {
  if (stampUs === null) return clock.arrivedAt(arrivedMs);
  const arrived = Math.round((clocks.monotonicMs() - arrivedMs) * 1000);
  // First, so that a pause between the two readings never looks like a clock that is ahead.
  const nowUs = clock.now();
  const wallNowUs = Math.floor(clocks.wallMs() * 1000);
  const wallUs = wallNowUs - arrived;
  const age = wallUs - stampUs;
  const way = sentUs === null ? age : wallUs - sentUs;
  const longest = sentUs === null ? LONGEST_DELAY_US : LONGEST_WAY_US;
  if (!isLive || (way >= -1000 && way <= longest)) {
    if (nowUs - wallNowUs > SET_BACK_US) return clock.before(arrived + Math.max(0, age));
    // The stamp as it is, where both clocks show the same.
    return Math.min(stampUs, nowUs - arrived);
  }
  const delay = sentUs === null ? 0 : sentUs - stampUs;
  return clock.before(arrived + (delay > 0 && delay <= LONGEST_DELAY_US ? delay : 0));
}
