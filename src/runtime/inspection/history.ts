/**
 * The past of a session, read from its journal and folded from the snapshots in it: pages of records and
 * single moments. It makes no difference whether the session is live, ended, or of last week before three
 * restarts; where retention has cut, the answer says so.
 */
import { OrbitError } from '../../errors.ts';
import type {
  HistoryPage,
  InspectCaller,
  InspectOrigin,
  InspectRecord,
  Moment,
  StateValue,
} from '../../protocol/inspect.ts';
import type { SessionSnapshot, Step } from './fold/fold.ts';
import type { Loaded, Segment, Segments } from './fold/segments.ts';
import { valueFrom } from './value.ts';
import { contextView, eventView } from './view.ts';

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
      return momentOf(sessionId, await find(segments, sessionId, seq));
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

function momentOf(session: string, { step, before }: Found): Moment {
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

/** A step as it is told. */
export function recordOf(session: string, step: Step): InspectRecord {
  const { row, changed, edges, facts, children } = step;
  return {
    v: 1,
    session,
    seq: row.seq,
    at: row.at,
    origin: row.origin as InspectOrigin,
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

/** Who sent an event, where the journal names somebody. */
export function callerFrom(text: string | null): { caller?: InspectCaller } {
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
