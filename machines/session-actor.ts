/**
 * The spawned actor of a session: it shows the last committed snapshot of the session's chart and moves
 * only when a commit brings the next one. The step itself is `takeStep` (step.ts); an actor that moved
 * before the commit could show what is never stored.
 */
import type { ActorLogic, ActorRefFromLogic } from 'xstate';
import { sessionMachine } from './session.ts';
import type { SessionSnapshot } from './view.ts';

/** What a session actor receives. */
interface SessionCommitted {
  type: 'session.committed';
  snapshot: SessionSnapshot;
}

/** The logic of a session actor; its input is the snapshot that is committed when it is spawned. */
export type SessionActorLogic = ActorLogic<
  SessionSnapshot,
  SessionCommitted,
  { snapshot: SessionSnapshot }
>;

/** A running session actor. */
export type SessionActor = ActorRefFromLogic<SessionActorLogic>;

/** The logic of a session actor. */
export const sessionActor: SessionActorLogic = {
  config: sessionMachine.config,
  // XState's own events, such as the stop, change nothing.
  transition: (current, event) => (event.type === 'session.committed' ? event.snapshot : current),
  getInitialSnapshot: (_scope, { snapshot }) => snapshot,
  getPersistedSnapshot: (snapshot) => sessionMachine.getPersistedSnapshot(snapshot),
} as SessionActorLogic & { config: unknown };
