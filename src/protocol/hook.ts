/**
 * The schema of the Claude hook bodies: typed (`claude_*`) or raw as the CLI prints them, old and new. One lenient
 * shape for all of them. Messages of clients and the API's description use it. The way of a hook takes only its type
 * from here and reads the fields by itself (hook-body.ts), so that no hook waits for arktype.
 */
import { type } from './ark.ts';

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
