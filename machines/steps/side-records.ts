/**
 * What goes on beside the conversation: comments about its diffs, commands in its directory, its history
 * of requests. Stored and published; the chart remembers nothing of it, and no state depends on it.
 */
import type { SessionMessage } from '../../src/protocol/server.ts';
import { append, type Draft, type EventOf, keepContent, touch } from './draft.ts';

type Comment = EventOf<'comment.created' | 'comment.updated' | 'comment.deleted'>;

/** A review comment was written, changed or deleted. */
export function commentRecorded(draft: Draft, event: Comment): void {
  draft.content.push(factOf(draft.context.session.id, event));
}

/** A settled request leaves the history. */
export function approvalForgotten(draft: Draft, event: EventOf<'approval.forgotten'>): void {
  const { id: session_id } = draft.context.session;
  draft.notes.push({ type: 'approval_forgotten', session_id, approval_id: event.approvalId });
}

function factOf(session_id: string, event: Comment): SessionMessage {
  switch (event.type) {
    case 'comment.created':
      return { type: 'review_comment_created', session_id, comment: event.comment };
    case 'comment.updated':
      return { type: 'review_comment_updated', session_id, comment: event.comment };
    case 'comment.deleted':
      return { type: 'review_comment_deleted', session_id, comment_id: event.commentId };
  }
}

/** A client's command is on record; it runs once this is committed. */
export function shellStarted(draft: Draft, event: EventOf<'shell.started'>): void {
  const { id: request_id, content: command } = event.message;
  const session_id = draft.context.session.id;
  draft.content.push({ type: 'shell_started', session_id, request_id, command });
  append(draft, event.message);
  touch(draft);
}

/** The command is over, whatever came of it. */
export function shellFinished(draft: Draft, event: EventOf<'shell.finished'>): void {
  keepContent(draft);
  const request_id = event.update.messageId;
  const session_id = draft.context.session.id;
  draft.content.push({ type: 'shell_output', session_id, request_id, ...event.output });
  touch(draft);
}
