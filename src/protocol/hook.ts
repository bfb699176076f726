/**
 * The Claude hook bodies: typed (`claude_*`) or raw as the CLI prints them, old and new. One lenient
 * shape for all of them. A field of another type than here is converted where that is possible and left
 * out where it is not, because a hook is the only report of its event: it is never lost for one field.
 */
import { type } from './ark.ts';

/** The five message types that carry hooks. */
export const HOOK_TYPES = [
  'claude_session_start',
  'claude_session_end',
  'claude_status_event',
  'claude_tool_event',
  'claude_subagent_event',
] as const;

/** Ids come into file names, room names and logs: nothing else is let in. */
const id = type('/^[A-Za-z0-9._:-]{1,128}$/').narrow((text) => text !== '.' && text !== '..');

const toolUse = type({
  'tool_name?': 'string | null',
  'tool_input?': 'unknown',
  'tool_use_id?': 'string | null',
  'tool_response?': 'unknown',
});

/** Shape of a hook, whatever its event: only `session_id` and a name of the event are needed. */
export const Hook = type({
  session_id: id,
  'type?': 'string | null',
  'hook_event_name?': 'string | null',
  'cwd?': 'string | null',
  'transcript_path?': 'string | null',
  'permission_mode?': 'string | null',
  'prompt_id?': 'string | null',
  'agent_id?': 'string | null',
  'agent_type?': 'string | null',
  'effort?': 'unknown',
  'model?': 'unknown',
  'source?': 'string | null',
  'reason?': 'string | null',
  'context_label?': 'string | null',
  'terminal_session_id?': 'string | null',
  'terminal_app?': 'string | null',
  'prompt?': 'string | null',
  'session_title?': 'string | null',
  'tool_name?': 'string | null',
  'tool_input?': 'unknown',
  'tool_response?': 'unknown',
  'tool_use_id?': 'string | null',
  'permission_suggestions?': 'unknown',
  'tool_calls?': toolUse.array().or('null'),
  'error?': 'unknown',
  'duration_ms?': 'number | null',
  'is_interrupt?': 'boolean | null',
  'stop_hook_active?': 'boolean | null',
  'notification_type?': 'string | null',
  'message?': 'string | null',
  'last_assistant_message?': 'string | null',
  'background_tasks?': type({
    'id?': 'string | null',
    'type?': 'string | null',
    'status?': 'string | null',
    'agent_type?': 'string | null',
  })
    .array()
    .or('null'),
  'mcp_server_name?': 'string | null',
  'requested_schema?': 'unknown',
  'action?': 'string | null',
  'to_model?': 'string | null',
  'new_cwd?': 'string | null',
  'trigger?': 'string | null',
});

/** A hook body, checked; `hook_event_name` may still have to be derived from `type`. */
export type Hook = typeof Hook.infer;

/** The fields that `Hook` gives a type of their own. */
type Shaped = { [Key in keyof Hook]-?: unknown extends Hook[Key] ? never : Key }[keyof Hook];
type Convert = (value: unknown) => unknown;

/** Fields whose value is a text for people: some versions send blocks of content instead. */
const wordsFrom: Convert = (value) => {
  if (Array.isArray(value)) {
    const texts = value.map(wordsFrom).filter((text) => typeof text === 'string' && text !== '');
    return texts.length > 0 ? texts.join('\n') : null;
  }
  return wordFrom(isRecord(value) ? value.text : value);
};

/** Names and ids: a number is written out, anything else of another type says nothing. */
const wordFrom: Convert = (value) => {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
};

const numberFrom: Convert = (value) => {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
};

const flagFrom: Convert = (value) => {
  if (typeof value === 'boolean') return value;
  return value === 'true' || value === 1 ? true : null;
};

/** A list of objects; its entries that are none are left out, a value that is no list says nothing. */
const listOf =
  (fields: Readonly<Record<string, Convert>>): Convert =>
  (value) =>
    Array.isArray(value) ? value.filter(isRecord).map((entry) => convertedBy(fields, entry)) : null;

const CALL_FIELDS = { tool_name: wordFrom, tool_use_id: wordFrom };
const TASK_FIELDS = { id: wordFrom, type: wordFrom, status: wordFrom, agent_type: wordFrom };

/** How each field with a type of its own is read when its value has another one. */
const CONVERSIONS: Readonly<Record<Exclude<Shaped, 'session_id'>, Convert>> = {
  type: wordFrom,
  hook_event_name: wordFrom,
  cwd: wordFrom,
  transcript_path: wordFrom,
  permission_mode: wordFrom,
  prompt_id: wordFrom,
  agent_id: wordFrom,
  agent_type: wordFrom,
  source: wordFrom,
  reason: wordsFrom,
  context_label: wordFrom,
  terminal_session_id: wordFrom,
  terminal_app: wordFrom,
  prompt: wordsFrom,
  session_title: wordsFrom,
  tool_name: wordFrom,
  tool_use_id: wordFrom,
  tool_calls: listOf(CALL_FIELDS),
  duration_ms: numberFrom,
  is_interrupt: flagFrom,
  stop_hook_active: flagFrom,
  notification_type: wordFrom,
  message: wordsFrom,
  last_assistant_message: wordsFrom,
  background_tasks: listOf(TASK_FIELDS),
  mcp_server_name: wordFrom,
  action: wordFrom,
  to_model: wordFrom,
  new_cwd: wordFrom,
  trigger: wordFrom,
};

/**
 * A hook body in which every known optional field has the type that `Hook` wants, or null.
 *
 * @param value a parsed body that `Hook` does not take; it is not changed
 * @returns its copy, or the value itself when it is no object
 */
export function convertHook(value: unknown): unknown {
  return isRecord(value) ? convertedBy(CONVERSIONS, value) : value;
}

function convertedBy(
  fields: Readonly<Record<string, Convert>>,
  value: Record<string, unknown>,
): Record<string, unknown> {
  const converted = { ...value };
  for (const [name, convert] of Object.entries(fields)) {
    if (name in converted) converted[name] = convert(converted[name]);
  }
  return converted;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
