/**
 * Where the charts' ports meet plumbing, and nothing else: what the session records and orders goes to the
 * ledger, crashed children are logged, and an actor may go on from a snapshot of its own.
 */
import { type ActorRefFrom, createActor, fromCallback } from 'xstate';
import { sessionMachine } from '../../../machines/session.ts';
import type { Order } from '../../../machines/session-facts.ts';
import type { ConnectorInput } from '../../../machines/session-ports.ts';
import type { SessionInput } from '../../../machines/session-types.ts';
import { supervisorMachine } from '../../../machines/supervisor.ts';
import type { Logger } from '../../log.ts';
import type { StoredActor } from '../../store/items.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { SessionActor } from '../ledger/moment.ts';
import { savedOf } from './restore.ts';

/** The root actor, parent of all live sessions. */
export type Supervisor = ActorRefFrom<typeof supervisorMachine>;

interface Ports {
  /** The `connector` actor is a handle: what it is told waits in the ledger for the event's commit. */
  ledger: Pick<Ledger, 'record' | 'order'>;
  log: Logger;
  /** Sessions to bring back together: spawning them one by one would cost O(n) each. */
  busy: readonly StoredActor[];
}

/** Starts the root actor with the given sessions as children. */
export function startSupervisor({ ledger, log, busy }: Ports): Supervisor {
  const session = restorable(
    sessionMachine.provide({
      actions: { record: (_, fact) => ledger.record(fact) },
      actors: {
        connector: fromCallback<Order, ConnectorInput>(({ receive }) =>
          receive((order) => ledger.order(order)),
        ),
      },
    }),
  );
  const machine = supervisorMachine.provide({
    actors: { session },
    actions: {
      bury: (_, { id, error }) =>
        log.error('session.buried', { session_id: id, error: wordsOf(error) }),
    },
  });
  return createActor(machine, { snapshot: snapshotWith(busy) }).start();
}

/** The live child of that name; the supervisor has just spawned or restored it. */
export function childOf(supervisor: Supervisor, id: string): SessionActor {
  const child = supervisor.getSnapshot().children[id];
  if (!child) throw new Error(`The supervisor has no session ${id}`);
  return child as unknown as SessionActor;
}

/**
 * The same logic, whose actors go on from `input.saved` when there is one: XState lets a child be
 * restored only together with its parent.
 */
function restorable(machine: typeof sessionMachine): typeof sessionMachine {
  const getInitialSnapshot: typeof machine.getInitialSnapshot = (scope, input) => {
    const { saved } = input as SessionInput;
    return saved
      ? machine.restoreSnapshot(saved as never, scope as never)
      : machine.getInitialSnapshot(scope, input);
  };
  return Object.create(machine, { getInitialSnapshot: { value: getInitialSnapshot } });
}

/** A persisted snapshot of a serving supervisor with these children. */
function snapshotWith(busy: readonly StoredActor[]) {
  const children = busy.flatMap((stored) => {
    const snapshot = savedOf(stored);
    return snapshot ? [[stored.summary.id, { snapshot, src: 'session' }] as const] : [];
  });
  const snapshot = {
    status: 'active',
    value: 'serving',
    context: {},
    historyValue: {},
    children: Object.fromEntries(children),
  };
  return snapshot as unknown as ReturnType<Supervisor['getPersistedSnapshot']>;
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
