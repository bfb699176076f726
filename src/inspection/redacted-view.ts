/**
 * What the page shows of an actor: the value of its chart in words, and its context, cut and redacted.
 */
import { upgradedValue } from '../../machines/upgrade.ts';
import type { Json, StateValue } from '../protocol/inspect.ts';
import { redact } from './redact.ts';

/** Innermost active states as dotted paths, one a region. */
export function pathsOf(value: StateValue, prefix = ''): string[] {
  if (typeof value === 'string') return [prefix + value];
  return Object.entries(value).flatMap(([key, inner]) => {
    const here = prefix + key;
    // A compound state without active children, as XState writes a region at its root.
    const isLeaf = typeof inner === 'object' && Object.keys(inner).length === 0;
    return isLeaf ? [here] : pathsOf(inner, `${here}.`);
  });
}

/**
 * Whether a state is active.
 *
 * @param stateId  id as the description gives it: machine id, then keys, joined by dots
 */
export function isActive(value: StateValue, stateId: string): boolean {
  const [, ...keys] = stateId.split('.');
  let here: StateValue | undefined = value;
  for (const key of keys) {
    if (typeof here === 'string') return here === key && key === keys.at(-1);
    here = here?.[key];
    if (here === undefined) return false;
  }
  return true;
}

/** Reads a state value as it is in the journal, in the form of today's chart. */
export function valueFrom(text: string): StateValue {
  return upgradedValue(JSON.parse(text)) as StateValue;
}

/** The value of region `link`; null in a chart without one. */
export function linkOf(value: StateValue): string | null {
  const link = typeof value === 'object' ? value.link : undefined;
  return typeof link === 'string' ? link : null;
}

/** `true` shows a value whole (redacted still); lists are allowed item by item. */
type Allow = true | { readonly [key: string]: Allow };

const TOOL = { toolUseId: true, agentId: true, name: true } as const;
const REQUEST = { id: true, type: true } as const;

const CONTEXT: Allow = {
  session: {
    id: true,
    provider: true,
    status: true,
    work_status: true,
    project_name: true,
    model: true,
    effort: true,
    permission_mode: true,
    approval_policy: true,
    sandbox_mode: true,
    integration_mode: true,
    token_usage: true,
    started_at: true,
    last_activity_at: true,
    forked_from_session_id: true,
    source: true,
    link_state: true,
    link_reason: true,
    engine: true,
    thread_id: true,
  },
  turn: true,
  tools: TOOL,
  finished: { ...TOOL, at: true },
  agents: true,
  approvals: { request: REQUEST, tool: TOOL, toolUseId: true, server: true, at: true },
  settled: true,
  capabilities: true,
  outbox: true,
  streams: true,
};

const EVENT: Allow = {
  type: true,
  at: true,
  source: true,
  reason: true,
  promptId: true,
  backgroundAgents: true,
  tool: TOOL,
  tools: TOOL,
  toolUseId: true,
  agentType: true,
  agentId: true,
  outcome: true,
  launched: true,
  request: REQUEST,
  server: true,
  requestId: true,
  decision: true,
  kind: true,
  hook: true,
  usage: true,
  succeeded: true,
  turns: true,
  turnId: true,
  turnIds: true,
  messageId: true,
  threadId: true,
  isOpen: true,
  capabilities: true,
  order: { type: true },
  message: { id: true, message_type: true, tool_name: true, is_error: true, duration_ms: true },
  update: { messageId: true },
  fields: {
    permission_mode: true,
    model: true,
    effort: true,
    approval_policy: true,
    sandbox_mode: true,
  },
  truncated: true,
  bytes: true,
};

/** The part of a session's context that may be seen. */
export function contextView(context: unknown): Json {
  return redact(allowed(context, CONTEXT));
}

/** The part of an event that may be seen. @param text the event as it is in the journal */
export function eventView(text: string): { type: string; [key: string]: Json } {
  const event = redact(allowed(JSON.parse(text), EVENT)) as { [key: string]: Json };
  return { ...event, type: String(event.type) };
}

function allowed(value: unknown, allow: Allow): unknown {
  if (allow === true || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => allowed(item, allow));
  const part: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(allow)) {
    if (Object.hasOwn(value, key)) part[key] = allowed(Reflect.get(value, key), inner);
  }
  return part;
}
