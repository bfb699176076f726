/** Which message answers which: the one table behind the types of `request` and its run-time check. */
import type { ClientMessage } from '../protocol/client.ts';
import type { ServerMessage } from '../protocol/server.ts';

/** The type of a message that the client sends. */
export type ClientTag = ClientMessage['type'];

/** Replies by what asked for them; everything else is answered by `ack`. */
export const REPLIES = {
  create_session: 'session_snapshot',
  resume_session: 'session_snapshot',
  fork_session: 'session_forked',
  get_sessions: 'sessions_page',
  get_messages: 'messages_page',
  get_turn_diffs: 'turn_diffs_page',
  get_text: 'text_part',
  list_approvals: 'approvals_list',
  delete_approval: 'approval_deleted',
  list_review_comments: 'review_comments_list',
  list_models: 'models_list',
  codex_account_read: 'codex_account_status',
  codex_login_chatgpt_start: 'codex_login_chatgpt_started',
  codex_login_chatgpt_cancel: 'codex_login_chatgpt_canceled',
  codex_account_logout: 'codex_account_updated',
  list_skills: 'skills_list',
  list_remote_skills: 'remote_skills_list',
  download_remote_skill: 'remote_skill_downloaded',
  list_mcp_tools: 'mcp_tools_list',
  browse_directory: 'directory_listing',
  list_recent_projects: 'recent_projects_list',
  get_subagent_tools: 'subagent_tools_list',
} as const satisfies { [Tag in ClientTag]?: ServerMessage['type'] };

type ReplyTag<Tag extends ClientTag> = Tag extends keyof typeof REPLIES
  ? (typeof REPLIES)[Tag]
  : 'ack';

/** The answer to a message of that type. */
export type ReplyTo<Tag extends ClientTag> = Extract<ServerMessage, { type: ReplyTag<Tag> }>;

/** The type of frame that answers a message. */
export function replyTagOf(tag: ClientTag): ServerMessage['type'] {
  return (REPLIES as { [Tag in ClientTag]?: ServerMessage['type'] })[tag] ?? 'ack';
}
