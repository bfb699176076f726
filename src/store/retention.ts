/**
 * Takes away what nobody reads any more, a little at a time: old journal rows (never past a base they can
 * be folded from), old idempotency keys, old quarantine. Called by the writer thread between batches.
 */
import type { Sqlite } from './database.ts';

/** Journal rows kept of a session at least; up to the distance of two bases more may be there. */
const JOURNAL_ROWS = 2_000;

/** Journal rows, keys and quarantined items older than this go, ms. */
const KEPT_MS = 30 * 24 * 60 * 60 * 1_000;

/** Quarantined items kept at most. */
const QUARANTINED = 1_000;

/** Rows deleted in one slice: about a millisecond. */
const SLICE_ROWS = 500;

export interface Retention {
  /**
   * Does the next bit of work in a transaction of its own.
   *
   * @returns false when everything has been looked at once; the next call begins anew
   * @throws SqliteError when the storage fails; the next call goes on there
   */
  slice(): boolean;
}

/** @param now  wall clock, ms since 1970: ages are measured against the stamps of rows */
export function createRetention(deps: { database: Sqlite; now: () => number }): Retention {
  const { database, now } = deps;
  const statements = prepareStatements(database);
  /** Id of the last session that is done; null before the first slice of a round. */
  let doneUntil: string | null = null;

  const slice = database.transaction((): boolean => {
    const cutoff = new Date(now() - KEPT_MS).toISOString();
    if (doneUntil === null) {
      const keys = statements.deleteKeys.run(cutoff).changes;
      statements.deleteQuarantine.run(cutoff);
      if (keys < SLICE_ROWS) doneUntil = '';
      return true;
    }
    const session = statements.nextSession.get(doneUntil);
    if (session === undefined) {
      doneUntil = null;
      return false;
    }
    if (cutJournal(statements, session, cutoff)) doneUntil = session.id;
    return true;
  });
  return { slice: () => slice.immediate() };
}

interface JournalOwner {
  id: string;
  journal_seq: number;
  snapshot_seq: number;
  machine_snapshot: string | null;
  machine_version: number | null;
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: Sqlite) {
  return {
    // Row ids are in order of time, so only the oldest need a look.
    deleteKeys: database.prepare<[string]>(
      `DELETE FROM hook_keys WHERE at < ? AND rowid IN
         (SELECT rowid FROM hook_keys ORDER BY rowid LIMIT ${SLICE_ROWS})`,
    ),
    deleteQuarantine: database.prepare<[string]>(
      `DELETE FROM quarantine WHERE at < ? OR id <=
         (SELECT id FROM quarantine ORDER BY id DESC LIMIT 1 OFFSET ${QUARANTINED})`,
    ),
    nextSession: database.prepare<[string], JournalOwner>(
      `SELECT id, journal_seq, snapshot_seq, machine_snapshot, machine_version FROM sessions
       WHERE id > ? ORDER BY id LIMIT 1`,
    ),
    newestBase: database
      .prepare<[string, number], number | null>(
        'SELECT max(seq) FROM journal_bases WHERE session_id = ? AND seq <= ?',
      )
      .pluck(),
    firstFresh: database
      .prepare<[string, string], number | null>(
        'SELECT min(seq) FROM journal WHERE session_id = ? AND at >= ?',
      )
      .pluck(),
    keepBase: database.prepare(
      `INSERT OR REPLACE INTO journal_bases (session_id, seq, machine_version, snapshot)
       VALUES (?, ?, ?, ?)`,
    ),
    deleteRows: database.prepare<[string, number]>(
      `DELETE FROM journal WHERE rowid IN
         (SELECT rowid FROM journal WHERE session_id = ? AND seq <= ? LIMIT ${SLICE_ROWS})`,
    ),
    deleteBases: database.prepare('DELETE FROM journal_bases WHERE session_id = ? AND seq < ?'),
  };
}

/** @returns whether nothing is left to cut of this session */
function cutJournal(statements: Statements, session: JournalOwner, cutoff: string): boolean {
  const { id } = session;
  const byCount = statements.newestBase.get(id, session.journal_seq - JOURNAL_ROWS) ?? 0;
  const cut = Math.max(byCount, cutByAge(statements, session, cutoff));
  if (cut === 0) return true;
  if (statements.deleteRows.run(id, cut).changes >= SLICE_ROWS) return false;
  statements.deleteBases.run(id, cut);
  return true;
}

function cutByAge(statements: Statements, session: JournalOwner, cutoff: string): number {
  const { id, snapshot_seq, machine_snapshot, machine_version } = session;
  const firstFresh = statements.firstFresh.get(id, cutoff) ?? null;
  if (firstFresh !== null) return statements.newestBase.get(id, firstFresh - 1) ?? 0;
  if (snapshot_seq === 0 || machine_snapshot === null || machine_version === null) return 0;
  // Nothing of it is young: the session's own snapshot becomes the base of what may still come. The few
  // rows behind it stay: without them it would not be the session's state.
  if (statements.newestBase.get(id, snapshot_seq) === snapshot_seq) return snapshot_seq;
  statements.keepBase.run(id, snapshot_seq, machine_version, machine_snapshot);
  return snapshot_seq;
}
