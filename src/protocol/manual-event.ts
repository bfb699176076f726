/**
 * Events of a session's chart that a person may send from the page, to see a live session move: reports only. A
 * command goes through the public protocol, where a connector carries it out. Definitions as those of nouns.ts, so
 * that greeting a page loads no schema; codec.ts checks.
 */
import type { MessageOf, Shape } from './ark.ts';

const name = '1 <= string <= 128';
const nameOrNull = '1 <= string <= 128 | null';
const text = 'string <= 4000';
const textOrNull = 'string <= 4000 | null';

/** What the events name. */
export const MANUAL_NOUNS = {
  tool: { toolUseId: name, agentId: nameOrNull, name, digest: text },
  asker: { agentId: nameOrNull, name, digest: text },
  request: {
    id: name,
    session_id: 'string?',
    type: "'exec' | 'patch' | 'question'",
    command: textOrNull,
    file_path: textOrNull,
    diff: textOrNull,
    question: textOrNull,
    tool_name: `${name}?`,
  },
  agent: { id: name, type: name },
  usage: {
    input_tokens: 'number.integer >= 0',
    output_tokens: 'number.integer >= 0',
    cached_tokens: 'number.integer >= 0',
    context_window: 'number.integer >= 0',
  },
} as const;

/** The events by their type; each may also say when it happened (`at`). */
export const MANUAL_EVENTS = {
  'session.started': { source: name },
  'session.ended': { reason: text },
  'turn.started': { promptId: nameOrNull, prompt: textOrNull },
  'turn.completed': { backgroundAgents: 'agent[] | null' },
  'turn.aborted': { reason: text },
  'turn.failed': { error: text },
  'tool.started': { tool: 'tool', agentType: nameOrNull },
  'tool.finished': {
    tool: 'tool',
    agentType: nameOrNull,
    outcome: "'succeeded' | 'failed' | 'refused' | 'interrupted'",
    launched: 'agent | null',
  },
  'tools.settled': { tools: 'tool[]' },
  'agent.started': { agentId: name, agentType: name },
  'agent.finished': { agentId: name, agentType: name },
  'approval.requested': {
    request: 'request',
    tool: 'asker | null',
    toolUseId: nameOrNull,
    server: nameOrNull,
  },
  'approval.resolved': {
    requestId: nameOrNull,
    server: nameOrNull,
    decision:
      "'approved' | 'approved_for_session' | 'approved_always' | 'denied' | 'abort' | 'answered' | 'cancelled'",
  },
  'attention.noticed': { kind: "'permission' | 'question' | 'idle'", request: 'request' },
  'compaction.started': {},
  'compaction.finished': {},
  'undo.started': { text: textOrNull },
  'undo.completed': { succeeded: 'boolean', text: textOrNull },
  'usage.updated': { usage: 'usage' },
  'name.updated': { name: 'string <= 200 | null' },
  'hook.observed': { hook: name },
} as const;

/** The type of one of them. */
export type ManualEventType = keyof typeof MANUAL_EVENTS;

type Names = { [Name in keyof typeof MANUAL_NOUNS]: Shape<(typeof MANUAL_NOUNS)[Name]> };

/** An event a person sends, checked. */
export type ManualEvent = MessageOf<typeof MANUAL_EVENTS, Names, { at?: string }>;

/** The types of all, in the order in which the page offers them. */
export const MANUAL_EVENT_TYPES = Object.keys(MANUAL_EVENTS) as ManualEventType[];
