/** What needs a person, across all sessions: requests first, then what failed, then what finished and was not read. */
import { computed, effect } from '@preact/signals';
import type { InspectRow } from '../../src/protocol/inspect.ts';
import { inOrder } from './list-order.ts';
import { storedSignal } from './local-storage.ts';
import { hello, inboxed, isOnline, selected } from './page-state.ts';
import { isUnread, markRead } from './read-marks.ts';
import { isUndecided, place } from './route.ts';
import { all, waitingRows } from './session-list.ts';
import { stateGroupOf } from './state-value.ts';
import { now } from './ui/clock.tsx';

/** Requests that are put off, by id, until when, ms since 1970. One that changes has another id: it is back at once. */
const snoozed = storedSignal<readonly (readonly [string, number])[]>('snoozed', [], (stored) =>
  Array.isArray(stored) ? stored : undefined,
);

const activeSnoozes = computed(() => {
  const at = now.value;
  return new Set(snoozed.value.filter(([, until]) => until > at).map(([request]) => request));
});

/** For how long a request may be put off, and what that is called. */
export const SNOOZES = [
  { words: '15 min', until: (at: number) => at + 15 * 60_000 },
  { words: '1 h', until: (at: number) => at + 60 * 60_000 },
  { words: 'until tomorrow 09:00', until: tomorrowMorning },
] as const;

function tomorrowMorning(at: number): number {
  const day = new Date(at);
  day.setDate(day.getDate() + 1);
  return day.setHours(9, 0, 0, 0);
}

/** Puts a request off. */
export function snooze(request: string, until: number): void {
  const kept = snoozed.peek().filter(([id, end]) => id !== request && end > now.peek());
  snoozed.value = [...kept, [request, until]];
}

/** Takes the newest snooze back. */
export function undoSnooze(): void {
  snoozed.value = snoozed.peek().slice(0, -1);
}

/** Brings back everything that was put off. */
export function unsnoozeAll(): void {
  snoozed.value = [];
}

/** How many open requests are put off. */
export const snoozedCount = computed(
  () =>
    waitingRows.value.filter(({ waiting }) => waiting && activeSnoozes.value.has(waiting.request))
      .length,
);

/** The parts of the inbox. */
interface InboxRows {
  attention: readonly InspectRow[];
  failed: readonly InspectRow[];
  finished: readonly InspectRow[];
}

/** What is in the inbox, each part in its order. */
export const inboxRows = computed<InboxRows>(() => {
  const unread = isUnread.value;
  const of = (group: 'failed' | 'finished') =>
    all.value.filter((row) => unread(row) && stateGroupOf(row, true) === group);
  return {
    attention: waitingRows.value.filter(
      ({ waiting }) => waiting && !activeSnoozes.value.has(waiting.request),
    ),
    failed: inOrder(of('failed'), 'recent'),
    finished: inOrder(of('finished'), 'recent'),
  };
});

const queue = computed(() => {
  const { attention, failed, finished } = inboxRows.value;
  return [...attention, ...failed, ...finished];
});

/** The one that is shown: the chosen one while it is in the inbox, else the first. */
export const inboxCurrent = computed<InspectRow | null>(
  () => queue.value.find(({ id }) => id === inboxed.value) ?? queue.value[0] ?? null,
);

/** Decides where the page begins, and keeps the one that is shown known to the conversation; called once. */
export function startInboxQueue(): void {
  effect(() => {
    if (!isUndecided.value) return;
    // A person who has pressed something by now has decided.
    const isFree = place.value === 'sessions' && selected.value === null;
    if (hello.value === null && isFree) return;
    if (isFree && inboxRows.peek().attention.length > 0) place.value = 'inbox';
    isUndecided.value = false;
  });
  effect(() => {
    if (place.value === 'inbox') inboxed.value = inboxCurrent.value?.id ?? null;
  });
}

/** Shows what stands so many places further down. */
export function stepInbox(by: number): void {
  const rows = queue.peek();
  const at = rows.findIndex(({ id }) => id === inboxCurrent.peek()?.id);
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
  if (next) inboxed.value = next.id;
}

/** Takes the one that is shown out of the inbox, as read; what waits stays until it is answered or put off. */
export function dismiss(row: InspectRow): void {
  if (row.waiting === null && isOnline.peek()) markRead(row);
}
