/**
 * The past of a session, read from its journal and folded from the snapshots in it: pages of records and
 * single moments. It makes no difference whether the session is live, ended, or of last week before three
 * restarts; where retention has cut, the answer says so.
 */
import { createTimelineBuilder, type TimelineBuilder } from '../../machines/index.ts';
import { OrbitError } from '../errors.ts';
import type {
  Cause,
  ChildLifetime,
  HistoryPage,
  InspectCaller,
  InspectChild,
  InspectOrigin,
  InspectRecord,
  JournalTimeline,
  Moment,
  StateValue,
} from '../protocol/inspect.ts';
import type { JournalRange, JournalRow } from '../store/queries/journal.ts';
import type { Writer } from '../store/writer.ts';
import type { SessionSnapshot, Step } from './fold.ts';
import { redactText } from './redact.ts';
import { contextView, eventView, valueFrom } from './redacted-view.ts';
import { type Loaded, type Segment, type Segments, stretchesBack } from './segments.ts';

/** Records of one page at most. */
export const MAX_PAGE = 200;

/** A moment with what led to it, before anything is shown of it. */
interface Found {
  step: Step;
  /** State and chart before the event; null when nothing folds there. */
  before: SessionSnapshot | null;
  valueBefore: StateValue | null;
  /** Number of the session's newest event. */
  last: number;
  segment: Segment;
}

/** The past of a session, folded from its journal. */
export interface History {
  /** @throws OrbitError `not_found` and what the writer's reads throw */
  page(sessionId: string, beforeSeq: number | null, limit?: number): Promise<HistoryPage>;
  /**
   * @param seq  null for the newest
   * @throws OrbitError `not_found`, or `cut` when retention took the event away
   */
  find(sessionId: string, seq: number | null): Promise<Found>;
  /** @throws OrbitError as `find`, and `no_snapshot` where nothing folds */
  at(sessionId: string, seq: number): Promise<Moment>;
}

/** History over stretches. */
export function createHistory(segments: Segments): History {
  return {
    page: (sessionId, beforeSeq, limit) => page(segments, sessionId, beforeSeq, limit),
    find: (sessionId, seq) => find(segments, sessionId, seq),
    async at(sessionId, seq) {
      return snapshotAt(sessionId, await find(segments, sessionId, seq));
    },
  };
}

/** Goes back stretch by stretch until the page is full or the journal ends. */
async function page(
  segments: Segments,
  sessionId: string,
  beforeSeq: number | null,
  limit = MAX_PAGE,
): Promise<HistoryPage> {
  const steps: Step[] = [];
  const wanted = Math.min(Math.max(limit, 1), MAX_PAGE);
  let until = beforeSeq === null ? null : beforeSeq - 1;
  let ends: Pick<Loaded, 'first' | 'last'> = { first: 0, last: 0 };
  while (steps.length < wanted && (until === null || until > 0)) {
    const { segment, ...rest } = await segments.load(sessionId, until);
    ends = rest;
    const newest = until ?? rest.last;
    const part = segment.steps.filter(({ row }) => row.seq <= newest && row.seq >= rest.first);
    steps.unshift(...part.slice(-(wanted - steps.length)));
    if (part.length === 0 || segment.from < rest.first) break;
    until = segment.from;
  }
  const oldest = steps[0]?.row.seq ?? ends.first;
  return {
    records: steps.map((step) => recordOf(sessionId, step)),
    ...ends,
    cut: oldest <= ends.first && ends.first > 1,
  };
}

async function find(segments: Segments, sessionId: string, seq: number | null): Promise<Found> {
  const { segment, first, last } = await segments.load(sessionId, seq);
  const wanted = seq ?? last;
  if (last === 0 || wanted > last) throw missing(sessionId, wanted);
  if (wanted < first) throw new OrbitError('cut', { seq: wanted, first }, { sessionId });
  const at = segment.steps.findIndex(({ row }) => row.seq === wanted);
  const step = segment.steps[at];
  if (!step) throw missing(sessionId, wanted);
  const previous = segment.steps[at - 1];
  const before = at === 0 ? segment.before : (previous?.snapshot ?? null);
  const text = previous?.row.value;
  const valueBefore = text === undefined ? asValue(segment.before) : valueFrom(text);
  return { step, before, valueBefore, last, segment };
}

function snapshotAt(session: string, { step, before }: Found): Moment {
  const { snapshot, row } = step;
  if (!snapshot || !before) {
    throw new OrbitError('no_snapshot', { seq: row.seq }, { sessionId: session });
  }
  const { v: _, event: _type, edges, facts, children, ...record } = recordOf(session, step);
  return {
    ...record,
    edges: edges ?? [],
    facts: facts ?? [],
    children: children ?? [],
    context: contextView(snapshot.context),
    previous: { value: before.value as StateValue, context: contextView(before.context) },
    event: eventView(row.event),
  };
}

/** A step as it is sent. */
export function recordOf(session: string, step: Step): InspectRecord {
  const { row, changed, edges, facts, children } = step;
  return {
    v: 1,
    session,
    seq: row.seq,
    at: row.at,
    origin: originOf(row.origin),
    ...callerFrom(row.caller),
    event: { type: typeOf(row.event) },
    value: valueFrom(row.value),
    accepted: row.accepted,
    changed,
    edges,
    facts,
    children,
    revision: row.revision,
  };
}

/** Earlier builds journalled what the server itself sent under another name. */
function originOf(journalled: string): InspectOrigin {
  return journalled === 'house' ? 'server' : (journalled as InspectOrigin);
}

/** Who sent an event, where the journal names a caller. */
function callerFrom(text: string | null): { caller?: InspectCaller } {
  return text === null ? {} : { caller: JSON.parse(text) as InspectCaller };
}

/** The type of a journalled event. */
export function typeOf(event: string): string {
  // It stands first in nearly all of them: no need to parse the rest.
  return /^\{"type":"([\w.]+)"/.exec(event)?.[1] ?? String(JSON.parse(event).type);
}

function asValue(snapshot: SessionSnapshot | null): StateValue | null {
  return snapshot ? (snapshot.value as StateValue) : null;
}

function missing(sessionId: string, seq: number): OrbitError {
  return new OrbitError('not_found', { what: 'Event', id: `${sessionId}/${seq}` }, { sessionId });
}

/*
 * The lives of a session's child actors: when one appeared, when and why it went. A record only says who
 * is there; the rest is found by going back through the journal, as far as it goes.
 */

/** Describes the lives of child actors. */
export interface ActorLifetimes {
  /**
   * The newest life of that child up to event `seq` (null: now).
   *
   * @throws OrbitError as `History.find`, and `not_found` for a child that is not known to have started
   */
  life(sessionId: string, childId: string, seq: number | null): Promise<ChildLifetime>;
}

/** A life as far as the search has gone. */
interface Lifetime {
  child: InspectChild;
  ended: Step | null;
  started: Step | null;
  /** The oldest step with this life in it. */
  oldest: Step;
}

/** Answers over a history. @param now the wall clock, ISO 8601 */
export function createActorLifetimes(deps: {
  history: Pick<History, 'find'>;
  segments: Segments;
  now: () => string;
}): ActorLifetimes {
  const { history, segments, now } = deps;

  async function search(
    sessionId: string,
    childId: string,
    newest: number,
  ): Promise<Lifetime | null> {
    let trail: Lifetime | null = null;
    for await (const { segment, until } of stretchesBack(segments, sessionId, newest)) {
      for (const step of segment.steps.toReversed()) {
        if (step.row.seq > until) continue;
        // What happened before an event that cannot be read is unknown.
        if (step.children === null) return trail;
        trail = trail ? goneBack(trail, step) : begun(step, childId);
        if (trail?.started) return trail;
      }
      const isFirst = segment.childrenBefore?.every(({ id }) => id !== childId) === true;
      if (trail && isFirst) return { ...trail, started: trail.oldest };
    }
    return trail;
  }

  return {
    async life(sessionId, childId, seq) {
      const { step, last } = await history.find(sessionId, seq);
      const at = step.row.seq;
      const trail = await search(sessionId, childId, at);
      if (!trail) throw new OrbitError('not_found', { what: 'Child actor', id: childId });
      const { child, started, ended } = trail;
      const until = ended?.row.at ?? (at === last ? now() : step.row.at);
      return {
        ...child,
        started: started && causeOf(started),
        ended: ended && causeOf(ended),
        reason: ended?.snapshot?.context.session.link_reason ?? null,
        forMs: started && Math.max(0, Date.parse(until) - Date.parse(started.row.at)),
      };
    },
  };
}

/** The life a step is part of, or the end of. */
function begun(step: Step, childId: string): Lifetime | null {
  const running = viewIn(step, childId, true);
  const ended = viewIn(step, childId, false);
  const child = running ?? ended;
  if (!child) return null;
  return {
    child,
    ended: running ? null : step,
    // One life ended and another began with the same event.
    started: running && ended ? step : null,
    oldest: step,
  };
}

/** One step further back. */
function goneBack(trail: Lifetime, step: Step): Lifetime {
  const { id } = trail.child;
  if (!viewIn(step, id, true)) return { ...trail, started: trail.oldest };
  return { ...trail, oldest: step, started: viewIn(step, id, false) ? step : null };
}

function viewIn({ children }: Step, id: string, isRunning: boolean): InspectChild | undefined {
  return children?.find((one) => one.id === id && (one.status === 'running') === isRunning);
}

/** A step as the cause of something. */
export function causeOf({ row }: Step): Cause {
  const { seq, at, event, origin, caller } = row;
  return { seq, at, event: typeOf(event), origin: origin as InspectOrigin, ...callerFrom(caller) };
}

/*
 * Timelines of journals (machines/timeline.ts), read through the writer; a journal that was read once is only read
 * on.
 */

/** Characters of a name on a bar. */
const TEXT_CHARS = 120;
/** Journals that are kept, so that a page which asks again costs only what is new. */
const MAX_KEPT = 6;

/** A builder whose texts are redacted. */
const builder = () => createTimelineBuilder((text) => redactText(text, TEXT_CHARS));

/** Timelines of journals, read through the writer; the newest few go on where they ended. */
export function createTimelines(writer: Pick<Writer, 'read'>) {
  const kept = new Map<string, { builder: TimelineBuilder; first: number }>();

  /** Rows above a number, a stretch at a time: the writer commits between two of them. */
  async function rowsAfter(sessionId: string, after: number) {
    const rows: JournalRow[] = [];
    let ends: { first: number; last: number } | null = null;
    let seq: number | null = null;
    for (;;) {
      const range: JournalRange = await writer.read({ kind: 'stretch', sessionId, seq, after });
      ends ??= { first: range.first, last: range.last };
      const newest: number = seq ?? range.last;
      const part = range.rows.filter((row) => row.seq > after && row.seq <= newest);
      rows.unshift(...part);
      const oldest = part[0]?.seq ?? 0;
      if (oldest <= Math.max(range.first, after + 1)) return { rows, ...ends };
      seq = oldest - 1;
    }
  }

  /** The journal of a session in real time. @throws OrbitError what the writer's reads throw */
  return async function timeline(sessionId: string): Promise<JournalTimeline> {
    const { rows, first, last } = await rowsAfter(
      sessionId,
      kept.get(sessionId)?.builder.last ?? 0,
    );
    const known = kept.get(sessionId);
    const next = rows[0]?.seq ?? 0;
    // Retention has cut the journal: what is kept shows events that are gone, so it is read anew.
    if (known && (known.first !== first || next > known.builder.last + 1)) {
      kept.delete(sessionId);
      return timeline(sessionId);
    }
    const entry = known ?? { builder: builder(), first };
    for (const row of rows) entry.builder.add({ ...row, at: Date.parse(row.at) });
    kept.delete(sessionId);
    kept.set(sessionId, entry);
    for (const oldest of kept.keys()) {
      if (kept.size <= MAX_KEPT) break;
      kept.delete(oldest);
    }
    return entry.builder.view({ first, last });
  };
}
