/**
 * Takes away what is older than it has to be kept, a little at a time: idempotency keys, quarantine, journal rows,
 * messages, sessions, their images; then gives free pages back to the file system. Called by the writer thread
 * between batches. What is young, or among the newest of its session, always stays.
 */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RetentionLimits } from '../config.ts';
import type { Sqlite } from './database.ts';
import { MARK_EVERY } from './queries/journal.ts';
import {
  type Owner,
  prepareStatements,
  SLICE_ROWS,
  type Statements,
} from './retention-statements.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

/** Idempotency keys and quarantined items are kept so long, days. */
const KEYS_DAYS = 30;
/** An end of a session that never did anything waits so long for hooks that it has overtaken, days. */
const ENDS_DAYS = 7;

/** A base so far below the wanted cut is not waited for, events: two distances of bases. */
const FAR_FROM_BASE = 1_000;

/** A session is not removed for its size before it has been quiet for so long, ms. */
const QUIET_MS = DAY_MS;

/** Free pages are given back in slices of this many, once they are more than a tenth of the file and this. */
const VACUUM_PAGES = 256;
const FREE_PAGES = 1_024;

/** Takes old rows away, slice by slice. */
export interface Retention {
  /**
   * Does the next bit of work in a transaction of its own.
   *
   * @returns false when everything has been looked at once; the next call begins anew
   * @throws SqliteError when the storage fails; the next call begins anew
   */
  slice(): boolean;
}

/** What retention needs. */
export interface RetentionDeps {
  database: Sqlite;
  limits: RetentionLimits;
  /** Directory of images; files elsewhere are never touched. */
  images: string;
  /** Wall clock, ms since 1970: ages are measured against the stamps of rows. */
  now: () => number;
  /** Called before a session's rows are gone, for those that remember something of it. */
  removed?: (sessionId: string) => void;
}

/** Retention on the connection that writes. */
export function createRetention(deps: RetentionDeps): Retention {
  const { database } = deps;
  const statements = prepareStatements(database);
  let round: Generator<void> | null = null;
  let files: string[] = [];

  const step = database.transaction((): boolean => {
    round ??= oneRound({ ...deps, statements, drop: (path) => files.push(path) });
    const { done } = round.next();
    if (done) round = null;
    return !done;
  });
  return {
    slice() {
      files = [];
      try {
        const isMore = step.immediate();
        // Only what no committed row names any more.
        for (const path of files) rmSync(path, { force: true });
        return isMore;
      } catch (error) {
        round = null;
        throw error;
      }
    },
  };
}

interface Round extends RetentionDeps {
  statements: Statements;
  /** Removes a file once the slice is committed. */
  drop: (path: string) => void;
}

/** Everything once; each `yield` ends a transaction. */
function* oneRound(round: Round): Generator<void> {
  const { statements, limits, now } = round;
  const images = new Set<string>();
  yield* cutKeys(statements, stampBefore(now(), KEYS_DAYS));
  statements.forgetEnds.run(stampBefore(now(), ENDS_DAYS));
  yield;
  for (let id = ''; ; ) {
    const next = statements.nextSession.get(id);
    if (next === undefined) break;
    id = next.id;
    yield* cutJournal(round, next);
    yield* cutMessages(round, next, images);
  }
  if (limits.sessionDays > 0) {
    const before = stampBefore(now(), limits.sessionDays);
    for (const id of statements.oldSessions.all(before)) yield* removeSession(round, id, images);
  }
  yield* cutToSize(round, images);
  for (const path of images) {
    if (statements.showsImage.get(path) === undefined) round.drop(path);
    yield;
  }
  yield* giveBack(round);
}

function stampBefore(now: number, days: number): string {
  return new Date(days > 0 ? now - days * DAY_MS : 0).toISOString();
}

function* cutKeys(statements: Statements, cutoff: string): Generator<void> {
  for (let after = ''; ; ) {
    const last = statements.sliceOfKeys.get(after);
    if (last === undefined) {
      statements.deleteLastKeys.run(after, cutoff);
      statements.deleteQuarantine.run(cutoff);
      yield;
      return;
    }
    statements.deleteKeys.run(after, last, cutoff);
    after = last;
    yield;
  }
}

/** An event stays while it is young or among the newest; the cut is at a base, from which the rest folds. */
function* cutJournal(round: Round, session: Owner): Generator<void> {
  const { statements, limits, now } = round;
  const { id, journal_seq } = session;
  if (limits.eventDays <= 0 || journal_seq <= limits.events) return;
  const oldUpTo = lastOld(statements, session, stampBefore(now(), limits.eventDays));
  const upTo = Math.min(journal_seq - limits.events, oldUpTo);
  if (upTo <= 0) return;
  const base = baseFor(statements, session, upTo);
  // Rows without a base, or far behind one, cannot be folded anyway: they go up to a mark.
  const cut = base === null || base < upTo - FAR_FROM_BASE ? upTo - (upTo % MARK_EVERY) : base;
  if (cut <= 0) return;
  yield* deleteRows(statements, id, cut);
  statements.deleteBases.run(id, cut);
  yield;
}

/** The newest base up to there; the session's own snapshot becomes one where it is newer. */
function baseFor(statements: Statements, session: Owner, upTo: number): number | null {
  const { id, snapshot, machineVersion, machineSeq } = session;
  const base = statements.newestBase.get(id, upTo) ?? null;
  if (snapshot === null || machineVersion === null || machineSeq === null) return base;
  if (machineSeq > upTo || machineSeq <= (base ?? 0)) return base;
  statements.keepBase.run(id, machineSeq, machineVersion, snapshot);
  return machineSeq;
}

/** From mark to mark, the oldest first, so that what is left is always one chain. */
function* deleteRows(statements: Statements, sessionId: string, cut: number): Generator<void> {
  for (let left = SLICE_ROWS; ; ) {
    const mark = statements.firstMark.get(sessionId, cut);
    const ids = [...statements.journal.backwards(sessionId, mark ?? cut)].map(({ id }) => id);
    for (const id of ids) statements.deleteRow.run(id);
    if (mark === undefined) return;
    left -= ids.length;
    if (left > 0) continue;
    left = SLICE_ROWS;
    yield;
  }
}

/** A number up to which all events are old; to a mark, unless all of them are. */
function lastOld(statements: Statements, { id, journal_seq }: Owner, cutoff: string): number {
  const [newest] = statements.journal.backwards(id);
  if (newest === undefined || newest.at < cutoff) return journal_seq;
  const fresh = statements.firstFreshMark.get(id, cutoff);
  return (fresh ?? Math.ceil(newest.seq / MARK_EVERY) * MARK_EVERY) - MARK_EVERY;
}

/** A message stays while its session's time has not passed since, or it is among the newest. */
function* cutMessages(round: Round, session: Owner, images: Set<string>): Generator<void> {
  const { statements, limits, now } = round;
  const { id, message_count } = session;
  if (limits.sessionDays <= 0 || message_count <= limits.events) return;
  const upTo = statements.lastOfKept.get(id, limits.events);
  if (upTo === undefined) return;
  yield* deleteMessages(round, {
    id,
    upTo,
    before: stampBefore(now(), limits.sessionDays),
    images,
  });
}

function* deleteMessages(
  { statements, images: directory }: Round,
  { id, upTo, before, images }: { id: string; upTo: number; before: string; images: Set<string> },
): Generator<void> {
  for (;;) {
    const gone = statements.deleteMessages.all(id, upTo, before);
    if (gone.length === 0) return;
    for (const { images_json } of gone)
      for (const path of filesIn(images_json, directory)) images.add(path);
    statements.countRemoved.run({ id, count: gone.length });
    yield;
  }
}

/** Files of ours that a message shows. */
function filesIn(json: string | null, directory: string): string[] {
  if (json === null) return [];
  let images: unknown;
  try {
    images = JSON.parse(json);
  } catch {
    // A damaged list names no file that could be removed.
    return [];
  }
  if (!Array.isArray(images)) return [];
  return images.flatMap((image: { value?: unknown } | null) => {
    const path = image?.value;
    return typeof path === 'string' && dirname(path) === directory ? [path] : [];
  });
}

/** All that belongs to a session, then its row: a round that is cut off goes on where it was. */
function* removeSession(round: Round, id: string, images: Set<string>): Generator<void> {
  const { statements, now, removed } = round;
  // A remark or a rename is activity that the row does not count.
  const newest = statements.newestEventAt.get(id);
  if (newest !== undefined && newest > stampBefore(now(), 1)) return;
  yield* deleteRows(statements, id, Number.MAX_SAFE_INTEGER);
  const upTo = Number.MAX_SAFE_INTEGER;
  yield* deleteMessages(round, { id, upTo, before: '￿', images });
  for (const each of statements.deleteOfSession) each.run(id);
  statements.deleteSession.run(id);
  removed?.(id);
  yield;
}

/** While the file holds more than it may, the session that ended longest ago goes. */
function* cutToSize(round: Round, images: Set<string>): Generator<void> {
  const { statements, limits, now } = round;
  if (limits.maxBytes <= 0) return;
  const bytes = () =>
    ((statements.pages.get() ?? 0) - (statements.freePages.get() ?? 0)) *
    (statements.pageSize.get() ?? 0);
  const before = new Date(now() - QUIET_MS).toISOString();
  let last = '';
  while (bytes() > limits.maxBytes) {
    const id = statements.oldestSession.get(before);
    // The same again: it has to stay, and with it all that are younger.
    if (id === undefined || id === last) return;
    last = id;
    yield* removeSession(round, id, images);
  }
}

/** Free pages go back to the file system; the file shrinks at the next checkpoint. */
function* giveBack({ database, statements }: Round): Generator<void> {
  const isWorthIt = () => {
    const free = statements.freePages.get() ?? 0;
    return free > FREE_PAGES && free * 10 > (statements.pages.get() ?? 0);
  };
  if (!isWorthIt()) return;
  for (let free = statements.freePages.get() ?? 0; free > 0; ) {
    database.pragma(`incremental_vacuum(${VACUUM_PAGES})`);
    const left = statements.freePages.get() ?? 0;
    // A file without incremental vacuum keeps its pages.
    if (left >= free) return;
    free = left;
    yield;
  }
}
