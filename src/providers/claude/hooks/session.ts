/** A Claude session as its first hooks describe it. */
import type { Session, Stamp } from '../../../../machines/session-types.ts';
import { wireTime } from '../../../protocol/entry.ts';
import type { Hook } from '../../../protocol/hook.ts';
import type { PendingStart } from '../../provider.ts';
import { fieldsFrom } from './events.ts';

/**
 * The session that a first event reveals. The project is where it started: a later `cwd` moves with
 * every `cd` and never names the project.
 */
export function sessionFromHooks(
  hook: Hook,
  at: Stamp,
  pending: PendingStart | null,
  reporterPid: number | null,
): Session {
  const start = pending?.hook;
  const projectPath = start?.cwd ?? hook.cwd ?? '/unknown';
  const agentPid = reporterPid ?? pending?.agentPid ?? null;
  const { agent_pid: _, ...fields } = { ...(start && fieldsFrom(start)), ...fieldsFrom(hook) };
  return {
    ...fields,
    id: hook.session_id,
    provider: 'claude',
    project_path: projectPath,
    project_name: projectPath.split('/').filter(Boolean).at(-1) ?? null,
    model: fields.model ?? null,
    token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 },
    started_at: wireTime(pending?.at ?? at),
    last_activity_at: wireTime(pending?.at ?? at),
    ...(start?.source && { source: start.source }),
    ...(agentPid !== null && { agent_pid: agentPid }),
    ...(pending?.forkedFrom && { forked_from_session_id: pending.forkedFrom }),
  };
}

/** Codex runs hooks of the same form: its sessions come by their own way. */
export function isFromCodex(hook: Hook): boolean {
  const model = typeof hook.model === 'string' ? hook.model.toLowerCase() : '';
  return (
    hook.context_label === 'codex_cli_rs' ||
    hook.transcript_path?.includes('/.codex/sessions/') === true ||
    model.includes('codex') ||
    model.startsWith('gpt-')
  );
}
