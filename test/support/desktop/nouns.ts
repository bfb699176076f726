/** The nouns as the desktop app decodes them. */
import {
  anything,
  decimal,
  flag,
  int,
  list,
  opt,
  record,
  tagged,
  text,
  uint,
  word,
} from './shapes.ts';

const PROVIDER = word('claude', 'codex');
const MODE = word('direct', 'passive');
const STATUS = word('active', 'ended');
const WORK_STATUS = word('working', 'waiting', 'permission', 'question', 'reply', 'ended');
const APPROVAL_TYPE = word('exec', 'patch', 'question');
const TAG = word('clarity', 'scope', 'risk', 'nit');

export const tokenUsage = record({
  input_tokens: uint,
  output_tokens: uint,
  cached_tokens: uint,
  context_window: uint,
});

const image = record({ input_type: text, value: text });

export const message = record({
  id: text,
  session_id: text,
  message_type: word('user', 'assistant', 'thinking', 'tool', 'tool_result', 'steer', 'shell'),
  content: text,
  tool_name: opt(text),
  tool_input: opt(text),
  tool_output: opt(text),
  is_error: flag,
  timestamp: text,
  duration_ms: opt(uint),
  images: opt(list(image)),
});

export const messageChanges = record({
  content: opt(text),
  tool_output: opt(text),
  is_error: opt(flag),
  duration_ms: opt(uint),
});

export const approvalRequest = record({
  id: text,
  session_id: text,
  type: APPROVAL_TYPE,
  command: opt(text),
  file_path: opt(text),
  diff: opt(text),
  question: opt(text),
  proposed_amendment: opt(list(text)),
});

export const approvalHistoryItem = record({
  id: int,
  session_id: text,
  request_id: text,
  approval_type: APPROVAL_TYPE,
  tool_name: opt(text),
  command: opt(text),
  file_path: opt(text),
  cwd: opt(text),
  decision: opt(text),
  proposed_amendment: opt(list(text)),
  created_at: text,
  decided_at: opt(text),
});

/** What summary and state have in common. */
const session = {
  id: text,
  provider: PROVIDER,
  project_path: text,
  transcript_path: opt(text),
  project_name: opt(text),
  model: opt(text),
  custom_name: opt(text),
  summary: opt(text),
  first_prompt: opt(text),
  last_message: opt(text),
  status: STATUS,
  work_status: WORK_STATUS,
  codex_integration_mode: opt(MODE),
  claude_integration_mode: opt(MODE),
  approval_policy: opt(text),
  sandbox_mode: opt(text),
  started_at: opt(text),
  last_activity_at: opt(text),
  git_branch: opt(text),
  git_sha: opt(text),
  current_cwd: opt(text),
  effort: opt(text),
};

export const sessionSummary = record({
  ...session,
  token_usage: opt(tokenUsage),
  has_pending_approval: flag,
});

const flatUsage = {
  input_tokens: opt(uint),
  output_tokens: opt(uint),
  cached_tokens: opt(uint),
  context_window: opt(uint),
};

const turnDiff = record({ turn_id: text, diff: text, token_usage: opt(tokenUsage), ...flatUsage });
export const turnDiffSnapshot = record({
  session_id: text,
  turn_id: text,
  diff: text,
  ...flatUsage,
});

const subagent = record({ id: text, agent_type: text, started_at: text, ended_at: opt(text) });

export const subagentTool = record({
  id: text,
  tool_name: text,
  summary: text,
  output: opt(text),
  is_in_progress: flag,
});

export const sessionState = record({
  ...session,
  messages: list(message),
  pending_approval: opt(approvalRequest),
  token_usage: tokenUsage,
  current_diff: opt(text),
  current_plan: opt(text),
  forked_from_session_id: opt(text),
  revision: opt(uint),
  current_turn_id: opt(text),
  turn_count: opt(uint),
  turn_diffs: opt(list(turnDiff)),
  subagents: opt(list(subagent)),
  terminal_session_id: opt(text),
  terminal_app: opt(text),
});

export const stateChanges = record({
  status: opt(STATUS),
  work_status: opt(WORK_STATUS),
  token_usage: opt(tokenUsage),
  last_activity_at: opt(text),
  turn_count: opt(uint),
  pending_approval: opt(approvalRequest),
  current_diff: opt(text),
  current_plan: opt(text),
  custom_name: opt(text),
  summary: opt(text),
  first_prompt: opt(text),
  last_message: opt(text),
  codex_integration_mode: opt(MODE),
  claude_integration_mode: opt(MODE),
  approval_policy: opt(text),
  sandbox_mode: opt(text),
  permission_mode: opt(text),
  current_turn_id: opt(text),
  git_branch: opt(text),
  git_sha: opt(text),
  current_cwd: opt(text),
  model: opt(text),
  effort: opt(text),
});

export const reviewComment = record({
  id: text,
  session_id: text,
  turn_id: opt(text),
  file_path: text,
  line_start: uint,
  line_end: opt(uint),
  body: text,
  tag: opt(TAG),
  status: word('open', 'resolved'),
  created_at: text,
  updated_at: opt(text),
});

export const codexModel = record({
  id: text,
  model: text,
  display_name: text,
  description: text,
  is_default: flag,
  supported_reasoning_efforts: list(text),
});

const account = tagged('type', {
  api_key: record({}),
  chatgpt: record({ email: opt(text), plan_type: opt(text) }),
});

export const accountStatus = record({
  auth_mode: opt(word('api_key', 'chatgpt')),
  requires_openai_auth: flag,
  account: opt(account),
  login_in_progress: flag,
  active_login_id: opt(text),
});

const skill = record({
  name: text,
  description: text,
  short_description: opt(text),
  path: text,
  scope: word('user', 'repo', 'system', 'admin'),
  enabled: flag,
});
export const skillError = record({ path: text, message: text });
export const skillsEntry = record({ cwd: text, skills: list(skill), errors: list(skillError) });
export const remoteSkill = record({ id: text, name: text, description: text });

export const mcpTool = record({
  name: text,
  title: opt(text),
  description: opt(text),
  inputSchema: anything,
});
export const mcpResource = record({
  name: text,
  uri: text,
  description: opt(text),
  mimeType: opt(text),
  title: opt(text),
  size: opt(decimal),
});
export const mcpTemplate = record({
  name: text,
  uriTemplate: text,
  title: opt(text),
  description: opt(text),
  mimeType: opt(text),
});
/** `oauth`: the reference's own `o_auth` throws here. */
export const mcpAuth = word('unsupported', 'not_logged_in', 'bearer_token', 'oauth');
export const mcpStatus = tagged('state', {
  starting: record({}),
  ready: record({}),
  failed: record({ error: text }),
  cancelled: record({}),
});
export const mcpFailure = record({ server: text, error: text });

export const directoryEntry = record({ name: text, is_dir: flag, is_git: flag });
export const recentProject = record({ path: text, session_count: uint, last_active: opt(text) });
