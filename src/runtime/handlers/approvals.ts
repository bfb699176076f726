/** Requests: decided and answered. */
import { type Handlers, notBuilt } from './handler.ts';

type ApprovalsTag = 'approve_tool' | 'answer_question';

/** Handlers of this group. */
export function createApprovalsHandlers(): Handlers<ApprovalsTag> {
  return {
    approve_tool: notBuilt,
    answer_question: notBuilt,
  };
}
