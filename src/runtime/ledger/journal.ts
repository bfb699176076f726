/**
 * The journal's form of an event: its shape with texts emptied, so that folding a journal through the
 * chart moves it the same way while no message body is stored twice. Ids stay: they name the row.
 */

import type { SeenFields, SessionEvent } from '../../../machines/session-events.ts';
import type { Session } from '../../../machines/session-types.ts';
import type { ApprovalRequest, Message } from '../../protocol/nouns.ts';

/**
 * JSON of the event without bodies, and without what it says about the session that was known before.
 *
 * @param before  the session the event is told to
 */
export function journalForm(event: SessionEvent, before: Session): string {
  const { message, update, fields, ...rest } = event;
  const news = fields && newsIn(fields, before);
  return JSON.stringify({
    ...rest,
    ...(news && { fields: news }),
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

/** Every hook repeats them all; null when none of them is new. */
function newsIn(fields: SeenFields, before: Session): SeenFields | null {
  let news: Record<string, unknown> | null = null;
  for (const name in fields) {
    const field = name as keyof SeenFields;
    if (fields[field] === before[field]) continue;
    news ??= {};
    news[field] = fields[field];
  }
  return news;
}

function bodiless(message: Message): Message {
  const { images: _, ...rest } = message;
  return { ...rest, content: '', tool_input: null, tool_output: null };
}

/** Who asks for what kind of decision; the details stand in the approval's own row. */
function bare({ id, session_id, type }: ApprovalRequest): ApprovalRequest {
  return { id, session_id, type, command: null, file_path: null, diff: null, question: null };
}
