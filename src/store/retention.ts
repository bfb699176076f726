/**
 * Takes away what nobody reads any more, a little at a time: old journal rows (never past a base they can
 * be folded from), old idempotency keys, old quarantine. Called by the writer thread between batches.
 */
import type { Sqlite } from './database.ts';
import { createJournalRead, MARK_EVERY } from './queries/journal.ts';

/** Journal rows kept of a session at least; up to the distance of two bases more may be there. */
const JOURNAL_ROWS = 2_000;

/** Journal rows, keys and quarantined items older than this go, ms. */
const KEPT_MS = 30 * 24 * 60 * 60 * 1_000;

/** Quarantined items kept at most. */
const QUARANTINED = 1_000;

/** Rows deleted in one slice: about a millisecond. */
const SLICE_ROWS = 500;

/** Takes old rows away, slice by slice. */
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
  let place: Place = FIRST;

  const slice = database.transaction((): boolean => {
    const cutoff = new Date(now() - KEPT_MS).toISOString();
    place =
      place.of === 'keys'
        ? cutKeys(statements, place.after, cutoff)
        : cutNextJournal(statements, place.after, cutoff);
    return place !== FIRST;
  });
  return { slice: () => slice.immediate() };
}

/** How far a round has come: first the keys in their order, then the sessions. */
interface Place {
  of: 'keys' | 'sessions';
  /** The last one that is done. */
  after: string;
}

const FIRST: Place = { of: 'keys', after: '' };

interface JournalOwner {
  id: string;
  journal_seq: number;
  /** All three are null for a session that has no machine. */
  snapshot: string | null;
  machineVersion: number | null;
  machineSeq: number | null;
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: Sqlite) {
  return {
    sliceOfKeys: database
      .prepare<[string], string>(
        `SELECT key FROM hook_keys WHERE key > ? ORDER BY key LIMIT 1 OFFSET ${SLICE_ROWS - 1}`,
      )
      .pluck(),
    deleteKeys: database.prepare<[string, string, string]>(
      'DELETE FROM hook_keys WHERE key > ? AND key <= ? AND at < ?',
    ),
    deleteLastKeys: database.prepare<[string, string]>(
      'DELETE FROM hook_keys WHERE key > ? AND at < ?',
    ),
    deleteQuarantine: database.prepare<[string]>(
      `DELETE FROM quarantine WHERE at < ? OR id <=
         (SELECT id FROM quarantine ORDER BY id DESC LIMIT 1 OFFSET ${QUARANTINED})`,
    ),
    nextSession: database.prepare<[string], JournalOwner>(
      `SELECT id, journal_seq, snapshot, version AS machineVersion, seq AS machineSeq
       FROM sessions LEFT JOIN machines ON session_id = id WHERE id > ? ORDER BY id LIMIT 1`,
    ),
    newestBase: database
      .prepare<[string, number], number | null>(
        'SELECT max(seq) FROM journal_bases WHERE session_id = ? AND seq <= ?',
      )
      .pluck(),
    firstFreshMark: database
      .prepare<[string, string], number>(
        `SELECT seq FROM journal WHERE session_id = ? AND seq % 64 = 0 AND at >= ?
         ORDER BY seq LIMIT 1`,
      )
      .pluck(),
    firstMark: database
      .prepare<[string, number], number>(
        `SELECT seq FROM journal WHERE session_id = ? AND seq <= ? AND seq % 64 = 0
         ORDER BY seq LIMIT 1`,
      )
      .pluck(),
    journal: createJournalRead(database),
    keepBase: database.prepare(
      `INSERT OR REPLACE INTO journal_bases (session_id, seq, machine_version, snapshot)
       VALUES (?, ?, ?, ?)`,
    ),
    deleteRow: database.prepare<[number]>('DELETE FROM journal WHERE id = ?'),
    deleteBases: database.prepare('DELETE FROM journal_bases WHERE session_id = ? AND seq < ?'),
  };
}

function cutKeys(statements: Statements, after: string, cutoff: string): Place {
  const last = statements.sliceOfKeys.get(after);
  if (last !== undefined) {
    statements.deleteKeys.run(after, last, cutoff);
    return { of: 'keys', after: last };
  }
  statements.deleteLastKeys.run(after, cutoff);
  statements.deleteQuarantine.run(cutoff);
  return { of: 'sessions', after: '' };
}

function cutNextJournal(statements: Statements, after: string, cutoff: string): Place {
  const session = statements.nextSession.get(after);
  if (session === undefined) return FIRST;
  return { of: 'sessions', after: cutJournal(statements, session, cutoff) ? session.id : after };
}

/** @returns whether nothing is left to cut of this session */
function cutJournal(statements: Statements, session: JournalOwner, cutoff: string): boolean {
  const { id } = session;
  const byCount = statements.newestBase.get(id, session.journal_seq - JOURNAL_ROWS) ?? 0;
  const cut = Math.max(byCount, cutByAge(statements, session, cutoff));
  if (cut === 0) return true;
  if (!deleteRows(statements, id, cut)) return false;
  statements.deleteBases.run(id, cut);
  return true;
}

/**
 * From mark to mark, the oldest first, so that what is left is always one chain; then what stands between
 * the last of those marks and the cut.
 *
 * @returns whether all up to the cut are gone
 */
function deleteRows(statements: Statements, sessionId: string, cut: number): boolean {
  let left = SLICE_ROWS;
  while (left > 0) {
    const mark = statements.firstMark.get(sessionId, cut);
    const ids = [...statements.journal.backwards(sessionId, mark ?? cut)].map(({ id }) => id);
    for (const id of ids) statements.deleteRow.run(id);
    if (mark === undefined) return true;
    left -= ids.length;
  }
  return false;
}

/** A number up to which all is old, to a mark; null when nothing of it is young. */
function lastOldMark(statements: Statements, sessionId: string, cutoff: string): number | null {
  const [newest] = statements.journal.backwards(sessionId);
  if (newest === undefined || newest.at < cutoff) return null;
  const fresh = statements.firstFreshMark.get(sessionId, cutoff);
  return (fresh ?? Math.ceil(newest.seq / MARK_EVERY) * MARK_EVERY) - MARK_EVERY;
}

function cutByAge(statements: Statements, session: JournalOwner, cutoff: string): number {
  const { id, snapshot, machineVersion, machineSeq } = session;
  const oldUpTo = lastOldMark(statements, id, cutoff);
  if (oldUpTo !== null) return statements.newestBase.get(id, oldUpTo) ?? 0;
  if (snapshot === null || machineVersion === null || machineSeq === null) return 0;
  // Nothing of it is young: the session's own snapshot becomes the base of what may still come. The few
  // rows behind it stay: without them it would not be the session's state.
  if (statements.newestBase.get(id, machineSeq) === machineSeq) return machineSeq;
  statements.keepBase.run(id, machineSeq, machineVersion, snapshot);
  return machineSeq;
}
