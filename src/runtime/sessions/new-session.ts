/** A session that we begin, as its row and its chart start. */

import type { ThreadSettings } from '../../../machines/session-facts.ts';
import type { Session } from '../../../machines/session-types.ts';

/** What every session has when it begins. */
function blankSession(id: string, cwd: string) {
  const now = new Date().toISOString();
  return {
    id,
    project_path: cwd,
    project_name: cwd.split('/').filter(Boolean).at(-1) ?? null,
    token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 },
    started_at: now,
    last_activity_at: now,
    current_cwd: cwd,
  };
}

/** A session that we do not run, as it begins. */
export function watchedSession({
  id,
  provider,
  cwd,
}: {
  id: string;
  provider: Session['provider'];
  cwd: string;
}): Session {
  return { ...blankSession(id, cwd), provider, model: null };
}

/** A steered session as it begins. */
export function newSession(
  { id, provider, threadId }: { id: string; provider: Session['provider']; threadId: string },
  settings: ThreadSettings,
): Session {
  const { cwd, model, effort } = settings;
  return {
    ...blankSession(id, cwd),
    provider,
    codex_integration_mode: 'direct',
    codex_thread_id: threadId,
    model,
    ...(effort !== null && { effort }),
  };
}
