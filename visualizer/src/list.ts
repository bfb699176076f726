/** Which sessions the list shows, in which groups and order; it holds still while a person is about to press. */
import { computed, effect, signal } from '@preact/signals';
import type { InspectRow } from '../../src/protocol/inspect.ts';
import { conditionsOf, fulfils } from './filter.ts';
import { rows, rowsTick, selected } from './model.ts';
import { ARRANGEMENTS, arranged, type Group, longestWaitFirst } from './order.ts';
import { isUnread } from './read-marks.ts';
import { openSession } from './route.ts';
import { oneOf, storedSignal, texts } from './stored.ts';
import { now } from './ui/now.tsx';

/** The words that rows must fulfil to be listed. */
export const filter = signal('');
/** Filters that a person keeps, as they were typed. */
export const savedFilters = storedSignal<readonly string[]>('filters', [], texts);
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
/** True while the pointer or the focus is inside: rows change in place, none moves. */
const isHeld = signal(false);
/** On its way from the list to what stands below it, the pointer is nowhere for a moment, ms. */
const RELEASE_AFTER_MS = 200;
let release = 0;

/** Holds the order of the list, or lets it go soon, unless it is held again. */
export function holdOrder(isInside: boolean): void {
  clearTimeout(release);
  if (isInside) isHeld.value = true;
  else {
    release = window.setTimeout(() => {
      isHeld.value = false;
    }, RELEASE_AFTER_MS);
  }
}

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

/** The list as shown; while it is held, new sessions join at the end of their group. */
export const listed = signal<readonly Group[]>([]);
/** How many rows would stand in another group if the list were not held. */
export const moved = signal(0);

/** What a person has asked to see: another wish is shown at once, wherever the pointer is. */
let asked = '';

effect(() => {
  const groups = wanted.value;
  const wish = JSON.stringify([arrangement.value, filter.value, pinned.value]);
  const holds = isHeld.value && wish === asked;
  asked = wish;
  listed.value = holds ? held(listed.peek(), groups) : groups;
  moved.value = holds ? countMoved(listed.peek(), groups) : 0;
});

/** Shows the order of now, also while it is held. */
export function sortNow(): void {
  listed.value = wanted.peek();
  moved.value = 0;
}

/** Rows as they are now, where they stood before. */
function held(before: readonly Group[], now: readonly Group[]): Group[] {
  const fresh = new Map(now.flatMap(({ rows }) => rows.map((row) => [row.id, row] as const)));
  const kept = before.map((group) => ({
    ...group,
    rows: group.rows.flatMap(({ id }) => {
      const row = fresh.get(id);
      fresh.delete(id);
      return row ?? [];
    }),
  }));
  if (fresh.size === 0) return kept;
  const joined = new Map(kept.map((group) => [group.key, group]));
  for (const group of now) {
    const joining = group.rows.filter(({ id }) => fresh.has(id));
    if (joining.length === 0) continue;
    const known = joined.get(group.key);
    joined.set(group.key, { ...group, rows: [...(known?.rows ?? []), ...joining] });
  }
  return [...joined.values()];
}

function countMoved(shown: readonly Group[], now: readonly Group[]): number {
  const places = new Map(now.flatMap(({ key, rows }) => rows.map(({ id }) => [id, key] as const)));
  let count = 0;
  for (const { key, rows: some } of shown)
    for (const { id } of some) if (places.get(id) !== key) count += 1;
  return count;
}

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

/** Keeps the words of the filter, or forgets them when they are kept. */
export function toggleSaved(): void {
  const words = filter.peek().trim();
  if (words === '') return;
  const before = savedFilters.peek();
  savedFilters.value = before.includes(words)
    ? before.filter((one) => one !== words)
    : [...before, words];
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
