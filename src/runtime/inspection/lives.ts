/**
 * The lives of a session's child actors: when one appeared, when and why it went. A record only says who
 * is there; the rest is found by going back through the journal, as far as it goes.
 */
import { OrbitError } from '../../errors.ts';
import type { Cause, ChildLife, InspectChild, InspectOrigin } from '../../protocol/inspect.ts';
import type { Step } from './fold/fold.ts';
import { type Segments, stretchesBack } from './fold/segments.ts';
import { callerFrom, type History, typeOf } from './history.ts';

/** Tells the lives of child actors. */
export interface Lives {
  /**
   * The newest life of that child up to event `seq` (null: now).
   *
   * @throws OrbitError as `History.find`, and `not_found` for a child that is not known to have started
   */
  life(sessionId: string, childId: string, seq: number | null): Promise<ChildLife>;
}

/** A life as far as the search has gone. */
interface Trail {
  child: InspectChild;
  ended: Step | null;
  started: Step | null;
  /** The oldest step with this life in it. */
  oldest: Step;
}

/** Answers over a history. @param now the wall clock, ISO 8601 */
export function createLives(deps: {
  history: Pick<History, 'find'>;
  segments: Segments;
  now: () => string;
}): Lives {
  const { history, segments, now } = deps;

  async function search(sessionId: string, childId: string, newest: number): Promise<Trail | null> {
    let trail: Trail | null = null;
    for await (const { segment, until } of stretchesBack(segments, sessionId, newest)) {
      for (const step of segment.steps.toReversed()) {
        if (step.row.seq > until) continue;
        // What happened before an event that cannot be told is nobody's knowledge.
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
function begun(step: Step, childId: string): Trail | null {
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
function goneBack(trail: Trail, step: Step): Trail {
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
