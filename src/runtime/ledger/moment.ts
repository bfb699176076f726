/**
 * A session's machine at one moment: cheap to keep for every event, turned into a snapshot that can be
 * stored only when somebody needs one. Also decides when the disk needs one: most events say themselves
 * what they do, so that a snapshot from before, with the journal's events behind it, is the same state.
 */
import { type ActorRefFrom, createActor, type Snapshot } from 'xstate';
import { sessionMachine } from '../../../machines/session.ts';
import type { SessionEvent } from '../../../machines/session-events.ts';
import type { SessionContext } from '../../../machines/session-types.ts';

/** The running chart of one session. */
export type SessionActor = ActorRefFrom<typeof sessionMachine>;

/** A persisted snapshot; nobody reads more of it than its context. */
export type SavedSnapshot = Snapshot<unknown> & { context: SessionContext };

/** The machine as it was. */
export interface Moment {
  readonly status: string;
  readonly value: unknown;
  readonly context: SessionContext;
  /** Whether it has a connector; that one's state cannot be folded. */
  readonly hasChildren: boolean;
  /** What an actor can go on from; JSON safe. */
  persist(): SavedSnapshot;
}

/**
 * Events that change a machine in the same way without the texts that the journal leaves out: most of
 * what happens in a session. Their texts go into messages, and the machine does not know those.
 */
const FOLDS = new Set<SessionEvent['type']>([
  'tool.started',
  'tool.finished',
  'tools.settled',
  'agent.started',
  'agent.finished',
  'message.changed',
  'usage.updated',
  'hook.observed',
]);

/** Messages whose first words the machine remembers. */
const SPEAKERS = new Set<string>(['user', 'assistant']);

/** Most events folded into a stored snapshot: far below a millisecond's work. */
export const MAX_TAIL = 32;

/** Whether the state after this event folds from the snapshot that is stored and the journal. */
export function foldsOn(event: SessionEvent, after: Moment, tail: number): boolean {
  const speaks = event.message !== undefined && SPEAKERS.has(event.message.message_type);
  return tail < MAX_TAIL && FOLDS.has(event.type) && !speaks && !after.hasChildren;
}

/** The actor's machine as it is now. */
export function momentOf(actor: SessionActor): Moment {
  const snapshot = actor.getSnapshot();
  const { status, value, context } = snapshot;
  const persist = () => sessionMachine.getPersistedSnapshot(snapshot) as SavedSnapshot;
  const hasChildren = hasKeys(snapshot.children);
  if (!hasChildren) return { status, value, context, hasChildren, persist };
  // Asked for later, a child would give its state of then.
  const saved = persist();
  return { status, value, context, hasChildren, persist: () => saved };
}

/**
 * A stored snapshot brought forward by the events that were journalled after it.
 *
 * @throws what the chart throws when the snapshot does not restore
 */
export function foldTail(saved: SavedSnapshot, tail: readonly string[]): SavedSnapshot {
  if (tail.length === 0) return saved;
  // The chart alone: its ports are inert.
  const actor = createActor(sessionMachine, {
    snapshot: saved as never,
    input: undefined as never,
  });
  let failure: unknown = null;
  // With a listener, a step that throws is reported to it and not to the process.
  actor.subscribe({
    error(error) {
      failure = error;
    },
  });
  actor.start();
  for (const event of tail) actor.send(JSON.parse(event) as SessionEvent);
  if (failure !== null) throw failure;
  const folded = actor.getPersistedSnapshot() as SavedSnapshot;
  actor.stop();
  return folded;
}

function hasKeys(object: object): boolean {
  for (const _ in object) return true;
  return false;
}
