/** An order that holds still while a person is about to press: rows change in place, none moves. */
import { effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { InspectRow } from '../../src/protocol/inspect.ts';
import type { Group } from './list-order.ts';

/** On its way from the list to what is beside it, the pointer is nowhere for a moment, ms. */
const RELEASE_AFTER_MS = 200;

/** Groups as they are shown, and how to hold them. */
export interface FrozenOrder {
  /** While it is held, new sessions join at the end of their group. */
  listed: Signal<readonly Group[]>;
  /** How many rows would be in another group if the order were not held. */
  moved: Signal<number>;
  /** Shows the order of now, also while it is held. */
  sortNow: () => void;
  /** Holds the order, or lets it go soon, unless it is held again. */
  hold: (isInside: boolean) => void;
}

/**
 * Follows an order, except while it is held.
 *
 * @param wanted  the groups as they should stand now
 * @param choice    what a person has asked to see: another wish is shown at once, wherever the pointer is
 */
export function frozenOrder(
  wanted: ReadonlySignal<readonly Group[]>,
  choice: () => string,
): FrozenOrder {
  const listed = signal<readonly Group[]>([]);
  const moved = signal(0);
  const isHeld = signal(false);
  let release = 0;
  let asked = '';
  effect(() => {
    const groups = wanted.value;
    const now = choice();
    const holds = isHeld.value && now === asked;
    asked = now;
    listed.value = holds ? held(listed.peek(), groups) : groups;
    moved.value = holds ? countMoved(listed.peek(), groups) : 0;
  });
  return {
    listed,
    moved,
    sortNow: () => {
      listed.value = wanted.peek();
      moved.value = 0;
    },
    hold: (isInside) => {
      clearTimeout(release);
      if (isInside) isHeld.value = true;
      else {
        release = window.setTimeout(() => {
          isHeld.value = false;
        }, RELEASE_AFTER_MS);
      }
    },
  };
}

/** Rows as they are now, where they stood before. */
function held(before: readonly Group[], now: readonly Group[]): Group[] {
  const fresh = new Map<string, InspectRow>(
    now.flatMap(({ rows }) => rows.map((row) => [row.id, row] as const)),
  );
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
  for (const { key, rows } of shown)
    for (const { id } of rows) if (places.get(id) !== key) count += 1;
  return count;
}
