/**
 * Pages of a session's journal with the snapshot they can be folded from. Called by inspection and by
 * tests, on a connection of their own: the journal only grows at its end.
 */
import type { Sqlite } from '../database.ts';

/** One event as it was journalled. */
export interface JournalRow {
  seq: number;
  /** ISO 8601 UTC with microseconds. */
  at: string;
  origin: string;
  /** JSON of the event; message bodies are ids. */
  event: string;
  /** JSON of the chart's state value after it. */
  value: string;
  accepted: boolean;
  /** The session's revision after it. */
  revision: number;
}

/** A machine's snapshot after event `seq`. */
export interface JournalBase {
  seq: number;
  machineVersion: number;
  snapshot: string;
}

/** Part of a journal, as inspection pages through it. */
export interface JournalPage {
  /** The newest base before the page; null when the journal has none, as in sessions never told. */
  base: JournalBase | null;
  /** Rows from the asked number on, oldest first. */
  rows: JournalRow[];
  /** The first and last number the journal still holds; 0 and 0 when it is empty. */
  first: number;
  last: number;
}

/** Reads journals on one connection. */
export function createJournalRead(database: Sqlite) {
  const page = database.prepare<
    [string, number, number],
    Omit<JournalRow, 'accepted'> & { accepted: number }
  >(
    `SELECT seq, at, origin, event, value, accepted, revision FROM journal
     WHERE session_id = ? AND seq >= ? ORDER BY seq LIMIT ?`,
  );
  const base = database.prepare<[string, number], JournalBase>(
    `SELECT seq, machine_version AS machineVersion, snapshot FROM journal_bases
     WHERE session_id = ? AND seq < ? ORDER BY seq DESC LIMIT 1`,
  );
  const ends = database.prepare<[string, string], { first: number | null; last: number | null }>(
    `SELECT (SELECT min(seq) FROM journal WHERE session_id = ?) AS first,
       (SELECT max(seq) FROM journal WHERE session_id = ?) AS last`,
  );
  /**
   * @param fromSeq  first number wanted; the page begins later when the journal does
   * @param limit  most rows
   */
  return (sessionId: string, fromSeq: number, limit: number): JournalPage => {
    const { first, last } = ends.get(sessionId, sessionId) ?? { first: null, last: null };
    const from = Math.max(fromSeq, first ?? 1);
    return {
      base: base.get(sessionId, from) ?? null,
      rows: page
        .all(sessionId, from, limit)
        .map((row) => ({ ...row, accepted: row.accepted !== 0 })),
      first: first ?? 0,
      last: last ?? 0,
    };
  };
}
