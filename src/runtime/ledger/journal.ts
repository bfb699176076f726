/**
 * The journal's form of an event: its shape with texts emptied, so that folding a journal through the
 * chart moves it the same way while no message body is stored twice. Ids stay: they name the row.
 */
import type { SessionEvent } from '../../../machines/session-types.ts';
import type { ApprovalRequest, Message } from '../../protocol/nouns.ts';

/** JSON of the event without bodies. */
export function journalForm(event: SessionEvent): string {
  const { message, update, ...rest } = event;
  return JSON.stringify({
    ...rest,
    ...('prompt' in rest && rest.prompt !== null && { prompt: '' }),
    ...('request' in rest && { request: bare(rest.request) }),
    ...('diff' in rest && { diff: rest.diff ? '' : rest.diff }),
    ...('plan' in rest && { plan: rest.plan ? '' : rest.plan }),
    ...('comment' in rest && { comment: { ...rest.comment, body: '' } }),
    ...('output' in rest && { output: { ...rest.output, stdout: '', stderr: '' } }),
    ...('order' in rest && { order: { type: rest.order.type } }),
    ...(message && { message: bodiless(message) }),
    ...(update && { update: { messageId: update.messageId, changes: {} } }),
  });
}

function bodiless(message: Message): Message {
  const { images: _, ...rest } = message;
  return { ...rest, content: '', tool_input: null, tool_output: null };
}

/** Who asks for what kind of decision; the details stand in the approval's own row. */
function bare({ id, session_id, type }: ApprovalRequest): ApprovalRequest {
  return { id, session_id, type, command: null, file_path: null, diff: null, question: null };
}
