/**
 * Why the chart refuses a client's command now: the guard that said no, or the state that takes no such
 * command, each with the code of the wire. Handlers ask this and hold no rule of their own.
 */
import { type AnyStateNode, type AnyTransitionDefinition, getStateNodes } from 'xstate';
import { sessionMachine } from './session.ts';
import type { SessionEvent } from './session-events.ts';
import type { SessionSnapshot } from './view.ts';

/** Why a command is not possible now. */
export type Refusal =
  | 'watched_only'
  | 'session_over'
  | 'no_connector'
  | 'no_turn'
  | 'already_resolved'
  | 'already_active'
  | 'unsupported';

/** What a guard that refuses means for the client. */
const OF_GUARD: Readonly<Record<string, Refusal>> = {
  isSteered: 'watched_only',
  isAlive: 'session_over',
  canStop: 'no_turn',
  isOpenRequest: 'already_resolved',
  connectorCan: 'unsupported',
  connectorCanAnswer: 'unsupported',
  isFreshStart: 'session_over',
};

/** Which of several reasons is told: the first of these. */
const ORDER: readonly Refusal[] = [
  'watched_only',
  'session_over',
  'no_turn',
  'already_resolved',
  'unsupported',
  'no_connector',
];

/** The code of the refusal of a command; null when the chart takes it. Changes nothing. */
export function refusalOf(snapshot: SessionSnapshot, event: SessionEvent): Refusal | null {
  if (snapshot.can(event)) return null;
  const active = getStateNodes(sessionMachine.root as AnyStateNode, snapshot.value);
  const reasons = new Set<Refusal>();
  for (const node of active) {
    const candidates = node.transitions.get(event.type) ?? [];
    for (const transition of candidates) reasons.add(reasonOf(transition, snapshot, event));
    const { refuses } = (node.meta ?? {}) as { refuses?: Refusal };
    if (refuses !== undefined && candidates.length === 0) reasons.add(refuses);
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

/** Asks XState itself: a copy of the chart whose only edge for the event bears this guard. */
function holds(guard: Guard, snapshot: SessionSnapshot, event: SessionEvent): boolean {
  const { implementations } = sessionMachine;
  const known = (implementations.guards as Record<string, unknown>)[nameOf(guard)];
  const params = (guard as { params?: unknown }).params;
  return evaluate(known as Built, snapshot, event, params);
}

/** A guard as XState keeps it: a predicate, or one built by `and`, `or`, `stateIn`. */
type Built = ((args: object, params: unknown) => boolean) & {
  guards?: unknown[];
  stateValue?: unknown;
};

function evaluate(
  guard: Built | undefined,
  snapshot: SessionSnapshot,
  event: SessionEvent,
  params: unknown,
): boolean {
  if (guard === undefined) return true;
  if (guard.stateValue !== undefined) return snapshot.matches(guard.stateValue as never);
  if (guard.guards !== undefined)
    return guard.guards.some((part) =>
      typeof part === 'string'
        ? holds(part, snapshot, event)
        : evaluate(part as Built, snapshot, event, undefined),
    );
  return guard({ context: snapshot.context, event }, params);
}
