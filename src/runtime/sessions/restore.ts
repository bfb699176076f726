/** From a stored row back to an actor: its snapshot if this machine wrote it, else its columns. */
import {
  MACHINE_VERSION,
  type Session,
  type SessionInput,
} from '../../../machines/session-types.ts';
import type { StoredActor } from '../../store/items.ts';
import type { SavedSnapshot } from '../ledger/moment.ts';
import { foldTail } from '../ledger/moment.ts';

/** What an actor starts from when there is no snapshot: the columns, at idle or ended. */
export function inputOf({ summary, turnCount, threadId }: StoredActor): SessionInput {
  const { has_pending_approval: _, ...shown } = summary;
  const session: Session = { ...shown, ...(threadId !== null && { codex_thread_id: threadId }) };
  return { session, isNew: false, turnCount };
}

/**
 * The machine as it was stored last; null when there is none, another version of the chart wrote it, or
 * it does not restore.
 */
export function savedOf({ snapshot, tail, machineVersion }: StoredActor): SavedSnapshot | null {
  if (snapshot === null || machineVersion !== MACHINE_VERSION) return null;
  const saved = JSON.parse(snapshot) as SavedSnapshot;
  try {
    return foldTail(saved, tail);
  } catch {
    // The same as a snapshot that does not restore: the caller goes on from the columns and says so.
    return null;
  }
}
