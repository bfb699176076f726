/** Requests: decided, answered, listed, forgotten. */
import { type Handlers, notBuilt } from './handler.ts';

type ApprovalsTag = 'approve_tool' | 'answer_question' | 'list_approvals' | 'delete_approval';

/** Handlers of this group. */
export function createApprovalsHandlers(): Handlers<ApprovalsTag> {
  return {
    approve_tool: notBuilt,
    answer_question: notBuilt,
    list_approvals: notBuilt,
    delete_approval: notBuilt,
  };
}
