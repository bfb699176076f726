/**
 * What could happen next in a session: which events its chart takes now, which guards are in the way, what one would
 * do (a dry run), and sending one by hand.
 */
import {
  type AnyStateMachine,
  type AnyStateNode,
  type AnyTransitionDefinition,
  getStateNodes,
} from 'xstate';
import { edgeIdOf, type SessionEvent, sessionMachine } from '../../machines/index.ts';
import { OrbitError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type {
  DryRun,
  GuardView,
  Json,
  NextEvent,
  Sent,
  StateValue,
  Way,
} from '../protocol/inspect.ts';
import type { ManualEvent } from '../protocol/manual-event.ts';
import type { StampClock } from '../runtime/clock.ts';
import type { Ledger } from '../runtime/ledger/ledger.ts';
import type { Sender } from '../runtime/rooms/rooms.ts';
import type { LiveSession } from '../runtime/sessions/live-session.ts';
import type { Registry } from '../runtime/sessions/registry.ts';
import type { Writer } from '../store/writer.ts';
import { createDummy, edgeOf, persisted, type SessionSnapshot } from './fold.ts';
import { redactText } from './redact.ts';
import { contextView } from './redacted-view.ts';

type Guard = NonNullable<AnyTransitionDefinition['guard']>;

type Predicate = (args: { context: unknown; event: unknown }, params: unknown) => boolean;

/** `and`, `or` and `not` of XState are functions that carry their parts. */
interface Composite {
  guards: Guard[];
  check: { name: string };
}

/** An event that only has a type and a time. */
interface Probe {
  type: string;
  at: string;
}

/**
 * What the guard of a transition says; null for a transition without one.
 *
 * @param name  the guard in words, as the description of the chart has them
 */
function askGuard(
  transition: AnyTransitionDefinition,
  snapshot: SessionSnapshot,
  probe: Probe,
  name: string,
): GuardView | null {
  const { guard } = transition;
  if (!guard) return null;
  const reads = new Set<string>();
  const said = says(guard, snapshot, nosy(probe, reads));
  const verdict = reads.size > 0 ? 'depends' : said ? 'holds' : 'refuses';
  return { name, verdict, reads: [...reads] };
}

function says(guard: Guard, snapshot: SessionSnapshot, event: object): boolean {
  if (isComposite(guard)) {
    const parts = guard.guards.map((part) => says(part, snapshot, event));
    const operator = operatorOf(guard);
    if (operator === 'not') return !parts[0];
    return operator === 'and' ? parts.every(Boolean) : parts.some(Boolean);
  }
  const named = typeof guard === 'string' ? { type: guard } : guard;
  const { implementations } = snapshot.machine as unknown as AnyStateMachine;
  const predicate = (
    typeof named === 'function' ? named : implementations.guards[(named as { type: string }).type]
  ) as Predicate | Guard | undefined;
  if (predicate === undefined) return true;
  if (typeof predicate !== 'function') return says(predicate as Guard, snapshot, event);
  const args = { context: snapshot.context, event };
  const given = (named as { params?: unknown }).params;
  try {
    const params = typeof given === 'function' ? (given as (from: object) => unknown)(args) : given;
    return (predicate as Predicate)(args, params);
  } catch {
    // It wanted a field of a field that the probe does not have; the field is noted.
    return false;
  }
}

/** The event as a guard sees it: fields it does not have exist, are empty, and being asked is noted. */
function nosy(probe: Probe, reads: Set<string>): object {
  return new Proxy(probe, {
    // `'requestId' in event` asks for the kind of event, and of that kind the real one will be.
    has: () => true,
    get(target, key) {
      if (typeof key === 'string' && !Object.hasOwn(target, key)) reads.add(key);
      return Reflect.get(target, key);
    },
  });
}

function isComposite(guard: unknown): guard is Composite {
  return typeof guard === 'function' && Array.isArray((guard as { guards?: unknown }).guards);
}

/** `checkAnd`, `checkOr`, `checkNot`: the server is not minified, so the names are there. */
function operatorOf({ check }: Composite): string {
  return check.name.replace(/^check/, '').toLowerCase() || 'guard';
}

/** Events and families (`message.*`) that the chart names, in the order of their names. */
const EVENTS = [...new Set(sessionMachine.events as readonly string[])]
  .filter((event) => event !== '*' && !event.startsWith('xstate.'))
  .sort();

const NODES = [...nodesBelow(sessionMachine.root)];

/**
 * Every event the chart knows, judged in a state.
 *
 * @param at  the time a probing event carries: now, or of the moment that is looked at
 */
export function nextEvents(snapshot: SessionSnapshot, at: string): NextEvent[] {
  return EVENTS.map((event) => judge(snapshot, { type: event, at })).filter(
    ({ event, ways }) => ways.length > 0 || !isFamilyOfNamed(event),
  );
}

/** One event, judged in a state. */
function judge(snapshot: SessionSnapshot, probe: Probe): NextEvent {
  const asked = askedIn(snapshot, probe);
  const ways = asked.map(({ way }) => way);
  const effective = asked.filter(({ isEmpty }) => !isEmpty).map(({ way }) => way);
  const open = effective.filter(({ guard }) => guard?.verdict !== 'refuses');
  const isSure = open.some(({ guard }) => guard === null || guard.verdict === 'holds');
  const verdict = isSure ? 'possible' : open.length > 0 ? 'depends' : 'refused';
  const takenIn = ways.length > 0 ? [] : statesThatTake(probe.type);
  const reason = verdict === 'refused' ? whyRefused(probe.type, effective, asked, takenIn) : null;
  return { event: probe.type, verdict, ways, reason, takenIn };
}

interface Asked {
  way: Way;
  /** An edge that leads nowhere and does nothing: it keeps the event from the states above. */
  isEmpty: boolean;
}

/** The edges XState would ask, region by region, inner states first, up to the first that is taken. */
function askedIn(snapshot: SessionSnapshot, probe: Probe): Asked[] {
  const asked = new Map<AnyTransitionDefinition, Asked>();
  const active = getStateNodes(sessionMachine.root as AnyStateNode, snapshot.value);
  const leaves = active.filter(({ type }) => type === 'atomic' || type === 'final');
  for (const leaf of leaves) {
    upward: for (let node: AnyStateNode | undefined = leaf; node; node = node.parent) {
      for (const transition of candidates(node, probe.type)) {
        const edge = edgeIdOf(transition) ?? '';
        const guard = askGuard(transition, snapshot, probe, edgeOf(edge)?.guard ?? 'guard');
        asked.set(transition, {
          way: {
            edge,
            source: node.id,
            targets: (transition.target ?? []).map(({ id }) => id),
            guard,
          },
          isEmpty: transition.target === undefined && transition.actions.length === 0,
        });
        if (guard === null || guard.verdict === 'holds') break upward;
      }
    }
  }
  return [...asked.values()];
}

/** Transitions of one state for an event, the exact name first, then families, the longest first. */
function candidates(node: AnyStateNode, event: string): AnyTransitionDefinition[] {
  return [...node.transitions.keys()]
    .filter((descriptor) => matches(descriptor, event))
    .sort((a, b) => Number(b === event) - Number(a === event) || b.length - a.length)
    .flatMap((descriptor) => node.transitions.get(descriptor) ?? []);
}

function matches(descriptor: string, event: string): boolean {
  if (descriptor === event || descriptor === '*') return true;
  return descriptor.endsWith('.*') && event.startsWith(descriptor.slice(0, -1));
}

function statesThatTake(event: string): string[] {
  return NODES.filter((node) =>
    candidates(node, event).some(({ target, actions }) => target || actions.length > 0),
  ).map(({ id }) => id);
}

function whyRefused(event: string, effective: Way[], asked: Asked[], takenIn: string[]): string {
  const guards = [...new Set(effective.map(({ guard }) => guard?.name))];
  if (guards.length > 0) return `${guards.join(', ')} ${guards.length > 1 ? 'say' : 'says'} no`;
  const [ignored] = asked;
  if (ignored) return `${ignored.way.source} ignores it on purpose`;
  if (takenIn.length > 0) return `No active state takes ${event}; ${takenIn.join(', ')} would`;
  return `No state of this chart takes ${event}`;
}

/** `tool.*` beside `tool.started`: a family says nothing new where its members are named. */
function isFamilyOfNamed(event: string): boolean {
  if (!event.endsWith('.*')) return false;
  return EVENTS.some((other) => other !== event && other.startsWith(event.slice(0, -1)));
}

function* nodesBelow(node: AnyStateNode): Generator<AnyStateNode> {
  yield node;
  for (const child of Object.values(node.states)) yield* nodesBelow(child as AnyStateNode);
}

/**
 * @param at  the event's time when it names none
 * @throws OrbitError `bad_request` for an event that is none or lacks what a step needs
 */
export function dryRun(
  snapshot: SessionSnapshot,
  given: { type: string; [key: string]: Json },
  at: string,
): DryRun {
  const { type } = given;
  if (typeof type !== 'string' || !/^[a-z]\w*(\.\w+)+$/i.test(type) || type.startsWith('xstate.')) {
    throw new OrbitError('bad_request', { reason: 'An event has a type such as turn.started' });
  }
  const event = { at, ...given } as unknown as SessionEvent;
  try {
    const moved = createDummy(persisted(snapshot)).take(event);
    if (!moved.accepted) {
      const { reason, ways } = judge(snapshot, { type, at });
      const words = reason ?? 'Its payload does not pass the guards; their fields are named';
      return { possible: false, reason: words, ways };
    }
    return {
      possible: true,
      value: moved.snapshot.value as StateValue,
      changed: JSON.stringify(moved.snapshot.value) !== JSON.stringify(snapshot.value),
      edges: moved.edges ?? [],
      actions: (moved.edges ?? []).flatMap((id) => edgeOf(id)?.actions ?? []),
      facts: moved.facts,
      context: contextView(moved.snapshot.context),
    };
  } catch (error) {
    const words = redactText(error instanceof Error ? error.message : String(error), 200);
    throw new OrbitError('bad_request', {
      reason: `${type} needs fields that are missing here: ${words}`,
    });
  }
}

/** What sending needs beside what looking needs. */
export interface SendDeps {
  registry: Pick<Registry, 'enter'>;
  ledger: Pick<Ledger, 'send'>;
  clock: StampClock;
  writer: Pick<Writer, 'storageError'>;
  log: Logger;
  /** Schemas load late, as for every message. */
  codec: () => Promise<Pick<typeof import('../protocol/codec.ts'), 'decodeManualEvent'>>;
  isDraining: () => boolean;
}

/**
 * Sends a session an event and resolves when it is committed.
 *
 * @throws OrbitError `bad_request` (a type that no client may send, fields that are missing or too many),
 *   `not_found`, `storage_unavailable`, `shutting_down`, `quarantined`
 */
export type Send = (
  session: string,
  event: { type: string; [key: string]: Json },
  caller: Sender,
) => Promise<Sent>;

/** Sending through the ledger. */
export function createSend(deps: SendDeps): Send {
  return async (session, given, caller) => {
    const checked = (await deps.codec()).decodeManualEvent(given);
    if (checked instanceof OrbitError) throw checked;
    if (deps.isDraining()) throw new OrbitError('shutting_down');
    if (deps.writer.storageError !== null) {
      throw new OrbitError('storage_unavailable', { reason: deps.writer.storageError });
    }
    const event = completed(checked, session, deps.clock.stamp());
    return deps.registry.enter(session, ({ live }) => {
      if (!live) throw new OrbitError('not_found', { what: 'Session', id: session });
      return submit(deps, live, event, caller);
    });
  };
}

/** The server's own words for time and session: a page's clock could make later reports look late. */
function completed(event: ManualEvent, session: string, at: string): SessionEvent {
  if (event.type === 'approval.requested' || event.type === 'attention.noticed') {
    return { ...event, at, request: { ...event.request, session_id: session } };
  }
  return { ...event, at };
}

function submit(
  { ledger, log }: SendDeps,
  live: LiveSession,
  event: SessionEvent,
  caller: Sender,
): Promise<Sent> {
  let accepted = false;
  let reason: string | null = null;
  return new Promise((resolve, reject) => {
    ledger.send(live, {
      // Judged when its turn comes: until then the session may move on.
      event: (before) => {
        accepted = before.can(event);
        const why = accepted ? null : judge(before, { type: event.type, at: event.at }).reason;
        reason = accepted ? null : (why ?? NO_GUARD_PASSED);
        return event;
      },
      origin: 'visualizer',
      caller,
      key: null,
      settle(error) {
        if (error) return reject(error);
        const about = { session_id: live.id, event_type: event.type, accepted };
        log.info('inspect.sent', { ...about, ...caller });
        resolve({ accepted, reason, value: live.head.snapshot.value as StateValue });
      },
    });
  });
}

/** A refusal that depends on the payload: the guards that read it said no. */
const NO_GUARD_PASSED = 'Its payload does not pass the guards';
