/**
 * The root actor: spawns one session actor per live session and buries those that crashed, so that a
 * bug in one session leaves the others serving. Its children map makes one inspector see the house.
 * Spawning and stopping cost O(children); the bench watches that.
 */
import { type ErrorActorEvent, setup, stopChild } from 'xstate';
import { sessionMachine } from './session.ts';
import type { SessionInput } from './session-types.ts';

/** What the registry tells the supervisor. */
export type SupervisorEvent =
  /** Spawns the actor of a session; the registry makes sure that there is none yet. */
  | { type: 'session.opened'; id: string; input: SessionInput }
  /** Back to a row: idle for long, or put back to its last committed snapshot. */
  | { type: 'session.closed'; id: string }
  | { type: 'house.drained' }
  | ErrorActorEvent;

const supervisor = setup({
  types: { events: {} as SupervisorEvent },
  actors: { session: sessionMachine },
  actions: {
    /** Port: the actor of this session crashed. Must not throw. */
    bury: (_, _crashed: { id: string; error: unknown }) => {},
  },
});

const openSession = supervisor.enqueueActions(({ event, enqueue }) => {
  if (event.type !== 'session.opened') return;
  enqueue.spawnChild('session', { id: event.id, input: event.input });
});

/** Serving until the house drains; then no session is opened any more. */
export const supervisorMachine = supervisor.createMachine({
  id: 'supervisor',
  initial: 'serving',
  on: {
    'session.closed': { actions: stopChild(({ event }) => event.id) },
    'xstate.error.actor.*': {
      actions: [
        { type: 'bury', params: ({ event }) => ({ id: event.actorId, error: event.error }) },
        stopChild(({ event }) => event.actorId),
      ],
    },
  },
  states: {
    serving: {
      on: {
        'session.opened': { actions: openSession },
        'house.drained': 'draining',
      },
    },
    draining: {},
  },
});
