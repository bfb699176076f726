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
  /** From now on later than this stamp, which another process may have given. */
  advanceTo(stamp: Stamp): void;
}

/** The two clocks of the machine, in milliseconds: of the day, and one that only counts on. */
export interface MachineClocks {
  wallMs(): number;
  monotonicMs(): number;
}

const CLOCKS: MachineClocks = { wallMs: preciseWallMs, monotonicMs: () => performance.now() };

/** A clock over the machine's two. */
export function createStampClock({ wallMs, monotonicMs }: MachineClocks = CLOCKS): StampClock {
  /** The last stamp, in microseconds. */
  let last = 0;
  /** When it was given, by the monotonic clock. */
  let lastMs = monotonicMs();

  const now = () => {
    const wall = Math.floor(wallMs() * 1000);
    const nowMs = monotonicMs();
    const elapsed = Math.floor((nowMs - lastMs) * 1000);
    lastMs = nowMs;
    last = wall > last ? wall : Math.max(last + 1, last + (elapsed >> 1));
    return last;
  };
  return {
    now,
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

/**
 * When a report happened, on the server's clock.
 *
 * While the sender's clock agrees with the server's, its stamp counts as it is. When they do not agree, one
 * of them was set (or they are two machines): a live report then happened as long ago as its sender
 * waited before it was sent (`sentUs`), or just now where that is not known. So the order of arrival
 * counts, and no step of a clock makes a report late. A report from the spool happened at its stamp, moved as
 * far as the server's clock is ahead of the wall clock. Nothing happens in the future.
 *
 * @param nowUs  the server's clock when it arrived
 * @param wallUs  the wall clock then
 * @param report  its stamp and the moment it was sent, both by the sender's wall clock; null where unknown
 */
export function momentOf(
  nowUs: number,
  wallUs: number,
  report: { stampUs: number | null; sentUs: number | null; isLive: boolean },
): number {
  const { stampUs, sentUs, isLive } = report;
  if (stampUs === null) return nowUs;
  const ahead = nowUs - wallUs > 1000 ? nowUs - wallUs : 0;
  const known = Math.min(stampUs + ahead, nowUs);
  if (!isLive) return known;
  const way = sentUs === null ? wallUs - stampUs : wallUs - sentUs;
  if (way >= -1000 && way <= (sentUs === null ? LONGEST_DELAY_US : LONGEST_WAY_US)) return known;
  const delay = sentUs === null ? 0 : sentUs - stampUs;
  return delay > 0 && delay <= LONGEST_DELAY_US ? nowUs - delay : nowUs;
}
