/**
 * A session's row while the facts of one item are applied to it. What belongs into the row is gathered and
 * written once: an event touches it several times, and a row is rewritten whole. Called by fact-rows.ts.
 */
import { stampToMs } from '../text.ts';
import type { RowStatements, SqlValue } from './columns.ts';

/** A column that only counts. */
export type Counter = 'prompt_count' | 'tool_count' | 'compact_count' | 'message_count';

/** The row so far; its revision and its place in the journal are brought forward by commit.ts. */
export interface SessionDraft {
  readonly sessionId: string;
  /** When the item happened, ISO milliseconds. */
  readonly at: string;
  /** Who sent it, as JSON; null for what no connection asked for. */
  readonly caller: string | null;
  /** Where the event came from, as the journal names it. */
  readonly origin: string;
  exists: boolean;
  revision: number;
  journalSeq: number;
  /** The journal row of its newest event; null before the first. */
  journalId: number | null;
  /** Earlier messages that this item changed. */
  readonly amended: string[];
  columns: Record<string, SqlValue>;
  /** Columns of `papers` that changed. */
  papers: Record<string, SqlValue> | null;
  /** Revision that last changed each field of the wire. */
  readonly stamps: Record<string, number>;
  areStampsChanged: boolean;
  counts: Partial<Record<Counter, number>>;
}

/** The machine as it is after the item, written with the rest of the row. */
export interface DraftEnd {
  snapshot: string | null;
  machineVersion: number;
}

/** What every item needs of a session's row; kept in memory, since no other process writes it. */
export interface SessionCounters {
  revision: number;
  journalSeq: number;
  journalId: number | null;
  stamps: Record<string, number>;
}

/** Reads what a session's row counts; null when there is none. */
export function readCounters(
  { session }: RowStatements,
  sessionId: string,
): SessionCounters | null {
  const row = session.get(sessionId);
  if (row === undefined) return null;
  const { revision, journal_seq, journal_id, field_revisions } = row;
  const stamps = stampsFrom(field_revisions);
  return { revision, journalSeq: journal_seq, journalId: journal_id, stamps };
}

/** Revisions of fields; damaged ones say nothing, so that catching up takes a snapshot (`catch-up.ts`). */
function stampsFrom(json: string): Record<string, number> {
  try {
    const stamps: unknown = JSON.parse(json);
    if (stamps !== null && typeof stamps === 'object') return stamps as Record<string, number>;
  } catch {
    // Not JSON: one damaged value must not keep its session from going on.
  }
  return {};
}

/**
 * Begins with the session as it is stored.
 *
 * @param counters  null when it does not exist; its stamps are changed in place
 */
export function openDraft(
  counters: SessionCounters | null,
  { sessionId, at, caller, origin }: Pick<SessionDraft, 'sessionId' | 'at' | 'caller' | 'origin'>,
): SessionDraft {
  return {
    sessionId,
    at: stampToMs(at),
    caller,
    origin,
    exists: counters !== null,
    revision: counters?.revision ?? 0,
    journalSeq: counters?.journalSeq ?? 0,
    journalId: counters?.journalId ?? null,
    amended: [],
    columns: {},
    papers: null,
    stamps: counters?.stamps ?? {},
    areStampsChanged: false,
    counts: {},
  };
}

/** Adds to a counter of the row. */
export function countUp(draft: SessionDraft, counter: Counter, by = 1): void {
  draft.counts[counter] = (draft.counts[counter] ?? 0) + by;
}

/** Notes that a field of the wire changed at this revision. */
export function stamp(draft: SessionDraft, field: string, revision: number): void {
  draft.stamps[field] = revision;
  draft.areStampsChanged = true;
}

/** Writes the row. @throws Error when the session has none */
export function closeDraft(
  statements: RowStatements,
  draft: SessionDraft,
  { snapshot, machineVersion }: DraftEnd,
): void {
  const { sessionId, columns, papers, journalSeq } = draft;
  columns.revision = draft.revision;
  columns.journal_seq = journalSeq;
  columns.journal_id = draft.journalId;
  if (draft.areStampsChanged) columns.field_revisions = JSON.stringify(draft.stamps);
  const { changes } = statements.updateSession(sessionId, columns, draft.counts);
  if (changes === 0) throw new Error(`There is no row for session ${sessionId}`);
  if (snapshot !== null) {
    statements.putMachine.run(sessionId, journalSeq, machineVersion, snapshot);
  }
  if (papers !== null) {
    statements.ensurePapers.run(sessionId);
    for (const [name, text] of Object.entries(papers)) {
      statements.putPaper[name as keyof RowStatements['putPaper']].run(text, sessionId);
    }
  }
}
