/** What every message of a client does, and which errors it can give: parts of the generated src/protocol/README.md. */
import type { ErrorCode } from '../../../src/errors.ts';
import type { ClientMessage } from '../../../src/protocol/client.ts';

/** A message of a client in words. */
export interface ClientWords {
  does: string;
  /** The errors it can give beside those of any message. */
  errors: readonly ErrorCode[];
}

/** Errors that any message can give. */
export const ANY_MESSAGE: readonly ErrorCode[] = [
  'parse_error',
  'too_large',
  'rate_limited',
  'server_busy',
  'shutting_down',
  'internal_error',
  // Of socket.io only: an event with another name than `message`.
  'bad_request',
];

const READ = ['storage_unavailable', 'database_damaged'] as const;
const CHANGE = [...READ, 'quarantined'] as const;
const SESSION = [...CHANGE, 'not_found'] as const;
/** A command for a session that is controlled from here. */
const COMMAND = [
  ...SESSION,
  'watched_only',
  'session_over',
  'no_connector',
  'thread_busy',
  'codex_error',
] as const;
const SETTLE = [...COMMAND, 'invalid_decision', 'already_resolved', 'unsupported'] as const;
const CATALOG = [...READ, 'session_not_found', 'codex_error'] as const;
const ACCOUNT = ['codex_error', 'unsupported'] as const;
const HOOK = { errors: CHANGE } as const;

/** By type; a type without words does not compile. */
export const CLIENT_WORDS: Record<ClientMessage['type'], ClientWords> = {
  subscribe_list: {
    does: 'Sends [`sessions_list`](#sessions_list), then every change of it: `session_created`, `session_ended`, and `session_delta` with fields of the summary.',
    errors: READ,
  },
  subscribe_session: {
    does: 'Sends the session, then every fact of it. With `since_revision` (above 0) and the `epoch` of `hello`, sends what happened since, or a snapshot where that is not possible. For a session that does not exist yet the snapshot follows its creation.',
    errors: [...READ, 'not_found', 'too_many_subscriptions'],
  },
  unsubscribe_session: {
    does: 'Ends what `subscribe_session` began.',
    errors: [],
  },
  ping: {
    does: 'Nothing; with a `request_id` it is answered behind all that was asked before.',
    errors: [],
  },
  get_sessions: {
    does: 'Sends a page of sessions in the order of the list, behind `after` (the `next` of a list or page).',
    errors: [...READ, 'invalid_argument'],
  },
  get_messages: {
    does: 'Sends a page of messages before, after or around one; without a place the newest. `limit` is at most 1,000. With `subagent_id` of the conversation of that subagent, read from its own transcript.',
    errors: [...READ, 'not_found', 'invalid_argument'],
  },
  list_past_sessions: {
    does: 'Lists the conversations that providers keep on this machine, the newest first. No file is read but those that are listed.',
    errors: ['invalid_argument'],
  },
  open_past_session: {
    does: 'Reads a past conversation, also while it runs elsewhere. Nothing of it is stored, and nothing is started.',
    errors: ['not_found', 'invalid_argument'],
  },
  get_turn_diffs: {
    does: 'Sends diffs of turns before a turn, or the newest.',
    errors: [...READ, 'not_found'],
  },
  search: {
    does: 'Finds messages and sessions by words and filters (`project:` `file:` `agent:` `is:` `when:` `"exact"`). `limit` is at most 200.',
    errors: [...READ, 'invalid_argument'],
  },
  get_usage: {
    does: 'Sums tokens and cost by day (unless said), session, project or provider. `from` and `to` are days of the asker (both included), the last days (`7d`), or moments; without them it is today.',
    errors: [...READ, 'invalid_argument'],
  },
  get_notifications: {
    does: 'Sends which devices are notified, quiet hours and muted sessions, and the key to subscribe with.',
    errors: ['invalid_argument'],
  },
  subscribe_push: {
    does: 'Notifies this browser by Web Push when a session needs a person: what its `PushSubscription` holds, with an https endpoint. The `ack` bears the `id` of the device. It lasts as long as the token it was sent with.',
    errors: ['invalid_argument', 'storage_unavailable'],
  },
  unsubscribe_push: {
    does: 'Notifies this browser no more; an unknown endpoint is acknowledged too.',
    errors: ['invalid_argument', 'storage_unavailable'],
  },
  remove_device: {
    does: 'Notifies a device no more (`device_id` of `notifications`); its token stays good.',
    errors: ['not_found', 'invalid_argument', 'storage_unavailable'],
  },
  revoke_device: {
    does: 'Ends the token that a device subscribed with, closes what it opened, and notifies the device no more.',
    errors: ['not_found', 'invalid_argument', 'storage_unavailable'],
  },
  test_notification: {
    does: 'Sends a device a notification that nothing needs, and is acknowledged when its push service has taken it.',
    errors: ['not_found', 'invalid_argument', 'not_delivered'],
  },
  set_quiet_hours: {
    does: "Sends no notifications between these times of the day (`HH:MM`, the server's clock); what still waits then is notified at their end. Null: none.",
    errors: ['invalid_argument', 'storage_unavailable'],
  },
  mute_session: {
    does: 'Sends no notifications about this session, or again.',
    errors: [...READ, 'not_found', 'invalid_argument'],
  },
  get_text: {
    does: 'Sends a part of a text that is cut elsewhere: of a message (`message_id` and `field`) or the diff of a turn (`turn_id`).',
    errors: [...READ, 'not_found', 'invalid_argument'],
  },
  create_session: {
    does: 'Begins a session that is controlled from here, and subscribes the sender to it.',
    errors: [
      ...CHANGE,
      'not_found',
      'invalid_argument',
      'claude_error',
      'codex_error',
      'unsupported',
      'too_many_subscriptions',
    ],
  },
  resume_session: {
    does: 'Connects a session to its provider again, with the memory of the conversation, and subscribes the sender.',
    errors: [...COMMAND, 'already_active', 'unsupported', 'too_many_subscriptions'],
  },
  fork_session: {
    does: 'Copies a session, whole or up to its nth message of a user, and subscribes the sender to the copy. Sends its `session_snapshot` first.',
    errors: ['not_found', 'fork_failed'],
  },
  end_session: {
    does: 'Ends a session that is controlled from here. One that has ended stays as it is.',
    errors: [...SESSION, 'watched_only'],
  },
  rename_session: {
    does: 'Names a session; without `name` it has none any more.',
    errors: [...SESSION, 'invalid_argument'],
  },
  update_session_config: {
    does: 'Changes what the agent may do without asking.',
    errors: [...COMMAND, 'invalid_argument', 'unsupported'],
  },
  send_message: {
    does: 'Sends a message to the agent. While a turn runs, it joins the turn. Connects the session first where it has to. A session of Claude that runs in a terminal gets it when its running or next turn ends; until then the message waits, `tool_output` of it says where it is (`queued`, `sent`, `delivered`, `withdrawn`, `expired`, `unknown`, with a reason), and `ack` names it.',
    errors: [...COMMAND, 'invalid_argument', 'invalid_image', 'queue_full', 'unsupported'],
  },
  steer_turn: {
    does: 'Sends a message into the running turn; without one it begins one. To a watched session: as `send_message`.',
    errors: [...COMMAND, 'invalid_argument', 'queue_full', 'unsupported'],
  },
  withdraw_message: {
    does: 'Takes back a message that waits for the end of a turn of a watched session (`tool_output` is `queued`).',
    errors: [...COMMAND],
  },
  interrupt_session: {
    does: 'Stops the running turn.',
    errors: [...COMMAND, 'no_turn', 'unsupported'],
  },
  compact_context: {
    does: 'Has the agent summarize its conversation.',
    errors: [...COMMAND, 'unsupported'],
  },
  undo_last_turn: {
    does: 'Takes the last turn out of the conversation. Files stay as they are.',
    errors: [...COMMAND, 'unsupported'],
  },
  rollback_turns: {
    does: 'Takes the last `num_turns` turns out of the conversation. Files stay as they are.',
    errors: [...COMMAND, 'invalid_argument', 'unsupported'],
  },
  approve_tool: {
    does: 'Decides a request: `approved`, `approved_for_session`, `approved_always`, `denied` (the turn goes on) or `abort` (the turn ends). `message` goes to the agent with `denied`.',
    errors: [...SETTLE, 'invalid_argument'],
  },
  answer_question: {
    does: 'Answers a question: the only one with `answer`, several with `answers`.',
    errors: SETTLE,
  },
  list_approvals: {
    does: 'Sends requests and how they were settled, the newest first, of one session or of all.',
    errors: READ,
  },
  delete_approval: {
    does: 'Takes a settled request out of that history.',
    errors: [...SESSION, 'invalid_argument'],
  },
  create_review_comment: {
    does: 'Adds a comment to lines of a file. `ack` has its id.',
    errors: [...SESSION, 'invalid_argument'],
  },
  update_review_comment: {
    does: 'Changes the fields that are given; null changes nothing.',
    errors: [...SESSION, 'invalid_argument'],
  },
  delete_review_comment: { does: 'Deletes a comment.', errors: SESSION },
  list_review_comments: {
    does: 'Sends the comments of a session, or of one turn, the oldest first.',
    errors: [...READ, 'not_found'],
  },
  execute_shell: {
    does: 'Runs a command in the directory of the session, for 30 s or `timeout_secs` (1 to 3,600). `ack` has its id and comes when it is on record.',
    errors: [...SESSION, 'invalid_argument', 'too_many_processes'],
  },
  cancel_shell: {
    does: 'Stops a command; `request_id` is the id of the command.',
    errors: ['not_found'],
  },
  list_models: {
    does: 'Sends the models of all providers that list them.',
    errors: ['model_list_failed', 'codex_error'],
  },
  codex_account_read: {
    does: 'Sends who is signed in; never an error while the account is only unknown.',
    errors: ['unsupported'],
  },
  codex_login_chatgpt_start: {
    does: 'Begins a login in the browser; a login that is under way is over.',
    errors: [...ACCOUNT, 'codex_auth_login_start_failed'],
  },
  codex_login_chatgpt_cancel: {
    does: 'Ends a login that is under way.',
    errors: ACCOUNT,
  },
  codex_account_logout: {
    does: 'Signs out.',
    errors: [...ACCOUNT, 'codex_auth_logout_failed'],
  },
  set_open_ai_key: {
    does: 'Signs in with an API key.',
    errors: [...ACCOUNT, 'invalid_argument', 'already_signed_in'],
  },
  list_skills: {
    does: 'Sends the skills for directories (absolute paths, at most 32), or for that of the session.',
    errors: [...CATALOG, 'invalid_argument'],
  },
  list_remote_skills: {
    does: 'Is refused: no provider has remote skills now.',
    errors: [...CATALOG, 'unsupported'],
  },
  download_remote_skill: {
    does: 'Is refused: no provider has remote skills now.',
    errors: [...CATALOG, 'unsupported'],
  },
  list_mcp_tools: {
    does: 'Sends MCP servers with their tools and resources.',
    errors: CATALOG,
  },
  refresh_mcp_servers: {
    does: 'Has the provider read its MCP configuration again.',
    errors: CATALOG,
  },
  browse_directory: {
    does: 'Sends what is in a directory; without `path` in the home directory.',
    errors: ['browse_error'],
  },
  list_recent_projects: {
    does: 'Sends the directories of sessions, the last used first.',
    errors: READ,
  },
  list_worktrees: {
    does: 'Sends the git worktrees that were made for sessions of the repository around a directory.',
    errors: ['invalid_argument'],
  },
  merge_worktree: {
    does: 'Merges the branch of a worktree into the one it was made from. Refused, with nothing changed, when something is not committed on either side, both changed the same, or it brings a file that git ignores in the checkout.',
    errors: ['invalid_argument'],
  },
  remove_worktree: {
    does: 'Removes a worktree, with what git ignores in it; its branch stays unless `keep_branch` is false. Refused, with nothing changed, while something in it is not committed, a session goes on in it, or commits would be on no branch.',
    errors: ['invalid_argument'],
  },
  get_subagent_tools: {
    does: 'Sends what tools a subagent used.',
    errors: [...READ, 'not_found'],
  },
  claude_session_start: { does: 'Takes a hook `SessionStart` of Claude Code.', ...HOOK },
  claude_session_end: { does: 'Takes a hook `SessionEnd` of Claude Code.', ...HOOK },
  claude_status_event: { does: 'Takes a hook about a prompt, a stop or a notice.', ...HOOK },
  claude_tool_event: { does: 'Takes a hook about a tool.', ...HOOK },
  claude_subagent_event: { does: 'Takes a hook about a subagent.', ...HOOK },
};
