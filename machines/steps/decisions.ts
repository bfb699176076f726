/** How requests are settled: what their provider says, and what a source beside the hooks saw of a decision. */
import { isOpenAt } from '../evidence.ts';
import type { Decision, OpenApproval, SessionContext, Settled } from '../session-types.ts';
import { withoutWaiter } from './answers.ts';
import { close, correctSent, noteClosed, wordFor } from './approvals.ts';
import { type Draft, type EventOf, evidenceOf, touch } from './step-draft.ts';

/** A source saw how the request of one tool use was decided. */
export function decisionSeen(draft: Draft, event: EventOf<'decision.seen'>): void {
  const evidence = `${evidenceOf(event)} by ${event.by}`;
  if (isOfPerson(event)) creditPerson(draft, event, `${evidence} ${event.toolUseId}`);
  close(
    draft,
    (approval) => approval.toolUseId === event.toolUseId && isOpenAt(approval, event.at),
    event.decision,
    evidence,
  );
  draft.context.settled = draft.context.settled.map((settled) => {
    if (settled.toolUseId !== event.toolUseId || !isWordless(settled)) return settled;
    const { isGuess: _, ...rest } = settled;
    const decision = wordFor(
      event.decision === 'refused_by_rule' ? 'denied' : event.decision,
      settled.type as OpenApproval['request']['type'],
    );
    noteClosed(draft, settled.requestId, decision, evidence);
    return { ...rest, decision, evidence };
  });
  // A rule is looked at after the answer, and the transcript shows what came of it in the end. Telemetry reports every
  // answer, also one that came too late.
  const isFinal = event.witness === 'transcript' || event.decision === 'refused_by_rule';
  if (isFinal) correctSent(draft, event, event.decision, evidence);
  touch(draft);
}

/** The person at the terminal decided, in the words of telemetry or of a transcript. */
function isOfPerson({ by }: EventOf<'decision.seen'>): boolean {
  return by === 'person' || by.startsWith('user_');
}

/** A transcript has the same words for a refusal by a client that stops the turn as for an Esc of the person. */
function maySayAbort({ witness, decision }: EventOf<'decision.seen'>): boolean {
  return witness === 'transcript' && decision === 'denied';
}

/** A client sent the same decision a moment later: what it sent changed nothing. */
function creditPerson(draft: Draft, event: EventOf<'decision.seen'>, evidence: string): void {
  const { approvals, settled } = draft.context;
  const { toolUseId, decision: seen } = event;
  const isKept = (sent: Decision) => sent === 'abort' && maySayAbort(event);
  draft.context.approvals = approvals.map((approval) =>
    approval.toolUseId === toolUseId && approval.sent && !isKept(approval.sent.decision)
      ? withoutWaiter(approval)
      : approval,
  );
  draft.context.settled = settled.map((one) => {
    if (one.toolUseId !== toolUseId || one.isGuess !== true || one.type === undefined) return one;
    if (isKept(one.decision)) return one;
    const { isGuess: _, ...rest } = one;
    const decision = wordFor(seen, one.type as OpenApproval['request']['type']);
    noteClosed(draft, one.requestId, decision, evidence);
    return { ...rest, decision, evidence };
  });
}

/** How a request of this tool use was decided is not reported yet, or only the likely word is known. */
export function awaitsWord({ approvals, settled }: SessionContext, toolUseId: string): boolean {
  return (
    approvals.some((approval) => approval.toolUseId === toolUseId) ||
    settled.some((one) => one.toolUseId === toolUseId && (isWordless(one) || one.isGuess === true))
  );
}

/** Closed because the session went on; the first source that says how is believed. */
function isWordless({ decision, type }: Settled): boolean {
  return decision === 'unknown' && type !== undefined;
}

/** The provider, or an answered MCP dialog, settles a request. */
export function approvalResolved(draft: Draft, event: EventOf<'approval.resolved'>): void {
  const target = draft.before.approvals.find((approval) => {
    if (!isOpenAt(approval, event.at)) return false;
    if (event.requestId !== null) return approval.request.id === event.requestId;
    if (event.server !== null) return approval.server === event.server;
    return approval.server !== null;
  });
  if (target) close(draft, (approval) => approval === target, event.decision, evidenceOf(event));
  else giveWord(draft, event);
  touch(draft);
}

/** A source that says only that the dialog of a server is over was faster than its result. */
function giveWord(draft: Draft, event: EventOf<'approval.resolved'>): void {
  const { decision, requestId, server } = event;
  const wordless = draft.context.settled.findLast((settled) => {
    if (settled.decision !== 'unknown' || settled.server === undefined) return false;
    if (requestId !== null) return settled.requestId === requestId;
    return server === null || settled.server === server;
  });
  if (wordless === undefined || decision === 'unknown') return;
  const evidence = evidenceOf(event);
  draft.context.settled = draft.context.settled.map((settled) =>
    settled === wordless ? { ...settled, decision, evidence } : settled,
  );
  noteClosed(draft, wordless.requestId, decision, evidence);
}
