/** Tool uses and subagents: reports that come in any order and still give one result. */
import { isLate, isOpenAt, mayRun } from '../evidence.ts';
import type { BegunTool, Decision, OpenApproval, SettledTool } from '../session-types.ts';
import { waitersOfBackgroundLeft } from './answers.ts';
import {
  bindToTool,
  close,
  closeByTool,
  closeEarlier,
  closeSent,
  correctByOutcome,
  correctByRun,
  correctSent,
} from './approvals.ts';
import {
  addTool,
  adoptAgent,
  endAgent,
  finishTool,
  isFinished,
  isSettled,
  isShown,
  noteWork,
  rememberTool,
  sendToBackground,
  settleTool,
  type TurnEdge,
} from './running.ts';
import {
  amend,
  append,
  type Draft,
  type EventOf,
  evidenceOf,
  isShared,
  touch,
} from './step-draft.ts';
import { endTurn } from './turns.ts';

/** What an outcome says of the request that may have stood before it. */
const DECISIONS = {
  succeeded: 'approved',
  failed: 'approved',
  refused: 'denied',
  // Before it ran or while it did: no source says.
  interrupted: 'cancelled',
} as const;

/** The model asks for a tool. Not yet "running": a permission may be asked first. */
export function toolStarted(draft: Draft, event: EventOf<'tool.started'>, edge: TurnEdge): void {
  const { tool } = event;
  // Its end overtook it: that report brought the whole message already.
  if (isShown(draft.before, tool)) return;
  if (event.message) append(draft, event.message);
  if (mayRun(draft.before, tool.agentId, event.at)) {
    if (tool.agentId !== null) adoptAgent(draft, tool.agentId, event.agentType ?? 'unknown');
    else noteWork(draft, edge);
    closeSent(draft, tool.toolUseId, tool);
    addTool(draft, { ...tool, ...messageOf(event) });
    bindToTool(draft, tool);
  } else rememberTool(draft, { ...tool, ...messageOf(event) }, false);
  draft.columns.last_tool = tool.name;
  touch(draft);
}

/** What may have to give the tool use its end needs its message. */
function messageOf({ message }: EventOf<'tool.started'>): Pick<BegunTool, 'messageId'> {
  return message ? { messageId: message.id } : {};
}

/** A tool use is over, whether it ran, failed or was refused: its permission was decided. */
export function toolFinished(draft: Draft, event: EventOf<'tool.finished'>, edge: TurnEdge): void {
  const { tool } = event;
  if (isFinished(draft.before, tool)) return;
  showOutcome(draft, event);
  const decision = DECISIONS[event.outcome];
  closeByTool(draft, tool, decision, evidenceOf(event));
  closeEarlier(draft, tool);
  if (decision === 'approved') correctByRun(draft, tool, evidenceOf(event));
  else if (decision === 'denied' && isShared(draft.before.session)) {
    correctByOutcome(draft, tool, decision, evidenceOf(event));
  }
  finishTool(draft, tool);
  if (mayRun(draft.before, tool.agentId, event.at)) {
    if (tool.agentId !== null) adoptAgent(draft, tool.agentId, event.agentType ?? 'unknown');
    else if (event.outcome === 'interrupted') endTurn(draft, null, edge);
    else noteWork(draft, edge);
    if (event.launched) sendToBackground(draft, event.launched);
  }
  waitersOfBackgroundLeft(draft);
  if (event.outcome !== 'refused') draft.columns.count = 'tool_count';
  touch(draft);
}

/** After the end of the session a tool use only brings what it says. */
export function toolKept(
  draft: Draft,
  event: EventOf<'tool.started'> | EventOf<'tool.finished'> | EventOf<'tools.settled'>,
): void {
  if (event.type === 'tools.settled') return;
  const { tool } = event;
  if (event.type === 'tool.finished') {
    if (isFinished(draft.before, tool)) return;
    showOutcome(draft, event);
    finishTool(draft, tool);
  } else if (!isShown(draft.before, tool)) {
    if (event.message) append(draft, event.message);
    rememberTool(draft, tool, false);
  }
}

/** The outcome changes the message of the tool use, or is that message when none is shown yet. */
function showOutcome(draft: Draft, event: EventOf<'tool.finished'>): void {
  const { update, message, tool } = event;
  if (update && isShown(draft.context, tool)) {
    // The app reads a duration only beside a content. Of a tool that no longer counts as running it may not
    // hold the message any more, and would make a new one of the content.
    const runs = draft.context.tools.some(({ toolUseId }) => toolUseId === tool.toolUseId);
    const content = runs && message ? { content: message.content } : {};
    amend(draft, update.messageId, { ...content, ...update.changes });
  } else if (message) append(draft, message);
}

/**
 * A batch of tool uses is over: the only report about those that were refused. It is no proof that the others
 * ran; their own reports say so, which may still be on their way and win over this one.
 */
export function toolsSettled(draft: Draft, event: EventOf<'tools.settled'>): void {
  draft.context.hasBatches = true;
  for (const tool of event.tools) {
    if (isFinished(draft.context, tool)) continue;
    const { result } = tool;
    const decision = result?.outcome === 'refused' ? refusalOf(result) : 'unknown';
    closeByTool(draft, tool, decision, evidenceOf(event));
    if (decision !== 'unknown') correctSent(draft, tool, decision, evidenceOf(event));
    if (!result || isSettled(draft.context, tool)) continue;
    if (isShown(draft.context, tool)) {
      amend(draft, result.update.messageId, result.update.changes);
    } else append(draft, result.message);
    settleTool(draft, tool);
  }
  touch(draft);
}

/** The word for a tool use that did not run. */
function refusalOf({ isByRule }: NonNullable<SettledTool['result']>): Decision {
  return isByRule ? 'refused_by_rule' : 'denied';
}

/** A subagent began. */
export function agentStarted(draft: Draft, event: EventOf<'agent.started'>): void {
  if (!isLate(draft.before, event.at)) adoptAgent(draft, event.agentId, event.agentType);
  touch(draft);
}

/** A subagent is over, and what it had asked for with it. */
export function agentFinished(draft: Draft, event: EventOf<'agent.finished'>): void {
  const isItsOwn = (request: OpenApproval) =>
    request.tool?.agentId === event.agentId && isOpenAt(request, event.at);
  close(draft, isItsOwn, 'cancelled', evidenceOf(event));
  endAgent(draft, event.agentId);
  touch(draft);
}
