/**
 * What runs: the main thread's turn and the subagents. Opening and settling, and which reports are too
 * late to do either (decisions.md 18).
 */
import type { Agent, BegunTool, SessionContext, Stamp, ToolUse } from '../session-types.ts';
import { change, type Draft, wireTime } from './draft.ts';

/** Enough to recognise every report that can still be on its way. */
const MAX_FINISHED = 20;
/** More than any terminal runs; the oldest give way. */
const MAX_TOOLS = 256;
const MAX_AGENTS = 128;

/**
 * True when everything at that moment is already over: such a report brings content, nothing else. An
 * equal stamp is not late: a reporter whose clock only knows seconds means the order of delivery.
 */
export function isLate(context: SessionContext, at: Stamp): boolean {
  return at < context.turn.settledAt;
}

/** Late for the main thread: a newer prompt or an idle terminal says that what was before is over. */
export function isLateOnMain(context: SessionContext, at: Stamp): boolean {
  return isLate(context, at) || at < context.turn.clearedAt;
}

/** True when a report of that moment can still say that its thread runs. */
export function runs(context: SessionContext, agentId: string | null, at: Stamp): boolean {
  if (agentId === null) return !isLateOnMain(context, at);
  return context.agents.some((agent) => agent.id === agentId) || !isLate(context, at);
}

/** True when this agent was reported over since that moment. */
export function isAgentOver({ finished }: SessionContext, id: string, at: Stamp): boolean {
  return finished.some((over) => over.toolUseId === agentKey(id) && over.at >= at);
}

/** The main thread gave a sign of life: opens its turn unless one is open (its start was not reported). */
export function openTurn(draft: Draft): void {
  const { open, promptId, seenAt } = draft.context.turn;
  if (!open) startTurn(draft, promptId, draft.at);
  else draft.context.turn = { ...draft.context.turn, seenAt: later(seenAt, draft.at) };
}

/** Opens a new turn, whatever was open. */
export function startTurn(draft: Draft, promptId: string | null, startedAt: Stamp): void {
  const { turn } = draft.context;
  const count = turn.count + 1;
  const id = `turn-${count}`;
  const seenAt = later(turn.seenAt, startedAt);
  draft.context.turn = { ...turn, open: true, count, id, promptId, startedAt, seenAt };
  draft.changes.current_turn_id = id;
  draft.changes.turn_count = count;
}

/** Ends what the main thread did until this moment. What it did since belongs to the next turn. */
export function clearTurn(draft: Draft): void {
  const { open, id, startedAt, clearedAt, seenAt } = draft.context.turn;
  draft.context.turn = { ...draft.context.turn, clearedAt: later(draft.at, clearedAt) };
  if (!open || startedAt > draft.at) return;
  draft.context.turn = { ...draft.context.turn, open: false, id: null };
  if (id !== null) draft.changes.current_turn_id = null;
  if (seenAt > draft.at) startTurn(draft, null, seenAt);
}

/** From this moment on older reports, those of agents too, can no longer open anything. */
export function settle(draft: Draft): void {
  const { turn } = draft.context;
  draft.context.turn = { ...turn, settledAt: later(draft.at, turn.settledAt) };
}

/** Remembers a tool use that began. */
export function addTool(draft: Draft, tool: ToolUse): void {
  draft.context.tools = [...draft.context.tools, { ...tool, at: draft.at }].slice(-MAX_TOOLS);
}

/** Forgets tool uses whose thread is over; their outcome may still come. */
export function dropTools(draft: Draft, isOver: (tool: BegunTool) => boolean): void {
  const over = draft.context.tools.filter(isOver);
  if (over.length === 0) return;
  draft.context.tools = draft.context.tools.filter((tool) => !over.includes(tool));
  for (const tool of over) remember(draft, tool, false);
}

/** Moves a tool use from those that run to those that are over. */
export function finishTool(draft: Draft, tool: ToolUse): void {
  const { toolUseId } = tool;
  draft.context.tools = draft.context.tools.filter((known) => known.toolUseId !== toolUseId);
  remember(draft, tool, true);
}

/** The report about its batch said how a tool use ended; its own report may still come. */
export function settleTool(draft: Draft, tool: ToolUse): void {
  const { toolUseId } = tool;
  draft.context.tools = draft.context.tools.filter((known) => known.toolUseId !== toolUseId);
  remember(draft, tool, false);
  draft.context.finished = draft.context.finished.map((known) =>
    known.toolUseId === toolUseId ? { ...known, isSettled: true } : known,
  );
}

/** True when the report about its batch said how this tool use ended. */
export function isSettled({ finished }: SessionContext, { toolUseId }: ToolUse): boolean {
  return finished.some((known) => known.isSettled === true && known.toolUseId === toolUseId);
}

/** Remembers that something is over, for reports about it that come late. */
export function remember(draft: Draft, tool: ToolUse, isReported: boolean): void {
  const { toolUseId, agentId, name, digest } = tool;
  const others = draft.context.finished.filter((known) => known.toolUseId !== toolUseId);
  const finished = { toolUseId, agentId, name, digest, at: draft.at, isReported };
  draft.context.finished = [...others, finished].slice(-MAX_FINISHED);
}

/** True when the message of this tool use is in the conversation. */
export function isShown({ tools, finished }: SessionContext, { toolUseId }: ToolUse): boolean {
  return [...tools, ...finished].some((known) => known.toolUseId === toolUseId);
}

/** True when this tool use was reported finished. */
export function isFinished({ finished }: SessionContext, { toolUseId }: ToolUse): boolean {
  return finished.some((known) => known.isReported && known.toolUseId === toolUseId);
}

/** A subagent gave a sign of life: it runs, unless it was reported over since. */
export function adoptAgent(draft: Draft, id: string, type: string): void {
  const { agents } = draft.context;
  if (agents.some((agent) => agent.id === id)) {
    draft.context.agents = agents.map((agent) =>
      agent.id === id ? { ...agent, seenAt: later(draft.at, agent.seenAt) } : agent,
    );
    return;
  }
  if (isAgentOver(draft.context, id, draft.at)) return;
  const agent: Agent = { id, type, startedAt: wireTime(draft.at), seenAt: draft.at };
  draft.context.agents = [...agents, agent].slice(-MAX_AGENTS);
  showAgents(draft, [{ id, agent_type: type, started_at: agent.startedAt }]);
}

/** A subagent was over at this moment; its unfinished tools with it. */
export function endAgent(draft: Draft, id: string): void {
  remember(draft, { toolUseId: agentKey(id), agentId: id, name: 'agent', digest: '' }, true);
  dropTools(draft, (tool) => tool.agentId === id && tool.at <= draft.at);
  const agent = draft.context.agents.find((running) => running.id === id);
  if (agent && agent.seenAt <= draft.at) removeAgent(draft, agent);
}

/** Ends all that runs, whatever was heard of it since. */
export function endEverything(draft: Draft): void {
  const { turn } = draft.context;
  draft.context.turn = { ...turn, open: false, id: null };
  if (turn.id !== null) draft.changes.current_turn_id = null;
  settle(draft);
  for (const agent of draft.context.agents) removeAgent(draft, agent);
  dropTools(draft, () => true);
}

/** Ends every subagent that is not among those known to go on. */
export function keepAgents(draft: Draft, goesOn: ReadonlySet<string>): void {
  for (const agent of draft.context.agents) {
    if (!goesOn.has(agent.id) && agent.seenAt <= draft.at) endAgent(draft, agent.id);
  }
}

function removeAgent(draft: Draft, agent: Agent): void {
  draft.context.agents = draft.context.agents.filter((running) => running !== agent);
  showAgents(draft, [ended(agent, draft.at)]);
}

function showAgents(draft: Draft, agents: NonNullable<Draft['changes']['subagents']>): void {
  draft.changes.subagents = [...(draft.changes.subagents ?? []), ...agents];
}

function ended(agent: Agent, at: Stamp): NonNullable<Draft['changes']['subagents']>[number] {
  const { id, type, startedAt } = agent;
  return { id, agent_type: type, started_at: startedAt, ended_at: wireTime(at) };
}

/** Key of an agent among finished tool uses. */
function agentKey(id: string): string {
  return `agent:${id}`;
}

/** Brings an ended session back; the list hears of it whole. */
export function revive(draft: Draft): void {
  if (draft.context.session.status === 'active') return;
  change(draft, 'status', 'active');
  draft.columns.ended_at = null;
  draft.columns.end_reason = null;
  draft.relist = true;
}

/** The later of two moments. */
export function later(one: Stamp, other: Stamp): Stamp {
  return one < other ? other : one;
}
