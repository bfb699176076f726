/**
 * What runs: the main thread's turn, its tool uses and the subagents. What an edge of the chart says of
 * the turn is carried out here; which reports are too late to say anything is in evidence.ts.
 */
import type { MessageChanges } from '../../src/protocol/nouns.ts';
import { agentKey, isAgentOver, isOpenAt, isQuietSince, later } from '../evidence.ts';
import type { Agent, BegunTool, SessionContext, Stamp, ToolUse } from '../session-types.ts';
import { amend, amendWithoutResult, type Draft, wireTime } from './step-draft.ts';

/** Enough to recognise every report that can still be on its way. */
const MAX_FINISHED = 20;
/** More than any terminal runs; the oldest are forgotten first. */
const MAX_TOOLS = 256;
const MAX_AGENTS = 128;

/**
 * What the taken edge says of the main thread's turn: it begins, ends, ends and another begins (`renews`),
 * stays `open` or `closed`; `late` where the report is too old to say anything of it.
 */
export type TurnEdge = 'begins' | 'renews' | 'ends' | 'open' | 'closed' | 'late';

/** A sign of life of the main thread: its turn begins, or is known to run still. */
export function noteWork(draft: Draft, edge: TurnEdge): void {
  if (edge === 'begins') beginTurn(draft, draft.context.turn.promptId, draft.at);
  else if (edge === 'open') {
    const { turn } = draft.context;
    draft.context.turn = { ...turn, seenAt: later(turn.seenAt, draft.at) };
  }
}

/** Numbers a new turn. */
export function beginTurn(draft: Draft, promptId: string | null, startedAt: Stamp): void {
  const { turn } = draft.context;
  const count = turn.count + 1;
  const id = `turn-${count}`;
  const seenAt = later(turn.seenAt, startedAt);
  draft.context.turn = { ...turn, count, id, promptId, startedAt, seenAt };
  draft.changes.current_turn_id = id;
  draft.changes.turn_count = count;
}

/** Carries out what the edge says of the turn's end; what the main thread did since belongs to the next one. */
export function closeTurn(draft: Draft, edge: TurnEdge): void {
  const { turn } = draft.context;
  draft.context.turn = { ...turn, clearedAt: later(draft.at, turn.clearedAt) };
  if (edge !== 'ends' && edge !== 'renews') return;
  draft.context.turn.id = null;
  if (turn.id !== null) draft.changes.current_turn_id = null;
  if (edge === 'renews') beginTurn(draft, null, turn.seenAt);
}

/** From this moment on older reports, those of agents too, can no longer open anything. */
export function settle(draft: Draft): void {
  const { turn } = draft.context;
  draft.context.turn = { ...turn, settledAt: later(draft.at, turn.settledAt) };
}

/** Remembers a tool use that began. */
export function addTool(draft: Draft, tool: ToolUse & Pick<BegunTool, 'messageId'>): void {
  draft.context.tools = [...draft.context.tools, { ...tool, at: draft.at }].slice(-MAX_TOOLS);
}

/** Gives every tool use whose outcome is not shown its end; one that is reported yet wins over it. */
export function cutOffTools(draft: Draft, reason: string): void {
  const { tools, finished } = draft.context;
  for (const tool of [...finished, ...tools]) {
    if (tool.messageId === undefined) continue;
    amend(draft, tool.messageId, { tool_output: `interrupted: ${reason}`, is_error: true });
  }
  draft.context.tools = tools.map(withoutMessage);
  draft.context.finished = finished.map(withoutMessage);
}

/**
 * A prompt follows: of the tool uses before it whose end no source has reported, none goes on. They were denied or cut
 * off by a key, or their process was killed.
 */
export function closeTools(draft: Draft): void {
  draft.context.finished = draft.context.finished.map((tool) => {
    if (tool.messageId === undefined || !isOpenAt(tool, draft.at)) return tool;
    amendWithoutResult(draft, tool.messageId);
    return withoutMessage(tool);
  });
}

/** A compaction that is refused ("not enough messages") reports no end: what follows it says that it is over. */
export function cutOffCompaction(draft: Draft): void {
  const { compaction } = draft.context;
  if (compaction === undefined || compaction.isOver) return;
  const content = 'The conversation was not compacted';
  amend(draft, compaction.messageId, { content, is_in_progress: false });
  draft.context.compaction = { ...compaction, isOver: true };
}

/** A message changed: a command that outlived its turn shows its outcome this way. */
export function noteOutcome(
  draft: Draft,
  messageId: string,
  { tool_output }: MessageChanges,
): void {
  if (tool_output === undefined || tool_output === null) return;
  draft.context.finished = draft.context.finished.map((tool) =>
    tool.messageId === messageId ? withoutMessage(tool) : tool,
  );
}

function withoutMessage<Tool extends { messageId?: string }>(tool: Tool): Tool {
  if (tool.messageId === undefined) return tool;
  const { messageId: _, ...rest } = tool;
  return rest as Tool;
}

/** Forgets tool uses whose thread is over; their outcome may still come. */
export function dropTools(draft: Draft, isOver: (tool: BegunTool) => boolean): void {
  const over = draft.context.tools.filter(isOver);
  if (over.length === 0) return;
  draft.context.tools = draft.context.tools.filter((tool) => !over.includes(tool));
  for (const tool of over) rememberTool(draft, tool, false);
}

/** Moves a tool use from those that run to those that are over. */
export function finishTool(draft: Draft, tool: ToolUse): void {
  const { toolUseId } = tool;
  draft.context.tools = draft.context.tools.filter((known) => known.toolUseId !== toolUseId);
  rememberTool(draft, tool, true);
}

/** The report about its batch said how a tool use ended; its own report may still come. */
export function settleTool(draft: Draft, tool: ToolUse): void {
  const { toolUseId } = tool;
  draft.context.tools = draft.context.tools.filter((known) => known.toolUseId !== toolUseId);
  rememberTool(draft, tool, false);
  draft.context.finished = draft.context.finished.map((known) =>
    known.toolUseId === toolUseId ? { ...known, isSettled: true } : known,
  );
}

/** True when the report about its batch said how this tool use ended. */
export function isSettled({ finished }: SessionContext, { toolUseId }: ToolUse): boolean {
  return finished.some((known) => known.isSettled === true && known.toolUseId === toolUseId);
}

/** Remembers that something is over, for reports about it that come late. */
export function rememberTool(
  draft: Draft,
  tool: ToolUse & Pick<BegunTool, 'messageId'>,
  isReported: boolean,
): void {
  const { toolUseId, agentId, name, digest, messageId } = tool;
  const others = draft.context.finished.filter((known) => known.toolUseId !== toolUseId);
  const shown = isReported || messageId === undefined ? {} : { messageId };
  const finished = { toolUseId, agentId, name, digest, at: draft.at, isReported, ...shown };
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

/** The call that began a subagent is over, and the subagent works on. */
export function sendToBackground(draft: Draft, { id, type }: Pick<Agent, 'id' | 'type'>): void {
  adoptAgent(draft, id, type);
  draft.context.agents = draft.context.agents.map((agent) =>
    agent.id === id ? { ...agent, isBackground: true } : agent,
  );
}

/**
 * Whether the main thread waits for a subagent: then the terminal shows what it asks at once. What one in the
 * background asks is shown only when the hooks of the request are over.
 */
export function isInForeground({ agents, tools }: SessionContext, id: string): boolean {
  const agent = agents.find((running) => running.id === id);
  return agent?.isBackground !== true && tools.some(({ agentId }) => agentId === null);
}

/** A subagent was over at this moment; its unfinished tools with it. */
export function endAgent(draft: Draft, id: string): void {
  rememberTool(draft, { toolUseId: agentKey(id), agentId: id, name: 'agent', digest: '' }, true);
  dropTools(draft, (tool) => tool.agentId === id && isOpenAt(tool, draft.at));
  const agent = draft.context.agents.find((running) => running.id === id);
  if (agent && isQuietSince(agent, draft.at)) removeAgent(draft, agent);
}

/** Ends all that runs, whatever was reported of it since. */
export function endEverything(draft: Draft): void {
  const { turn } = draft.context;
  draft.context.turn = { ...turn, id: null };
  if (turn.id !== null) draft.changes.current_turn_id = null;
  settle(draft);
  for (const agent of draft.context.agents) removeAgent(draft, agent);
  dropTools(draft, () => true);
  cutOffCompaction(draft);
}

/** Ends every subagent that is not among those known to go on. */
export function keepAgents(draft: Draft, goesOn: ReadonlySet<string>): void {
  for (const agent of draft.context.agents) {
    if (!goesOn.has(agent.id) && isQuietSince(agent, draft.at)) endAgent(draft, agent.id);
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
