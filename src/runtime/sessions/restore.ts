/** From a stored row back to a machine: its snapshot if this version wrote it, else its columns. */

import type { SessionEvent } from '../../../machines/session-events.ts';
import type { Session, SessionContext, SessionInput } from '../../../machines/session-types.ts';
import { snapshotOf, takeStep } from '../../../machines/step.ts';
import { contextFrom } from '../../../machines/steps/sessions.ts';
import { upgraded } from '../../../machines/upgrade.ts';
import type { SessionSnapshot } from '../../../machines/view.ts';
import type { ApprovalRequest } from '../../protocol/nouns.ts';
import type { StoredActor } from '../../store/items.ts';

/** What a machine starts from when there is no snapshot: the columns, in the state that they name. */
export function inputOf({ summary, turnCount, threadId, requests }: StoredActor): SessionInput {
  const { has_pending_approval: _, status, work_status, link_state: __, ...shown } = summary;
  const session: Session = { ...shown, ...(threadId !== null && { codex_thread_id: threadId }) };
  return {
    session,
    isNew: false,
    turnCount,
    workStatus: status === 'ended' ? 'ended' : work_status,
    requests: requests.flatMap(requestFrom),
  };
}

/**
 * The machine as it was stored last; null when there is none, a version of the chart wrote it that cannot
 * be read any more, or it does not restore.
 */
export function savedOf(stored: StoredActor): SessionSnapshot | null {
  const { snapshot, tail, machineVersion } = stored;
  if (snapshot === null || machineVersion === null) return null;
  try {
    const saved = upgraded(JSON.parse(snapshot), machineVersion);
    if (saved === null) return null;
    assertWhole((saved as { context: SessionContext }).context, stored);
    return foldTail(snapshotOf(saved), tail);
  } catch {
    // The same as a snapshot that does not restore: the caller goes on from the columns and says so.
    return null;
  }
}

/** A stored snapshot brought forward by the events that were journalled after it. @throws what the chart throws */
function foldTail(saved: SessionSnapshot, tail: readonly string[]): SessionSnapshot {
  if (saved.status !== 'active') throw new Error('The snapshot does not restore');
  let snapshot: SessionSnapshot = saved;
  for (const event of tail)
    snapshot = takeStep(snapshot, JSON.parse(event) as SessionEvent).snapshot;
  return snapshot;
}

/** @throws Error for what is no context of this session's machine, whole */
function assertWhole({ session, ...rest }: SessionContext, stored: StoredActor): void {
  const { session: _, ...fresh } = contextFrom({ ...inputOf(stored), workStatus: 'waiting' });
  if (session.id !== stored.summary.id || !isLike(fresh, rest)) {
    throw new Error('The snapshot lacks something');
  }
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
