/** Lists of fields that several readers of a session share, checked against the nouns. */
import type { SessionSummary, StateChanges } from './nouns.ts';

/** Plain fields that a summary and a delta have in common: what the list hears of a delta. */
export const SHARED_FIELDS = [
  'status',
  'work_status',
  'last_activity_at',
  'custom_name',
  'summary',
  'first_prompt',
  'last_message',
  'codex_integration_mode',
  'claude_integration_mode',
  'approval_policy',
  'sandbox_mode',
  'permission_mode',
  'git_branch',
  'git_sha',
  'current_cwd',
  'model',
  'effort',
  'link_state',
  'link_reason',
] as const satisfies ReadonlyArray<keyof StateChanges & keyof SessionSummary>;
