/**
 * One event taken by a session's chart, without an actor: the next snapshot, the facts to persist and the
 * commands for the connector, as data. Nothing is true before it is committed: the spawned actor
 * (`sessionActor`) gets the snapshot afterwards. The session chart spawns no child, so that a step is only data.
 */
import type { ActorLogic, ActorRefFromLogic, AnyActorScope } from 'xstate';
import { sessionMachine } from './session.ts';
import type { SessionEvent } from './session-events.ts';
import type { ConnectorCommand, Fact, Pieces } from './session-facts.ts';
import { factsOf, type SessionSnapshot } from './session-status.ts';
import type { SessionInput } from './session-types.ts';
import { isAtWork, sessionCreated } from './steps/sessions.ts';
import { draftOf } from './steps/step-draft.ts';

/** What an event comes to. */
export interface Step {
  snapshot: SessionSnapshot;
  facts: Fact[];
  commands: ConnectorCommand[];
  /** False when the chart has no edge for the event now. */
  accepted: boolean;
}

/** Called for every microstep while an inspected step is taken; XState 5 names its transitions there. */
let inspect: ((microstep: unknown) => void) | null = null;

/** Actions that XState hands over instead of running them. */
let collected: Array<{ type: string; params?: unknown }> = [];

/** Collects what a step would do and does nothing; one for all steps, because no step keeps it. */
const inertScope = {
  self: {},
  id: 'step',
  sessionId: 'step',
  logger: () => {},
  defer: () => {},
  emit: () => {},
  stopChild: () => {},
  system: { _sendInspectionEvent: (event: unknown) => inspect?.(event) },
  actionExecutor: (action: { type: string; params?: unknown }) => {
    collected.push(action);
  },
} as unknown as AnyActorScope;

/**
 * Takes one event. Pure for the caller; costs the same in a long session as in a short one.
 *
 * @param machine  another chart than the session's, for tests that change it
 * @throws what a step of the chart throws: a bug in the chart, for this event
 */
export function takeStep(
  before: SessionSnapshot,
  event: SessionEvent,
  machine: typeof sessionMachine = sessionMachine,
): Step {
  const actions: typeof collected = [];
  collected = actions;
  const snapshot = machine.transition(before, event, inertScope as never);
  if (snapshot.status === 'error') throw snapshot.error;
  const pieces = actions
    .filter(({ type }) => type === 'leave')
    .map(({ params }) => params as Pieces);
  const commands = actions
    .filter(({ type }) => type === 'command')
    .map(({ params }) => params as ConnectorCommand);
  // A step that changes nothing gives the same snapshot back, also when it has actions.
  const accepted = snapshot !== before || actions.length > 0;
  const facts = accepted ? factsOf(before, snapshot, pieces) : [];
  return { snapshot, facts, commands, accepted };
}

/** The same, and says what XState says of each microstep. @throws as `takeStep` */
export function inspectStep(
  before: SessionSnapshot,
  event: SessionEvent,
  onMicrostep: (microstep: unknown) => void,
): Step {
  inspect = onMicrostep;
  try {
    return takeStep(before, event);
  } finally {
    inspect = null;
  }
}

/** The machine of a session from its columns alone: a new one, or one in the state that its row shows. */
export function snapshotFrom(input: SessionInput): SessionSnapshot {
  const initial = sessionMachine.getInitialSnapshot(inertScope as never, input);
  const { workStatus } = input;
  if (workStatus === undefined || workStatus === 'waiting') return initial;
  const { link } = initial.value as { link: string };
  const [first] = initial.context.approvals;
  const asked = first?.request.type === 'question' ? 'question' : 'permission';
  const active = {
    turn: isAtWork(input) ? 'open' : 'closed',
    agents: 'none',
    requests: first === undefined ? 'none' : asked,
  };
  const phase = workStatus === 'ended' ? 'ended' : { active };
  const state = { value: { phase, link }, context: initial.context };
  return sessionMachine.resolveState(state as never) as SessionSnapshot;
}

/** The facts of a session that did not exist: its summary and the columns that only its row has. */
export function initialFactsOf(snapshot: SessionSnapshot): Fact[] {
  const draft = draftOf(snapshot.context, { type: 'fields.updated', at: '' });
  sessionCreated(draft);
  return factsOf(null, snapshot, [draft]);
}

/** A stored snapshot as the chart goes on from it. @throws what XState throws for one that does not fit */
export function snapshotOf(stored: unknown): SessionSnapshot {
  return sessionMachine.restoreSnapshot(stored as never, inertScope as never) as SessionSnapshot;
}

/** A snapshot in the form that is stored; JSON safe. */
export function storedForm(snapshot: SessionSnapshot): unknown {
  return sessionMachine.getPersistedSnapshot(snapshot);
}

/*
 * The spawned actor of a session: it shows the last committed snapshot and moves only when a commit brings the
 * next one. An actor that moved before the commit could show what is never stored.
 */

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
