/**
 * Requests that wait for a person: opened, matched to the tool use that asks, closed only on evidence
 * about that very request or the end of its turn. Every closing names its evidence.
 */
import {
  byAge,
  findAsker,
  isAgentOver,
  isNewNotice,
  isOpenAt,
  isSameUse,
  later,
  mayRun,
  wasAskedBefore,
  wasFinishedAfter,
} from '../evidence.ts';
import type { Decision, OpenApproval, SessionContext, ToolUse } from '../session-types.ts';
import { correctGuess, isShownAtOnce, outcomeOf } from './answers.ts';
import { adoptAgent, dropTools, noteWork, type TurnEdge } from './running.ts';
import {
  append,
  type Draft,
  type EventOf,
  evidenceOf,
  isDirect,
  isShared,
  touch,
} from './step-draft.ts';

/** More open requests than a person could ever answer; beyond it new ones are not opened. */
const MAX_OPEN_APPROVALS = 64;
/** Enough for every client that still shows an old request. */
const MAX_SETTLED = 20;

type Asked = EventOf<'approval.requested'>;

/** A tool, an MCP server or the provider asks for a decision. */
export function approvalRequested(draft: Draft, event: Asked, edge: TurnEdge): void {
  const { toolUseId, opens } = readRequest(draft.before, event);
  if (event.message) append(draft, event.message);
  close(draft, (notice) => isNoticeOf(notice, event), 'cancelled', evidenceOf(event));
  if (event.server !== null && mayAsk(draft.before, event)) grantByElicitation(draft, event.server);
  if (!opens) return;
  if (event.tool) closeSent(draft, toolUseId ?? event.request.id, event.tool);
  if (event.tool?.agentId) adoptAgent(draft, event.tool.agentId, 'unknown');
  else noteWork(draft, edge);
  const mayAnswer = event.isAwaited && isShownAtOnce(draft.context, event.tool);
  open(draft, {
    request: mayAnswer ? { ...event.request, answerable: true } : event.request,
    tool: event.tool,
    toolUseId,
    server: event.server,
    isBare: false,
    at: event.at,
  });
  touch(draft);
}

/** Whether a request is new and may still be waiting, and which tool use asks. */
export function readRequest(
  context: SessionContext,
  event: Asked,
): { toolUseId: string | null; opens: boolean } {
  const { tool, at } = event;
  const others = context.approvals.filter(
    (approval) => !isNoticeOf(approval, event) && !isToldAgain(context, approval, event),
  );
  const asker = tool ? findAsker(context, others, tool) : null;
  const toolUseId = event.toolUseId ?? asker?.toolUseId ?? null;
  const isRepeated =
    tool !== null &&
    toolUseId === null &&
    others.some((approval) => approval.tool !== null && isSameUse(approval.tool, tool));
  const isOver = tool !== null && wasFinishedAfter(context, tool, at, asker);
  return { toolUseId, opens: mayAsk(context, event) && !isRepeated && !isOver };
}

/** A bare notification: only believed when nothing better is known. */
export function attentionNoticed(
  draft: Draft,
  event: EventOf<'attention.noticed'> | EventOf<'witness.waiting'>,
  isTurnOpen: boolean,
): void {
  const { before } = draft;
  if (isTurnOpen && event.type === 'attention.noticed' && event.kind === 'question') {
    grantByDialog(draft, event);
  }
  const { length: stillOpen } = draft.context.approvals;
  if (!isTurnOpen || stillOpen > 0 || !isNewNotice(before, event.at)) return;
  if (!mayRun(before, null, event.at)) return;
  // What was decided already does not ask again, whether or not its end was reported.
  const isDecided = (id: string) => before.settled.some(({ toolUseId }) => toolUseId === id);
  const asker = before.tools.findLast(
    ({ agentId, toolUseId }) => agentId === null && !isDecided(toolUseId),
  );
  open(draft, {
    request: event.request,
    tool: asker ? { agentId: null, name: asker.name, digest: asker.digest } : null,
    toolUseId: asker?.toolUseId ?? null,
    server: null,
    isBare: true,
    at: draft.at,
  });
  touch(draft);
}

/**
 * A dialog of an MCP server is open, reported by a CLI whose registration has no hook for it: the one request that
 * was open before, if it is about an MCP tool, was granted, or its server could not ask.
 */
function grantByDialog(draft: Draft, event: EventOf<'attention.noticed'>): void {
  const [asks, ...others] = draft.context.approvals;
  if (!asks || others.length > 0 || asks.server !== null || !isOpenAt(asks, event.at)) return;
  if (asks.tool === null || serverOf(asks.tool.name) === null) return;
  close(draft, (approval) => approval === asks, 'approved', evidenceOf(event));
}

/** True for what a bare notification opened for this very request: here it is, with its details. */
function isNoticeOf({ isBare, at, tool }: OpenApproval, event: Asked): boolean {
  if (!isBare) return false;
  if (at >= event.at) return true;
  const asks = event.tool;
  return asks !== null && asks.agentId === null && (tool === null || isSameUse(tool, asks));
}

/** True for the same request after the connection was made anew: it waits still, whatever was sent to it. */
function isToldAgain({ session }: SessionContext, { request }: OpenApproval, event: Asked) {
  return isShared(session) && request.id === event.request.id;
}

/** True while the agent that asks may still be waiting: its thread was not reported over since. */
function mayAsk(context: SessionContext, event: Asked): boolean {
  const agentId = event.tool?.agentId ?? null;
  if (agentId !== null && isAgentOver(context, agentId, event.at)) return false;
  return mayRun(context, agentId, event.at);
}

// ---- shared with the other steps -------------------------------------------------------------------

/** Closes every open request that matches, noting the word and the evidence. */
export function close(
  draft: Draft,
  matches: (approval: OpenApproval) => boolean,
  decision: Decision,
  evidence: string,
): void {
  const closed = draft.context.approvals.filter(matches);
  if (closed.length === 0) return;
  draft.context.answeredAt = later(draft.at, draft.context.answeredAt);
  draft.context.approvals = draft.context.approvals.filter(
    (approval) => !closed.includes(approval),
  );
  for (const approval of closed) {
    const { request, isBare } = approval;
    const { id: requestId, type } = request;
    // The request that takes the place of a notice is the one that its tool use refers to from now on.
    const isReplaced = isBare && draft.event.type === 'approval.requested';
    const toolUseId = isReplaced ? null : approval.toolUseId;
    const outcome = outcomeOf(draft, approval, decision, evidence);
    const word = wordFor(outcome.decision, type);
    const asker = approval.server === null ? {} : { server: approval.server };
    const settled = { requestId, ...outcome, decision: word, toolUseId, type, ...asker };
    draft.context.settled = [...draft.context.settled, settled].slice(-MAX_SETTLED);
    noteClosed(draft, requestId, word, outcome.evidence);
  }
}

/** A question that was allowed is one that was answered. */
export function wordFor(decision: Decision, type: OpenApproval['request']['type']): Decision {
  return decision === 'approved' && type === 'question' ? 'answered' : decision;
}

/** Notes the word for a request that is closed, and the evidence. */
export function noteClosed(
  draft: Draft,
  request_id: string,
  decision: Decision,
  evidence: string,
): void {
  const { id: session_id } = draft.context.session;
  const { at } = draft;
  draft.notes.push({ type: 'approval_closed', session_id, request_id, decision, evidence, at });
}

/** Reports that say that a request is over, not that it was allowed. */
const GUESSED = /^(tools\.settled|later) /;

/**
 * A tool use is over that began after a request of its thread, while nothing else of that thread was
 * unfinished: the model went on with the result of what had asked, so the person answered. Only for CLIs
 * that report no batches, which say it better.
 */
export function closeEarlier(draft: Draft, { toolUseId, agentId }: ToolUse): void {
  const { approvals, tools, hasBatches } = draft.context;
  if (hasBatches || isDirect(draft.context.session)) return;
  const begun = tools.find((tool) => tool.toolUseId === toolUseId);
  const asks = approvals.find(
    (request) =>
      request.tool?.agentId === agentId && !request.isBare && wasAskedBefore(request, begun),
  );
  if (!asks) return;
  const isAnother = (tool: ToolUse) =>
    tool.agentId === agentId && ![toolUseId, asks.toolUseId].includes(tool.toolUseId);
  if (tools.some(isAnother)) return;
  close(draft, (approval) => approval === asks, 'unknown', `later ${toolUseId}`);
  dropTools(draft, (tool) => tool.toolUseId === asks.toolUseId);
}

/**
 * A tool use ran: a request of it that was closed for want of better knowledge, by the end of its turn or
 * by what its batch said, was approved after all.
 */
export function correctByRun(draft: Draft, { toolUseId }: ToolUse, evidence: string): void {
  correctByOutcome(draft, { toolUseId }, 'approved', evidence);
}

/** The same for a tool use of which a report says which way its request was decided. */
export function correctByOutcome(
  draft: Draft,
  { toolUseId }: Pick<ToolUse, 'toolUseId'>,
  outcome: 'approved' | 'denied',
  evidence: string,
): void {
  const { session } = draft.context;
  // A provider that only we write to says of each request how it was settled.
  if (isDirect(session) && !isShared(session)) return;
  draft.context.settled = draft.context.settled.map((settled) => {
    const isGuess =
      settled.decision === 'cancelled' ||
      settled.decision === 'unknown' ||
      GUESSED.test(settled.evidence);
    if (settled.toolUseId !== toolUseId || settled.type === undefined || !isGuess) return settled;
    const decision = wordFor(outcome, settled.type);
    noteClosed(draft, settled.requestId, decision, `${evidence} ${toolUseId}`);
    return { ...settled, decision, evidence: `${evidence} ${toolUseId}` };
  });
  correctSent(draft, { toolUseId }, outcome, evidence);
}

/** A report about a tool use says another word than the one that was sent and believed. */
export function correctSent(
  draft: Draft,
  { toolUseId }: Pick<ToolUse, 'toolUseId'>,
  decision: Decision,
  evidence: string,
): void {
  draft.context.settled = draft.context.settled.map((settled) => {
    const word = settled.type === undefined ? decision : wordFor(decision, settled.type);
    const said = { decision: word, evidence: `${evidence} ${toolUseId}` };
    const corrected = correctGuess(draft, settled, toolUseId, said);
    if (corrected === null) return settled;
    noteClosed(draft, settled.requestId, corrected.decision, corrected.evidence);
    return corrected;
  });
}

/** A terminal asks for one use of a thread at a time: the next one says that what was sent for it has arrived. */
export function closeSent(draft: Draft, id: string, next: Omit<ToolUse, 'toolUseId'>): void {
  const isBefore = ({ tool, toolUseId }: OpenApproval) =>
    tool?.agentId === next.agentId &&
    (isSameUse(tool, next) ? toolUseId !== null && id !== toolUseId : true);
  const isOver = (asks: OpenApproval) =>
    asks.sent !== undefined && asks.sent.at < draft.at && isBefore(asks);
  if (!isDirect(draft.context.session)) close(draft, isOver, 'unknown', `later ${id}`);
}

/** Closes what waited for this very tool use: it ran or was refused, so it was answered. */
export function closeByTool(
  draft: Draft,
  tool: ToolUse,
  decision: Decision,
  evidence: string,
): void {
  const server = serverOf(tool.name);
  const othersOfServer = draft.context.tools.some(
    (other) => other.toolUseId !== tool.toolUseId && serverOf(other.name) === server,
  );
  close(
    draft,
    (approval) => {
      if (!isOpenAt(approval, draft.at)) return false;
      if (approval.toolUseId !== null) return approval.toolUseId === tool.toolUseId;
      if (approval.tool !== null) return isSameUse(approval.tool, tool);
      if (approval.server !== null) return approval.server === server && !othersOfServer;
      return tool.agentId === null;
    },
    decision,
    `${evidence} ${tool.toolUseId}`,
  );
}

/** Ties a request that came before its tool use to it. */
export function bindToTool(draft: Draft, tool: ToolUse): void {
  const index = draft.context.approvals.findIndex(
    ({ toolUseId, tool: asks }) => toolUseId === null && asks !== null && isSameUse(asks, tool),
  );
  if (index < 0) return;
  draft.context.approvals = draft.context.approvals.map((approval, i) =>
    i === index ? { ...approval, toolUseId: tool.toolUseId } : approval,
  );
}

function open(draft: Draft, approval: OpenApproval): void {
  // Reported again after the connection was made anew: what was sent to it did not arrive.
  draft.context.approvals = draft.context.approvals.filter(
    ({ request }) => request.id !== approval.request.id,
  );
  if (draft.context.approvals.length >= MAX_OPEN_APPROVALS) return;
  draft.context.approvals = [...draft.context.approvals, approval].sort(byAge);
  draft.notes.push({
    type: 'approval_opened',
    session_id: draft.context.session.id,
    request: approval.request,
    tool_name: approval.tool?.name ?? approval.request.tool_name ?? '',
    at: approval.at,
  });
}

/** An MCP server that asks is running: its only unfinished tool use was therefore allowed. */
function grantByElicitation(draft: Draft, server: string): void {
  const uses = draft.context.tools.filter((tool) => serverOf(tool.name) === server);
  const [only] = uses;
  if (only === undefined || uses.length > 1) return;
  close(
    draft,
    (approval) => approval.server === null && approval.toolUseId === only.toolUseId,
    'approved',
    `elicitation by ${server}`,
  );
}

/** `mcp__elic__askme` -> `elic`; null for tools of the CLI itself. */
function serverOf(toolName: string): string | null {
  return /^mcp__(.+?)__/.exec(toolName)?.[1] ?? null;
}
