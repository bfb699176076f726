/** Turns: started by a prompt, ended by completion, failure, abort or silence; compaction and undo. */

import type { SessionEvent } from '../session-events.ts';
import type { OpenApproval, SessionContext } from '../session-types.ts';
import { close } from './approvals.ts';
import {
  append,
  change,
  clip,
  type Draft,
  draftOf,
  finish,
  isDirect,
  keepContent,
  nameAfter,
  type Step,
  touch,
} from './draft.ts';
import {
  adoptAgent,
  clearTurn,
  dropTools,
  isLate,
  isLateOnMain,
  keepAgents,
  revive,
  settle,
  startTurn,
} from './running.ts';

type EventOf<Type extends SessionEvent['type']> = Extract<SessionEvent, { type: Type }>;

/** A prompt, the user's or the provider's own, begins a turn and ends whatever was open before it. */
export function turnStarted(context: SessionContext, event: EventOf<'turn.started'>): Step {
  const draft = draftOf(context, event);
  const { turn } = context;
  const isRepeated = event.promptId !== null && event.promptId === turn.promptId;
  if (event.message && !isRepeated) append(draft, event.message);
  if (event.prompt !== null) nameAfter(draft, event.prompt);
  if (event.prompt !== null && !isRepeated) draft.columns.count = 'prompt_count';
  if (isLateOnMain(context, event.at) || isRepeated) return finish(draft);
  revive(draft);
  close(
    draft,
    (request) => isOfMainThread(request) && request.at <= event.at,
    'cancelled',
    event.type,
  );
  dropTools(draft, (tool) => tool.agentId === null && tool.at <= event.at);
  // Overtaken by its own tools, it is the prompt of the turn that they opened.
  draft.context.turn = { ...turn, promptId: event.promptId, clearedAt: event.at };
  const isOvertaken = event.at < turn.startedAt;
  if (!isOvertaken) startTurn(draft, event.promptId, event.at);
  // A steered turn begins with clean paper: an interrupted one may have left its diff (A14).
  if (isDirect(context.session)) draft.changes.current_diff = null;
  touch(draft);
  return finish(draft);
}

/** The main thread is done; agents that go on in the background keep the session working. */
export function turnCompleted(context: SessionContext, event: EventOf<'turn.completed'>): Step {
  const draft = draftOf(context, event);
  const isNewReply =
    context.turn.open || clip(event.message?.content ?? '') !== context.session.last_message;
  if (event.message && isNewReply) append(draft, event.message);
  if (isLate(context, event.at)) return finish(draft);
  recordDiff(draft, event);
  endTurn(draft, event.backgroundAgents ?? []);
  return finish(draft);
}

/** The turn was stopped by somebody. */
export function turnAborted(context: SessionContext, event: EventOf<'turn.aborted'>): Step {
  return cutShort(context, event);
}

/** The provider failed: its words stay visible in the conversation. */
export function turnFailed(context: SessionContext, event: EventOf<'turn.failed'>): Step {
  return cutShort(context, event);
}

/** What was changed until then stays changed: its diff is kept like that of any other turn. */
function cutShort(
  context: SessionContext,
  event: EventOf<'turn.aborted'> | EventOf<'turn.failed'>,
): Step {
  const draft = draftOf(context, event);
  keepContent(draft);
  if (isLate(context, event.at)) return finish(draft);
  recordDiff(draft, event);
  endTurn(draft, []);
  return finish(draft);
}

/** The terminal has waited for its user for a while: the main thread is over, agents may go on. */
export function idleNoticed(context: SessionContext, event: EventOf<'attention.noticed'>): Step {
  const draft = draftOf(context, event);
  if (!isLateOnMain(context, event.at)) endTurn(draft, null);
  return finish(draft);
}

/**
 * The model begins to summarise the conversation. Counted, and the status stays: a compaction that is
 * refused ("not enough messages") reports no end, and a session that hangs in `working` would be the
 * worse lie (contract.md 5.4).
 */
export function compactionStarted(
  context: SessionContext,
  event: EventOf<'compaction.started'>,
): Step {
  const draft = draftOf(context, event);
  draft.columns.count = 'compact_count';
  touch(draft);
  return finish(draft);
}

/** The summary replaced the conversation in the model's context. */
export function compactionFinished(
  context: SessionContext,
  event: EventOf<'compaction.finished'>,
): Step {
  const draft = draftOf(context, event);
  draft.after.push({ type: 'context_compacted', session_id: context.session.id });
  touch(draft);
  return finish(draft);
}

/** The provider takes the last turn back: work, but no turn that would take a number. */
export function undoStarted(context: SessionContext, event: EventOf<'undo.started'>): Step {
  const draft = draftOf(context, event);
  draft.context.turn = { ...context.turn, open: true, startedAt: event.at };
  const text = event.text === null ? {} : { message: event.text };
  draft.after.push({ type: 'undo_started', session_id: context.session.id, ...text });
  touch(draft);
  return finish(draft);
}

/** It took the turn back, or could not. */
export function undoCompleted(context: SessionContext, event: EventOf<'undo.completed'>): Step {
  const draft = draftOf(context, event);
  endTurn(draft, []);
  const text = event.text === null ? {} : { message: event.text };
  const success = event.succeeded;
  draft.after.push({ type: 'undo_completed', session_id: context.session.id, success, ...text });
  return finish(draft);
}

/** Turns were taken back; the messages leave with the fact. */
export function threadRolledBack(
  context: SessionContext,
  event: EventOf<'thread.rolledBack'>,
): Step {
  const draft = draftOf(context, event);
  const { id: session_id } = context.session;
  const { turns: num_turns, turnIds: provider_turn_ids } = event;
  endTurn(draft, []);
  if (event.lastMessage !== null) change(draft, 'last_message', clip(event.lastMessage));
  draft.changes.current_diff = null;
  draft.changes.current_plan = null;
  draft.notes.push({ type: 'turns_dropped', session_id, provider_turn_ids });
  draft.after.push({ type: 'thread_rolled_back', session_id, num_turns });
  return finish(draft);
}

/**
 * Ends the turn with all that hung on it at this moment.
 *
 * @param backgroundAgents those that go on; null when the reporter does not speak of agents at all
 */
export function endTurn(
  draft: Draft,
  backgroundAgents: ReadonlyArray<{ id: string; type: string }> | null,
): void {
  const listed = new Set(backgroundAgents?.map((agent) => agent.id));
  const isDone = (agentId: string | null) =>
    agentId === null || (backgroundAgents !== null && !listed.has(agentId));
  clearTurn(draft);
  if (backgroundAgents) settle(draft);
  // A bare notification is only believed while the main thread works (attentionNoticed).
  const isOver = ({ at, tool, isBare }: OpenApproval) =>
    (at <= draft.at && isDone(tool?.agentId ?? null)) || (isBare && !draft.context.turn.open);
  close(draft, isOver, 'cancelled', draft.event.type);
  if (backgroundAgents) keepAgents(draft, listed);
  for (const agent of backgroundAgents ?? []) adoptAgent(draft, agent.id, agent.type);
  dropTools(draft, (tool) => tool.at <= draft.at && isDone(tool.agentId));
  touch(draft);
}

function isOfMainThread(approval: OpenApproval): boolean {
  return approval.tool === null || approval.tool.agentId === null;
}

/** Keeps what the turn changed under its id, with the tokens it has used. */
function recordDiff(
  draft: Draft,
  { diff, at }: EventOf<'turn.completed'> | EventOf<'turn.aborted'> | EventOf<'turn.failed'>,
): void {
  const { turn, session } = draft.before;
  if (diff === undefined || turn.id === null || at < turn.startedAt) return;
  const { id: session_id, token_usage } = session;
  const { id: turn_id, promptId: provider_turn_id } = turn;
  draft.content.push({ type: 'turn_diff_snapshot', session_id, turn_id, diff, ...token_usage });
  if (provider_turn_id !== null)
    draft.notes.push({ type: 'turn_noted', session_id, turn_id, provider_turn_id });
  draft.changes.current_diff = null;
}
