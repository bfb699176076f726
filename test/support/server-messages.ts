/** One full message of every type the server sends: the golden list of the other direction. */
import type {
  ApprovalRequest,
  Message,
  SessionState,
  SessionSummary,
} from '../../src/protocol/nouns.ts';
import type { ServerMessage } from '../../src/protocol/server.ts';
import type { ReviewComment } from '../../src/protocol/work-nouns.ts';

const session_id = 's';
const at = '2026-03-01T12:00:00.123Z';
const usage = { input_tokens: 1, output_tokens: 2, cached_tokens: 3, context_window: 200_000 };

const message: Message = {
  id: 'm',
  session_id,
  message_type: 'tool',
  content: 'ls',
  tool_name: 'Bash',
  tool_input: '{"command":"ls"}',
  tool_output: 'a.txt',
  is_error: false,
  timestamp: at,
  duration_ms: 12,
  images: [
    {
      input_type: 'path',
      value: '/home/dev/.orbitdock/images/0a.png',
      url: '/images/0a',
      media_type: 'image/png',
    },
  ],
  is_in_progress: true,
  truncated: { content: 20_000, tool_input: 20_000, tool_output: 20_000 },
};

const request: ApprovalRequest = {
  id: 'r',
  session_id,
  type: 'question',
  command: 'make',
  file_path: 'a.ts',
  diff: '+1',
  question: 'Which one?',
  proposed_amendment: ['make'],
  tool_name: 'AskUserQuestion',
  tool_input: '{}',
  questions: [
    {
      id: 'q',
      question: 'Which one?',
      header: 'One',
      options: [{ label: 'This', description: 'the first' }],
      multi_select: false,
    },
  ],
  agent_id: 'a',
};

const shown = {
  id: session_id,
  provider: 'codex',
  project_path: '/home/dev/shop',
  transcript_path: '/home/dev/.claude/projects/-home-dev-shop/s.jsonl',
  project_name: 'shop',
  model: 'gpt-5.5',
  custom_name: 'Shop',
  summary: 'Fixes the cart',
  first_prompt: 'fix the cart',
  last_message: 'Done.',
  status: 'active',
  work_status: 'question',
  token_usage: usage,
  codex_integration_mode: 'direct',
  claude_integration_mode: 'passive',
  approval_policy: 'on-request',
  sandbox_mode: 'workspace-write',
  permission_mode: 'default',
  started_at: at,
  last_activity_at: at,
  git_branch: 'main',
  git_sha: '0a1b2c',
  current_cwd: '/home/dev/shop/src',
  effort: 'high',
  forked_from_session_id: 'o',
  link_state: 'failed',
  link_reason: 'it could not start',
} as const satisfies Partial<SessionSummary>;

const summary: SessionSummary = { ...shown, has_pending_approval: true };

const comment: ReviewComment = {
  id: 'rc-1',
  session_id,
  turn_id: 'turn-1',
  file_path: 'a.ts',
  line_start: 3,
  line_end: 5,
  body: 'Why?',
  tag: 'risk',
  status: 'resolved',
  created_at: at,
  updated_at: at,
};

const agent = { id: 'a', agent_type: 'Explore', started_at: at, ended_at: at };

const state: SessionState = {
  ...shown,
  messages: [message],
  message_count: 1,
  truncated: true,
  pending_approval: request,
  current_diff: '+1',
  current_plan: '[{"step":"fix","status":"pending"}]',
  revision: 7,
  epoch: 'e',
  current_turn_id: 'turn-1',
  turn_count: 1,
  turn_diffs: [{ turn_id: 'turn-1', diff: '+1', token_usage: usage }],
  subagents: [agent],
  terminal_session_id: 't',
  terminal_app: 'iTerm.app',
  review_comments: [comment],
};

const account = {
  auth_mode: 'chatgpt',
  requires_openai_auth: true,
  account: { type: 'chatgpt', email: 'dev@example.org', plan_type: 'plus' },
  login_in_progress: true,
  active_login_id: 'l',
  unavailable: 'the engine does not start',
} as const;

const place = { name: 'x', title: 'X', description: 'an x', annotations: {} };

/** By type; a type without an example does not compile. */
export const SERVER_MESSAGES: {
  [Tag in ServerMessage['type']]: Extract<ServerMessage, { type: Tag }>;
} = {
  hello: { type: 'hello', version: '0.1.0', protocol_version: 1, epoch: 'e' },
  sessions_list: { type: 'sessions_list', sessions: [summary] },
  session_snapshot: { type: 'session_snapshot', session: state, request_id: 'q' },
  session_delta: {
    type: 'session_delta',
    session_id,
    changes: {
      status: 'active',
      work_status: 'question',
      token_usage: usage,
      last_activity_at: at,
      turn_count: 1,
      pending_approval: request,
      current_diff: '+1',
      current_plan: null,
      custom_name: 'Shop',
      summary: 'Fixes the cart',
      first_prompt: 'fix the cart',
      last_message: 'Done.',
      codex_integration_mode: 'direct',
      claude_integration_mode: null,
      approval_policy: 'on-request',
      sandbox_mode: 'workspace-write',
      permission_mode: null,
      current_turn_id: 'turn-1',
      git_branch: 'main',
      git_sha: '0a1b2c',
      current_cwd: '/home/dev/shop',
      model: 'gpt-5.5',
      effort: null,
      link_state: 'attached',
      link_reason: null,
      subagents: [agent],
      has_pending_approval: true,
    },
  },
  message_appended: { type: 'message_appended', session_id, message },
  message_updated: {
    type: 'message_updated',
    session_id,
    message_id: 'm',
    changes: {
      content: 'ls -la',
      tool_output: 'a.txt',
      is_error: true,
      duration_ms: 12,
      is_in_progress: false,
    },
  },
  message_delta: { type: 'message_delta', session_id, message_id: 'm', offset: 4, text: ' on' },
  approval_requested: { type: 'approval_requested', session_id, request },
  tokens_updated: { type: 'tokens_updated', session_id, usage },
  turn_diff_snapshot: {
    type: 'turn_diff_snapshot',
    session_id,
    turn_id: 'turn-1',
    diff: '+1',
    ...usage,
  },
  context_compacted: { type: 'context_compacted', session_id },
  undo_started: { type: 'undo_started', session_id, message: 'one turn' },
  undo_completed: { type: 'undo_completed', session_id, success: false, message: 'could not' },
  thread_rolled_back: { type: 'thread_rolled_back', session_id, num_turns: 2 },
  session_created: { type: 'session_created', session: summary },
  session_ended: { type: 'session_ended', session_id, reason: 'user_requested' },
  session_forked: {
    type: 'session_forked',
    source_session_id: 's',
    new_session_id: 'n',
    forked_from_thread_id: 't',
  },
  review_comment_created: { type: 'review_comment_created', session_id, comment },
  review_comment_updated: { type: 'review_comment_updated', session_id, comment },
  review_comment_deleted: { type: 'review_comment_deleted', session_id, comment_id: 'rc-1' },
  review_comments_list: {
    type: 'review_comments_list',
    session_id,
    comments: [comment],
    truncated: true,
  },
  shell_started: { type: 'shell_started', session_id, request_id: 'r', command: 'make' },
  shell_delta: {
    type: 'shell_delta',
    session_id,
    request_id: 'r',
    stream: 'stderr',
    offset: 4,
    text: 'oops',
  },
  shell_output: {
    type: 'shell_output',
    session_id,
    request_id: 'r',
    stdout: 'made',
    stderr: '',
    exit_code: null,
    duration_ms: 12,
    outcome: 'timed_out',
    truncated: true,
  },
  approvals_list: {
    type: 'approvals_list',
    session_id: null,
    approvals: [
      {
        id: 1,
        session_id,
        request_id: 'r',
        approval_type: 'exec',
        tool_name: 'Bash',
        command: 'make',
        file_path: null,
        cwd: null,
        decision: 'approved',
        proposed_amendment: ['make'],
        created_at: at,
        decided_at: at,
      },
    ],
  },
  approval_deleted: { type: 'approval_deleted', approval_id: 1 },
  subagent_tools_list: {
    type: 'subagent_tools_list',
    session_id,
    subagent_id: 'a',
    tools: [
      { id: 'u-tool-0', tool_name: 'Bash', summary: 'ls', output: 'a.txt', is_in_progress: false },
    ],
    unavailable: 'its transcript is not read: it does not exist',
    truncated: true,
  },
  directory_listing: {
    type: 'directory_listing',
    path: '/home/dev',
    entries: [{ name: 'shop', is_dir: true, is_git: true }],
    truncated: true,
  },
  recent_projects_list: {
    type: 'recent_projects_list',
    projects: [{ path: '/home/dev/shop', session_count: 2, last_active: at }],
  },
  models_list: {
    type: 'models_list',
    models: [
      {
        id: 'gpt-5.5',
        model: 'gpt-5.5',
        display_name: 'GPT-5.5',
        description: 'a model',
        is_default: true,
        supported_reasoning_efforts: ['low', 'high'],
      },
    ],
  },
  codex_account_status: { type: 'codex_account_status', status: account },
  codex_account_updated: { type: 'codex_account_updated', status: account },
  codex_login_chatgpt_started: {
    type: 'codex_login_chatgpt_started',
    login_id: 'l',
    auth_url: 'https://example.org/login',
  },
  codex_login_chatgpt_completed: {
    type: 'codex_login_chatgpt_completed',
    login_id: 'l',
    success: false,
    error: 'Login timed out',
  },
  codex_login_chatgpt_canceled: {
    type: 'codex_login_chatgpt_canceled',
    login_id: 'l',
    status: 'canceled',
  },
  skills_list: {
    type: 'skills_list',
    session_id,
    skills: [
      {
        cwd: '/home/dev/shop',
        skills: [
          {
            name: 'review',
            description: 'reviews',
            short_description: 'r',
            path: '/skills/review',
            scope: 'repo',
            enabled: true,
          },
        ],
        errors: [{ path: '/skills/x', message: 'unreadable' }],
      },
    ],
    errors: [{ path: '/skills/y', message: 'unreadable' }],
  },
  remote_skills_list: {
    type: 'remote_skills_list',
    session_id,
    skills: [{ id: 'h', name: 'review', description: 'reviews' }],
  },
  remote_skill_downloaded: {
    type: 'remote_skill_downloaded',
    session_id,
    id: 'h',
    name: 'review',
    path: '/skills/review',
  },
  skills_update_available: { type: 'skills_update_available', session_id },
  mcp_tools_list: {
    type: 'mcp_tools_list',
    session_id,
    tools: { mcp__x: { ...place, inputSchema: {}, outputSchema: {} } },
    resources: { x: [{ ...place, uri: 'x://1', mimeType: 'text/plain', size: 3 }] },
    resource_templates: { x: [{ ...place, uriTemplate: 'x://{id}', mimeType: 'text/plain' }] },
    auth_statuses: { x: 'oauth' },
  },
  mcp_startup_update: {
    type: 'mcp_startup_update',
    session_id,
    server: 'x',
    status: { state: 'failed', error: 'e' },
  },
  mcp_startup_complete: {
    type: 'mcp_startup_complete',
    session_id,
    ready: ['x'],
    failed: [{ server: 'y', error: 'e' }],
    cancelled: ['z'],
  },
  claude_capabilities: {
    type: 'claude_capabilities',
    session_id,
    slash_commands: ['compact'],
    skills: ['review'],
    tools: ['Bash'],
  },
  error: { type: 'error', code: 'not_found', message: 'Session s not found', session_id },
  ack: { type: 'ack', id: 'rc-1', request_id: 'q' },
};
