/** Every frame the desktop app knows, and what it must hold; what it does not know it drops unharmed. */
import type { ServerMessage } from '../../../src/protocol/server.ts';
import * as noun from './nouns.ts';
import {
  dictionary,
  flag,
  int,
  list,
  opt,
  record,
  type Shape,
  text,
  uint,
  word,
} from './shapes.ts';

/** Message types that came after the app: it drops them, and must not need them. */
export const ADDITIVE = [
  'hello',
  'ack',
  'message_delta',
  'shell_delta',
  'sessions_page',
  'messages_page',
  'past_sessions_list',
  'past_session',
  'turn_diffs_page',
  'text_part',
  'search_results',
  'usage_report',
  'notifications',
  'worktrees_list',
  'worktree_merged',
  'worktree_removed',
  'server_status',
] as const;

type Additive = (typeof ADDITIVE)[number];
type KnownToApp = Exclude<ServerMessage['type'], Additive>;

const session_id = text;

/** What the app knows by the contract, whether or not it is in our types already. */
type ByContract =
  | 'shell_started'
  | 'shell_output'
  | 'review_comment_created'
  | 'review_comment_updated'
  | 'review_comment_deleted';

/** By type. A type of ours that is in neither list does not compile. */
const FRAMES: Record<KnownToApp | ByContract, Shape> = {
  sessions_list: record({ sessions: list(noun.sessionSummary) }),
  session_snapshot: record({ session: noun.sessionState }),
  session_delta: record({ session_id, changes: noun.stateChanges }),
  message_appended: record({ session_id, message: noun.message }),
  message_updated: record({ session_id, message_id: text, changes: noun.messageChanges }),
  approval_requested: record({ session_id, request: noun.approvalRequest }),
  tokens_updated: record({ session_id, usage: noun.tokenUsage }),
  session_created: record({ session: noun.sessionSummary }),
  session_ended: record({ session_id, reason: text }),
  error: record({ code: text, message: text, session_id: opt(text) }),
  session_forked: record({
    source_session_id: text,
    new_session_id: text,
    forked_from_thread_id: opt(text),
  }),
  approvals_list: record({ session_id: opt(text), approvals: list(noun.approvalHistoryItem) }),
  approval_deleted: record({ approval_id: int }),
  models_list: record({ models: list(noun.codexModel) }),
  codex_account_status: record({ status: noun.accountStatus }),
  codex_account_updated: record({ status: noun.accountStatus }),
  codex_login_chatgpt_started: record({ login_id: text, auth_url: text }),
  codex_login_chatgpt_completed: record({ login_id: text, success: flag, error: opt(text) }),
  codex_login_chatgpt_canceled: record({
    login_id: text,
    status: word('canceled', 'not_found', 'invalid_id'),
  }),
  skills_list: record({
    session_id,
    skills: list(noun.skillsEntry),
    errors: list(noun.skillError),
  }),
  remote_skills_list: record({ session_id, skills: list(noun.remoteSkill) }),
  remote_skill_downloaded: record({ session_id, id: text, name: text, path: text }),
  skills_update_available: record({ session_id }),
  mcp_tools_list: record({
    session_id,
    tools: dictionary(noun.mcpTool),
    resources: dictionary(list(noun.mcpResource)),
    resource_templates: dictionary(list(noun.mcpTemplate)),
    auth_statuses: dictionary(noun.mcpAuth),
  }),
  mcp_startup_update: record({ session_id, server: text, status: noun.mcpStatus }),
  mcp_startup_complete: record({
    session_id,
    ready: list(text),
    failed: list(noun.mcpFailure),
    cancelled: list(text),
  }),
  claude_capabilities: record({
    session_id,
    slash_commands: list(text),
    skills: list(text),
    tools: list(text),
  }),
  context_compacted: record({ session_id }),
  undo_started: record({ session_id, message: opt(text) }),
  undo_completed: record({ session_id, success: flag, message: opt(text) }),
  thread_rolled_back: record({ session_id, num_turns: uint }),
  turn_diff_snapshot: noun.turnDiffSnapshot,
  shell_started: record({ session_id, request_id: text, command: text }),
  shell_output: record({
    session_id,
    request_id: text,
    stdout: text,
    stderr: text,
    exit_code: opt(int),
    duration_ms: uint,
  }),
  review_comment_created: record({ session_id, comment: noun.reviewComment }),
  review_comment_updated: record({ session_id, comment: noun.reviewComment }),
  review_comment_deleted: record({ session_id, comment_id: text }),
  review_comments_list: record({ session_id, comments: list(noun.reviewComment) }),
  subagent_tools_list: record({ session_id, subagent_id: text, tools: list(noun.subagentTool) }),
  directory_listing: record({ path: text, entries: list(noun.directoryEntry) }),
  recent_projects_list: record({ projects: list(noun.recentProject) }),
};

/** Longest frame its platform takes; a longer one is a receive error, and the connection is gone. */
export const MAX_FRAME_BYTES = 1024 * 1024;

/** A frame that the app takes; its fields are as its shape says. */
export type AppFrame = Record<string, unknown> & { type: KnownToApp | ByContract };

/** What became of a frame. */
export type Decoded =
  | { kind: 'known'; frame: AppFrame }
  /** A type it does not know: logged and dropped. */
  | { kind: 'unknown'; type: string }
  | { kind: 'undecodable'; reason: string }
  | { kind: 'too_long'; bytes: number };

/** Decodes one text frame as the app does. */
export function decodeAsApp(frameText: string): Decoded {
  const bytes = Buffer.byteLength(frameText);
  if (bytes > MAX_FRAME_BYTES) return { kind: 'too_long', bytes };
  const frame = JSON.parse(frameText) as AppFrame;
  const shape = Object.hasOwn(FRAMES, frame.type) ? FRAMES[frame.type] : undefined;
  if (!shape) return { kind: 'unknown', type: frame.type };
  try {
    shape(frame, frame.type);
  } catch (error) {
    return { kind: 'undecodable', reason: (error as Error).message };
  }
  return { kind: 'known', frame };
}
