/** Tool uses and subagents: reports that come in any order and still give one truth. */

import type { SessionEvent } from '../session-events.ts';
import type { OpenApproval, SessionContext } from '../session-types.ts';
import { bindToTool, close, closeByTool, closeEarlier, correctByRun } from './approvals.ts';
import { amend, append, type Draft, draftOf, finish, type Step, touch } from './draft.ts';
import {
  addTool,
  adoptAgent,
  endAgent,
  finishTool,
  isFinished,
  isLate,
  isSettled,
  isShown,
  openTurn,
  remember,
  runs,
  settleTool,
} from './running.ts';
import { endTurn } from './turns.ts';

type EventOf<Type extends SessionEvent['type']> = Extract<SessionEvent, { type: Type }>;

/** What an outcome says of the request that may have stood before it. */
const DECISIONS = {
  succeeded: 'approved',
  failed: 'approved',
  refused: 'denied',
  // Before it ran or while it did: nobody says.
  interrupted: 'cancelled',
} as const;

/** The model asks for a tool. Not yet "running": a permission may be asked first. */
export function toolStarted(context: SessionContext, event: EventOf<'tool.started'>): Step {
  const draft = draftOf(context, event);
  const { tool } = event;
  // Its end overtook it: that report brought the whole message already.
  if (isShown(context, tool)) return finish(draft);
  if (event.message) append(draft, event.message);
  if (runs(context, tool.agentId, event.at)) {
    if (tool.agentId !== null) adoptAgent(draft, tool.agentId, event.agentType ?? 'unknown');
    else openTurn(draft);
    addTool(draft, tool);
    bindToTool(draft, tool);
  } else remember(draft, tool, false);
  draft.columns.last_tool = tool.name;
  touch(draft);
  return finish(draft);
}

/** A tool use is over, whether it ran, failed or was refused: whoever had to allow it has spoken. */
export function toolFinished(context: SessionContext, event: EventOf<'tool.finished'>): Step {
  const draft = draftOf(context, event);
  const { tool } = event;
  if (isFinished(context, tool)) return finish(draft);
  showOutcome(draft, event);
  const decision = DECISIONS[event.outcome];
  closeByTool(draft, tool, decision, event.type);
  closeEarlier(draft, tool);
  if (decision === 'approved') correctByRun(draft, tool, event.type);
  finishTool(draft, tool);
  if (runs(context, tool.agentId, event.at)) {
    if (tool.agentId !== null) adoptAgent(draft, tool.agentId, event.agentType ?? 'unknown');
    else if (event.outcome === 'interrupted') endTurn(draft, null);
    else openTurn(draft);
    if (event.launched) adoptAgent(draft, event.launched.id, event.launched.type);
  }
  if (event.outcome !== 'refused') draft.columns.count = 'tool_count';
  touch(draft);
  return finish(draft);
}

/** After the end of the session a tool use only brings what it says. */
export function toolKept(
  context: SessionContext,
  event: EventOf<'tool.started'> | EventOf<'tool.finished'>,
): Step {
  const draft = draftOf(context, event);
  const { tool } = event;
  if (event.type === 'tool.finished') {
    if (isFinished(context, tool)) return finish(draft);
    showOutcome(draft, event);
    finishTool(draft, tool);
  } else if (!isShown(context, tool)) {
    if (event.message) append(draft, event.message);
    remember(draft, tool, false);
  }
  return finish(draft);
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
export function toolsSettled(context: SessionContext, event: EventOf<'tools.settled'>): Step {
  const draft = draftOf(context, event);
  draft.context.hasBatches = true;
  for (const tool of event.tools) {
    if (isFinished(draft.context, tool)) continue;
    const { result } = tool;
    closeByTool(draft, tool, result?.outcome === 'refused' ? 'denied' : 'unknown', event.type);
    if (!result || isSettled(draft.context, tool)) continue;
    if (isShown(draft.context, tool)) {
      amend(draft, result.update.messageId, result.update.changes);
    } else append(draft, result.message);
    settleTool(draft, tool);
  }
  touch(draft);
  return finish(draft);
}

/** A subagent began. */
export function agentStarted(context: SessionContext, event: EventOf<'agent.started'>): Step {
  const draft = draftOf(context, event);
  if (!isLate(context, event.at)) adoptAgent(draft, event.agentId, event.agentType);
  touch(draft);
  return finish(draft);
}

/** A subagent is over, and what it had asked for with it. */
export function agentFinished(context: SessionContext, event: EventOf<'agent.finished'>): Step {
  const draft = draftOf(context, event);
  const isItsOwn = ({ tool, at }: OpenApproval) =>
    tool?.agentId === event.agentId && at <= event.at;
  close(draft, isItsOwn, 'cancelled', event.type);
  endAgent(draft, event.agentId);
  touch(draft);
  return finish(draft);
}
