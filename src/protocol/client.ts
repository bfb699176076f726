/**
 * Every message a client may send, by its type, grouped as in the README. A schema is
 * made on first use. Loaded by codec.ts only: arktype takes a tenth of a second and 15 MiB, and hooks do
 * without it. Adding one? The compiler asks for its handler in runtime/dispatch.ts.
 */
import { type } from './ark.ts';
import { Hook } from './hook.ts';
import { PROVIDER_IDS } from './nouns.ts';

/** Optional in every message: comes back on its reply or error, so that a client can correlate. */
const asked = { 'request_id?': 'string <= 128 | null' } as const;

const id = '1 <= string <= 128';
const count = '0 <= number.integer <= 9007199254740991';
const line = '0 <= number.integer <= 4294967295';
const words = 'string[] | null';

const session = { session_id: id, ...asked } as const;
const image = { input_type: 'string', value: 'string' } as const;
const place = { name: 'string', path: 'string' } as const;
const tag = "'clarity' | 'scope' | 'risk' | 'nit' | null";

const subscriptions = {
  subscribe_list: () => type({ type: "'subscribe_list'", ...asked }),
  subscribe_session: () =>
    type({
      type: "'subscribe_session'",
      ...session,
      'since_revision?': `${count} | null`,
      'epoch?': 'string | null',
      // Additive: streamed text as `message_delta` (offset and text) instead of whole texts.
      'deltas?': 'boolean | null',
      // Additive: most messages in a snapshot; as many as fit a frame unless said.
      'message_limit?': `${count} | null`,
    }),
  unsubscribe_session: () => type({ type: "'unsubscribe_session'", ...session }),
  // Additive: a check of the connection. Browsers cannot send a WebSocket ping.
  ping: () => type({ type: "'ping'", ...asked }),
};

const history = {
  // Additive: the reference has no way to what a list or a snapshot leaves out.
  get_sessions: () =>
    type({
      type: "'get_sessions'",
      // `next` of a list or a page.
      'after?': 'string <= 128 | null',
      'status?': "'active' | 'ended' | null",
      'limit?': `${line} | null`,
      ...asked,
    }),
  get_messages: () =>
    type({
      type: "'get_messages'",
      ...session,
      // Ids of messages, one at most; none: the newest.
      'before?': 'string | null',
      'after?': 'string | null',
      'around?': 'string | null',
      // The conversation of this subagent instead of the session's.
      'subagent_id?': 'string | null',
      'limit?': `${line} | null`,
    }),
  get_turn_diffs: () =>
    type({
      type: "'get_turn_diffs'",
      ...session,
      'before?': 'string | null',
      'limit?': `${line} | null`,
    }),
  // Additive: words and filters as a person types them, see the README.
  search: () =>
    type({
      type: "'search'",
      query: '1 <= string <= 1000',
      'session_id?': 'string | null',
      // `next` of an earlier answer.
      'before?': `${count} | null`,
      'limit?': `${line} | null`,
      // The asker's clock: what "today" is.
      'utc_offset_minutes?': '-900 <= number.integer <= 900 | null',
      ...asked,
    }),
  // Additive: tokens and cost; `from` and `to` are days of the asker's, `7d`, or moments.
  get_usage: () =>
    type({
      type: "'get_usage'",
      'from?': 'string <= 64 | null',
      'to?': 'string <= 64 | null',
      'by?': "'day' | 'session' | 'project' | 'provider' | null",
      // The asker's clock: what "today" is, and where days end.
      'utc_offset_minutes?': '-900 <= number.integer <= 900 | null',
      ...asked,
    }),
  // Conversations that ran before, as their providers keep them on disk.
  list_past_sessions: () =>
    type({
      type: "'list_past_sessions'",
      'provider?': type.enumerated(...PROVIDER_IDS).or('null'),
      // `next` of the list before.
      'after?': 'string <= 256 | null',
      'limit?': `${line} | null`,
      ...asked,
    }),
  // Read-only: nothing of it is stored here, and nothing runs.
  open_past_session: () =>
    type({
      type: "'open_past_session'",
      ...session,
      'provider?': type.enumerated(...PROVIDER_IDS).or('null'),
      // The messages before this one; none: the newest.
      'before?': 'string | null',
      'limit?': `${line} | null`,
    }),
  // A text whole: of a message by its field, or the diff of a turn.
  get_text: () =>
    type({
      type: "'get_text'",
      ...session,
      'message_id?': 'string | null',
      'turn_id?': 'string | null',
      'field?': "'content' | 'tool_input' | 'tool_output' | null",
      // The message is one of this subagent's conversation.
      'subagent_id?': 'string | null',
      'offset?': `${count} | null`,
    }),
};

// Additive: who is notified when a session needs a person.
const notifications = {
  get_notifications: () => type({ type: "'get_notifications'", ...asked }),
  // What the browser's PushSubscription holds; the keys are base64url.
  subscribe_push: () =>
    type({
      type: "'subscribe_push'",
      endpoint: '1 <= string <= 2048',
      p256dh: '/^[A-Za-z0-9_-]{80,100}=*$/',
      auth: '/^[A-Za-z0-9_-]{16,32}=*$/',
      'device?': '1 <= string <= 64 | null',
    }),
  unsubscribe_push: () => type({ type: "'unsubscribe_push'", endpoint: '1 <= string <= 2048' }),
  // `device_id`: of a device in `notifications`.
  remove_device: () => type({ type: "'remove_device'", device_id: '1 <= string <= 64' }),
  revoke_device: () => type({ type: "'revoke_device'", device_id: '1 <= string <= 64' }),
  test_notification: () => type({ type: "'test_notification'", device_id: '1 <= string <= 64' }),
  // Times of the day as HH:MM by the server's clock; null: no quiet hours.
  set_quiet_hours: () =>
    type({
      type: "'set_quiet_hours'",
      quiet: type({ from: 'string', to: 'string' }).or('null'),
    }),
  mute_session: () => type({ type: "'mute_session'", ...session, is_muted: 'boolean' }),
};

const policies = {
  'model?': 'string | null',
  'approval_policy?': 'string | null',
  'sandbox_mode?': 'string | null',
  'permission_mode?': 'string | null',
  'allowed_tools?': words,
  'disallowed_tools?': words,
} as const;

const lifecycle = {
  create_session: () =>
    type({
      type: "'create_session'",
      provider: type.enumerated(...PROVIDER_IDS),
      cwd: 'string',
      // Additive: works in a new git worktree of the repository around `cwd`, on a new branch.
      'worktree?': type({ 'branch?': '1 <= string <= 200 | null' }).or('null'),
      ...policies,
      // Additive: where its thread runs; the server's own choice unless said.
      'engine?': "'auto' | 'private' | 'shared' | null",
      ...asked,
    }),
  resume_session: () => type({ type: "'resume_session'", ...session }),
  fork_session: () =>
    type({
      type: "'fork_session'",
      source_session_id: id,
      'nth_user_message?': `${line} | null`,
      'cwd?': 'string | null',
      ...policies,
      ...asked,
    }),
  end_session: () => type({ type: "'end_session'", ...session }),
  rename_session: () => type({ type: "'rename_session'", ...session, 'name?': 'string | null' }),
  update_session_config: () =>
    type({
      type: "'update_session_config'",
      ...session,
      'approval_policy?': 'string | null',
      'sandbox_mode?': 'string | null',
      'permission_mode?': 'string | null',
    }),
};

const turns = {
  send_message: () =>
    type({
      type: "'send_message'",
      ...session,
      content: 'string',
      'model?': 'string | null',
      'effort?': 'string | null',
      'skills?': type(place).array().or('null'),
      'images?': type(image).array().or('null'),
      'mentions?': type(place).array().or('null'),
    }),
  steer_turn: () => type({ type: "'steer_turn'", ...session, content: 'string' }),
  // Additive: takes back a message that waits for a turn of a watched session to end.
  withdraw_message: () => type({ type: "'withdraw_message'", ...session, message_id: id }),
  interrupt_session: () => type({ type: "'interrupt_session'", ...session }),
  compact_context: () => type({ type: "'compact_context'", ...session }),
  undo_last_turn: () => type({ type: "'undo_last_turn'", ...session }),
  rollback_turns: () => type({ type: "'rollback_turns'", ...session, num_turns: line }),
};

const approvals = {
  approve_tool: () =>
    type({
      type: "'approve_tool'",
      session_id: id,
      request_id: id,
      decision: 'string',
      'message?': 'string | null',
      'interrupt?': 'boolean | null',
      'updated_input?': 'unknown',
      // Additive: which of the request's `suggestions` become rules, by their place.
      'suggestions?': type(count).array().or('null'),
    }),
  answer_question: () =>
    type({
      type: "'answer_question'",
      session_id: id,
      request_id: id,
      answer: 'string',
      // Additive: one answer a question, by the question's text or id.
      'answers?': type({ '[string]': 'string' }).or('null'),
    }),
  list_approvals: () =>
    type({
      type: "'list_approvals'",
      'session_id?': `${id} | null`,
      'limit?': `${line} | null`,
      ...asked,
    }),
  delete_approval: () => type({ type: "'delete_approval'", approval_id: count, ...asked }),
};

const reviews = {
  create_review_comment: () =>
    type({
      type: "'create_review_comment'",
      ...session,
      'turn_id?': 'string | null',
      file_path: 'string',
      line_start: line,
      'line_end?': `${line} | null`,
      body: 'string',
      'tag?': tag,
    }),
  update_review_comment: () =>
    type({
      type: "'update_review_comment'",
      comment_id: id,
      'body?': 'string | null',
      'tag?': tag,
      'status?': "'open' | 'resolved' | null",
      ...asked,
    }),
  delete_review_comment: () => type({ type: "'delete_review_comment'", comment_id: id, ...asked }),
  list_review_comments: () =>
    type({ type: "'list_review_comments'", ...session, 'turn_id?': 'string | null' }),
};

const shell = {
  execute_shell: () =>
    type({
      type: "'execute_shell'",
      ...session,
      command: 'string',
      'cwd?': 'string | null',
      'timeout_secs?': `${count} | null`,
    }),
  // Additive: the reference has no way to stop a command.
  cancel_shell: () => type({ type: "'cancel_shell'", session_id: id, request_id: id }),
};

const account = {
  list_models: () => type({ type: "'list_models'", ...asked }),
  codex_account_read: () =>
    type({ type: "'codex_account_read'", 'refresh_token?': 'boolean | null', ...asked }),
  codex_login_chatgpt_start: () => type({ type: "'codex_login_chatgpt_start'", ...asked }),
  codex_login_chatgpt_cancel: () =>
    type({ type: "'codex_login_chatgpt_cancel'", login_id: 'string', ...asked }),
  codex_account_logout: () => type({ type: "'codex_account_logout'", ...asked }),
  set_open_ai_key: () => type({ type: "'set_open_ai_key'", key: 'string', ...asked }),
};

const catalog = {
  list_skills: () =>
    type({
      type: "'list_skills'",
      ...session,
      'cwds?': words,
      'force_reload?': 'boolean | null',
    }),
  list_remote_skills: () => type({ type: "'list_remote_skills'", ...session }),
  download_remote_skill: () =>
    type({ type: "'download_remote_skill'", ...session, hazelnut_id: 'string' }),
  list_mcp_tools: () => type({ type: "'list_mcp_tools'", ...session }),
  refresh_mcp_servers: () => type({ type: "'refresh_mcp_servers'", ...session }),
};

const browse = {
  browse_directory: () => type({ type: "'browse_directory'", 'path?': 'string | null', ...asked }),
  list_recent_projects: () => type({ type: "'list_recent_projects'", ...asked }),
  // Additive, as the next two: those that were made for sessions of the repository around `path`.
  list_worktrees: () => type({ type: "'list_worktrees'", path: 'string', ...asked }),
  // Into the branch that it was made from.
  merge_worktree: () => type({ type: "'merge_worktree'", path: 'string', ...asked }),
  // Refused while something in it is in no commit, or, with its branch, on no other branch.
  remove_worktree: () =>
    type({ type: "'remove_worktree'", path: 'string', 'keep_branch?': 'boolean | null', ...asked }),
  get_subagent_tools: () =>
    type({ type: "'get_subagent_tools'", ...session, subagent_id: 'string' }),
};

const hook = <Tag extends string>(tag: Tag) => Hook.and({ type: type.unit(tag), ...asked });

const hooks = {
  claude_session_start: () => hook('claude_session_start'),
  claude_session_end: () => hook('claude_session_end'),
  claude_status_event: () => hook('claude_status_event'),
  claude_tool_event: () => hook('claude_tool_event'),
  claude_subagent_event: () => hook('claude_subagent_event'),
};

const SCHEMAS = {
  ...subscriptions,
  ...history,
  ...notifications,
  ...lifecycle,
  ...turns,
  ...approvals,
  ...reviews,
  ...shell,
  ...account,
  ...catalog,
  ...browse,
  ...hooks,
};

type Schemas = typeof SCHEMAS;

/** A message of a client, checked. */
export type ClientMessage = {
  [Tag in keyof Schemas]: ReturnType<Schemas[Tag]>['infer'];
}[keyof Schemas];

/** The message of that type. */
export type ClientMessageOf<Tag extends ClientMessage['type']> = Extract<
  ClientMessage,
  { type: Tag }
>;

type AnySchema = (value: unknown) => unknown;

const schemas = new Map<string, AnySchema>();

/** The schema of a type; null for a word that is no type. */
export function schemaOf(tag: string): AnySchema | null {
  if (!Object.hasOwn(SCHEMAS, tag)) return null;
  let schema = schemas.get(tag);
  if (!schema) {
    schema = SCHEMAS[tag as keyof Schemas]() as unknown as AnySchema;
    schemas.set(tag, schema);
  }
  return schema;
}

/** All types, for the sentence that answers an unknown one. */
export const CLIENT_TYPES: readonly string[] = Object.keys(SCHEMAS).sort();
