/**
 * Where a message stands that is told later than what follows it. Messages are numbered in their order; between
 * neighbours without a free number the numbers of the session are spread once. Called by messages.ts.
 */
import type { RowStatements } from './columns.ts';

/**
 * Free numbers that spreading leaves between two messages: so many that a whole transcript fits between two that
 * hooks have told.
 */
const SPREAD = 2 ** 20;

/** The place of a message among those of its session. */
export interface Place {
  sequence: number;
  /** The message before it; null for the first. */
  after: string | null;
  isLast: boolean;
}

/** What is known of the message that is to be placed. */
interface Wanted {
  sessionId: string;
  /** The message that it stands behind in its source; null at the start of that. */
  after: string | null;
  /** ISO milliseconds. */
  timestamp: string;
}

/** The number of the next message at the end; numbers that were spread go on spread. */
export function sequenceBehind(newest: number): number {
  return newest < SPREAD ? newest + 1 : newest + SPREAD;
}

/** A place, and whether its number is free. */
type Looked = Place & { isFree: boolean };

/**
 * The place behind `after`, and behind what another source told of the time between the two. Null when the
 * message before it is not there: then nothing is known of its place.
 */
export function placeBehind(statements: RowStatements, wanted: Wanted): Place | null {
  return spreading(statements, wanted.sessionId, () => lookBehind(statements, wanted));
}

/** The place of a message by its time alone, where others were told before it that are later. */
export function placeByTime(
  statements: RowStatements,
  wanted: Omit<Wanted, 'after'>,
): Place | null {
  return spreading(statements, wanted.sessionId, () => lookByTime(statements, wanted));
}

function spreading(
  statements: RowStatements,
  sessionId: string,
  look: () => Looked | null,
): Place | null {
  const place = look();
  if (place === null || place.isFree) return place;
  statements.spread.run(SPREAD, sessionId);
  return look();
}

function lookBehind(
  statements: RowStatements,
  { sessionId, after, timestamp }: Wanted,
): Looked | null {
  let last = after === null ? { id: null, sequence: -1 } : statements.placeOf.get(after, sessionId);
  if (last === undefined) return null;
  for (const next of statements.behind.iterate(sessionId, last.sequence)) {
    const sequence = last.sequence + 1;
    if (next.timestamp > timestamp) {
      return { sequence, after: last.id, isLast: false, isFree: sequence < next.sequence };
    }
    last = next;
  }
  return { sequence: sequenceBehind(last.sequence), after: last.id, isLast: true, isFree: true };
}

function lookByTime(
  statements: RowStatements,
  { sessionId, timestamp }: Omit<Wanted, 'after'>,
): Looked {
  let before: { id: string | null; sequence: number } = { id: null, sequence: -1 };
  let next: number | null = null;
  for (const row of statements.backwards.iterate(sessionId)) {
    before = row;
    if (row.timestamp <= timestamp) break;
    next = row.sequence;
    before = { id: null, sequence: -1 };
  }
  const isLast = next === null;
  const sequence = isLast ? sequenceBehind(before.sequence) : before.sequence + 1;
  return { sequence, after: before.id, isLast, isFree: next === null || sequence < next };
}
