/**
 * Folded stretches of journals, kept while a client looks at them: scrubbing reads and folds a stretch
 * once (at most the distance of two bases), and every further step in it costs nothing. Bounded by steps
 * in all; the stretch that was asked for longest ago is dropped first.
 */
import type { InspectChild, StateValue } from '../protocol/inspect.ts';
import type { JournalBase, JournalRow } from '../store/queries/journal.ts';
import type { Writer } from '../store/writer.ts';
import { createFold, type Fold, type SessionSnapshot, type Step } from './fold.ts';

/** Steps kept in all: at one to two KiB each, some twenty MiB. */
const MAX_STEPS = 12_000;

/** A live stretch is closed here and goes on in a new one, so that a busy session stays evictable. */
const MAX_SEGMENT_STEPS = 600;

/** Consecutive events of one session, folded. */
export interface Segment {
  readonly sessionId: string;
  /** Number before the first step. */
  readonly from: number;
  /** The chart before the first step, where that is known. */
  readonly before: SessionSnapshot | null;
  /** The child actors that ran then; null likewise. */
  readonly childrenBefore: readonly InspectChild[] | null;
  readonly steps: Step[];
  /** Takes the next row; null once a later segment goes on from here. */
  fold: Fold | null;
}

/** A segment and the ends of the journal when it was read. */
export interface Loaded {
  segment: Segment;
  first: number;
  last: number;
}

/** Folded stretches that are kept for a while. */
export interface Segments {
  /**
   * The stretch that holds event `seq` (null: the newest), as far as the journal has it. Nothing is
   * awaited after the read: what the caller does at once has seen every commit so far and none later.
   *
   * @throws OrbitError what the writer's reads throw
   */
  load(sessionId: string, seq: number | null): Promise<Loaded>;
  /** From now on `extend` is called with every committed row of this segment's session. */
  follow(segment: Segment): void;
  unfollow(sessionId: string): void;
  /** One more committed row of a followed session; null for one that is known already. */
  extend(sessionId: string, row: JournalRow): Step | null;
  /** Stretches in memory, and their steps. */
  readonly size: { segments: number; steps: number };
}

/** Number of the newest step of a segment. */
export function endOf({ from, steps }: Segment): number {
  return steps.at(-1)?.row.seq ?? from;
}

function newSegment(sessionId: string, from: number, fold: Fold): Segment {
  const { snapshot: before, children: childrenBefore } = fold;
  return { sessionId, from, before, childrenBefore, steps: [], fold };
}

/** The stretches of all journals, over the writer's reads. */
export function createSegments(
  writer: Pick<Writer, 'read'>,
  { maxSteps = MAX_STEPS, maxSegmentSteps = MAX_SEGMENT_STEPS } = {},
): Segments {
  const kept = createKept(maxSteps);
  const tails = new Map<string, Segment>();

  async function load(sessionId: string, seq: number | null): Promise<Loaded> {
    const known = kept.find(sessionId, seq);
    const after = known ? endOf(known) : 0;
    const { base, rows, first, last } = await writer.read({
      kind: 'stretch',
      sessionId,
      seq,
      after,
    });
    if (!known) return { segment: kept.keep(folded(sessionId, base, rows)), first, last };
    const isHeld = seq !== null && seq <= after;
    if (isHeld || goOn(known, base, rows)) return { segment: kept.keep(known), first, last };
    // A newer base, or a gap: what is known does not lead there.
    known.fold = null;
    return load(sessionId, seq);
  }

  /** Closes a stretch that has become long and goes on in a new one. */
  function split(segment: Segment): Segment {
    const { sessionId, fold, steps } = segment;
    if (steps.length < maxSegmentSteps || !fold) return segment;
    const next = newSegment(sessionId, endOf(segment), fold);
    segment.fold = null;
    tails.set(sessionId, next);
    return kept.keep(next);
  }

  return {
    load,
    follow: (segment) => void tails.set(segment.sessionId, segment),
    unfollow: (sessionId) => void tails.delete(sessionId),
    extend(sessionId, row) {
      let tail = tails.get(sessionId);
      if (!tail || row.seq <= endOf(tail)) return null;
      if (row.seq !== endOf(tail) + 1 || !tail.fold) {
        // Cannot happen while every commit is passed on; if it does, edges are unknown, not wrong.
        tail = newSegment(sessionId, row.seq - 1, createFold(null));
        tails.set(sessionId, tail);
      }
      tail = split(tail);
      const step = (tail.fold as Fold).apply(row);
      tail.steps.push(step);
      return step;
    },
    get size() {
      // What is followed stays, also when it was looked at so long ago that it is not kept any more.
      return sizeOf(new Set([...kept.all, ...tails.values()]));
    },
  };
}

/** The segments in memory, in the order of their last use; the oldest go when their steps are too many. */
function createKept(maxSteps: number) {
  const kept = new Set<Segment>();
  return {
    all: kept as ReadonlySet<Segment>,
    keep(segment: Segment): Segment {
      kept.delete(segment);
      kept.add(segment);
      let { steps } = sizeOf(kept);
      for (const oldest of kept) {
        if (steps <= maxSteps || oldest === segment) break;
        kept.delete(oldest);
        steps -= oldest.steps.length;
      }
      return segment;
    },
    /** The newest segment that holds the event (null: the newest one), or may still grow to it. */
    find(sessionId: string, seq: number | null): Segment | null {
      const wanted = seq ?? Number.POSITIVE_INFINITY;
      let found: Segment | null = null;
      for (const segment of kept) {
        if (segment.sessionId !== sessionId || segment.from >= wanted) continue;
        const reaches = wanted <= endOf(segment) || segment.fold !== null;
        if (reaches && segment.from >= (found?.from ?? 0)) found = segment;
      }
      return found;
    },
  };
}

function sizeOf(segments: ReadonlySet<Segment>): Segments['size'] {
  let steps = 0;
  for (const segment of segments) steps += segment.steps.length;
  return { segments: segments.size, steps };
}

/** Rows that were read, from their base on. */
function folded(sessionId: string, base: JournalBase | null, rows: readonly JournalRow[]): Segment {
  const from = base?.seq ?? (rows[0]?.seq ?? 1) - 1;
  const segment = newSegment(sessionId, from, createFold(base));
  for (const row of rows) segment.steps.push((segment.fold as Fold).apply(row));
  return segment;
}

/** Lets a segment grow by rows that were read; false, and nothing is done, when they do not follow on it. */
function goOn(segment: Segment, base: JournalBase | null, rows: readonly JournalRow[]): boolean {
  const { fold, steps } = segment;
  const end = endOf(segment);
  // Meanwhile it may have grown by what was committed and sent live.
  const fresh = rows.filter((row) => row.seq > end);
  const isNext = base === null && (fresh[0]?.seq ?? end + 1) === end + 1;
  if (!isNext || !fold) return false;
  for (const row of fresh) steps.push(fold.apply(row));
  return true;
}

/** The stretches of a journal from event `newest` back to the oldest one kept, each with the event to begin at. */
export async function* stretchesBack(
  segments: Segments,
  sessionId: string,
  newest: number,
): AsyncGenerator<{ segment: Segment; until: number }> {
  let until = newest;
  while (until > 0) {
    const { segment, first } = await segments.load(sessionId, until);
    yield { segment, until };
    if (segment.from < first || segment.steps.length === 0) return;
    until = segment.from;
  }
}

/** The state value before the first step of a segment; null when it is not known. */
export function valueBefore({ before }: Segment): StateValue | null {
  return before ? (before.value as StateValue) : null;
}
