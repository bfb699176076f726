/**
 * What the page knows, as signals. transport.ts writes what the server says, panels and the chart read.
 * Everything about the watched session changes in one place, once a frame, so that the pill, the
 * outline, the log and the picture never disagree; the list is repainted at 8 Hz.
 */
import { batch, computed, signal } from '@preact/signals';
import type {
  InspectHello,
  InspectRecord,
  InspectRow,
  StateValue,
} from '../../src/protocol/inspect.ts';
import { childrenAt } from './child-actors.ts';
import { EMPTY_HISTORY, extended, type History, recordAt } from './loaded-records.ts';
import { activeStates } from './state-value.ts';

/** How often the list is repainted, ms. */
const LIST_EVERY_MS = 125;

/** How the page stands with the server. */
export type Connection =
  | { kind: 'connecting' }
  | { kind: 'online' }
  | { kind: 'offline'; since: number; retryAt: number }
  | { kind: 'unauthorized'; message: string }
  | { kind: 'mismatch'; protocol: number };

/** How the line to the server stands. */
export const connection = signal<Connection>({ kind: 'connecting' });
/** What the server said first; null before it did. */
export const hello = signal<InspectHello | null>(null);
/** Something the user should read once: a restart, thinned updates. */
export const notice = signal<string | null>(null);

/** All sessions; `rowsTick` says that something in it changed. */
export const rows = new Map<string, InspectRow>();
/** Grows whenever rows changed: they are kept in one map, not copied. */
export const rowsTick = signal(0);

/** The watched session. */
export const selected = signal<string | null>(null);
/** What is loaded of the watched session's journal. */
export const history = signal<History>(EMPTY_HISTORY);
/** The session whose request the inbox shows; null while nothing waits. */
export const inboxed = signal<string | null>(null);
/** Why the watched session cannot be shown. */
export const watchFailure = signal<string | null>(null);
/** The child actor whose card is in the place of the chart; null: none. */
export const actor = signal<string | null>(null);
/** Null: live; else the event after which the page shows the session. */
export const position = signal<number | null>(null);

/** Counters the tests and the about dialog read. */
export const stats = { rowMessages: 0, recordMessages: 0, records: 0, commits: 0, listPaints: 0 };

/** The moment everything shows. */
export interface Shown {
  record: InspectRecord | null;
  value: StateValue | null;
  active: ReadonlySet<string>;
  isLive: boolean;
}

const NO_STATES: ReadonlySet<string> = new Set();

/** The watched session at the cursor, or now. */
export const shown = computed<Shown>(() => {
  const seq = position.value;
  const known = history.value;
  const record = (seq === null ? known.records.at(-1) : recordAt(known, seq)) ?? null;
  const value = record?.value ?? (seq === null ? selectedRow.value?.value : null) ?? null;
  const active = value === null ? NO_STATES : activeStates(value, 'session');
  return { record, value, active, isLive: seq === null };
});

/** Its child actors at the cursor, or now: those that run and those that have ended. */
export const children = computed(() => childrenAt(history.value.records, position.value));

/** The list's row of the watched session. */
export const selectedRow = computed<InspectRow | null>(() => {
  rowsTick.value;
  return (selected.value !== null && rows.get(selected.value)) || null;
});

/** Whether the line to the server is up. */
export const isOnline = computed(() => connection.value.kind === 'online');

let frame = 0;
let waiting: InspectRecord[] = [];

/** Records of the watched session: shown together at the next frame. */
export function takeRecords(session: string, records: readonly InspectRecord[]): void {
  stats.recordMessages += 1;
  stats.records += records.length;
  if (session !== selected.peek()) return;
  waiting.push(...records);
  // A hidden page gets no frames; what it missed is shown when it is looked at again.
  if (frame === 0) frame = requestAnimationFrame(commit);
}

/** Forgets what waits for a frame: another session, another run of the server. */
export function dropWaiting(): void {
  waiting = [];
}

/** Called with the records of each commit; the chart lights what they took. */
export const commits = new Set<(records: readonly InspectRecord[]) => void>();

function commit(): void {
  frame = 0;
  const records = waiting.filter(({ session }) => session === selected.peek());
  waiting = [];
  if (records.length === 0) return;
  stats.commits += 1;
  batch(() => {
    history.value = extended(history.value, records);
  });
  for (const listener of commits) listener(records);
}

let listTimer = 0;

/** Rows that changed. */
export function takeRows(changed: readonly InspectRow[]): void {
  stats.rowMessages += 1;
  for (const row of changed) rows.set(row.id, row);
  if (listTimer !== 0) return;
  listTimer = window.setTimeout(() => {
    listTimer = 0;
    stats.listPaints += 1;
    rowsTick.value += 1;
  }, LIST_EVERY_MS);
}

/** All rows anew. */
export function replaceRows(all: readonly InspectRow[]): void {
  rows.clear();
  for (const row of all) rows.set(row.id, row);
  rowsTick.value += 1;
}
