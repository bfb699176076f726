/** Wishes of clients, as orders to the connector; and the connector's coming and going. */
import type { Order, SessionContext, SessionEvent } from '../session-types.ts';
import { close } from './approvals.ts';
import { append, draftOf, finish, type Step, touch } from './draft.ts';
import { endTurn } from './turns.ts';

type EventOf<Type extends SessionEvent['type']> = Extract<SessionEvent, { type: Type }>;

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
  append(draft, event.message);
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

/** The connector is ready, and says what it can do. */
export function linkAttached(context: SessionContext, event: EventOf<'link.attached'>): Step {
  const draft = draftOf(context, event);
  draft.context.capabilities = event.capabilities;
  return finish(draft);
}

/** The connector is gone: what ran through it is over, and nobody can be answered any more. */
export function linkLost(
  context: SessionContext,
  event: EventOf<'link.lost'> | EventOf<'link.failed'>,
): Step {
  const draft = draftOf(context, event);
  draft.context.capabilities = [];
  if (context.turn.open || context.approvals.length > 0) endTurn(draft, []);
  return finish(draft);
}
