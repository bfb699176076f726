/** The root actor of all live sessions, and what the registry wants of it. */
import { type ActorRefFrom, createActor } from 'xstate';
import type { SessionActor } from '../../../machines/session-actor.ts';
import { sessionActorOf, supervisorMachine } from '../../../machines/supervisor.ts';
import type { SessionSnapshot } from '../../../machines/view.ts';

/** The root actor. */
export type Supervisor = ActorRefFrom<typeof supervisorMachine>;

/** Starts the root actor, without sessions. */
export function startSupervisor(): Supervisor {
  return createActor(supervisorMachine).start();
}

/** Spawns the actor of a session. @throws Error when the supervisor opens no sessions any more */
export function spawnSession(
  supervisor: Supervisor,
  id: string,
  snapshot: SessionSnapshot,
): SessionActor {
  supervisor.send({ type: 'session.opened', id, snapshot });
  const actor = sessionActorOf(supervisor, id);
  if (!actor) throw new Error(`The supervisor has no session ${id}`);
  return actor;
}
