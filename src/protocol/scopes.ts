/**
 * Who may do what: one table for every message, operation, namespace and endpoint. It is checked when a
 * connection comes in, at the route and again for each message; a new message, operation or question does not compile without
 * its row. `test/protocol/golden/scopes.json` is the table as it was agreed.
 */
import type { OperationId } from './api.ts';
import type { ClientMessage } from './client.ts';
import type { InspectRequests } from './inspect.ts';

/**
 * What a token may do. `hook`: hand in hooks, and read nothing. `observe`: see sessions. `control`: also steer
 * them, run commands, look into directories. `admin`: also change the account that agents work with.
 */
export const SCOPES = ['hook', 'observe', 'control', 'admin'] as const;

/** One of them. */
export type Scope = (typeof SCOPES)[number];

/** What each scope holds besides itself. */
export const SCOPE_HOLDS: Readonly<Record<Scope, readonly Scope[]>> = {
  hook: ['hook'],
  observe: ['observe'],
  control: ['hook', 'observe', 'control'],
  admin: ['hook', 'observe', 'control', 'admin'],
};

/**
 * What is needed: a scope; `known`: any caller with a credential, since the route behind asks again; `anyone`: no
 * credential at all.
 */
export type Need = Scope | 'known' | 'anyone';

/** Messages of clients, on `/ws`, socket.io and `POST /api/messages` alike. */
export const MESSAGE_SCOPES: { readonly [Tag in ClientMessage['type']]: Scope | 'known' } = {
  ping: 'known',
  subscribe_list: 'observe',
  subscribe_session: 'observe',
  unsubscribe_session: 'observe',
  get_sessions: 'observe',
  get_messages: 'observe',
  get_turn_diffs: 'observe',
  get_text: 'observe',
  list_past_sessions: 'observe',
  open_past_session: 'observe',
  withdraw_message: 'control',
  search: 'observe',
  get_usage: 'observe',
  get_notifications: 'observe',
  subscribe_push: 'control',
  unsubscribe_push: 'control',
  remove_device: 'control',
  revoke_device: 'admin',
  test_notification: 'control',
  set_quiet_hours: 'control',
  mute_session: 'control',
  list_worktrees: 'control',
  merge_worktree: 'control',
  remove_worktree: 'control',
  get_subagent_tools: 'observe',
  list_approvals: 'observe',
  list_review_comments: 'observe',
  list_models: 'observe',
  list_skills: 'observe',
  list_remote_skills: 'observe',
  list_mcp_tools: 'observe',
  list_recent_projects: 'observe',
  codex_account_read: 'observe',
  create_session: 'control',
  resume_session: 'control',
  fork_session: 'control',
  end_session: 'control',
  rename_session: 'control',
  update_session_config: 'control',
  send_message: 'control',
  steer_turn: 'control',
  interrupt_session: 'control',
  compact_context: 'control',
  undo_last_turn: 'control',
  rollback_turns: 'control',
  approve_tool: 'control',
  answer_question: 'control',
  delete_approval: 'control',
  create_review_comment: 'control',
  update_review_comment: 'control',
  delete_review_comment: 'control',
  execute_shell: 'control',
  cancel_shell: 'control',
  download_remote_skill: 'control',
  refresh_mcp_servers: 'control',
  browse_directory: 'control',
  codex_login_chatgpt_start: 'admin',
  codex_login_chatgpt_cancel: 'admin',
  codex_account_logout: 'admin',
  set_open_ai_key: 'admin',
  claude_session_start: 'hook',
  claude_session_end: 'hook',
  claude_status_event: 'hook',
  claude_tool_event: 'hook',
  claude_subagent_event: 'hook',
};

/** Operations of the HTTP interface under `/api`; each asks with messages, which are judged once more. */
export const OPERATION_SCOPES: { readonly [Id in OperationId]: Scope | 'known' } = {
  health: 'known',
  openapi: 'known',
  asyncapi: 'known',
  say: 'known',
  listSessions: 'observe',
  getSession: 'observe',
  getConversation: 'observe',
  listMessages: 'observe',
  listTurnDiffs: 'observe',
  getText: 'observe',
  listPastSessions: 'observe',
  openPastSession: 'observe',
  search: 'observe',
  getUsage: 'observe',
  listModels: 'observe',
  listApprovals: 'observe',
  sendMessage: 'control',
  interrupt: 'control',
  approve: 'control',
  steer: 'control',
  fork: 'control',
  setPermissionMode: 'control',
};

/** Questions of the page on the namespace `/inspect`. */
export const INSPECT_SCOPES: { readonly [Name in keyof InspectRequests]: Scope } = {
  watch: 'observe',
  unwatch: 'observe',
  history: 'observe',
  timeline: 'observe',
  at: 'observe',
  why: 'observe',
  next: 'observe',
  child: 'observe',
  dryRun: 'observe',
  export: 'observe',
  chart: 'observe',
  stats: 'observe',
  ticket: 'observe',
  send: 'control',
};

/** Namespaces of socket.io, judged at CONNECT. */
export const NAMESPACE_SCOPES = {
  '/': 'known',
  '/inspect': 'observe',
} as const satisfies Record<string, Need>;

/** A namespace of socket.io. */
export type NamespaceName = keyof typeof NAMESPACE_SCOPES;

/**
 * What each endpoint needs; checked before anything of a request is read. `socket.io` brings its token one packet later; `stately`
 * may bring a ticket instead, and asks for it itself.
 */
export const ENDPOINT_SCOPES = {
  health: 'anyone',
  ready: 'anyone',
  page: 'anyone',
  pair: 'anyone',
  'socket.io': 'anyone',
  stately: 'anyone',
  ws: 'known',
  hook: 'hook',
  image: 'observe',
  metrics: 'observe',
  http: 'known',
} as const satisfies Record<string, Need>;

/** What a path leads to, as far as the gate distinguishes it. */
export type Endpoint = keyof typeof ENDPOINT_SCOPES;
