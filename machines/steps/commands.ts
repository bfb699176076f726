/** Commands of clients: what they change at once, and the command that the connector gets. */
import type { SessionMessage } from '../../src/protocol/server.ts';
import { close } from './approvals.ts';
import { settingsOf } from './links.ts';
import { append, type Draft, type EventOf, keepContent, nameAfter, touch } from './step-draft.ts';

/** More unconfirmed messages than a person sends in a row; the oldest are no longer watched. */
const MAX_OUTBOX = 64;

/** A client decided or answered; exactly one of two racing clients gets here. */
export function approvalDecided(
  draft: Draft,
  event: EventOf<'approval.decided'> | EventOf<'question.answered'>,
): void {
  const decision = event.type === 'approval.decided' ? event.decision : 'answered';
  close(draft, (approval) => approval.request.id === event.requestId, decision, 'client');
  draft.commands.push(event.order);
  touch(draft);
}

/** A client's words: shown at once, and the connector gets them. */
export function messageSubmitted(
  draft: Draft,
  event: EventOf<'message.submitted'> | EventOf<'steer.submitted'>,
): void {
  const { message } = event;
  append(draft, message);
  if (event.type === 'message.submitted') {
    nameAfter(draft, message.content);
    draft.columns.count = 'prompt_count';
  }
  draft.context.outbox = [...draft.context.outbox, message.id].slice(-MAX_OUTBOX);
  draft.commands.push(event.order);
  touch(draft);
}

/** A client stops the running turn. */
export function turnStopped(draft: Draft): void {
  draft.commands.push({ type: 'turn.stop' });
}

/** A client wants the conversation summarised. */
export function contextCompacted(draft: Draft): void {
  draft.commands.push({ type: 'context.compact' });
}

/** A client takes the last turn back. */
export function turnUndone(draft: Draft): void {
  draft.commands.push({ type: 'turn.undo' });
}

/** A client takes the last turns back. */
export function turnsRolledBack(draft: Draft, { turns }: EventOf<'rollback.requested'>): void {
  draft.commands.push({ type: 'turns.rollBack', turns });
}

/** Other settings apply from the next turn on; the list shows them at once. */
export function settingsChosen(draft: Draft): void {
  draft.relist = true;
  touch(draft);
}

/** The provider gets the name too; it has no way to take one away. */
export function threadRenamed(draft: Draft, { name }: EventOf<'name.chosen'>): void {
  if (name) draft.commands.push({ type: 'thread.rename', name });
}

/** The provider gets the settings too. */
export function settingsSent(draft: Draft): void {
  draft.commands.push({ type: 'settings.update', settings: settingsOf(draft.context) });
}

/*
 * What goes on beside the conversation: comments about its diffs, commands in its directory, its history of
 * requests. Stored and published; the chart keeps nothing of it, and no state depends on it.
 */

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
