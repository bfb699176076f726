/**
 * Reading a session's journal: backwards along its chain, from its newest event or from the nearest mark.
 * Called by the writer thread between commits: by inspection, by actors that are opened, by catch-up and
 * by retention.
 */
import type { Sqlite } from '../database.ts';

/** The index knows every so many events of a session (migration 11 and the queries here say the same). */
export const MARK_EVERY = 64;

/** One event as it was journalled. */
export interface JournalRow {
  seq: number;
  /** ISO 8601 UTC with microseconds. */
  at: string;
  origin: string;
  /** JSON of who sent it; null for what no connection asked for. */
  caller: string | null;
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

/** A row with its place in the chain. */
export interface ChainRow extends Omit<JournalRow, 'accepted'> {
  id: number;
  accepted: number;
  /** `id` of the session's event before; that row may be gone. */
  before: number | null;
  /** JSON list of the ids of earlier messages that the event changed; null for none. */
  amended: string | null;
}

/** Journals as one connection reads them. */
export type JournalRead = ReturnType<typeof createJournalRead>;

/** Reads journals on one connection. */
export function createJournalRead(database: Sqlite) {
  const row = database.prepare<[number, string, number], ChainRow>(
    `SELECT id, seq, at, origin, caller, event, value, accepted, revision, before, amended
     FROM journal WHERE id = ? AND session_id = ? AND seq <= ?`,
  );
  const markFrom = database
    .prepare<[string, number], number>(
      `SELECT id FROM journal WHERE session_id = ? AND seq >= ? AND seq % 64 = 0
       ORDER BY seq LIMIT 1`,
    )
    .pluck();
  const firstMark = database
    .prepare<[string], number>(
      'SELECT seq FROM journal WHERE session_id = ? AND seq % 64 = 0 ORDER BY seq LIMIT 1',
    )
    .pluck();
  const newest = database
    .prepare<[string], number | null>('SELECT journal_id FROM sessions WHERE id = ?')
    .pluck();

  /** Events up to number `upTo`, the newest first, as far back as the journal reaches. */
  function* backwards(sessionId: string, upTo = Number.MAX_SAFE_INTEGER): Generator<ChainRow> {
    let id = markFrom.get(sessionId, upTo) ?? newest.get(sessionId) ?? null;
    let limit = Number.MAX_SAFE_INTEGER;
    // A row that is gone may have left its id to another session's event, or to a later one of this.
    while (id !== null) {
      const found = row.get(id, sessionId, limit);
      if (found === undefined) return;
      if (found.seq <= upTo) yield found;
      id = found.before;
      limit = found.seq - 1;
    }
  }

  return {
    backwards,
    /** Events with numbers above `after` up to `upTo`, the oldest first. */
    between(sessionId: string, after: number, upTo: number): JournalRow[] {
      const rows: JournalRow[] = [];
      for (const { id: _, before: __, amended: ___, ...found } of backwards(sessionId, upTo)) {
        if (found.seq <= after) break;
        rows.push({ ...found, accepted: found.accepted !== 0 });
      }
      return rows.reverse();
    },
    /** The first and last number the journal still holds; 0 and 0 when it is empty. */
    ends(sessionId: string): { first: number; last: number } {
      const [newestRow] = backwards(sessionId);
      const last = newestRow?.seq ?? 0;
      let first = last;
      // From the first mark it is not far to the beginning.
      for (const { seq } of backwards(sessionId, firstMark.get(sessionId))) first = seq;
      return { first, last };
    },
  };
}
