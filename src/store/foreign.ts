/**
 * Rows that another program wrote into our database. The triggers of migration 12 note them. Two rules: after a
 * start such a row wins over the machine that was stored for the session, and the epoch is new; while we run,
 * what our actors know wins, so the row is put back. Called by the writer thread.
 */
import type { Sqlite } from './database.ts';
import { isoMs } from './text.ts';

interface ForeignWrite {
  session_id: string;
  before: string | null;
}

type Row = Record<string, string | number | null>;

/** Columns with times; the reference writes some as `"<unix seconds>Z"`. */
const TIMES = ['started_at', 'ended_at', 'last_activity_at'] as const;

/**
 * Takes the rows that were written while no server ran: each is brought into our form, its machine is
 * forgotten, and requests that the row does not wait for are closed. To be called in the start's transaction.
 *
 * @returns ids of the sessions
 */
export function adoptForeignRows(database: Sqlite, now: string): string[] {
  const written = database
    .prepare<[], ForeignWrite>('SELECT session_id, before FROM foreign_writes ORDER BY session_id')
    .all();
  for (const { session_id } of written) adoptRow(database, session_id, now);
  // Bringing rows into our form is noted, too.
  database.exec('DELETE FROM foreign_writes');
  return written.map(({ session_id }) => session_id);
}

function adoptRow(database: Sqlite, id: string, now: string): void {
  const run = (sql: string, ...values: string[]) => void database.prepare(sql).run(...values);
  // The error flag of the reference's messages.
  run(
    `UPDATE messages SET is_error = 1, is_in_progress = 0
     WHERE session_id = ? AND created_revision = 0 AND is_in_progress <> 0`,
    id,
  );
  run('DELETE FROM machines WHERE session_id = ?', id);
  run(
    `UPDATE sessions SET
       status = iif(status = 'active', 'active', 'ended'),
       work_status = iif(status <> 'active', 'ended', iif(work_status = 'ended', 'waiting', work_status)),
       git_branch = coalesce(branch, git_branch),
       message_count = (SELECT count(*) FROM messages WHERE session_id = sessions.id)
     WHERE id = ?`,
    id,
  );
  const isOpen = 'request IS NOT NULL AND decided_at IS NULL';
  // Requests that the row does not wait for are dead.
  run(
    `UPDATE approval_history SET decision = 'cancelled', evidence = 'foreign_row', decided_at = ?
     WHERE session_id = ? AND ${isOpen} AND NOT EXISTS (
       SELECT 1 FROM sessions
       WHERE id = approval_history.session_id AND work_status IN ('permission', 'question'))`,
    now,
    id,
  );
  // A request that only the other program knew cannot be answered here: its turn goes on.
  run(
    `UPDATE sessions SET work_status = 'working'
     WHERE id = ? AND work_status IN ('permission', 'question') AND NOT EXISTS (
       SELECT 1 FROM approval_history WHERE session_id = sessions.id AND ${isOpen})`,
    id,
  );
  const times = database
    .prepare<[string], Row>(`SELECT ${TIMES.join(', ')} FROM sessions WHERE id = ?`)
    .get(id);
  const ours = TIMES.map((column) => {
    const time = times?.[column];
    return typeof time === 'string' ? isoMs(time) : null;
  });
  database
    .prepare(
      `UPDATE sessions SET ${TIMES.map((column) => `${column} = ?`).join(', ')} WHERE id = ?`,
    )
    .run(...ours, id);
}

/** Watches for writes of other connections, and undoes those to rows of sessions. */
export interface ForeignWatch {
  /**
   * Puts back what another program changed since the last call; costs one look at a counter when nothing was.
   * Messages that it added stay, and are shown after the next start.
   *
   * @returns ids of the sessions whose rows were put back
   * @throws SqliteError when the storage fails
   */
  undo(): string[];
}

/** The watch of the one connection that writes. */
export function watchForeignWrites(database: Sqlite): ForeignWatch {
  const version = database.prepare<[], number>('PRAGMA data_version').pluck();
  const written = database.prepare<[], ForeignWrite>(
    'SELECT session_id, before FROM foreign_writes WHERE before IS NOT NULL',
  );
  let seen = version.get();
  const putBack = database.transaction((): string[] => {
    const rows = written.all();
    for (const { session_id, before } of rows) {
      const columns = JSON.parse(before ?? '{}') as Row;
      const set = Object.keys(columns).map((column) => `${column} = ?`);
      database
        .prepare(`UPDATE sessions SET ${set.join(', ')} WHERE id = ?`)
        .run(...Object.values(columns), session_id);
    }
    if (rows.length > 0) database.exec('DELETE FROM foreign_writes WHERE before IS NOT NULL');
    return rows.map(({ session_id }) => session_id);
  });
  return {
    undo() {
      const now = version.get();
      if (now === seen) return [];
      const undone = putBack.immediate();
      seen = now;
      return undone;
    },
  };
}
