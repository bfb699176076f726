/**
 * Time travel: one cursor for chart, outline, log, strip, context and address. Null is live; a number is
 * the state right after that event of the journal, also of one from before a restart.
 */
import { signal } from '@preact/signals';
import { recordAt } from './loaded-records.ts';
import { history, notice, position } from './page-state.ts';
import { loadOlder } from './transport.ts';

/** True while older records are fetched for the cursor. */
export const isSeeking = signal(false);

/** Stays at the newest event, whatever comes. */
export function goLive(): void {
  position.value = null;
}

/** Holds at the newest event, or goes live again. */
export function toggleLive(): void {
  const newest = history.peek().records.at(-1);
  if (position.peek() !== null) goLive();
  else if (newest) position.value = newest.seq;
}

/** Steps back (negative) or forth; past the newest event is live. */
export function step(by: number): void {
  const { last, records } = history.peek();
  const newest = Math.max(last, records.at(-1)?.seq ?? 0);
  if (newest === 0) return;
  const from = position.peek() ?? newest;
  if (position.peek() !== null && from + by > newest) goLive();
  else void goTo(from + by);
}

/** The oldest event the journal holds. */
export function goFirst(): void {
  const { first } = history.peek();
  if (first > 0) void goTo(first);
}

/** Shows the session after an event; fetches it when it is not here yet. */
export async function goTo(wanted: number): Promise<void> {
  const seq = nearest(wanted);
  position.value = seq;
  if (recordAt(history.peek(), seq)) return;
  isSeeking.value = true;
  try {
    // Pages come backwards and without holes; each moves the start, or the journal has no more.
    while (position.peek() === seq && !recordAt(history.peek(), seq)) {
      const start = history.peek().records[0]?.seq;
      await loadOlder();
      if (history.peek().records[0]?.seq === start) break;
    }
  } catch (cause) {
    notice.value = `Older events could not be loaded: ${(cause as Error).message}`;
  } finally {
    isSeeking.value = false;
  }
}

/** Shows the session as it was at a moment: after the newest event that is not later. */
export async function goToTime(time: number): Promise<void> {
  const isEarlier = ({ at }: { at: string }): boolean => Date.parse(at) <= time;
  let start = -1;
  // Pages come backwards: until one reaches back far enough, or the journal has no more.
  while (!history.peek().records.some(isEarlier) && history.peek().records[0]?.seq !== start) {
    start = history.peek().records[0]?.seq ?? -1;
    try {
      await loadOlder();
    } catch (cause) {
      notice.value = `Older events could not be loaded: ${(cause as Error).message}`;
      return;
    }
  }
  const found = history.peek().records.findLast(isEarlier) ?? history.peek().records[0];
  if (found) await goTo(found.seq);
}

/** Events that are not kept any more cannot be shown: the nearest kept one is. */
function nearest(wanted: number): number {
  const { first, last } = history.peek();
  if (wanted < first) {
    if (wanted > 0 && first > 1) {
      notice.value = `Event #${wanted} is not kept any more: the journal starts at #${first}.`;
    }
    return first;
  }
  return Math.min(wanted, last);
}
