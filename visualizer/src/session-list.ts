/** Which sessions the list shows, in which groups and order; it holds still while a person is about to press. */
import { computed, signal } from '@preact/signals';
import type { InspectRow } from '../../src/protocol/inspect.ts';
import { frozenOrder } from './frozen-order.ts';
import { conditionsOf, fulfils } from './list-filter.ts';
import { ARRANGEMENTS, arranged, longestWaitFirst } from './list-order.ts';
import { oneOf, storedSignal, texts } from './local-storage.ts';
import { rows, rowsTick, selected } from './page-state.ts';
import { isUnread } from './read-marks.ts';
import { openSession } from './route.ts';
import { now } from './ui/clock.tsx';

/** The words that rows must fulfil to be listed. */
export const filter = signal('');
/** A filter that a person keeps. */
export interface SavedFilter {
  name: string;
  words: string;
}

/** Filters that a person keeps in this browser, each with its name; older versions kept the words alone. */
export const savedFilters = storedSignal<readonly SavedFilter[]>('filters', [], (stored) =>
  Array.isArray(stored) ? stored.flatMap(savedFrom) : undefined,
);

function savedFrom(one: Partial<SavedFilter> | string | null): SavedFilter[] {
  if (typeof one === 'string') return [{ name: one, words: one }];
  const { name, words } = one ?? {};
  return typeof name === 'string' && typeof words === 'string' ? [{ name, words }] : [];
}

/** How the list is arranged. */
export const arrangement = storedSignal(
  'arrangement',
  'state',
  oneOf(Object.keys(ARRANGEMENTS) as (keyof typeof ARRANGEMENTS)[]),
);
/** Sessions on top of their group. */
export const pinned = storedSignal<readonly string[]>('pinned', [], texts);
/** Groups that show their heading only. */
const folded = storedSignal<readonly string[]>('folded', ['ended'], texts);
/** Whether rows are one line high. */
export const isCompact = storedSignal('compact', false, (stored) =>
  typeof stored === 'boolean' ? stored : undefined,
);

/** All sessions, in no order; changes as often as the list is repainted. */
export const all = computed(() => {
  rowsTick.value;
  return [...rows.values()];
});

/** Begin of the reader's day; it changes once a day, not with the clock. */
const today = computed(() => new Date(now.value).setHours(0, 0, 0, 0));

/** Those that a filter lets through. */
export function filtered(words: string): InspectRow[] {
  const conditions = conditionsOf(words);
  if (conditions.length === 0) return all.value;
  const unread = isUnread.value;
  const around = { today: today.value };
  return all.value.filter((row) => fulfils(row, conditions, { ...around, isUnread: unread(row) }));
}

/** Those that the words of the filter let through. */
export const named = computed(() => filtered(filter.value));

/** The order that the rows have now, whether or not the list may show it. */
const wanted = computed(() =>
  arranged(named.value, arrangement.value, new Set(pinned.value), isUnread.value),
);

export const {
  /** The list as shown. */
  listed,
  /** How many rows would be in another group if the list were not held. */
  moved,
  /** Shows the order of now, also while it is held. */
  sortNow,
  /** Holds the order while the pointer or the focus is inside. */
  hold: holdOrder,
} = frozenOrder(wanted, () => JSON.stringify([arrangement.value, filter.value, pinned.value]));

/** Sessions that wait for a person, the longest wait first. */
export const waitingRows = computed(() =>
  longestWaitFirst(all.value.filter(({ waiting }) => waiting !== null)),
);

/** Folds a group, or unfolds it. */
export function toggleFold(key: string): void {
  const before = folded.peek();
  folded.value = before.includes(key) ? before.filter((one) => one !== key) : [...before, key];
}

/** Whether a group shows its heading only; what a filter has found is never folded away. */
function isFolded(key: string): boolean {
  return filter.value.trim() === '' && folded.value.includes(key);
}

/** The groups as the list draws them. */
export const shownGroups = computed(() =>
  listed.value.map(({ key, words, rows: some }) => ({
    key,
    words,
    items: some,
    isFolded: isFolded(key),
    ...(key === 'attention' && { note: 'longest first' }),
  })),
);

/** Keeps the words of the filter under a name; those of the same words are replaced. */
export function saveFilter(name: string): void {
  const words = filter.peek().trim();
  if (words === '') return;
  const others = savedFilters.peek().filter((one) => one.words !== words);
  savedFilters.value = [...others, { name: name.trim() || words, words }];
}

/** Keeps the filter of these words no longer. */
export function forgetFilter(words: string): void {
  savedFilters.value = savedFilters.peek().filter((one) => one.words !== words);
}

/** Selects the session so many rows further down, folded ones left out. */
export function selectNeighbour(by: number): void {
  const list = listed.peek().flatMap(({ key, rows: some }) => (isFolded(key) ? [] : some));
  const at = list.findIndex(({ id }) => id === selected.peek());
  const next = list[Math.min(list.length - 1, Math.max(0, at + by))];
  if (next) openSession(next.id);
}

/** Pins the watched session to the top of its group, or lets it go. */
export function togglePin(): void {
  const id = selected.peek();
  if (id === null) return;
  const before = pinned.peek();
  pinned.value = before.includes(id) ? before.filter((one) => one !== id) : [...before, id];
}
