/**
 * Orders of the sessions' list. What a session is ordered by is asked once for each of them, before they are
 * compared: a thousand sessions are compared ten thousand times, eight times a second. Pure.
 */
import type { InspectRow } from '../../src/protocol/inspect.ts';
import { PHASES, type Phase, phaseOfRow } from './value.ts';

/** The orders of the list, and what they are called. */
export const ORDERS = {
  attention: 'Waits for you first',
  recent: 'Latest event first',
  name: 'By name',
  rate: 'Busiest first',
} as const;
/** One of the orders. */
export type Order = keyof typeof ORDERS;

/** All that rows are compared by. */
interface Keyed {
  row: InspectRow;
  id: string;
  /** Its title, else where it works: then the start tells them apart. */
  name: string;
  started: string;
  phase: Phase;
  at: string;
  since: string;
  rate: number;
}

type Comparison = (one: Keyed, other: Keyed) => number;

/** Made once: each `localeCompare` with options, and each new collator, costs more than many comparisons. */
const words = new Intl.Collator();

/** Moments in ISO 8601 and ids need no language. */
function byCode(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

const byName: Comparison = (one, other) =>
  (one.name === other.name ? 0 : words.compare(one.name, other.name)) ||
  byCode(one.started, other.started) ||
  byCode(one.id, other.id);
const byWait: Comparison = (one, other) => byCode(one.since, other.since) || byName(one, other);
const byLatest: Comparison = (one, other) => byCode(other.at, one.at) || byName(one, other);
const byRate: Comparison = (one, other) => other.rate - one.rate || byName(one, other);

/** Inside of a phase: who waits longest; who works keeps its place; else the newest first. */
const WITHIN: Record<Phase, Comparison> = {
  attention: byWait,
  working: byName,
  failed: byLatest,
  idle: byLatest,
  ended: byLatest,
};

const byAttention: Comparison = (one, other) =>
  PHASES.indexOf(one.phase) - PHASES.indexOf(other.phase) || WITHIN[one.phase](one, other);

const COMPARISONS: Record<Order, Comparison> = {
  attention: byAttention,
  recent: byLatest,
  name: byName,
  rate: byRate,
};

const NONE: ReadonlySet<string> = new Set();

/** The rows in this order, pinned ones on top. */
export function inOrder(
  rows: readonly InspectRow[],
  order: Order,
  pinned: ReadonlySet<string> = NONE,
): InspectRow[] {
  const compare = COMPARISONS[order];
  if (pinned.size === 0) return sorted(rows, compare);
  return [
    ...sorted(
      rows.filter(({ id }) => pinned.has(id)),
      compare,
    ),
    ...sorted(
      rows.filter(({ id }) => !pinned.has(id)),
      compare,
    ),
  ];
}

/** The rows, the longest wait first. */
export function longestWaitFirst(rows: readonly InspectRow[]): InspectRow[] {
  return sorted(rows, byWait);
}

function sorted(rows: readonly InspectRow[], compare: Comparison): InspectRow[] {
  return rows
    .map(keyed)
    .sort(compare)
    .map(({ row }) => row);
}

function keyed(row: InspectRow): Keyed {
  const at = row.at ?? '';
  return {
    row,
    id: row.id,
    name: row.title ?? row.project ?? row.name,
    started: row.started_at ?? '',
    phase: phaseOfRow(row),
    at,
    since: row.waiting?.since ?? at,
    rate: row.eventsPerSecond,
  };
}
