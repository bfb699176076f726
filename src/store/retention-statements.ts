/**
 * The statements of retention: which rows may go, and how a slice of them is deleted. Prepared once per run of
 * the writer thread.
 */
import type { Sqlite } from './database.ts';
import { createJournalRead } from './queries/journal.ts';

/** Rows deleted in one slice: about a millisecond. */
export const SLICE_ROWS = 500;

/** Quarantined items kept at most. */
const QUARANTINED = 1_000;

/** A session whose old rows may go. */
export interface Owner {
  id: string;
  message_count: number;
  journal_seq: number;
  /** All three are null for a session that has no machine. */
  snapshot: string | null;
  machineVersion: number | null;
  machineSeq: number | null;
}

/** All of them, prepared. */
export type Statements = ReturnType<typeof prepareStatements>;

/** Prepares them on a connection. */
export function prepareStatements(database: Sqlite) {
  const pluck = <Params extends unknown[], Result>(sql: string) =>
    database.prepare<Params, Result>(sql).pluck();
  const ofSession = ['turn_diffs', 'subagents', 'approval_history', 'review_comments', 'papers'];
  const others = ['machines', 'journal_bases', 'pending_sessions', 'foreign_writes', 'tails'];
  return {
    sliceOfKeys: pluck<[string], string>(
      `SELECT key FROM hook_keys WHERE key > ? ORDER BY key LIMIT 1 OFFSET ${SLICE_ROWS - 1}`,
    ),
    forgetEnds: database.prepare<[string]>(
      `DELETE FROM pending_sessions WHERE at < ? AND json_extract(start, '$.end') IS NOT NULL`,
    ),
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
    nextSession: database.prepare<[string], Owner>(
      `SELECT id, message_count, journal_seq, snapshot, version AS machineVersion, seq AS machineSeq
       FROM sessions LEFT JOIN machines ON session_id = id WHERE id > ? ORDER BY id LIMIT 1`,
    ),
    newestBase: pluck<[string, number], number | null>(
      'SELECT max(seq) FROM journal_bases WHERE session_id = ? AND seq <= ?',
    ),
    firstFreshMark: pluck<[string, string], number>(
      `SELECT seq FROM journal WHERE session_id = ? AND seq % 64 = 0 AND at >= ?
       ORDER BY seq LIMIT 1`,
    ),
    firstMark: pluck<[string, number], number>(
      `SELECT seq FROM journal WHERE session_id = ? AND seq <= ? AND seq % 64 = 0
       ORDER BY seq LIMIT 1`,
    ),
    journal: createJournalRead(database),
    keepBase: database.prepare(
      `INSERT OR REPLACE INTO journal_bases (session_id, seq, machine_version, snapshot)
       VALUES (?, ?, ?, ?)`,
    ),
    deleteRow: database.prepare<[number]>('DELETE FROM journal WHERE id = ?'),
    deleteBases: database.prepare('DELETE FROM journal_bases WHERE session_id = ? AND seq < ?'),

    lastOfKept: pluck<[string, number], number>(
      `SELECT sequence FROM messages WHERE session_id = ? ORDER BY sequence DESC LIMIT 1 OFFSET ?`,
    ),
    deleteMessages: database.prepare<[string, number, string], { images_json: string | null }>(
      `DELETE FROM messages WHERE id IN (
         SELECT id FROM messages WHERE session_id = ? AND sequence <= ? AND timestamp < ?
         ORDER BY sequence LIMIT ${SLICE_ROWS})
       RETURNING images_json`,
    ),
    countRemoved: database.prepare(
      `UPDATE sessions SET message_count = message_count - @count,
         messages_removed = messages_removed + @count WHERE id = @id`,
    ),

    oldSessions: pluck<[string], string>(
      `SELECT id FROM sessions WHERE last_activity_at < ? AND ${MAY_GO} ORDER BY last_activity_at`,
    ),
    oldestSession: pluck<[string], string>(
      `SELECT id FROM sessions WHERE status = 'ended' AND last_activity_at < ?
       ORDER BY last_activity_at LIMIT 1`,
    ),
    newestEventAt: pluck<[string], string>(
      `SELECT journal.at FROM sessions JOIN journal ON journal.id = sessions.journal_id
         AND journal.session_id = sessions.id WHERE sessions.id = ?`,
    ),
    deleteOfSession: [...ofSession, ...others].map((table) =>
      database.prepare<[string]>(`DELETE FROM ${table} WHERE session_id = ?`),
    ),
    deleteSession: database.prepare<[string]>('DELETE FROM sessions WHERE id = ?'),
    showsImage: database.prepare<[string]>(
      'SELECT 1 FROM messages WHERE images_json IS NOT NULL AND instr(images_json, ?) > 0 LIMIT 1',
    ),
    pages: pluck<[], number>('PRAGMA page_count'),
    freePages: pluck<[], number>('PRAGMA freelist_count'),
    pageSize: pluck<[], number>('PRAGMA page_size'),
  };
}

/** Sessions for which no actor may be waiting: those of the others are live as long as the server runs. */
const MAY_GO = `(status = 'ended' OR (work_status IN ('waiting', 'reply')
  AND coalesce(link_state, 'detached') NOT IN ('attaching', 'attached')))`;
