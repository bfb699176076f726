/**
 * A stage for the session chart: a live actor with both ports recorded. events.ts has words for what it is told.
 * Nothing here waits: the chart has no clock, `at(n)` is the n-th millisecond of a made-up day.
 */
import { createActor, fromCallback } from 'xstate';
import { type Fact, type Order, sessionMachine, workStatusOf } from '../../machines/index.ts';
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
    status: 'active',
    work_status: 'waiting',
    token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 },
    started_at: null,
    last_activity_at: null,
    ...more,
  };
}

export type Phase = 'idle' | 'working' | 'permission' | 'question' | 'ended';

/** The innermost state of the phase region. */
export function phaseOf(value: unknown): Phase {
  const { phase } = value as { phase: string | { awaitingApproval: string } };
  return (typeof phase === 'string' ? phase : phase.awaitingApproval) as Phase;
}

export function linkOf(value: unknown): string {
  return (value as { link: string }).link;
}

/** The word that the wire must show in a state of the phase region. */
export const WIRE_WORD: Record<Phase, string> = {
  idle: 'waiting',
  working: 'working',
  permission: 'permission',
  question: 'question',
  ended: 'ended',
};

export interface Stage {
  actor: ReturnType<typeof actorOf>;
  facts: Fact[];
  orders: Order[];
  /** Sends one event and returns what it recorded and ordered. */
  send(event: SessionEvent): { facts: Fact[]; orders: Order[] };
  can(event: SessionEvent): boolean;
  phase(): Phase;
  link(): string;
  context(): SessionContext;
  status(): string;
}

function actorOf(input: SessionInput, facts: Fact[], orders: Order[], saved?: unknown) {
  const machine = sessionMachine.provide({
    actions: { record: (_, fact) => facts.push(fact) },
    actors: {
      connector: fromCallback<Order, { sessionId: string }>(({ receive }) =>
        receive((order) => orders.push(order)),
      ),
    },
  });
  return createActor(machine, { input, ...(saved !== undefined && { snapshot: saved as never }) });
}

/** Starts a session, after these events, whose facts are forgotten. */
export function stage(
  events: readonly SessionEvent[] = [],
  session: Partial<Session> = {},
  saved?: unknown,
): Stage {
  const facts: Fact[] = [];
  const orders: Order[] = [];
  const input = { session: newSession(session), isNew: false, turnCount: 0 };
  const actor = actorOf(input, facts, orders, saved).start();
  const send = (event: SessionEvent) => {
    const marks = [facts.length, orders.length];
    actor.send(event);
    return { facts: facts.slice(marks[0]), orders: orders.slice(marks[1]) };
  };
  for (const event of events) actor.send(event);
  facts.length = 0;
  orders.length = 0;
  return {
    actor,
    facts,
    orders,
    send,
    can: (event) => actor.getSnapshot().can(event),
    phase: () => phaseOf(actor.getSnapshot().value),
    link: () => linkOf(actor.getSnapshot().value),
    context: () => actor.getSnapshot().context,
    status: () => workStatusOf(actor.getSnapshot().context),
  };
}
