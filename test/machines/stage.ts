/**
 * A stage for the session chart: a live actor with both ports recorded, and short words for its events.
 * Nothing here waits: the chart has no clock, `at(n)` is the n-th millisecond of a made-up day.
 */
import { createActor, fromCallback } from 'xstate';
import { type Fact, type Order, sessionMachine, workStatusOf } from '../../machines/index.ts';
import type {
  Session,
  SessionContext,
  SessionEvent,
  SessionInput,
  ToolUse,
} from '../../machines/session-types.ts';
import type { ApprovalRequest, ApprovalType, Message } from '../../src/protocol/nouns.ts';

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

// ---- words for events ------------------------------------------------------------------------------

type EventOf<Type extends SessionEvent['type']> = Extract<SessionEvent, { type: Type }>;

export function messageOf(
  id: string,
  message_type: Message['message_type'],
  content = id,
): Message {
  return {
    id,
    session_id: ID,
    message_type,
    content,
    tool_name: null,
    tool_input: null,
    tool_output: null,
    is_error: false,
    timestamp: '2026-01-01T00:00:00.000Z',
    duration_ms: null,
  };
}

export function prompted(
  n: number,
  prompt: string | null = `prompt ${n}`,
): EventOf<'turn.started'> {
  const base = { type: 'turn.started', at: at(n), promptId: `p${n}`, prompt } as const;
  return prompt === null ? base : { ...base, message: messageOf(`user-${n}`, 'user', prompt) };
}

/** `agents`: those that go on in the background. */
export function stopped(n: number, agents: string[] | null = []): EventOf<'turn.completed'> {
  return {
    type: 'turn.completed',
    at: at(n),
    backgroundAgents: agents?.map((id) => ({ id, type: 'general-purpose' })) ?? null,
    message: messageOf(`reply-${n}`, 'assistant', `reply ${n}`),
  };
}

/** A tool use: `t1` on the main thread, `t1@a1` of the agent a1; `more` names tool and input. */
export function use(id: string, more: Partial<ToolUse> = {}): ToolUse {
  const [toolUseId = '', agentId = null] = id.split('@');
  return { toolUseId, agentId, name: 'Bash', digest: `input of ${toolUseId}`, ...more };
}

export function toolBegan(
  n: number,
  id: string,
  more: Partial<ToolUse> = {},
): EventOf<'tool.started'> {
  const tool = use(id, more);
  const message = { ...messageOf(`tool-${tool.toolUseId}`, 'tool'), tool_name: tool.name };
  return { type: 'tool.started', at: at(n), tool, agentType: null, message };
}

export function toolEnded(
  n: number,
  id: string,
  more: Partial<ToolUse> & Partial<Pick<EventOf<'tool.finished'>, 'outcome' | 'launched'>> = {},
): EventOf<'tool.finished'> {
  const { outcome = 'succeeded', launched = null, ...of } = more;
  const tool = use(id, of);
  const changes = { tool_output: `output of ${tool.toolUseId}`, is_error: outcome !== 'succeeded' };
  const messageId = `tool-${tool.toolUseId}`;
  return {
    type: 'tool.finished',
    at: at(n),
    tool,
    agentType: null,
    outcome,
    launched: launched,
    message: { ...messageOf(messageId, 'tool'), tool_name: tool.name, ...changes },
    update: { messageId, changes },
  };
}

export function requestOf(id: string, type: ApprovalType = 'exec'): ApprovalRequest {
  const none = { command: null, file_path: null, diff: null, question: null };
  return { id, session_id: ID, type, ...none, tool_name: 'Bash' };
}

/** The tool use `id` asks for a permission; like the CLI's hook, without naming the use. */
export function asked(
  n: number,
  requestId: string,
  id: string,
  type: ApprovalType = 'exec',
  more: Partial<ToolUse> = {},
): EventOf<'approval.requested'> {
  const { agentId, name, digest } = use(id, more);
  return {
    type: 'approval.requested',
    at: at(n),
    request: requestOf(requestId, type),
    tool: { agentId, name, digest },
    toolUseId: null,
    server: null,
  };
}

/** An MCP server asks a question by itself. */
export function elicited(n: number, requestId: string, server = 'elic'): SessionEvent {
  return {
    type: 'approval.requested',
    at: at(n),
    request: requestOf(requestId, 'question'),
    tool: null,
    toolUseId: null,
    server,
  };
}

export function noticed(
  n: number,
  kind: EventOf<'attention.noticed'>['kind'],
): EventOf<'attention.noticed'> {
  const request = requestOf(`notice-${n}`, kind === 'question' ? 'question' : 'exec');
  return { type: 'attention.noticed', at: at(n), kind, request };
}

export function agentBegan(n: number, agentId: string): SessionEvent {
  return { type: 'agent.started', at: at(n), agentId, agentType: 'general-purpose' };
}

export function agentEnded(n: number, agentId: string): SessionEvent {
  return { type: 'agent.finished', at: at(n), agentId, agentType: 'general-purpose' };
}

export function began(n: number, source = 'startup'): SessionEvent {
  return { type: 'session.started', at: at(n), source };
}

export function over(n: number, reason = 'other'): SessionEvent {
  return { type: 'session.ended', at: at(n), reason };
}

/** Other reports, by their type alone or with what they carry. */
export function report<Type extends SessionEvent['type']>(
  n: number,
  type: Type,
  more: Omit<EventOf<Type>, 'type' | 'at'>,
): SessionEvent {
  return { type, at: at(n), ...more } as unknown as SessionEvent;
}
