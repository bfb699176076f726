/** The history of requests: listed and tidied. Deciding them is approvals.ts' business. */
import { OrbitError } from '../../errors.ts';
import type { Writer } from '../../store/writer.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Handlers } from './handler.ts';

interface HistoryDeps {
  writer: Pick<Writer, 'read'>;
  sessions: Pick<Sessions, 'tellTo'>;
}

/** Entries of a list, unless the asker wants fewer or, up to the second, more (contract.md 2.5). */
const DEFAULT_LIMIT = 200;
const MAX_LIMIT = 1000;

/** Handlers of this group. Both read behind every decision taken before (contract.md 9.4 no. 16). */
export function createApprovalHistoryHandlers({
  writer,
  sessions,
}: HistoryDeps): Handlers<'list_approvals' | 'delete_approval'> {
  return {
    async list_approvals({ session_id, limit }, asker) {
      const sessionId = session_id ?? null;
      const approvals = await writer.read({
        kind: 'approvals',
        sessionId,
        limit: Math.min(limit ?? DEFAULT_LIMIT, MAX_LIMIT),
      });
      asker.reply({ type: 'approvals_list', session_id: sessionId, approvals });
    },
    async delete_approval({ approval_id: approvalId }, asker) {
      const known = await writer.read({ kind: 'approval', id: approvalId });
      if (!known) throw new OrbitError('not_found', { what: 'Approval', id: approvalId });
      const { sessionId, isOpen } = known;
      // Its session still waits for it, and a snapshot finds the request in this very row.
      if (isOpen) {
        const reason = `Approval ${approvalId} still waits for its decision; decide it first`;
        throw new OrbitError('invalid_argument', { reason }, { sessionId });
      }
      // An event like every other: the journal keeps who took what out of the history.
      await sessions.tellTo(sessionId, 'client', (at) => ({
        type: 'approval.forgotten',
        at,
        approvalId,
      }));
      asker.reply({ type: 'approval_deleted', approval_id: approvalId });
    },
  };
}
