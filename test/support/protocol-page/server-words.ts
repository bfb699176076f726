/** What every message of the server says, and to whom: parts of the generated src/protocol/README.md. */
import type { ServerMessage } from '../../../src/protocol/server.ts';

/**
 * Who gets a message. `facts`: subscribers of the session, with a revision. `session`: subscribers of the
 * session, without one, not stored. `list`: subscribers of the list. `asker`: who asked.
 */
export type Audience = 'facts' | 'session' | 'list' | 'asker';

/** A message of the server in words. */
export interface ServerWords {
  to: readonly [Audience, ...Audience[]];
  says: string;
}

/** By type; a type without words does not compile. */
export const SERVER_WORDS: Record<ServerMessage['type'], ServerWords> = {
  hello: {
    to: ['asker'],
    says: 'The first message on every connection. `epoch` changes only with a new or restored database; revisions of another epoch mean nothing.',
  },
  sessions_list: {
    to: ['asker'],
    says: 'Sessions, those that run first, then the newest. With `truncated` not all fit: `get_sessions` after `next` has the others.',
  },
  sessions_page: { to: ['asker'], says: 'Sessions in the order of the list.' },
  session_snapshot: {
    to: ['asker'],
    says: 'A session with its newest messages. What follows has revisions above its `revision`.',
  },
  session_forked: { to: ['asker'], says: 'The copy was made.' },
  messages_page: {
    to: ['asker'],
    says: 'Messages in their order, the oldest first; long texts are cut and marked.',
  },
  past_sessions_list: {
    to: ['asker'],
    says: 'Conversations that lie on this machine, the newest change first. Whether one still runs is not said: a live session has the same id.',
  },
  past_session: {
    to: ['asker'],
    says: 'Messages of a past conversation, the oldest first, as its file has them now. `before` its first message is the next page.',
  },
  turn_diffs_page: { to: ['asker'], says: 'Diffs of turns, the oldest first.' },
  search_results: {
    to: ['asker'],
    says: 'Where the words stand, the newest first: sessions by their names, then messages. `marks` are begin and end of each word in `line`, UTF-16 units.',
  },
  usage_report: {
    to: ['asker'],
    says: 'Tokens and cost by day, session, project or provider, days in their order, others with the dearest first; at most 1,000 rows, `total` counts all. `limits` are the windows of rate limits, as far as providers report them (Codex does).',
  },
  notifications: {
    to: ['asker'],
    says: 'Who is notified by Web Push, and when not. `public_key` is what a browser subscribes with (`applicationServerKey`).',
  },
  text_part: {
    to: ['asker'],
    says: 'A part of a text. `offset` and `length` (of the whole) count UTF-16 units.',
  },
  approvals_list: {
    to: ['asker', 'session'],
    says: 'Requests and how they were settled, the newest first. Subscribers of the session get it after each decision.',
  },
  approval_deleted: { to: ['asker'], says: 'The request is out of the history.' },
  review_comments_list: {
    to: ['asker'],
    says: 'Comments, the oldest first; `truncated` when older ones did not fit.',
  },
  subagent_tools_list: {
    to: ['asker'],
    says: 'Tools that a subagent used; `unavailable` says why there are none.',
  },
  directory_listing: { to: ['asker'], says: 'What is in a directory, without hidden names.' },
  worktrees_list: { to: ['asker'], says: 'Worktrees, with what is not committed and not merged.' },
  worktree_merged: { to: ['asker'], says: 'The branch of the worktree is merged `into` that one.' },
  worktree_removed: { to: ['asker'], says: 'The worktree is gone.' },
  recent_projects_list: { to: ['asker'], says: 'Directories in which sessions ran.' },
  models_list: { to: ['asker'], says: 'Models that a session can be started with.' },
  codex_login_chatgpt_started: { to: ['asker'], says: 'Open `auth_url` in a browser.' },
  codex_login_chatgpt_canceled: { to: ['asker'], says: 'How the request to end a login went.' },
  skills_list: { to: ['asker'], says: 'Skills by directory.' },
  remote_skills_list: { to: ['asker'], says: 'Remote skills; not sent now.' },
  remote_skill_downloaded: { to: ['asker'], says: 'A remote skill is here; not sent now.' },
  mcp_tools_list: { to: ['asker'], says: 'MCP servers with their tools and resources.' },
  error: {
    to: ['asker'],
    says: 'What was asked was not done. `code` is one of the table of errors; `message` names the thing and the remedy.',
  },
  ack: {
    to: ['asker'],
    says: 'Done and committed: for a message with a `request_id` that has no reply of its own. `id` names what was made.',
  },
  session_created: {
    to: ['list'],
    says: 'A session is new, or its summary is sent again. Replace the one with the same id.',
  },
  server_status: {
    to: ['list'],
    says: 'Storage trouble began, changed, or is over (`degraded` is null).',
  },
  codex_account_status: { to: ['asker', 'list'], says: 'Who is signed in.' },
  codex_account_updated: { to: ['asker', 'list'], says: 'Another account, or none, is signed in.' },
  codex_login_chatgpt_completed: { to: ['list'], says: 'A login in the browser ended.' },
  session_delta: {
    to: ['facts', 'list'],
    says: 'Fields that changed: null clears, absence leaves. Subscribers of the list get those of the summary, without a revision.',
  },
  message_appended: { to: ['facts'], says: 'A new message, at the end of the conversation.' },
  message_updated: { to: ['facts'], says: 'Fields of a message that changed.' },
  approval_requested: {
    to: ['facts'],
    says: 'The oldest open request. A client that subscribed to the list alone does not get it: `work_status` says that one is open, and `subscribe_session` brings it. Sent again, without a revision, behind a list and behind a summary.',
  },
  tokens_updated: { to: ['facts'], says: 'How many tokens the session used.' },
  turn_diff_snapshot: { to: ['facts'], says: 'What a turn changed, as a unified diff.' },
  context_compacted: { to: ['facts'], says: 'The agent summarized its conversation.' },
  undo_started: { to: ['facts'], says: 'Turns are being taken back.' },
  undo_completed: { to: ['facts'], says: 'Whether turns were taken back.' },
  thread_rolled_back: {
    to: ['facts'],
    says: 'So many turns left the conversation: take them out of what is shown. 0: no turn did, but a text that was cut off by words which joined its turn; the snapshot behind it is without that.',
  },
  session_ended: {
    to: ['facts', 'list'],
    says: 'The session is over. Subscribers of the list get it without a revision.',
  },
  review_comment_created: { to: ['facts'], says: 'A new comment.' },
  review_comment_updated: { to: ['facts'], says: 'A comment as it is now.' },
  review_comment_deleted: { to: ['facts'], says: 'A comment is gone.' },
  shell_started: {
    to: ['facts'],
    says: 'A command runs; `request_id` is its id and that of its message.',
  },
  shell_output: {
    to: ['facts'],
    says: 'A command ended; of a long output its beginning and its end.',
  },
  shell_delta: {
    to: ['session'],
    says: 'What a command writes while it runs: `text` stands at `offset` of its stream. What comes too fast is left out.',
  },
  message_delta: {
    to: ['session'],
    says: 'Streamed text, for those who subscribed with `deltas`: `text` stands at `offset` (UTF-16 units).',
  },
  mcp_startup_update: { to: ['session'], says: 'How the start of an MCP server goes.' },
  mcp_startup_complete: {
    to: ['session'],
    says: 'All MCP servers of the session have started or failed.',
  },
  skills_update_available: { to: ['session'], says: 'Ask for the skills again.' },
  claude_capabilities: { to: ['session'], says: 'What a session of Claude offers; not sent now.' },
};
