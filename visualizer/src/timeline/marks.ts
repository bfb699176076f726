/**
 * What a timeline draws: a window of time, marks of their real length in it, ticks of its ruler. Marks that
 * would lie on each other become one with their number, so that every one of them is counted at any zoom. Pure.
 */
import type { TimelineSpan } from '../../../src/protocol/inspect.ts';

/** A window of time, ms since 1970. */
export interface TimeWindow {
  from: number;
  to: number;
}

/** One or more spans, as they are drawn: pixels from the left edge of the window. */
export interface Mark {
  x: number;
  width: number;
  spans: readonly TimelineSpan[];
  isFailed: boolean;
}

/** Narrowest window, ms: a mark of a millisecond is then seen. */
const MIN_WINDOW_MS = 200;

/** Pixels of a moment in a window. */
export function xOf(at: number, { from, to }: TimeWindow, width: number): number {
  return ((at - from) / (to - from)) * width;
}

/** The moment at a pixel of a window. */
export function timeAt(x: number, { from, to }: TimeWindow, width: number): number {
  return from + (x / width) * (to - from);
}

/**
 * Marks of one row, from left to right.
 *
 * @param least  no mark is narrower, pixels; a failed one at least three
 * @param until  where a span that goes on ends for now
 */
export function marksOf(
  spans: readonly TimelineSpan[],
  window: TimeWindow,
  { width, least, until }: { width: number; least: number; until: number },
): Mark[] {
  const marks: { x: number; width: number; spans: TimelineSpan[]; isFailed: boolean }[] = [];
  for (const span of spans) {
    const x = xOf(span.from, window, width);
    const isFailed = span.failed === true;
    const wide = Math.max(
      isFailed ? Math.max(3, least) : least,
      xOf(span.to ?? until, window, width) - x,
    );
    if (x + wide < 0 || x > width) continue;
    const before = marks.at(-1);
    if (before && x < before.x + before.width) {
      before.width = Math.max(before.width, x + wide - before.x);
      before.spans.push(span);
      before.isFailed ||= isFailed;
    } else marks.push({ x, width: wide, spans: [span], isFailed });
  }
  return marks;
}

/** How many spans marks stand for. */
export function countedIn(marks: readonly Mark[]): number {
  return marks.reduce((sum, { spans }) => sum + spans.length, 0);
}

/** Steps of a ruler, ms. */
const STEPS = [
  ...[100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000],
  ...[600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000],
  ...[86_400_000, 172_800_000, 604_800_000, 2_592_000_000],
];

/** Moments of a ruler, at least `apart` pixels from each other, on full minutes or hours of local time. */
export function ticksOf(window: TimeWindow, width: number, apart = 80): number[] {
  const least = ((window.to - window.from) / width) * apart;
  const step = STEPS.find((one) => one >= least) ?? Math.ceil(least / 86_400_000) * 86_400_000;
  const zone = new Date(window.from).getTimezoneOffset() * 60_000;
  const ticks: number[] = [];
  for (let at = Math.ceil((window.from - zone) / step) * step + zone; at <= window.to; at += step) {
    ticks.push(at);
  }
  return ticks;
}

/** A window a factor wider or narrower, with one moment staying where it is. */
export function zoomed(window: TimeWindow, factor: number, around: number, whole: TimeWindow) {
  const span = Math.max(MIN_WINDOW_MS, (window.to - window.from) * factor);
  const share = (around - window.from) / (window.to - window.from);
  return within({ from: around - share * span, to: around + (1 - share) * span }, whole);
}

/** A window moved into the whole, and not wider than that. */
export function within({ from, to }: TimeWindow, whole: TimeWindow): TimeWindow {
  const span = Math.min(to - from, Math.max(MIN_WINDOW_MS, whole.to - whole.from));
  const start = Math.min(Math.max(from, whole.from), Math.max(whole.from, whole.to - span));
  return { from: start, to: start + span };
}

/** Number of events in each of so many equal parts of a window. */
export function densityOf(times: readonly number[], window: TimeWindow, parts: number): number[] {
  const counts = new Array<number>(parts).fill(0);
  for (const at of times) {
    if (at < window.from || at > window.to) continue;
    const part = Math.min(parts - 1, Math.floor(xOf(at, window, parts)));
    counts[part] = (counts[part] ?? 0) + 1;
  }
  return counts;
}

/** Place of the newest event that is not later than a moment; -1 when all are later. */
export function indexAt(times: readonly number[], at: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
