/**
 * What must be true of a database whatever happened to the server: everything acknowledged is in effect,
 * once and in order; numbers have no gaps; the journal is correct.
 */
import type { DataPaths } from '../../src/config.ts';
import { stampFromMicroseconds } from '../../src/runtime/clock.ts';
import { foldJournal, lookInto, rowsOf } from './database.ts';
import type { Acknowledged } from './producers.ts';

type Paths = Pick<DataPaths, 'database'>;

/** SQLite's own opinion of the file; empty when it is sound. */
export function damageOf(paths: Paths): string[] {
  return lookInto(paths, (database) => {
    const quick = database.pragma('quick_check', { simple: true });
    const foreign = database.pragma('foreign_key_check') as unknown[];
    return [
      ...(quick === 'ok' ? [] : [`quick_check: ${quick}`]),
      ...(foreign.length === 0 ? [] : [`foreign_key_check: ${JSON.stringify(foreign[0])}`]),
    ];
  });
}

/** Acknowledged keys that the database does not know. */
export function lostKeys(paths: Paths, acknowledged: readonly Acknowledged[]): string[] {
  const rows = rowsOf<{ key: string }>(paths, 'SELECT key FROM hook_keys');
  const known = new Set(rows.map(({ key }) => key));
  return acknowledged.filter(({ key }) => !known.has(key)).map(({ key }) => key);
}

/**
 * Compares a session's journal with what its producer was answered. The journal has no keys, but a key holds
 * the moment of its hook and a journal row has that moment: same moments in the same order means that
 * each hook took effect once and in its turn. A hook that came more than 10 s after its moment, because the
 * machine was busy or the server away, counts from when it came, or the server's clock would be in doubt.
 *
 * @param acknowledged all hooks of this session, in the order they were sent
 */
export function orderOf(
  paths: Paths,
  session: string,
  acknowledged: readonly Acknowledged[],
): string[] {
  const sql = `SELECT at FROM journal WHERE session_id = ? AND origin IN ('hook', 'spool') ORDER BY seq`;
  const stored = rowsOf<{ at: string }>(paths, sql, session).map(({ at }) => at);
  // The very first start only announces the session.
  const received = acknowledged.slice(1).map(({ key }) => momentOf(key));
  const at = stored.findIndex((moment, index) => {
    const sent = acknowledged[index + 1];
    return moment !== received[index] && !(sent !== undefined && isWhenItCame(moment, sent));
  });
  if (at === -1 && stored.length === received.length) return [];
  const where = at === -1 ? Math.min(stored.length, received.length) : at;
  const counts = `${stored.length} stored, ${received.length} acknowledged`;
  return [
    `${session}: hook ${where} is ${stored[where]}, should be ${received[where]} (${counts})`,
  ];
}

/** Gaps in a session's numbers, and where the journal folds to something else. */
export function gapsOf(paths: Paths, session: string): string[] {
  const wrong = foldJournal(paths, session);
  const [row] = rowsOf<{ revision: number; journal_seq: number }>(
    paths,
    'SELECT revision, journal_seq FROM sessions WHERE id = ?',
    session,
  );
  const rows = rowsOf<{ seq: number; revision: number }>(
    paths,
    'SELECT seq, revision FROM journal WHERE session_id = ? ORDER BY seq',
    session,
  );
  let before = 0;
  for (const [index, { seq, revision }] of rows.entries()) {
    if (seq !== index + 1) wrong.push(`${session}: journal ${seq} stands at ${index + 1}`);
    if (revision < before) wrong.push(`${session}: revision ${revision} after ${before}`);
    before = revision;
  }
  if (row?.journal_seq !== rows.length) wrong.push(`${session}: journal_seq ${row?.journal_seq}`);
  if (row?.revision !== before) wrong.push(`${session}: revision ${row?.revision}, not ${before}`);
  return wrong;
}

function momentOf(key: string): string {
  return stampFromMicroseconds(Number(key.slice(0, 16)));
}

/** Between 10 s after the hook's moment and its answer. */
function isWhenItCame(moment: string, { key, answeredMs }: Acknowledged): boolean {
  const at = Date.parse(moment);
  return at - Date.parse(momentOf(key)) > 10_000 && at <= answeredMs;
}
