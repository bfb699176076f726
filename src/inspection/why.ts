/**
 * Why is the session in this state? The event, the origin and the guarded edges that led into it, how
 * long ago, and what can happen next. Looks backwards through the journal as far as it goes, one stretch
 * at a time, and says so where retention ends the search.
 */
import { OrbitError } from '../errors.ts';
import type { NextEvents, WhyState } from '../protocol/inspect.ts';
import { nextEvents } from './dry-run.ts';
import type { Step } from './fold.ts';
import { edgeOf, isState } from './fold.ts';
import type { History } from './history.ts';
import { causeOf } from './history.ts';
import { isActive, valueFrom } from './redacted-view.ts';
import { type Segment, type Segments, stretchesBack, valueBefore } from './segments.ts';

/** Explains how a session came to be what it is. */
export interface Why {
  /** @throws OrbitError `bad_request` for an unknown state, and as `History.find` */
  why(sessionId: string, state: string, seq: number | null): Promise<WhyState>;
  /** @throws OrbitError as `History.find`, and `no_snapshot` where nothing folds */
  next(sessionId: string, seq: number | null): Promise<NextEvents>;
}

/** Where a backward search has come to. */
interface Trail {
  entered: Step | null;
  left: Step | null;
  /** The oldest event that was looked at, and whether the state was active before it. */
  oldest: number;
  wasActive: boolean;
}

/** Answers over a history. @param now the wall clock, ISO 8601 */
export function createWhy(deps: { history: History; segments: Segments; now: () => string }): Why {
  const { history, segments, now } = deps;

  async function search(sessionId: string, state: string, newest: number): Promise<Trail> {
    const trail: Trail = { entered: null, left: null, oldest: newest, wasActive: false };
    for await (const { segment, until } of stretchesBack(segments, sessionId, newest)) {
      if (walk(segment, state, until, trail)) break;
    }
    return trail;
  }

  return {
    async why(sessionId, state, seq) {
      if (!isState(state)) throw new OrbitError('bad_request', { reason: `No state ${state}` });
      const { step, last } = await history.find(sessionId, seq);
      const at = step.row.seq;
      const active = isActive(valueFrom(step.row.value), state);
      const { entered, left, oldest, wasActive } = await search(sessionId, state, at);
      const until = left?.row.at ?? (at === last && active ? now() : step.row.at);
      return {
        seq: at,
        state,
        active,
        entered: entered && entry(entered, state),
        left: left && causeOf(left),
        forMs: entered && Math.max(0, Date.parse(until) - Date.parse(entered.row.at)),
        reason: entered ? null : whyUnknown(wasActive, oldest),
        events: active && step.snapshot ? nextEvents(step.snapshot, probeTime(step)) : [],
      };
    },
    async next(sessionId, seq) {
      const { step } = await history.find(sessionId, seq);
      const { row, snapshot } = step;
      if (!snapshot) throw new OrbitError('no_snapshot', { seq: row.seq }, { sessionId });
      return {
        seq: row.seq,
        value: valueFrom(row.value),
        events: nextEvents(snapshot, probeTime(step)),
      };
    },
  };
}

/** Walks a stretch backwards. @returns whether the search is over */
function walk(segment: Segment, state: string, until: number, trail: Trail): boolean {
  const { steps } = segment;
  for (let at = steps.length - 1; at >= 0; at--) {
    const step = steps[at] as Step;
    if (step.row.seq > until) continue;
    const before = steps[at - 1];
    const previous = before ? valueFrom(before.row.value) : valueBefore(segment);
    const isIn = isActive(valueFrom(step.row.value), state);
    trail.oldest = step.row.seq;
    // Unknown before the first step: as it is after it, so that nothing is claimed.
    trail.wasActive = previous === null ? isIn : isActive(previous, state);
    if (isIn && (!trail.wasActive || reenters(step, state))) {
      trail.entered = step;
      return true;
    }
    if (!isIn && trail.wasActive) trail.left ??= step;
  }
  return false;
}

/** Left and entered again within one event: an edge from outside of the state leads into it. */
function reenters({ edges }: Step, state: string): boolean {
  return (edges ?? []).some((id) => {
    const edge = edgeOf(id);
    return edge?.targets.some((target) => isWithin(target, state)) && !isWithin(edge.source, state);
  });
}

function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(`${outer}.`);
}

function entry(step: Step, state: string): WhyState['entered'] {
  const edges = (step.edges ?? []).flatMap((id) => {
    const edge = edgeOf(id);
    if (!edge) return [];
    return [{ edge: id, source: edge.source, event: edge.event, guard: edge.guard }];
  });
  // An event moves several regions: those edges that have nothing to do with this one are left out.
  const region = state.split('.').slice(0, 2).join('.');
  return { ...causeOf(step), edges: edges.filter(({ source }) => isWithin(source, region)) };
}

function whyUnknown(wasActive: boolean, oldest: number): string {
  if (!wasActive) return 'It was never in this state, as far as the journal goes';
  return oldest > 1
    ? `It came into this state before event ${oldest}; older events are beyond retention`
    : 'It has been in this state since it began';
}

/** A probing event is as young as the moment it is judged in. */
function probeTime({ row }: Step): string {
  return row.at;
}
