/** A look at the database from aside: what is really on disk, whatever the server says. */
import Database from 'better-sqlite3';
import type { SessionEvent } from '../../machines/session-events.ts';
import { snapshotOf, takeStep } from '../../machines/step.ts';
import { isSameValue, upgraded } from '../../machines/upgrade.ts';
import type { DataPaths } from '../../src/config.ts';
import {
  createJournalRead,
  type JournalBase,
  type JournalRow,
} from '../../src/store/queries/journal.ts';

/** Opens the database for reading, lets `look` look, closes it. */
export function lookInto<Result>(
  paths: Pick<DataPaths, 'database'>,
  look: (database: Database.Database) => Result,
): Result {
  const database = new Database(paths.database, { readonly: true, fileMustExist: true });
  try {
    return look(database);
  } finally {
    database.close();
  }
}

/** All rows of one query. */
export function rowsOf<Row>(
  paths: Pick<DataPaths, 'database'>,
  sql: string,
  ...values: (string | number)[]
): Row[] {
  return lookInto(paths, (database) => database.prepare(sql).all(...values) as Row[]);
}

/** Part of a journal with the newest snapshot before it. */
export interface JournalPage {
  base: JournalBase | null;
  rows: JournalRow[];
  first: number;
  last: number;
}

/** Up to `limit` rows of a session's journal from number `from` on, or from its first. */
export function journalPage(
  database: Database.Database,
  sessionId: string,
  from: number,
  limit: number,
): JournalPage {
  const journal = createJournalRead(database);
  const ends = journal.ends(sessionId);
  const begin = Math.max(from, ends.first, 1);
  const base = database
    .prepare<[string, number], JournalBase>(
      `SELECT seq, machine_version AS machineVersion, snapshot FROM journal_bases
       WHERE session_id = ? AND seq < ? ORDER BY seq DESC LIMIT 1`,
    )
    .get(sessionId, begin);
  return {
    base: base ?? null,
    rows: journal.between(sessionId, begin - 1, begin - 1 + limit),
    ...ends,
  };
}

/** Everything a session's journal holds. */
export function journalOf(
  paths: Pick<DataPaths, 'database'>,
  sessionId: string,
): { rows: JournalRow[]; base: JournalBase | null } {
  return lookInto(paths, (database) => journalPage(database, sessionId, 1, 1_000_000));
}

/**
 * Folds a session's journal through the chart and says where that gives other states than were stored.
 *
 * @returns one line for each difference; empty when the journal is correct
 */
export function foldJournal(paths: Pick<DataPaths, 'database'>, sessionId: string): string[] {
  const { rows, base } = journalOf(paths, sessionId);
  if (!base) return [`${sessionId}: the journal has no base`];
  let snapshot = snapshotOf(upgraded(JSON.parse(base.snapshot), base.machineVersion));
  const wrong: string[] = [];
  let last = base.seq;
  for (const { seq, event: text, value, accepted } of rows) {
    if (seq !== last + 1) wrong.push(`${sessionId}: ${seq} follows ${last}`);
    last = seq;
    const event = JSON.parse(text) as SessionEvent;
    if (snapshot.can(event) !== accepted) wrong.push(`${sessionId} ${seq}: accepted?`);
    if (accepted) snapshot = takeStep(snapshot, event).snapshot;
    if (!isSameValue(snapshot.value, JSON.parse(value))) {
      const folded = JSON.stringify(snapshot.value);
      wrong.push(`${sessionId} ${seq} ${event.type}: ${folded} not ${value}`);
    }
  }
  return wrong;
}
