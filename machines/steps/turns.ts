/** Turns: begun by a prompt, ended by completion, failure, abort or silence; compaction and undo. */
import { beganBefore, hasJustBegun, isOpenAt } from '../evidence.ts';
import type { OpenApproval, SessionContext } from '../session-types.ts';
import { attentionNoticed, close } from './approvals.ts';
import {
  adoptAgent,
  beginTurn,
  closeTools,
  closeTurn,
  cutOffCompaction,
  dropTools,
  keepAgents,
  settle,
  type TurnEdge,
} from './running.ts';
import {
  amend,
  append,
  change,
  clip,
  type Draft,
  type EventOf,
  evidenceOf,
  isDirect,
  keepContent,
  nameAfter,
  touch,
} from './step-draft.ts';
import { endHeard, release } from './terminal-messages.ts';

/**
 * The prompt was reported before: by its id, or, where the CLI gives none, by its words in a turn that has just
 * begun with them (hooks that are registered twice).
 */
export function isRepeatedPrompt(
  { turn, session }: SessionContext,
  { promptId, prompt, at }: EventOf<'turn.started'>,
): boolean {
  if (promptId !== null || prompt === null) return promptId !== null && promptId === turn.promptId;
  return (
    turn.id !== null &&
    turn.promptId === null &&
    session.last_message === clip(prompt) &&
    hasJustBegun(turn, at)
  );
}

/** A prompt, the user's or the provider's own, begins a turn and ends whatever was open before it. */
export function turnStarted(draft: Draft, event: EventOf<'turn.started'>, edge: TurnEdge): void {
  const { session } = draft.before;
  const isRepeated = isRepeatedPrompt(draft.before, event);
  if (event.message && !isRepeated) append(draft, event.message);
  if (event.prompt !== null) nameAfter(draft, event.prompt);
  if (event.prompt !== null && !isRepeated) draft.columns.count = 'prompt_count';
  if (edge === 'late') return;
  close(
    draft,
    (request) => isOfMainThread(request) && isOpenAt(request, event.at),
    'cancelled',
    evidenceOf(event),
  );
  dropTools(draft, (tool) => tool.agentId === null && isOpenAt(tool, event.at));
  // A command of a session that we steer may outlive its turn, and its connector reports its end.
  if (!isDirect(session)) closeTools(draft);
  cutOffCompaction(draft);
  draft.context.turn = { ...draft.context.turn, promptId: event.promptId, clearedAt: event.at };
  // Overtaken by its own tools, it is the prompt of the turn that they opened.
  if (edge !== 'open') beginTurn(draft, event.promptId, event.at);
  draft.context.leader = event.process ?? draft.context.leader;
  // A steered turn begins without a diff: an interrupted one may have left its own.
  if (isDirect(session)) draft.changes.current_diff = null;
  touch(draft);
}

/** The main thread is done; agents that go on in the background keep the session working. */
export function turnCompleted(
  draft: Draft,
  event: EventOf<'turn.completed'>,
  { edge, isOpen }: { edge: TurnEdge; isOpen: boolean },
): void {
  const isNewReply =
    isOpen || clip(event.message?.content ?? '') !== draft.before.session.last_message;
  if (event.message && isNewReply) append(draft, event.message);
  endHeard(draft, event);
  if (edge === 'late') return;
  recordDiff(draft, event);
  endTurn(draft, event.backgroundAgents ?? [], edge);
}

/** Words of a client held the turn open and did not arrive: it has ended where its hook said so. */
export function heldTurnEnded(draft: Draft): void {
  release(draft);
  endTurn(draft, null, 'ends');
}

/** The turn was stopped or failed: its words stay, and what was changed until then stays changed. */
export function turnCutShort(
  draft: Draft,
  event: EventOf<'turn.aborted'> | EventOf<'turn.failed'>,
  edge: TurnEdge,
): void {
  keepContent(draft);
  if (edge === 'late') return;
  recordDiff(draft, event);
  endTurn(draft, [], edge);
}

/** The terminal has waited for its user for a while: the main thread is over, agents may go on. */
export function idleNoticed(
  draft: Draft,
  _event: EventOf<'attention.noticed'>,
  edge: TurnEdge,
): void {
  endTurn(draft, null, edge);
}

/** A person cut the main thread off; agents may go on. */
export function interruptionSeen(
  draft: Draft,
  _event: EventOf<'interruption.seen'>,
  edge: TurnEdge,
): void {
  endTurn(draft, null, edge);
}

/** The registry says that the session waits for words: turn, tools, agents and requests are over. */
export function idleWitnessed(draft: Draft, _event: EventOf<'witness.idle'>, edge: TurnEdge): void {
  noteRegistry(draft);
  endTurn(draft, [], edge, 'unknown');
}

/** The registry says that the session works: no dialog is open, also none of an agent. */
export function busyWitnessed(draft: Draft, event: EventOf<'witness.busy'>, edge: TurnEdge): void {
  noteRegistry(draft);
  close(draft, (request) => isOpenAt(request, event.at), 'unknown', evidenceOf(event));
  beginUnnumbered(draft, edge);
  touch(draft);
}

/** The registry says that a dialog is open: what it asks is shown if a hook reported it, else that it asks. */
export function waitingWitnessed(
  draft: Draft,
  event: EventOf<'witness.waiting'>,
  edge: TurnEdge,
): void {
  noteRegistry(draft);
  beginUnnumbered(draft, edge);
  attentionNoticed(draft, event, true);
}

/** The registry reports the session. */
function noteRegistry(draft: Draft): void {
  draft.context.hasRegistry = true;
}

/** Work without a prompt, such as a compaction, takes no number; a prompt or a tool brings one. */
function beginUnnumbered(draft: Draft, edge: TurnEdge): void {
  if (edge !== 'begins') return;
  draft.context.turn = { ...draft.context.turn, startedAt: draft.at, seenAt: draft.at };
}

/**
 * The model begins to summarise the conversation. Counted, and the status stays: a compaction that is
 * refused ("not enough messages") reports no end, and a session that hangs in `working` would be worse.
 */
export function compactionStarted(draft: Draft, event: EventOf<'compaction.started'>): void {
  draft.columns.count = 'compact_count';
  const { message } = event;
  // The transcript may have shown its end before this report came.
  if (message && draft.context.compaction?.messageId !== message.id) {
    append(draft, message);
    draft.context.compaction = { messageId: message.id, isOver: false };
  }
  touch(draft);
}

/** The summary replaced the conversation in the model's context. */
export function compactionFinished(draft: Draft, event: EventOf<'compaction.finished'>): void {
  const { message } = event;
  if (message) {
    const { id: messageId, content } = message;
    if (draft.context.compaction?.messageId === messageId) {
      amend(draft, messageId, { content, is_in_progress: false });
    } else append(draft, message);
    draft.context.compaction = { messageId, isOver: true };
  }
  draft.after.push({ type: 'context_compacted', session_id: draft.context.session.id });
  touch(draft);
}

/** The provider takes the last turn back: work, but no turn that would take a number. */
export function undoStarted(draft: Draft, event: EventOf<'undo.started'>): void {
  draft.context.turn = { ...draft.context.turn, startedAt: event.at };
  const text = event.text === null ? {} : { message: event.text };
  draft.after.push({ type: 'undo_started', session_id: draft.context.session.id, ...text });
  touch(draft);
}

/** It took the turn back, or could not. */
export function undoCompleted(
  draft: Draft,
  event: EventOf<'undo.completed'>,
  edge: TurnEdge,
): void {
  endTurn(draft, [], edge);
  const text = event.text === null ? {} : { message: event.text };
  const { id: session_id } = draft.context.session;
  const { succeeded: success } = event;
  draft.after.push({ type: 'undo_completed', session_id, success, ...text });
}

/** Turns were taken back; the messages leave with the fact. */
export function threadRolledBack(
  draft: Draft,
  event: EventOf<'thread.rolledBack'>,
  edge: TurnEdge,
): void {
  const { id: session_id } = draft.context.session;
  const { turns: num_turns, turnIds: provider_turn_ids } = event;
  endTurn(draft, [], edge);
  if (event.lastMessage !== null) change(draft, 'last_message', clip(event.lastMessage));
  draft.context.lastMessageId = null;
  draft.changes.current_diff = null;
  draft.changes.current_plan = null;
  draft.notes.push({ type: 'turns_dropped', session_id, provider_turn_ids });
  draft.after.push({ type: 'thread_rolled_back', session_id, num_turns });
}

/**
 * Carries out what the edge says of the turn, with all that hung on it at this moment.
 *
 * @param backgroundAgents those that go on; null when the reporter does not report agents at all
 * @param decision the word for requests that end with it
 */
export function endTurn(
  draft: Draft,
  backgroundAgents: ReadonlyArray<{ id: string; type: string }> | null,
  edge: TurnEdge,
  decision: 'cancelled' | 'unknown' = 'cancelled',
): void {
  const listed = new Set(backgroundAgents?.map((agent) => agent.id));
  const isDone = (agentId: string | null) =>
    agentId === null || (backgroundAgents !== null && !listed.has(agentId));
  closeTurn(draft, edge);
  cutOffCompaction(draft);
  if (backgroundAgents) settle(draft);
  // A bare notification is only believed while the main thread works (attentionNoticed).
  const stillOpen = edge === 'open' || edge === 'renews';
  const isOver = (request: OpenApproval) =>
    (isOpenAt(request, draft.at) && isDone(request.tool?.agentId ?? null)) ||
    (request.isBare && !stillOpen);
  close(draft, isOver, decision, evidenceOf(draft.event));
  if (backgroundAgents) keepAgents(draft, listed);
  for (const agent of backgroundAgents ?? []) adoptAgent(draft, agent.id, agent.type);
  dropTools(draft, (tool) => isOpenAt(tool, draft.at) && isDone(tool.agentId));
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
  if (diff === undefined || turn.id === null || beganBefore(turn, at)) return;
  const { id: session_id, token_usage } = session;
  const { id: turn_id, promptId: provider_turn_id } = turn;
  // Of its newest answer; what the session has used in all is not the turn's.
  const { input_tokens, output_tokens, cached_tokens, context_window } = token_usage;
  const usage = { input_tokens, output_tokens, cached_tokens, context_window };
  draft.content.push({ type: 'turn_diff_snapshot', session_id, turn_id, diff, ...usage });
  if (provider_turn_id !== null)
    draft.notes.push({ type: 'turn_noted', session_id, turn_id, provider_turn_id });
  draft.changes.current_diff = null;
}
