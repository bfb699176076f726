/**
 * The records of the watched session the page holds: one stretch without holes, ending at the newest
 * event, growing at both ends. Immutable: a signal holds it, and every change is a new one. Pure.
 */
import type { HistoryPage, InspectRecord } from '../../src/protocol/inspect.ts';

/** Records held at most; scrubbing further back loads again. Far above what a journal keeps. */
export const MAX_RECORDS = 6_000;

/** What is known of a session's journal. */
export interface History {
  /** Oldest first, gap-free. */
  records: readonly InspectRecord[];
  /** Numbers of the oldest and newest event the journal holds; 0 when it holds none. */
  first: number;
  last: number;
  /** Older events are gone for good. */
  cut: boolean;
}

/** Nothing known yet. */
export const EMPTY_HISTORY: History = { records: [], first: 0, last: 0, cut: false };

/** A page as the start of a history. */
export function historyFrom(page: HistoryPage): History {
  const { records, first, last, cut } = page;
  return { records, first, last, cut: cut || first > 1 };
}

/** With newer records behind; a hole between drops what is older, because the steps would be wrong. */
export function extended(history: History, newer: readonly InspectRecord[]): History {
  const end = history.records.at(-1)?.seq ?? 0;
  const fresh = newer.filter(({ seq }) => seq > end);
  const start = fresh[0];
  if (!start) return history;
  const isJoined = history.records.length === 0 || start.seq === end + 1;
  const records = [...(isJoined ? history.records : []), ...fresh].slice(-MAX_RECORDS);
  return {
    ...history,
    records,
    first: history.first || start.seq,
    last: Math.max(history.last, fresh.at(-1)?.seq ?? 0),
  };
}

/** With an older page in front, when it joins. */
export function prepended(
  history: History,
  page: Pick<History, 'records' | 'first' | 'last'>,
): History {
  const start = history.records[0]?.seq;
  const older = page.records.filter(({ seq }) => start === undefined || seq < start);
  const isJoined = start === undefined || older.at(-1)?.seq === start - 1;
  return {
    records: isJoined ? [...older, ...history.records] : history.records,
    first: page.first,
    last: Math.max(history.last, page.last),
    cut: page.first > 1,
  };
}

/** The record of an event, or nothing when it is not held. */
export function recordAt(history: History, seq: number): InspectRecord | undefined {
  const start = history.records[0]?.seq ?? 0;
  const record = history.records[seq - start];
  return record?.seq === seq ? record : undefined;
}
