/**
 * The epoch: the identity of a line of revisions. It changes when the database is new, turns out to be a
 * restored backup, or holds rows that another program wrote; clients then throw their revisions away. To notice a backup, epoch and commit count
 * are also in a small file outside the database. Called by the writer thread only.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { systemCodeOf } from '../exit.ts';
import { writeFileAtomically } from '../files.ts';
import type { Sqlite } from './database.ts';
import { isoMs } from './text.ts';

/** The file outside is at most this far behind while commits happen, ms. */
const MARK_EVERY_MS = 10_000;

/** What a new epoch adds to every revision, so that no number is ever used twice. */
const EPOCH_STRIDE = 1_000_000;

interface Mark {
  epoch: string;
  boots: number;
  commits: number;
}

/** The epoch of an open database. */
export interface Epoch {
  readonly id: string;
  /** True when the process before us did not close the database. */
  readonly wasDirty: boolean;
  /** Sessions whose rows another program wrote since the last process ended. */
  readonly foreign: readonly string[];
  /** Counts a commit, and notes the count when the file outside is due; to be called inside its transaction. */
  count(): void;
  /** Writes the file outside when it is due. Never throws: it is a second record, not a guarantee. */
  mark(): void;
  /** Notes in database and file that everything is done; nothing may be committed after it. */
  close(): void;
}

/**
 * Opens the epoch at boot: counts the boot, sees whether the database is the one the file outside knows,
 * and if it is not begins a new epoch, which lifts every session's revision. The first `mark` writes this boot
 * into the file.
 *
 * @param now  monotonic clock, ms
 */
export function openEpoch(deps: {
  database: Database.Database;
  path: string;
  now: () => number;
}): Epoch {
  const { database, path, now } = deps;
  const values = createDatabaseFacts(database);
  let { state, wasDirty, foreign } = database.transaction(() =>
    boot(database, values, readMark(path)),
  )();
  let { commits } = state;
  // Due from the start: the file does not know of this boot yet.
  let markedAt = Number.NEGATIVE_INFINITY;
  // Database and file hold the same count. To write it with each commit would show a backup no sooner:
  // what was committed since the last mark is unknown to the file.
  const isDue = () => now() - markedAt >= MARK_EVERY_MS;
  const writeMark = () => {
    markedAt = now();
    state = { ...state, commits: Number(values.get('commits')) };
    try {
      writeFileAtomically(path, `${JSON.stringify(state)}\n`, { mode: 0o600 });
    } catch {
      // A full disk must not stop the commits that still fit; the next mark tries again.
    }
  };
  return {
    id: state.epoch,
    wasDirty,
    foreign,
    count: () => {
      commits += 1;
      if (isDue()) values.set('commits', commits);
    },
    mark: () => {
      if (isDue()) writeMark();
    },
    close: () => {
      values.set('commits', commits);
      values.set('clean', '1');
      writeMark();
    },
  };
}

/** The epoch of a database that is only read: nothing is counted or marked. */
export function readEpoch(database: Database.Database): Epoch {
  const epoch = createDatabaseFacts(database).get('epoch') ?? '';
  const nothing = () => {};
  const writes = { count: nothing, mark: nothing, close: nothing };
  return { id: epoch, wasDirty: true, foreign: [], ...writes };
}

type DatabaseFacts = ReturnType<typeof createDatabaseFacts>;

function createDatabaseFacts(database: Database.Database) {
  const get = database.prepare<[string], string>('SELECT value FROM house WHERE key = ?').pluck();
  const set = database.prepare('INSERT OR REPLACE INTO house (key, value) VALUES (?, ?)');
  return {
    get: (key: string) => get.get(key) ?? null,
    set: (key: string, value: string | number) => void set.run(key, String(value)),
  };
}

function boot(database: Database.Database, values: DatabaseFacts, mark: Mark | null) {
  const boots = Number(values.get('boots') ?? 0);
  const commits = Number(values.get('commits') ?? 0);
  const wasDirty = boots > 0 && values.get('clean') !== '1';
  const foreign = adoptForeignRows(database, new Date().toISOString());
  let epoch = values.get('epoch');
  const isOther = (of: string) =>
    foreign.length > 0 || (boots > 0 && !isSameHistory({ epoch: of, boots, commits }, mark));
  if (epoch === null || isOther(epoch)) {
    if (epoch !== null) liftRevisions(database);
    epoch = randomUUID();
    values.set('epoch', epoch);
  }
  const state = { epoch, boots: boots + 1, commits };
  values.set('boots', state.boots);
  values.set('commits', commits);
  values.set('clean', '0');
  return { state, wasDirty, foreign };
}

/** A database behind the file, or one the file does not know, is a backup that was restored. */
function isSameHistory(stored: Mark, mark: Mark | null): boolean {
  if (mark === null || mark.epoch !== stored.epoch) return false;
  return stored.boots >= mark.boots && stored.commits >= mark.commits;
}

function liftRevisions(database: Database.Database): void {
  database.exec(
    `UPDATE sessions SET revision = revision + ${EPOCH_STRIDE},
       snapshot_base = revision + ${EPOCH_STRIDE}`,
  );
}

function readMark(path: string): Mark | null {
  try {
    const { epoch, boots, commits } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Mark>;
    if (typeof epoch !== 'string') return null;
    return { epoch, boots: Number(boots), commits: Number(commits) };
  } catch (error) {
    // An unreadable or broken mark knows nothing: the same as none.
    if (systemCodeOf(error) === null && !(error instanceof SyntaxError)) throw error;
    return null;
  }
}

/*
 * Rows that another program wrote into our database. The triggers of migration 12 note them. Two rules: after a
 * start such a row wins over the machine that was stored for the session, and the epoch is new; while we run,
 * what our actors know wins, so the row is put back. Called by the writer thread.
 */

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
function adoptForeignRows(database: Sqlite, now: string): string[] {
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
  // Requests that the row does not wait for are void.
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
   * Puts back what another program changed since the last call; costs one read of a counter when nothing was.
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
    database.exec('DELETE FROM foreign_writes WHERE before IS NOT NULL');
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
