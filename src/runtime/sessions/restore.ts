/** From a stored row back to an actor: its snapshot if this machine wrote it, else its columns. */

import { createActor } from 'xstate';
import { sessionMachine } from '../../../machines/session.ts';
import {
  MACHINE_VERSION,
  type Session,
  type SessionInput,
} from '../../../machines/session-types.ts';
import { contextFrom } from '../../../machines/steps/sessions.ts';
import type { ApprovalRequest } from '../../protocol/nouns.ts';
import type { StoredActor } from '../../store/items.ts';
import type { SavedSnapshot } from '../ledger/moment.ts';
import { foldTail } from '../ledger/moment.ts';

/** What an actor starts from when there is no snapshot: the columns, in the state that they name. */
export function inputOf({ summary, turnCount, threadId, requests }: StoredActor): SessionInput {
  const { has_pending_approval: _, ...shown } = summary;
  const session: Session = { ...shown, ...(threadId !== null && { codex_thread_id: threadId }) };
  return { session, isNew: false, turnCount, requests: requests.flatMap(requestFrom) };
}

/**
 * The machine as it was stored last; null when there is none, another version of the chart wrote it, or
 * it does not restore.
 */
export function savedOf(stored: StoredActor): SavedSnapshot | null {
  const { snapshot, tail, machineVersion } = stored;
  if (snapshot === null || machineVersion !== MACHINE_VERSION) return null;
  try {
    const saved = JSON.parse(snapshot) as SavedSnapshot;
    assertWhole(saved, stored);
    return foldTail(saved, tail);
  } catch {
    // The same as a snapshot that does not restore: the caller goes on from the columns and says so.
    return null;
  }
}

/** @throws Error for what is no snapshot of this session's machine, whole */
function assertWhole(saved: SavedSnapshot, stored: StoredActor): void {
  const { session, ...rest } = saved.context;
  const { session: _, ...fresh } = contextFrom({ ...inputOf(stored), isNew: true });
  if (session.id !== stored.summary.id || !isLike(fresh, rest)) {
    throw new Error('The snapshot lacks something');
  }
  // The chart says whether it knows the states.
  const actor = createActor(sessionMachine, {
    snapshot: saved as never,
    input: undefined as never,
  });
  if (actor.getSnapshot().status !== 'active') throw new Error('The snapshot does not restore');
}

/** Whether `other` has all that `model` has, of the same kinds; null in the model stands for anything. */
function isLike(model: unknown, other: unknown): boolean {
  if (model === null) return true;
  if (Array.isArray(model)) {
    return Array.isArray(other) && other.every((each) => each !== null && each !== undefined);
  }
  if (typeof model !== 'object') return typeof model === typeof other;
  if (typeof other !== 'object' || other === null) return false;
  return Object.entries(model).every(([key, value]) =>
    isLike(value, (other as Record<string, unknown>)[key]),
  );
}

function requestFrom(json: string): ApprovalRequest[] {
  try {
    const request = JSON.parse(json) as ApprovalRequest;
    return typeof request?.id === 'string' ? [request] : [];
  } catch {
    // A damaged row of one request must not keep its session closed; without it the turn goes on.
    return [];
  }
}
