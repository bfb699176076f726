/**
 * A stage for the session chart: takes one event after the other and keeps what each left. events.ts has
 * words for events. Nothing here waits: the chart has no clock, `at(n)` is the n-th millisecond of a made-up day.
 */
import {
  type ConnectorCommand,
  type Fact,
  type SessionSnapshot,
  snapshotFrom,
  snapshotOf,
  takeStep,
  workStatusOf,
} from '../../machines/index.ts';
import type { SessionEvent } from '../../machines/session-events.ts';
import type { Session, SessionContext, SessionInput } from '../../machines/session-types.ts';

export const ID = 'session-1';

/** The stamp of the n-th millisecond; microseconds are its fraction. */
export function at(n: number): string {
  const us = Math.round(n * 1000);
  const iso = new Date(Date.UTC(2026, 0, 1) + Math.floor(us / 1000)).toISOString();
  return `${iso.slice(0, 23)}${String(us % 1000).padStart(3, '0')}Z`;
}

export function newSession(more: Partial<Session> = {}): Session {
  return {
    id: ID,
    provider: 'claude',
    project_path: '/home/dev/shop',
    project_name: 'shop',
    model: null,
    token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 },
    started_at: null,
    last_activity_at: null,
    ...more,
  };
}

export type Phase = 'idle' | 'working' | 'permission' | 'question' | 'ended';

/** The phase of the README that the active states mean. */
export function phaseOf(snapshot: SessionSnapshot): Phase {
  const word = workStatusOf(snapshot);
  return word === 'waiting' ? 'idle' : (word as Phase);
}

export function linkOf(value: unknown): string {
  return (value as { link: string }).link;
}

/** The word that the wire must show in a phase. */
export const WIRE_WORD: Record<Phase, string> = {
  idle: 'waiting',
  working: 'working',
  permission: 'permission',
  question: 'question',
  ended: 'ended',
};

export interface SessionAfter {
  facts: Fact[];
  orders: ConnectorCommand[];
  /** Takes one event and returns the facts and commands it left. */
  send(event: SessionEvent): { facts: Fact[]; orders: ConnectorCommand[] };
  can(event: SessionEvent): boolean;
  snapshot(): SessionSnapshot;
  phase(): Phase;
  /** Whether the main thread's turn is open. */
  isTurnOpen(): boolean;
  link(): string;
  context(): SessionContext;
  status(): string;
}

/** Starts a session, after these events, whose facts are forgotten. */
export function sessionAfter(
  events: readonly SessionEvent[] = [],
  session: Partial<Session> = {},
  saved?: unknown,
  more: Partial<SessionInput> = {},
): SessionAfter {
  const facts: Fact[] = [];
  const orders: ConnectorCommand[] = [];
  const input = { session: newSession(session), isNew: false, turnCount: 0, ...more };
  let snapshot = saved === undefined ? snapshotFrom(input) : snapshotOf(saved);
  const send = (event: SessionEvent) => {
    const step = takeStep(snapshot, event);
    snapshot = step.snapshot;
    facts.push(...step.facts);
    orders.push(...step.commands);
    return { facts: step.facts, orders: step.commands };
  };
  for (const event of events) send(event);
  facts.length = 0;
  orders.length = 0;
  return {
    facts,
    orders,
    send,
    can: (event) => snapshot.can(event),
    snapshot: () => snapshot,
    phase: () => phaseOf(snapshot),
    isTurnOpen: () => snapshot.matches({ phase: { active: { turn: 'open' } } }),
    link: () => linkOf(snapshot.value),
    context: () => snapshot.context,
    status: () => workStatusOf(snapshot),
  };
}
