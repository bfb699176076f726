/** A session in the bridge's words (contract.md 9.6). */
import type { SessionState, SessionSummary, WorkStatus } from '../../protocol/nouns.ts';
import type { AnswerOf } from '../../protocol/openapi.ts';

type ApiSession = AnswerOf<'listSessions'>['sessions'][number];
type Shown = Omit<SessionSummary, 'has_pending_approval'>;

const ATTENTION: Record<WorkStatus, ApiSession['attention_reason']> = {
  working: 'none',
  waiting: 'awaitingReply',
  reply: 'awaitingReply',
  permission: 'awaitingPermission',
  question: 'awaitingQuestion',
  ended: 'none',
};

/** @param approvalId of the open request, if there is one */
export function sessionOf(session: Shown, approvalId: string | undefined): ApiSession {
  const is_direct_codex = session.codex_integration_mode === 'direct';
  const is_direct_claude = session.claude_integration_mode === 'direct';
  const { custom_name, summary, first_prompt, git_branch, permission_mode } = session;
  return {
    id: session.id,
    ...(custom_name !== undefined && { custom_name }),
    ...(summary !== undefined && { summary }),
    ...(first_prompt !== undefined && { first_prompt }),
    project_name: session.project_name,
    project_path: session.project_path,
    ...(git_branch !== undefined && { git_branch }),
    name: custom_name ?? summary ?? first_prompt ?? session.project_name,
    branch: git_branch ?? null,
    model: session.model,
    provider: session.provider,
    status: session.status,
    work_status: session.work_status,
    attention_reason: ATTENTION[session.work_status],
    is_direct: is_direct_codex || is_direct_claude,
    is_direct_codex,
    is_direct_claude,
    ...(approvalId !== undefined && { pending_approval_id: approvalId }),
    ...(permission_mode !== undefined && { permission_mode }),
    started_at: session.started_at,
    last_activity_at: session.last_activity_at,
  };
}

/** The end of a session is its last activity. */
export function detailOf(state: SessionState): AnswerOf<'getSession'> {
  return {
    ...sessionOf(state, state.pending_approval?.id),
    ended_at: state.status === 'ended' ? state.last_activity_at : null,
  };
}
