/**
 * Answers to requests that another client may answer as well: a hook of a watched CLI may wait for one beside the
 * dialog in the terminal, and the thread of a shared engine has several clients. The first answer decides. So a client's decision is *sent*: its request stays
 * open until a report shows what became of it, and a better report corrects a guess.
 */
import type { Decision, OpenApproval, SessionContext, Settled } from '../session-types.ts';
import { isInForeground } from './running.ts';
import { type Draft, type EventOf, isDirect, isShared, touch } from './step-draft.ts';

/** Decisions after which the tool runs. */
const ALLOWING = new Set<Decision>([
  'approved',
  'approved_for_session',
  'approved_always',
  'answered',
]);

/** What a report says of a request: nothing about which way it was decided. */
const VAGUE = new Set<Decision>(['unknown', 'cancelled']);

/** Ends of the session: what was sent may not have arrived. */
const ENDS = new Set<string>(['session.ended', 'process.gone', 'process.left', 'end.requested']);

/** A client decided: the hook that waits gets it, and no client decides again. */
export function decisionSent(
  draft: Draft,
  event: EventOf<'approval.decided'> | EventOf<'question.answered'>,
): void {
  const { requestId, at } = event;
  const decision = event.type === 'approval.decided' ? event.decision : 'answered';
  const { id: session_id } = draft.context.session;
  reword(draft, requestId, (approval) => ({
    ...withoutWaiter(approval),
    request: { ...withoutWaiter(approval).request, decision_sent: decision },
    sent: { decision, at },
  }));
  draft.notes.push({ type: 'approval_sent', session_id, request_id: requestId });
  draft.commands.push(event.order);
  touch(draft);
}

/** The hook does not wait any more: what was sent to it did not arrive, and only the terminal can answer. */
export function waiterLeft(draft: Draft, { requestId }: EventOf<'waiter.left'>): void {
  reword(draft, requestId, withoutWaiter);
}

/** The server came back: hooks that waited for the one before are gone. */
export function waitersForgotten(draft: Draft): void {
  for (const { request } of draft.context.approvals.filter(hasWaiter)) {
    reword(draft, request.id, withoutWaiter);
  }
}

/** What an agent in the background asks is not held back in the terminal by a hook that waits. */
export function waitersOfBackgroundLeft(draft: Draft): void {
  for (const { request, tool } of draft.context.approvals) {
    if (request.answerable === true && !isShownAtOnce(draft.context, tool))
      reword(draft, request.id, withoutWaiter);
  }
}

/** The terminal shows the dialog beside the hook that waits. */
export function isShownAtOnce(context: SessionContext, tool: OpenApproval['tool']): boolean {
  return !tool?.agentId || isInForeground(context, tool.agentId);
}

/** A hook waits for the answer to it, or was given one. */
export function hasWaiter({ request }: OpenApproval): boolean {
  return request.answerable !== undefined || request.decision_sent !== undefined;
}

/** The same request as only the terminal can answer it. */
export function withoutWaiter(approval: OpenApproval): OpenApproval {
  const { sent: _, ...rest } = approval;
  const { answerable: __, decision_sent: ___, ...request } = approval.request;
  return { ...rest, request };
}

/** Changes an open request, and its row with it. */
function reword(
  draft: Draft,
  requestId: string,
  change: (approval: OpenApproval) => OpenApproval,
): void {
  draft.context.approvals = draft.context.approvals.map((approval) => {
    if (approval.request.id !== requestId) return approval;
    const changed = change(approval);
    draft.notes.push({
      type: 'approval_opened',
      session_id: draft.context.session.id,
      request: changed.request,
      tool_name: changed.tool?.name ?? changed.request.tool_name ?? '',
      at: changed.at,
    });
    return changed;
  });
}

/** How a request was settled: the word, what it is known from, and whether that is only the likely one. */
export interface Outcome {
  decision: Decision;
  evidence: string;
  isGuess?: true;
}

/** What a report that closes a request says of it, where a client's decision was sent before. */
export function outcomeOf(
  { event, at }: Draft,
  { sent }: OpenApproval,
  decision: Decision,
  evidence: string,
): Outcome {
  const asReported = { decision, evidence };
  if (sent === undefined) {
    return decision === 'refused_by_rule' ? { decision: 'denied', evidence } : asReported;
  }
  const asSent = { decision: sent.decision, evidence: `client, ${evidence}` };
  if (!VAGUE.has(decision)) {
    return ALLOWING.has(sent.decision) === ALLOWING.has(decision) ? asSent : asReported;
  }
  const since = 'since' in event ? (event.since ?? at) : at;
  // The terminal was faster; or nothing shows that the answer arrived.
  if (since < sent.at || ENDS.has(event.type)) return asReported;
  // After an answer the turn goes on, but for one that stops it: only Esc in the dialog ends it there.
  if (event.type === 'witness.idle' && sent.decision !== 'abort') return asReported;
  return { ...asSent, isGuess: true };
}

/** A settled request whose word a report about its tool use contradicts, as it is then. */
export function correctGuess(
  { context }: Draft,
  settled: Settled,
  toolUseId: string,
  said: Outcome,
): Settled | null {
  if (isDirect(context.session) && !isShared(context.session)) return null;
  if (settled.isGuess === undefined || settled.toolUseId !== toolUseId) return null;
  if (ALLOWING.has(settled.decision) === ALLOWING.has(said.decision)) return null;
  const { isGuess: _, ...rest } = settled;
  return { ...rest, ...said };
}
