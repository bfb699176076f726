/** Reports to a session, one short function each, stamped `at(n)`. */
import type { SessionEvent } from '../../machines/session-events.ts';
import type { ConnectorCommand } from '../../machines/session-facts.ts';
import type { ToolUse } from '../../machines/session-types.ts';
import type { ApprovalRequest, ApprovalType, Message } from '../../src/protocol/nouns.ts';
import { at, ID } from './session-after.ts';

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

/** The batch of a tool use is over, and what the model was given of it. */
export function settled(n: number, id: string, outcome: 'refused' | 'unknown'): SessionEvent {
  const tool = use(id);
  const messageId = `tool-${tool.toolUseId}`;
  const changes = { tool_output: `${outcome} ${tool.toolUseId}`, is_error: outcome === 'refused' };
  const message = { ...messageOf(messageId, 'tool'), ...changes, tool_name: tool.name };
  const result = { outcome, message, update: { messageId, changes } };
  return { type: 'tools.settled', at: at(n), tools: [{ ...tool, result }] };
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

/** The order that a client's message becomes. */
export function runOf(messageId: string): Extract<ConnectorCommand, { type: 'turn.run' }> {
  return { type: 'turn.run', messageId, content: 'go', skills: [], images: [], mentions: [] };
}

/** Other reports, by their type alone or with what they carry. */
export function report<Type extends SessionEvent['type']>(
  n: number,
  type: Type,
  more: Omit<EventOf<Type>, 'type' | 'at'>,
): SessionEvent {
  return { type, at: at(n), ...more } as unknown as SessionEvent;
}
