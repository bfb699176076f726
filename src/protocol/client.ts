/**
 * Every message a client may send, by its type (contract.md 1.4). A built one has a schema, made on
 * first use; a known one that is not built yet has `null` and is answered `not_implemented`.
 * Loaded by codec.ts only: arktype costs half a second, and the server listens before it is here.
 */
import { type } from 'arktype';
import { Hook } from './hook.ts';

const sessionId = '1 <= string <= 128';

const subscribeList = () => type({ type: "'subscribe_list'", 'request_id?': 'string | null' });

const subscribeSession = () =>
  type({
    type: "'subscribe_session'",
    session_id: sessionId,
    'since_revision?': 'number.integer >= 0 | null',
    'epoch?': 'string | null',
    'request_id?': 'string | null',
  });

const unsubscribeSession = () =>
  type({ type: "'unsubscribe_session'", session_id: sessionId, 'request_id?': 'string | null' });

const hook = <Tag extends string>(tag: Tag) =>
  Hook.and({ type: type.unit(tag), 'request_id?': 'string | null' });

/** Schemas of the messages that are built. */
const BUILT = {
  subscribe_list: subscribeList,
  subscribe_session: subscribeSession,
  unsubscribe_session: unsubscribeSession,
  claude_session_start: () => hook('claude_session_start'),
  claude_session_end: () => hook('claude_session_end'),
  claude_status_event: () => hook('claude_status_event'),
  claude_tool_event: () => hook('claude_tool_event'),
  claude_subagent_event: () => hook('claude_subagent_event'),
};

/** Types of the protocol that this version does not act on yet. */
const KNOWN = [
  'create_session',
  'resume_session',
  'fork_session',
  'send_message',
  'steer_turn',
  'approve_tool',
  'answer_question',
  'interrupt_session',
  'end_session',
  'update_session_config',
  'rename_session',
  'compact_context',
  'undo_last_turn',
  'rollback_turns',
  'execute_shell',
  'list_approvals',
  'delete_approval',
  'create_review_comment',
  'update_review_comment',
  'delete_review_comment',
  'list_review_comments',
  'get_subagent_tools',
  'list_models',
  'codex_account_read',
  'codex_login_chatgpt_start',
  'codex_login_chatgpt_cancel',
  'codex_account_logout',
  'list_skills',
  'list_remote_skills',
  'download_remote_skill',
  'list_mcp_tools',
  'refresh_mcp_servers',
  'set_open_ai_key',
  'browse_directory',
  'list_recent_projects',
] as const;

type Built = typeof BUILT;

/** A message of a client that this version acts on, checked. */
export type ClientMessage = { [Tag in keyof Built]: ReturnType<Built[Tag]>['infer'] }[keyof Built];

type AnySchema = (value: unknown) => unknown;

const schemas = new Map<string, AnySchema>();

/** The schema of a built type; null for a known one; undefined for a word that is no type. */
export function schemaOf(tag: string): AnySchema | null | undefined {
  if ((KNOWN as readonly string[]).includes(tag)) return null;
  if (!Object.hasOwn(BUILT, tag)) return undefined;
  let schema = schemas.get(tag);
  if (!schema) {
    schema = BUILT[tag as keyof Built]() as unknown as AnySchema;
    schemas.set(tag, schema);
  }
  return schema;
}

/** All 43 types, for the sentence that answers an unknown one. */
export const CLIENT_TYPES: readonly string[] = [...Object.keys(BUILT), ...KNOWN].sort();
