/** A session that we begin, as its row and its chart start. */

import type { ThreadSettings } from '../../../machines/session-facts.ts';
import type { Session } from '../../../machines/session-types.ts';

/** A steered session as it begins. */
export function newSession(
  { id, provider, threadId }: { id: string; provider: Session['provider']; threadId: string },
  settings: ThreadSettings,
): Session {
  const now = new Date().toISOString();
  const { cwd, model, effort } = settings;
  return {
    id,
    provider,
    codex_integration_mode: 'direct',
    codex_thread_id: threadId,
    project_path: cwd,
    project_name: cwd.split('/').filter(Boolean).at(-1) ?? null,
    model,
    token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 },
    started_at: now,
    last_activity_at: now,
    current_cwd: cwd,
    ...(effort !== null && { effort }),
  };
}
