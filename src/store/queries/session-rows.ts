/**
 * From a row of `sessions` to the nouns of the wire. Words outside the closed sets of the protocol (an
 * old or foreign writer may have left some) become the nearest one inside: one unknown word would make
 * the app drop the whole list. Called by every read that shows a session.
 */
import {
  type EngineKind,
  type IntegrationMode,
  type LinkState,
  PROVIDER_IDS,
  type Provider,
  type SessionSummary,
  type TokenUsage,
  type WorkStatus,
} from '../../protocol/nouns.ts';
import { REPORTED_FIGURES } from '../row/columns.ts';

/** Columns a summary is made of; `has_open` comes from the open approvals. */
export interface SummaryRow {
  id: string;
  provider: string;
  project_path: string;
  transcript_path: string | null;
  project_name: string | null;
  model: string | null;
  custom_name: string | null;
  summary: string | null;
  first_prompt: string | null;
  last_message: string | null;
  status: string;
  work_status: string;
  input_tokens: number | null;
  output_tokens: number | null;
  cached_tokens: number | null;
  context_window: number | null;
  context_tokens?: number | null;
  total_input_tokens?: number | null;
  cache_read_tokens?: number | null;
  cache_write_tokens?: number | null;
  total_output_tokens?: number | null;
  cost_usd?: number | null;
  codex_integration_mode: string | null;
  claude_integration_mode: string | null;
  approval_policy: string | null;
  sandbox_mode: string | null;
  permission_mode: string | null;
  started_at: string | null;
  last_activity_at: string | null;
  git_branch: string | null;
  git_sha: string | null;
  current_cwd: string | null;
  effort: string | null;
  forked_from_session_id: string | null;
  link_state: string | null;
  link_reason: string | null;
  engine: string | null;
  resume_command: string | null;
  has_open: number;
}

/** The select list that makes a `SummaryRow`. */
export const SUMMARY_COLUMNS = `
  id, provider, project_path, transcript_path, project_name, model, custom_name, summary, first_prompt,
  last_message, status, work_status, input_tokens, output_tokens, cached_tokens, context_window,
  ${REPORTED_FIGURES.join(', ')},
  codex_integration_mode, claude_integration_mode, approval_policy, sandbox_mode, permission_mode,
  started_at, last_activity_at, git_branch, git_sha, current_cwd, effort, forked_from_session_id,
  link_state, link_reason, engine, resume_command,
  EXISTS (
    SELECT 1 FROM approval_history
    WHERE session_id = sessions.id AND request IS NOT NULL AND decided_at IS NULL
  ) AS has_open`;

const WORK_STATUSES = new Set<string>([
  'working',
  'waiting',
  'permission',
  'question',
  'reply',
  'ended',
] satisfies WorkStatus[]);

const LINK_STATES = new Set<string>([
  'detached',
  'attaching',
  'attached',
  'failed',
] satisfies LinkState[]);

/** The session as the list shows it. */
export function summaryFromRow(row: SummaryRow): SessionSummary {
  const status = row.status === 'active' ? 'active' : 'ended';
  return {
    id: row.id,
    provider: providerOf(row),
    project_path: row.project_path,
    ...present(row, 'transcript_path'),
    project_name: row.project_name,
    model: row.model,
    ...present(row, 'custom_name'),
    ...present(row, 'summary'),
    ...present(row, 'first_prompt'),
    ...present(row, 'last_message'),
    status,
    work_status: workStatusOf(row.work_status, status),
    token_usage: usageFromRow(row),
    has_pending_approval: row.has_open > 0,
    ...mode('codex_integration_mode', row.codex_integration_mode),
    ...mode('claude_integration_mode', row.claude_integration_mode),
    ...present(row, 'approval_policy'),
    ...present(row, 'sandbox_mode'),
    ...present(row, 'permission_mode'),
    started_at: row.started_at,
    last_activity_at: row.last_activity_at,
    ...present(row, 'git_branch'),
    ...present(row, 'git_sha'),
    ...present(row, 'current_cwd'),
    ...present(row, 'effort'),
    ...present(row, 'forked_from_session_id'),
    ...linkOf(row),
    ...(isEngine(row.engine) && { engine: row.engine }),
    ...present(row, 'resume_command'),
  };
}

function isEngine(word: string | null): word is EngineKind {
  return word === 'private' || word === 'shared';
}

function linkOf({ link_state, link_reason }: SummaryRow): Partial<SessionSummary> {
  if (!LINK_STATES.has(link_state ?? '')) return {};
  return { link_state: link_state as LinkState, ...(link_reason !== null && { link_reason }) };
}

/** Token counts; what a row does not know is 0, for the app decodes nothing else. */
export function usageFromRow(
  row: Pick<
    SummaryRow,
    | 'input_tokens'
    | 'output_tokens'
    | 'cached_tokens'
    | 'context_window'
    | (typeof REPORTED_FIGURES)[number]
  >,
): TokenUsage {
  const figures = REPORTED_FIGURES.map((name) => present(row, name));
  return {
    input_tokens: row.input_tokens ?? 0,
    output_tokens: row.output_tokens ?? 0,
    cached_tokens: row.cached_tokens ?? 0,
    context_window: row.context_window ?? 0,
    ...Object.assign({}, ...figures),
  };
}

/** The key with its value where there is one, nothing where there is none: `?` keys of the wire. */
export function present<Row, Key extends keyof Row>(
  row: Row,
  key: Key,
): { [K in Key]?: NonNullable<Row[K]> } {
  const value = row[key];
  if (value === null || value === undefined) return {};
  return { [key]: value } as { [K in Key]: NonNullable<Row[K]> };
}

function providerOf(row: SummaryRow): Provider {
  return PROVIDER_IDS.find((id) => id === row.provider) ?? PROVIDER_IDS[0];
}

function workStatusOf(word: string, status: string): WorkStatus {
  if (WORK_STATUSES.has(word)) return word as WorkStatus;
  return status === 'ended' ? 'ended' : 'waiting';
}

function mode<Key extends string>(key: Key, word: string | null): { [K in Key]?: IntegrationMode } {
  if (word !== 'direct' && word !== 'passive') return {};
  return { [key]: word } as { [K in Key]: IntegrationMode };
}
