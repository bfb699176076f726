/**
 * The root actor and its groups: every live session has one actor, a child of one of the groups. Spawning
 * and stopping a child costs in proportion to the children of the same parent, so that groups keep that
 * cost small with thousands of sessions.
 */
import { setup, stopChild } from 'xstate';
import type { SessionSnapshot } from './session-status.ts';
import { type SessionActor, sessionActor } from './step.ts';

/** What a group of sessions receives. */
type GroupEvent =
  /** The first commit of a session that had no actor. */
  | { type: 'session.opened'; id: string; snapshot: SessionSnapshot }
  /** The session is only a row again. */
  | { type: 'session.closed'; id: string };

/** What the supervisor receives: what it passes on, and the end. */
export type SupervisorEvent = GroupEvent | { type: 'server.draining' };

/** How many groups there are. */
const GROUPS = 64;

const group = setup({
  types: { events: {} as GroupEvent },
  actors: { session: sessionActor },
});

/** Up to some dozens of sessions. */
const groupMachine = group.createMachine({
  id: 'group',
  on: {
    'session.opened': {
      actions: group.enqueueActions(({ event, enqueue }) => {
        if (event.type !== 'session.opened') return;
        enqueue.spawnChild('session', { id: event.id, input: { snapshot: event.snapshot } });
      }),
    },
    'session.closed': { actions: stopChild(({ event }) => event.id) },
  },
});

const supervisor = setup({
  types: { events: {} as SupervisorEvent },
  actors: { group: groupMachine },
});

/** The group of a session: the same id always comes to the same group. */
function groupOf(id: string): string {
  let hash = 0;
  for (let i = 0; i < id.length; i++) hash = (hash * 31 + id.charCodeAt(i)) | 0;
  return `group-${(hash >>> 0) % GROUPS}`;
}

const passOn = supervisor.enqueueActions(({ event, enqueue, self }) => {
  if (event.type === 'server.draining') return;
  const name = groupOf(event.id);
  const isRunning = self.getSnapshot().children[name] !== undefined;
  if (!isRunning) enqueue.spawnChild('group', { id: name });
  enqueue.sendTo(name, event);
});

/** Serving until the server drains; then no session is opened any more. */
export const supervisorMachine = supervisor.createMachine({
  id: 'supervisor',
  initial: 'serving',
  on: { 'session.closed': { actions: passOn } },
  states: {
    serving: {
      on: { 'session.opened': { actions: passOn }, 'server.draining': 'draining' },
    },
    draining: {},
  },
});

/** The running actor of a session; null for one that has none. */
export function sessionActorOf(
  supervisor: { getSnapshot(): { children: Record<string, unknown> } },
  id: string,
): SessionActor | null {
  const groupRef = supervisor.getSnapshot().children[groupOf(id)] as typeof supervisor | undefined;
  return (groupRef?.getSnapshot().children[id] as SessionActor | undefined) ?? null;
}
