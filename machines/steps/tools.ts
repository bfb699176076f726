/** Tool uses and subagents: reports that come in any order and still give one truth. */
import type { OpenApproval, SessionContext, SessionEvent } from '../session-types.ts';
import { bindToTool, close, closeByTool } from './approvals.ts';
import { amend, append, draftOf, finish, type Step, touch } from './draft.ts';
import {
  addTool,
  adoptAgent,
  dropTools,
  endAgent,
  isFinished,
  isLate,
  openTurn,
  remember,
  runs,
} from './running.ts';

type EventOf<Type extends SessionEvent['type']> = Extract<SessionEvent, { type: Type }>;

/** The model asks for a tool. Not yet "running": a permission may be asked first. */
export function toolStarted(context: SessionContext, event: EventOf<'tool.started'>): Step {
  const draft = draftOf(context, event);
  const { tool } = event;
  const isKnown = context.tools.some((known) => known.toolUseId === tool.toolUseId);
  // Its end overtook it: that report brought the whole message already.
  if (isKnown || isFinished(context, tool.toolUseId)) return finish(draft);
  if (event.message) append(draft, event.message);
  if (runs(context, tool.agentId, event.at)) {
    if (tool.agentId !== null) adoptAgent(draft, tool.agentId, event.agentType ?? 'unknown');
    else openTurn(draft);
    addTool(draft, tool);
    bindToTool(draft, tool);
  }
  draft.columns.last_tool = tool.name;
  touch(draft);
  return finish(draft);
}

/** A tool use is over, whether it ran, failed or was refused: whoever had to allow it has spoken. */
export function toolFinished(context: SessionContext, event: EventOf<'tool.finished'>): Step {
  const draft = draftOf(context, event);
  const { tool } = event;
  if (isFinished(context, tool.toolUseId)) return finish(draft);
  const isKnown = context.tools.some((known) => known.toolUseId === tool.toolUseId);
  if (isKnown && event.update) amend(draft, event.update.messageId, event.update.changes);
  else if (event.message) append(draft, event.message);
  const decision = event.outcome === 'refused' ? 'denied' : 'approved';
  closeByTool(draft, tool, decision, event.type);
  dropTools(draft, (known) => known.toolUseId === tool.toolUseId);
  remember(draft, tool);
  if (runs(context, tool.agentId, event.at)) {
    if (tool.agentId !== null) adoptAgent(draft, tool.agentId, event.agentType ?? 'unknown');
    else openTurn(draft);
    if (event.launched) adoptAgent(draft, event.launched.id, event.launched.type);
  }
  if (event.outcome !== 'refused') draft.columns.count = 'tool_count';
  touch(draft);
  return finish(draft);
}

/** A batch of tool uses is over: the only report about those refused by validation. */
export function toolsSettled(context: SessionContext, event: EventOf<'tools.settled'>): Step {
  const draft = draftOf(context, event);
  // The tools stay remembered: their own reports, which bring the output, may still be on their way.
  for (const tool of event.tools) closeByTool(draft, tool, 'approved', event.type);
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
