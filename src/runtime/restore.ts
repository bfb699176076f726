/** From a stored row back to an actor: its snapshot if this machine wrote it, else its columns. */
import { MACHINE_VERSION, type Session, type SessionInput } from '../../machines/session-types.ts';
import type { StoredActor } from '../store/items.ts';
import type { SavedSnapshot } from './live-session.ts';

/** What an actor starts from when there is no snapshot: the columns, at idle or ended. */
export function inputOf({ summary, turnCount, threadId }: StoredActor): SessionInput {
  const { has_pending_approval: _, ...shown } = summary;
  const session: Session = { ...shown, ...(threadId !== null && { codex_thread_id: threadId }) };
  return { session, isNew: false, turnCount };
}

/** The stored snapshot; null when there is none, or another version of the chart wrote it. */
export function savedOf(stored: StoredActor): SavedSnapshot | null {
  if (stored.snapshot === null || stored.machineVersion !== MACHINE_VERSION) return null;
  return JSON.parse(stored.snapshot) as SavedSnapshot;
}
