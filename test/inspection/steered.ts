/** A steered session for tests that fold: its snapshot before the first event, and stamps. */
import { createActor } from 'xstate';
import { MACHINE_VERSION, sessionMachine } from '../../machines/index.ts';
import type { JournalBase } from '../../src/store/queries/journal.ts';

/** Second `n` of a day. */
export function at(n: number): string {
  return `2026-03-01T12:00:${String(n).padStart(2, '0')}.000000Z`;
}

/** The chart of a direct Codex session that nothing has happened to, as a journal's first base. */
export function steeredSnapshot(): JournalBase {
  const token_usage = { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 };
  const session = {
    id: 's',
    provider: 'codex',
    project_path: '/p',
    project_name: 'p',
    model: null,
    status: 'active',
    work_status: 'waiting',
    token_usage,
    started_at: null,
    last_activity_at: null,
    codex_integration_mode: 'direct',
  } as const;
  const input = { session, isNew: true, turnCount: 0 };
  const actor = createActor(sessionMachine, { input }).start();
  const snapshot = JSON.stringify(actor.getPersistedSnapshot());
  return { seq: 0, machineVersion: MACHINE_VERSION, snapshot };
}
