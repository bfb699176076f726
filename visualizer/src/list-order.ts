/**
 * How the sessions of the list are ordered and grouped. What a session is compared by is asked once for each of
 * them, before they are compared: a thousand sessions are compared ten thousand times, eight times a second. Pure.
 */
import type { InspectRow } from '../../src/protocol/inspect.ts';
import { STATE_GROUPS, type StateGroup, stateGroupOf } from './state-value.ts';

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
  /** Its title, else where it works: then the start distinguishes them. */
  name: string;
  started: string;
  group: StateGroup;
  at: string;
  since: string;
  /** When its turn began. */
  worksSince: string;
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
const byTurn: Comparison = (one, other) =>
  byCode(other.worksSince, one.worksSince) || byName(one, other);
const byRate: Comparison = (one, other) => other.rate - one.rate || byName(one, other);

/** Inside of a group: who waits longest; whose turn is the newest, which events do not change; else the newest. */
const WITHIN: Record<StateGroup, Comparison> = {
  attention: byWait,
  failed: byLatest,
  working: byTurn,
  finished: byLatest,
  idle: byLatest,
  ended: byLatest,
};

const byAttention: Comparison = (one, other) =>
  STATE_GROUPS.indexOf(one.group) - STATE_GROUPS.indexOf(other.group) ||
  WITHIN[one.group](one, other);

const COMPARISONS: Record<Order, Comparison> = {
  attention: byAttention,
  recent: byLatest,
  name: byName,
  rate: byRate,
};

const NONE: ReadonlySet<string> = new Set();

/** Whether a session has finished and was not read since. */
export type IsUnread = (row: InspectRow) => boolean;

const allRead: IsUnread = () => false;

/** The rows in this order, pinned ones on top. */
export function inOrder(
  rows: readonly InspectRow[],
  order: Order,
  pinned: ReadonlySet<string> = NONE,
  isUnread: IsUnread = allRead,
): InspectRow[] {
  const compare = COMPARISONS[order];
  if (pinned.size === 0) return sorted(rows, compare, isUnread);
  const isPinned = ({ id }: InspectRow): boolean => pinned.has(id);
  return [
    ...sorted(rows.filter(isPinned), compare, isUnread),
    ...sorted(
      rows.filter((row) => !isPinned(row)),
      compare,
      isUnread,
    ),
  ];
}

/** The rows, the longest wait first. */
export function longestWaitFirst(rows: readonly InspectRow[]): InspectRow[] {
  return sorted(rows, byWait, allRead);
}

function sorted(
  rows: readonly InspectRow[],
  compare: Comparison,
  isUnread: IsUnread,
): InspectRow[] {
  return rows
    .map((row) => keyed(row, isUnread))
    .sort(compare)
    .map(({ row }) => row);
}

function keyed(row: InspectRow, isUnread: IsUnread): Keyed {
  const at = row.at ?? '';
  return {
    row,
    id: row.id,
    name: row.title ?? row.project ?? row.name,
    started: row.started_at ?? '',
    group: stateGroupOf(row, isUnread(row)),
    at,
    since: row.waiting?.since ?? at,
    worksSince: row.working_since ?? '',
    rate: row.eventsPerSecond,
  };
}

/** How the list may be arranged, and what that is called: groups with headings, or one list. */
export const ARRANGEMENTS = {
  state: 'By state',
  project: 'By project',
  agent: 'By agent',
  recent: 'Latest first',
  name: 'By name',
  rate: 'Busiest first',
} as const;
/** One of the arrangements. */
export type Arrangement = keyof typeof ARRANGEMENTS;

/** Rows under one heading. */
export interface Group {
  /** Distinguishes it from other groups, also while its rows change; `ended` is that of ended sessions. */
  key: string;
  /** Null: a list without a heading. */
  words: string | null;
  rows: readonly InspectRow[];
}

/** What the groups by state are called. */
export const GROUP_WORDS: Record<StateGroup, string> = {
  attention: 'Waits for you',
  failed: 'Failed',
  working: 'Working',
  finished: 'Finished, not read yet',
  idle: 'Idle',
  ended: 'Ended',
};

/** The agent behind a provider's name on the wire. */
export function agentName(provider: string): string {
  return AGENTS[provider] ?? provider;
}

const AGENTS: Readonly<Record<string, string>> = { claude: 'Claude', codex: 'Codex' };

/** The rows in groups: pinned ones on top of theirs, ended ones in one of their own at the end. */
export function arranged(
  rows: readonly InspectRow[],
  arrangement: Arrangement,
  pinned: ReadonlySet<string> = NONE,
  isUnread: IsUnread = allRead,
): Group[] {
  if (arrangement === 'recent' || arrangement === 'name' || arrangement === 'rate') {
    const all = inOrder(rows, arrangement, pinned, isUnread);
    return all.length > 0 ? [{ key: 'all', words: null, rows: all }] : [];
  }
  const groups = new Map<string, { words: string; rows: InspectRow[] }>();
  for (const row of inOrder(rows, 'attention', NONE, isUnread)) {
    const { key, words } = groupOf(row, arrangement, isUnread);
    const group = groups.get(key) ?? { words, rows: [] };
    group.rows.push(row);
    groups.set(key, group);
  }
  // They come in the order of their most urgent session, which leaves the ended ones at the end.
  return [...groups].map(([key, group]) => ({ key, ...group, rows: onTop(group.rows, pinned) }));
}

function groupOf(
  row: InspectRow,
  arrangement: 'state' | 'project' | 'agent',
  isUnread: IsUnread,
): { key: string; words: string } {
  const state = stateGroupOf(row, isUnread(row));
  if (arrangement === 'state' || state === 'ended') {
    return { key: state, words: GROUP_WORDS[state] };
  }
  const words = arrangement === 'project' ? (row.project ?? row.name) : agentName(row.provider);
  return { key: `${arrangement} ${words}`, words };
}

/** What the columns of the board are. */
export const BOARD_COLUMNS = {
  project: 'By project',
  state: 'By state',
  agent: 'By agent',
} as const;
/** One of them. */
export type BoardColumns = keyof typeof BOARD_COLUMNS;

/** The columns of the board: as the groups of the list, but each keeps its ended ones, at its end. */
export function boardColumns(
  rows: readonly InspectRow[],
  by: BoardColumns,
  pinned: ReadonlySet<string> = NONE,
  isUnread: IsUnread = allRead,
): Group[] {
  if (by === 'state') return arranged(rows, 'state', pinned, isUnread);
  const columns = new Map<string, InspectRow[]>();
  for (const row of inOrder(rows, 'attention', NONE, isUnread)) {
    const words = by === 'project' ? (row.project ?? row.name) : agentName(row.provider);
    const column = columns.get(words);
    if (column) column.push(row);
    else columns.set(words, [row]);
  }
  return [...columns].map(([words, of]) => ({
    key: `${by} ${words}`,
    words,
    rows: onTop(of, pinned),
  }));
}

function onTop(rows: InspectRow[], pinned: ReadonlySet<string>): InspectRow[] {
  if (!rows.some(({ id }) => pinned.has(id))) return rows;
  const isPinned = ({ id }: InspectRow): boolean => pinned.has(id);
  return [...rows.filter(isPinned), ...rows.filter((row) => !isPinned(row))];
}
