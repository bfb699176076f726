/**
 * What goes on beside the conversation: remarks about its diffs, commands in its directory, its history of
 * requests. Told and stored, and nothing of it is remembered: no phase depends on it.
 */

import type { SessionEvent } from '../session-events.ts';
import type { Fact } from '../session-facts.ts';
import type { SessionContext } from '../session-types.ts';
import { append, draftOf, finish, keepContent, type Step, touch } from './draft.ts';

type EventOf<Type extends SessionEvent['type']> = Extract<SessionEvent, { type: Type }>;

type Passing = EventOf<
  'comment.created' | 'comment.updated' | 'comment.deleted' | 'approval.forgotten'
>;

/** Stored and told, and nothing else: a remark, or a settled request that leaves the history. */
export function passedOn(context: SessionContext, event: Passing): Step {
  const { facts, ...rest } = finish(draftOf(context, event));
  return { ...rest, facts: [factOf(context.session.id, event), ...facts] };
}

function factOf(session_id: string, event: Passing): Fact {
  switch (event.type) {
    case 'comment.created':
      return { type: 'review_comment_created', session_id, comment: event.comment };
    case 'comment.updated':
      return { type: 'review_comment_updated', session_id, comment: event.comment };
    case 'comment.deleted':
      return { type: 'review_comment_deleted', session_id, comment_id: event.commentId };
    case 'approval.forgotten':
      return { type: 'approval_forgotten', session_id, approval_id: event.approvalId };
  }
}

/** A client's command is on record; it runs once this is committed. */
export function commandStarted(context: SessionContext, event: EventOf<'shell.started'>): Step {
  const draft = draftOf(context, event);
  const { id: request_id, content: command } = event.message;
  const session_id = context.session.id;
  draft.content.push({ type: 'shell_started', session_id, request_id, command });
  append(draft, event.message);
  touch(draft);
  return finish(draft);
}

/** The command is over, whatever came of it. */
export function commandFinished(context: SessionContext, event: EventOf<'shell.finished'>): Step {
  const draft = draftOf(context, event);
  keepContent(draft);
  const request_id = event.update.messageId;
  const session_id = context.session.id;
  draft.content.push({ type: 'shell_output', session_id, request_id, ...event.output });
  touch(draft);
  return finish(draft);
}
