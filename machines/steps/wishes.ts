/** Wishes of clients: what they change at once, and the order they become. */

import type { SessionEvent } from '../session-events.ts';
import type { Order } from '../session-facts.ts';
import type { SessionContext } from '../session-types.ts';
import { close } from './approvals.ts';
import { append, draftOf, finish, nameAfter, type Step, touch } from './draft.ts';
import { settingsOf } from './links.ts';
import { named } from './sessions.ts';

type EventOf<Type extends SessionEvent['type']> = Extract<SessionEvent, { type: Type }>;

/** More unconfirmed messages than a person sends in a row; the oldest are no longer watched. */
const MAX_OUTBOX = 64;

/** A client decided or answered; exactly one of two racing clients gets here. */
export function approvalDecided(
  context: SessionContext,
  event: EventOf<'approval.decided'> | EventOf<'question.answered'>,
): Step {
  const draft = draftOf(context, event);
  const decision = event.type === 'approval.decided' ? event.decision : 'answered';
  close(draft, (approval) => approval.request.id === event.requestId, decision, 'client');
  draft.orders.push(event.order);
  touch(draft);
  return finish(draft);
}

/** A client's words: shown at once, and the connector gets them. */
export function messageSubmitted(
  context: SessionContext,
  event: EventOf<'message.submitted'> | EventOf<'steer.submitted'>,
): Step {
  const draft = draftOf(context, event);
  const { message } = event;
  append(draft, message);
  if (event.type === 'message.submitted') {
    nameAfter(draft, message.content);
    draft.columns.count = 'prompt_count';
  }
  draft.context.outbox = [...context.outbox, message.id].slice(-MAX_OUTBOX);
  draft.orders.push(event.order);
  touch(draft);
  return finish(draft);
}

/** A wish that is nothing but an order. */
export function wishVoiced(
  context: SessionContext,
  event:
    | EventOf<'interrupt.requested'>
    | EventOf<'compaction.requested'>
    | EventOf<'undo.requested'>
    | EventOf<'rollback.requested'>,
): Step {
  const draft = draftOf(context, event);
  draft.orders.push(orderOf(event));
  return finish(draft);
}

function orderOf(event: Parameters<typeof wishVoiced>[1]): Order {
  switch (event.type) {
    case 'interrupt.requested':
      return { type: 'turn.stop' };
    case 'compaction.requested':
      return { type: 'context.compact' };
    case 'undo.requested':
      return { type: 'turn.undo' };
    case 'rollback.requested':
      return { type: 'turns.rollBack', turns: event.turns };
  }
}

/** A client chose another name; null takes it away. */
export function nameChosen(context: SessionContext, event: EventOf<'name.chosen'>): Step {
  const draft = draftOf(context, event);
  named(draft, event.name);
  return finish(draft);
}

/** Other settings apply from the next turn on; the list shows them at once. */
export function settingsChosen(context: SessionContext, event: EventOf<'settings.chosen'>): Step {
  const draft = draftOf(context, event);
  draft.relist = true;
  touch(draft);
  return finish(draft);
}

/** The provider gets the name too; it has no way to take one away. */
export function renameOrdered(context: SessionContext, event: EventOf<'name.chosen'>): Step {
  const orders: Order[] = event.name ? [{ type: 'thread.rename', name: event.name }] : [];
  return { context, facts: [], orders };
}

/** The provider gets the settings too. */
export function settingsOrdered(context: SessionContext): Step {
  return {
    context,
    facts: [],
    orders: [{ type: 'settings.update', settings: settingsOf(context) }],
  };
}
