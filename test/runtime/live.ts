/** A live session for tests of the parts around it: the chart is real, nothing is stored. */
import type { SessionEvent } from '../../machines/session-events.ts';
import type { Session } from '../../machines/session-types.ts';
import { snapshotFrom, takeStep } from '../../machines/step.ts';
import type { LiveSession } from '../../src/runtime/sessions/live-session.ts';
import { newSession } from '../machines/session-after.ts';

/** A session that received these events. */
export function liveSession(
  more: Partial<Session> = {},
  events: readonly SessionEvent[] = [],
): LiveSession {
  const session = newSession(more);
  const snapshot = snapshotFrom({ session, isNew: false, turnCount: 0 });
  const head = { snapshot, tail: 0, initialFacts: [], base: null };
  const live = { id: session.id, head, actor: null, inFlight: 0, waiting: [], usedAtMs: 0 };
  for (const event of events) receive(live, event);
  return live;
}

/** One more event for it. */
export function receive(live: LiveSession, event: SessionEvent): void {
  live.head = { ...live.head, snapshot: takeStep(live.head.snapshot, event).snapshot };
}
