/**
 * Why the chart refuses a client's command now: the guard that said no, or the state that takes no such
 * command, each with the code of the wire. Handlers ask this and hold no rule of their own.
 */
import { type AnyStateNode, type AnyTransitionDefinition, getStateNodes, or } from 'xstate';
import { sessionMachine } from './session.ts';
import type { SessionEvent } from './session-events.ts';
import type { SessionSnapshot } from './session-status.ts';

/** Why a command is not possible now. */
export type Refusal =
  | 'watched_only'
  | 'session_over'
  | 'no_connector'
  | 'no_turn'
  | 'already_resolved'
  | 'queue_full'
  | 'unsupported';

/** What a guard that refuses means for the client. */
const OF_GUARD: Readonly<Record<string, Refusal>> = {
  isSteered: 'watched_only',
  isAlive: 'session_over',
  canStop: 'no_turn',
  isOpenRequest: 'already_resolved',
  isAwaited: 'watched_only',
  takesWords: 'watched_only',
  hasRoomForWords: 'queue_full',
  isQueued: 'already_resolved',
  connectorCan: 'unsupported',
  connectorCanAnswer: 'unsupported',
};

/** Which of several reasons is given: the first of these. */
const ORDER: readonly Refusal[] = [
  'watched_only',
  'session_over',
  'no_turn',
  'already_resolved',
  'queue_full',
  'unsupported',
  'no_connector',
];

/** What a state says of commands that it does not take: of all, or of one. */
interface Meta {
  refuses?: Refusal;
  refusesOne?: Readonly<Record<string, Refusal>>;
}

/** The code of the refusal of a command; null when the chart takes it. Changes nothing. */
export function refusalOf(snapshot: SessionSnapshot, event: SessionEvent): Refusal | null {
  if (snapshot.can(event)) return null;
  const active = getStateNodes(sessionMachine.root as AnyStateNode, snapshot.value);
  const reasons = new Set<Refusal>();
  for (const node of active) {
    const candidates = node.transitions.get(event.type) ?? [];
    for (const transition of candidates) reasons.add(reasonOf(transition, snapshot, event));
    if (candidates.length > 0) continue;
    const { refuses, refusesOne } = (node.meta ?? {}) as Meta;
    if (refuses !== undefined) reasons.add(refuses);
    const reason = refusesOne?.[event.type];
    if (reason !== undefined) reasons.add(reason);
  }
  return ORDER.find((reason) => reasons.has(reason)) ?? 'unsupported';
}

/** The first part of the edge's guard that does not hold. */
function reasonOf(
  { guard }: AnyTransitionDefinition,
  snapshot: SessionSnapshot,
  event: SessionEvent,
): Refusal {
  for (const part of partsOf(guard)) {
    if (!holds(part, snapshot, event)) return OF_GUARD[nameOf(part)] ?? 'unsupported';
  }
  return 'unsupported';
}

type Guard = AnyTransitionDefinition['guard'];

function partsOf(guard: Guard): Guard[] {
  const parts = (guard as { guards?: Guard[] } | undefined)?.guards;
  return parts ?? (guard === undefined ? [] : [guard]);
}

function nameOf(guard: Guard): string {
  return typeof guard === 'string' ? guard : ((guard as { type?: string }).type ?? '');
}

/** Whether one part of a guard holds; parts that the chart names are looked up. */
function holds(part: Guard, snapshot: SessionSnapshot, event: SessionEvent): boolean {
  const named = (sessionMachine.implementations.guards as Record<string, unknown>)[nameOf(part)];
  const guard = (named ?? part) as Built;
  if (guard.stateValue !== undefined) return snapshot.matches(guard.stateValue as never);
  if (guard.guards !== undefined) {
    const each = (inner: Guard): boolean => holds(inner, snapshot, event);
    return guard.check === ANY ? guard.guards.some(each) : guard.guards.every(each);
  }
  return guard({ context: snapshot.context, event }, (part as { params?: unknown }).params);
}

/** A guard as XState keeps it: a predicate, or one built by `and`, `or`, `stateIn`. */
type Built = ((args: object, params: unknown) => boolean) & {
  guards?: Guard[];
  stateValue?: unknown;
  check?: unknown;
};

/** How XState checks `or`; everything else with parts is an `and` here. */
const ANY = (or([]) as unknown as Built).check;
