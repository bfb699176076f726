/**
 * Rows of requests: opened, said again, closed. Called by rows.ts, which owns the switch.
 */
import type { ApprovalClosed, ApprovalOpened } from '../../../machines/session-facts.ts';
import type { ApprovalRequest } from '../../protocol/nouns.ts';
import { stampToMs, storable, storableOrNull } from '../text.ts';
import type { RowStatements } from './statements.ts';

/** Keeps a request that waits for a person. */
export function openApproval(
  statements: RowStatements,
  fact: ApprovalOpened,
  revision: number,
): void {
  const { session_id, request, tool_name, at } = fact;
  const json = requestText(request);
  // Reported once more while it is open: one row, with the newest wording.
  if (statements.reopenApproval.run(json, revision, session_id, request.id).changes > 0) return;
  statements.insertApproval.run({
    session_id,
    request_id: request.id,
    approval_type: request.type,
    tool_name,
    command: storableOrNull(request.command),
    file_path: storableOrNull(request.file_path),
    proposed_amendment: request.proposed_amendment
      ? JSON.stringify(request.proposed_amendment)
      : null,
    request: json,
    at: stampToMs(at),
    revision,
  });
}

/**
 * Notes how a request was decided, and from what that is known. A hook has a caller as well, the program that
 * reports: only what a client decided is decided by its caller.
 *
 * @param caller  who sent the event, as JSON
 */
export function closeApproval(
  statements: RowStatements,
  fact: ApprovalClosed,
  { revision, caller }: { revision: number; caller: string | null },
): void {
  statements.closeApproval.run({
    decision: fact.decision,
    evidence: fact.evidence,
    decided_by: fact.evidence === 'client' ? caller : null,
    at: stampToMs(fact.at),
    revision,
    session_id: fact.session_id,
    request_id: fact.request_id,
  });
}

function requestText(request: ApprovalRequest): string {
  return JSON.stringify(request, (_, value: unknown) =>
    typeof value === 'string' ? storable(value) : value,
  );
}
