/**
 * Events of a session's chart that a person may send from the page, to see a live session move: reports only. A
 * command goes through the public protocol, where a connector carries it out.
 */
import { type } from './ark.ts';
import type { ManualEventType } from './manual-event-names.ts';

const name = '1 <= string <= 128';
const words = 'string <= 4000';

const tool = type({
  '+': 'reject',
  toolUseId: name,
  agentId: `${name} | null`,
  name,
  digest: words,
});

const asker = type({ '+': 'reject', agentId: `${name} | null`, name, digest: words });

const request = type({
  '+': 'reject',
  id: name,
  'session_id?': 'string',
  type: "'exec' | 'patch' | 'question'",
  command: `${words} | null`,
  file_path: `${words} | null`,
  diff: `${words} | null`,
  question: `${words} | null`,
  'tool_name?': name,
});

const agent = type({ '+': 'reject', id: name, type: name });

const decision = type(
  "'approved' | 'approved_for_session' | 'approved_always' | 'denied' | 'abort' | 'answered' | 'cancelled'",
);

const usage = type({
  '+': 'reject',
  input_tokens: 'number.integer >= 0',
  output_tokens: 'number.integer >= 0',
  cached_tokens: 'number.integer >= 0',
  context_window: 'number.integer >= 0',
});

/** What every event may have, and that it may have nothing its own fields do not name. */
const base = { '+': 'reject', 'at?': 'string' } as const;

const SCHEMAS = {
  'session.started': () => type({ ...base, type: "'session.started'", source: name }),
  'session.ended': () => type({ ...base, type: "'session.ended'", reason: words }),
  'turn.started': () =>
    type({
      ...base,
      type: "'turn.started'",
      promptId: `${name} | null`,
      prompt: `${words} | null`,
    }),
  'turn.completed': () =>
    type({ ...base, type: "'turn.completed'", backgroundAgents: agent.array().or('null') }),
  'turn.aborted': () => type({ ...base, type: "'turn.aborted'", reason: words }),
  'turn.failed': () => type({ ...base, type: "'turn.failed'", error: words }),
  'tool.started': () =>
    type({ ...base, type: "'tool.started'", tool, agentType: `${name} | null` }),
  'tool.finished': () =>
    type({
      ...base,
      type: "'tool.finished'",
      tool,
      agentType: `${name} | null`,
      outcome: "'succeeded' | 'failed' | 'refused' | 'interrupted'",
      launched: agent.or('null'),
    }),
  'tools.settled': () => type({ ...base, type: "'tools.settled'", tools: tool.array() }),
  'agent.started': () => type({ ...base, type: "'agent.started'", agentId: name, agentType: name }),
  'agent.finished': () =>
    type({ ...base, type: "'agent.finished'", agentId: name, agentType: name }),
  'approval.requested': () =>
    type({
      ...base,
      type: "'approval.requested'",
      request,
      tool: asker.or('null'),
      toolUseId: `${name} | null`,
      server: `${name} | null`,
    }),
  'approval.resolved': () =>
    type({
      ...base,
      type: "'approval.resolved'",
      requestId: `${name} | null`,
      server: `${name} | null`,
      decision,
    }),
  'attention.noticed': () =>
    type({
      ...base,
      type: "'attention.noticed'",
      kind: "'permission' | 'question' | 'idle'",
      request,
    }),
  'compaction.started': () => type({ ...base, type: "'compaction.started'" }),
  'compaction.finished': () => type({ ...base, type: "'compaction.finished'" }),
  'undo.started': () => type({ ...base, type: "'undo.started'", text: `${words} | null` }),
  'undo.completed': () =>
    type({ ...base, type: "'undo.completed'", succeeded: 'boolean', text: `${words} | null` }),
  'usage.updated': () => type({ ...base, type: "'usage.updated'", usage }),
  'name.updated': () => type({ ...base, type: "'name.updated'", name: 'string <= 200 | null' }),
  'hook.observed': () => type({ ...base, type: "'hook.observed'", hook: name }),
} satisfies Record<ManualEventType, () => unknown>;

/** An event a person sends, checked. */
export type ManualEvent = {
  [Tag in ManualEventType]: ReturnType<(typeof SCHEMAS)[Tag]>['infer'];
}[ManualEventType];

/** Checks one event of a known type. @returns the event, or arktype's errors */
export function checkManualEvent(tag: ManualEventType, value: unknown): ManualEvent | type.errors {
  return (SCHEMAS[tag]() as unknown as (value: unknown) => ManualEvent | type.errors)(value);
}
