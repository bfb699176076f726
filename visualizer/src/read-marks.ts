/** Which sessions a person has read since they finished. Kept in this browser, for it was read here. */
import { computed, effect } from '@preact/signals';
import type { InspectRow } from '../../src/protocol/inspect.ts';
import type { IsUnread } from './list-order.ts';
import { storedSignal } from './local-storage.ts';
import { selected, selectedRow } from './page-state.ts';
import { place } from './route.ts';
import { phaseOfRow } from './state-value.ts';

/** Read sessions that are remembered; the oldest marks go first. */
const MAX_MARKS = 3_000;

interface Marks {
  /** What finished before this browser first looked counts as read. ISO 8601. */
  from: string;
  /** Session, and the time of its newest event when it was read; the newest last. */
  read: readonly (readonly [string, string])[];
}

const marks = storedSignal<Marks>(
  'read',
  { from: new Date().toISOString(), read: [] },
  (stored) => {
    const { from, read } = (stored ?? {}) as Partial<Marks>;
    return typeof from === 'string' && Array.isArray(read) ? { from, read } : undefined;
  },
);

const readAt = computed(() => new Map(marks.value.read));

/** Whether a session finished after it was read last. */
export const isUnread = computed<IsUnread>(() => {
  const { from } = marks.value;
  const known = readAt.value;
  return (row) =>
    row.at !== null &&
    row.at > from &&
    row.last_message !== null &&
    row.at > (known.get(row.id) ?? '');
});

/** Marks what is looked at as read: the chosen session, while the page is in front. Called once. */
export function startReading(): void {
  const update = (): void => {
    const row = selectedRow.peek();
    const isInFront = document.visibilityState === 'visible' && place.peek() === 'sessions';
    if (row && isInFront) markRead(row);
  };
  effect(() => {
    selected.value;
    place.value;
    selectedRow.value;
    update();
  });
  document.addEventListener('visibilitychange', update);
}

/** Takes a session as read up to its newest event; those that work are read when they have finished. */
export function markRead(row: InspectRow): void {
  const { id, at } = row;
  if (at === null || phaseOfRow(row) === 'working' || at <= (readAt.peek().get(id) ?? '')) return;
  const { from, read } = marks.peek();
  const others = read.filter(([known]) => known !== id);
  marks.value = { from, read: [...others, [id, at] as const].slice(-MAX_MARKS) };
}
