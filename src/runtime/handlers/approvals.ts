/**
 * Requests: decided and answered. Only listed words decide anything; what is unknown, repeated or late is
 * refused and changes nothing. Of two racing clients the chart lets one win, and the other receives who did.
 */
import type { ConnectorCommand } from '../../../machines/session-facts.ts';
import type { Decision } from '../../../machines/session-types.ts';
import { OrbitError } from '../../errors.ts';
import type { Asker, Handlers } from '../runtime-api.ts';
import { isSettled, type LiveSession } from '../sessions/live-session.ts';
import { type EventToSend, refuse, type Sessions } from '../sessions/sessions.ts';
import type { Connectors } from '../steering/connectors.ts';
import type { WaitingHooks } from '../waiting-hooks.ts';
import type { Subscriptions } from './subscriptions.ts';
import { steered } from './turns.ts';

type ApprovalsTag = 'approve_tool' | 'answer_question';

const DECISIONS: readonly Decision[] = [
  'approved',
  'approved_for_session',
  'approved_always',
  'denied',
  'abort',
];

interface ApprovalsDeps {
  sessions: Sessions;
  connectors: Pick<Connectors, 'refusalOf'>;
  /** Hooks of sessions in terminals that wait. */
  waitingHooks: Pick<WaitingHooks, 'refusalOf'>;
  subscriptions: Pick<Subscriptions, 'correct'>;
}

/** Handlers of this group. */
export function createApprovalsHandlers({
  sessions,
  connectors,
  waitingHooks,
  subscriptions,
}: ApprovalsDeps): Handlers<ApprovalsTag> {
  /** @param words  for the turn that goes on: Codex takes no reason with a refusal, so they go before it */
  async function settle(
    { sender }: Asker,
    live: LiveSession,
    event: EventToSend & { order: ConnectorCommand; requestId: string },
    words: EventToSend | null = null,
  ): Promise<void> {
    const mine = sessions.as(sender);
    const { id } = live;
    const { requestId, order } = event;
    refuse(live, event, 'answer it');
    const refusal = isSteered(live) ? connectors.refusalOf(id, order) : null;
    // What settled it is on its way to the disk: behind that the chart says who was first.
    const isOvertaken = refusal?.isSettled === true && !isSettled(live);
    const reason = isSteered(live)
      ? (refusal?.reason ?? null)
      : waitingHooks.refusalOf(requestId, order);
    if (reason !== null && !isOvertaken) {
      throw new OrbitError('invalid_decision', { id: requestId, reason }, { sessionId: id });
    }
    // Sent in one turn: no other decision comes in between.
    await Promise.all([
      words && mine.command(live, words, 'answer it'),
      mine.command(live, event, 'answer it'),
    ]);
  }

  /** A client that shows no errors has taken its request away by now: after a refusal it gets what is so. */
  async function visit(
    { connection }: Asker,
    sessionId: string,
    visitor: (live: LiveSession) => Promise<void>,
  ): Promise<void> {
    try {
      await sessions.visit(sessionId, visitor);
    } catch (error) {
      subscriptions.correct(connection, sessionId);
      throw error;
    }
  }

  return {
    approve_tool: ({ session_id, request_id: requestId, ...given }, asker) =>
      visit(asker, session_id, (live) => {
        const decision = decisionFrom(given, requestId, session_id);
        const message = given.message?.trim();
        const about = { type: 'approval.answer', requestId, decision } as const;
        if (!isSteered(live)) {
          const order = { ...about, ...detailsOf(given) };
          return settle(asker, live, { type: 'approval.decided', requestId, decision, order });
        }
        refuseDetails(given, session_id);
        const words = decision === 'denied' && message ? steered(session_id, message) : null;
        const event = { type: 'approval.decided', requestId, decision, order: about } as const;
        return settle(asker, live, event, words);
      }),

    answer_question: ({ session_id, request_id: requestId, answer: text, answers }, asker) =>
      visit(asker, session_id, (live) => {
        const order = { type: 'question.answer', requestId, text, answers: answers ?? {} } as const;
        return settle(asker, live, { type: 'question.answered', requestId, order });
      }),
  };
}

interface GivenDecision {
  decision: string;
  message?: string | null | undefined;
  interrupt?: boolean | null | undefined;
  updated_input?: unknown;
  suggestions?: number[] | null | undefined;
}

const isSteered = (live: LiveSession): boolean => live.head.snapshot.hasTag('steered');

/** What goes with a decision into the answer of a hook. */
function detailsOf({ message, updated_input: updatedInput, suggestions }: GivenDecision) {
  const words = message?.trim();
  return {
    ...(words && { message: words }),
    ...(updatedInput !== undefined && updatedInput !== null && { updatedInput }),
    ...(suggestions && { suggestions }),
  };
}

/** @throws OrbitError `unsupported` for what Codex takes with no decision */
function refuseDetails({ updated_input, suggestions }: GivenDecision, sessionId: string): void {
  const isChanged = updated_input !== undefined && updated_input !== null;
  if (!isChanged && !suggestions) return;
  const what = isChanged ? 'Changing what a tool does' : 'Choosing rules';
  const reason = 'Codex takes a decision only; deny it and say what to do instead';
  throw new OrbitError('unsupported', { what, reason }, { sessionId });
}

/** @throws OrbitError `invalid_decision` for other words */
function decisionFrom(given: GivenDecision, requestId: string, sessionId: string): Decision {
  const decision = DECISIONS.find((known) => known === given.decision.trim().toLowerCase());
  if (!decision) {
    const word = JSON.stringify(given.decision.slice(0, 80));
    const reason = `${word} is none of ${DECISIONS.join(', ')}`;
    throw new OrbitError('invalid_decision', { id: requestId, reason }, { sessionId });
  }
  return decision === 'denied' && given.interrupt ? 'abort' : decision;
}
