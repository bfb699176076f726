/**
 * The guards of the session chart: pure, by context and event. session-setup.ts binds them to events by their names;
 * evidence.ts compares the stamps and sources that they decide by.
 */
import {
  beganAfterEnd,
  beganBefore,
  covers,
  hasStood,
  isAfterEnd,
  isLate,
  isLateOnMain,
  isNewStart,
  isOvertaken,
  mayRun,
  outranks,
} from './evidence.ts';
import type { SessionEvent } from './session-events.ts';
import type { ConnectorCommand } from './session-facts.ts';
import type { SessionContext } from './session-types.ts';
import * as answers from './steps/answers.ts';
import * as approvals from './steps/approvals.ts';
import * as decisions from './steps/decisions.ts';
import { isFinished, isShown } from './steps/running.ts';
import * as sessions from './steps/sessions.ts';
import { type EventOf, isDirect, isShared } from './steps/step-draft.ts';
import * as words from './steps/terminal-messages.ts';
import * as turns from './steps/turns.ts';

type ToolReport = EventOf<'tool.started'> | EventOf<'tool.finished'>;
type EndReport = EventOf<
  'turn.completed' | 'turn.aborted' | 'turn.failed' | 'undo.completed' | 'thread.rolledBack'
>;

/** The tool report is new, of the main thread, and its thread may run. */
function isNewOnMain(context: SessionContext, event: ToolReport): boolean {
  const { tool } = event;
  if (tool.agentId !== null || !mayRun(context, null, event.at)) return false;
  return event.type === 'tool.started' ? !isShown(context, tool) : !isFinished(context, tool);
}

function isInterruption(event: ToolReport): boolean {
  return event.type === 'tool.finished' && event.outcome === 'interrupted';
}

/** The report can end a turn: it is not older than what settled everything before it. */
function canEnd(context: SessionContext, event: EndReport): boolean {
  const isUndo = event.type === 'undo.completed' || event.type === 'thread.rolledBack';
  return isUndo || !isLate(context, event.at);
}

/** The report names another prompt than the one that ended, and is newer than that end. */
function livesOn(context: SessionContext, { at, promptId = null }: SessionEvent): boolean {
  return promptId !== null && promptId !== context.endedPromptId && isAfterEnd(context, at);
}

/**
 * Every guard of the chart: pure, by context and event. One that a client's command can meet has its
 * refusal in refusals.ts.
 */
export const GUARDS = {
  /** A prompt that is not repeated and not older than what ended the main thread's work. */
  isNewPrompt: (context: SessionContext, event: EventOf<'turn.started'>) =>
    !isLateOnMain(context, event.at) && !turns.isRepeatedPrompt(context, event),
  /** Reports of its own turn, which is open already, overtook this prompt. */
  isPromptOfOpenTurn: (context: SessionContext, event: EventOf<'turn.started'>) =>
    GUARDS.isNewPrompt(context, event) && beganBefore(context.turn, event.at),
  isWorkOfMain: (context: SessionContext, event: ToolReport) =>
    isNewOnMain(context, event) && !isInterruption(event),
  /** Its user interrupted a tool of the main thread, and with it the turn. */
  endsByInterruption: (context: SessionContext, event: ToolReport) =>
    isNewOnMain(context, event) && isInterruption(event) && covers(context.turn, event.at),
  opensForMain: (context: SessionContext, event: EventOf<'approval.requested'>) =>
    (event.tool?.agentId ?? null) === null && approvals.readRequest(context, event).opens,
  /** It ends the turn that is open. */
  isEndOfTurn: (context: SessionContext, event: EndReport) =>
    canEnd(context, event) && covers(context.turn, event.at),
  /** It ends the turn that is open, but the next one has shown itself already. */
  isOvertakenEnd: (context: SessionContext, event: EndReport) =>
    canEnd(context, event) && isOvertaken(context.turn, event.at),
  canEnd,
  isIdleNotice: (_: SessionContext, event: EventOf<'attention.noticed'>) => event.kind === 'idle',
  isIdleOfTurn: (context: SessionContext, event: EventOf<'attention.noticed'>) =>
    event.kind === 'idle' && !isLateOnMain(context, event.at) && covers(context.turn, event.at),
  isNewIdleNotice: (context: SessionContext, event: EventOf<'attention.noticed'>) =>
    event.kind === 'idle' && !isLateOnMain(context, event.at),
  /** A start of the CLI, not a compaction, and nothing newer is known. */
  isFreshStart: (context: SessionContext, event: EventOf<'session.started'>) =>
    event.source !== 'compact' && isNewStart(context, event.at),
  /** The end is not older than the newest prompt, and comes from the process that leads or the only one. */
  isEndOfSession: (context: SessionContext, event: EventOf<'session.ended'>) =>
    !isLateOnMain(context, event.at) && !sessions.goesOnElsewhere(context, event),
  coversTurn: (context: SessionContext, event: EventOf<'link.cut'>) =>
    covers(context.turn, event.at),
  hasRequests: (context: SessionContext) => context.approvals.length > 0,
  /** Something goes on beside the main thread, or is asked. */
  hasWork: (context: SessionContext) => context.approvals.length > 0 || context.agents.length > 0,
  hasOutbox: (context: SessionContext) => context.outbox.length > 0,
  hasEmptyOutbox: (context: SessionContext) => context.outbox.length === 0,
  isSteered: (context: SessionContext) => isDirect(context.session),
  isWatched: (context: SessionContext, _: SessionEvent) => !isDirect(context.session),
  /** Others than we can write to its thread, and it goes on without us. */
  isShared: (context: SessionContext) => isShared(context.session),
  /** Only our way to the thread is gone. */
  goesOnElsewhere: (_: SessionContext, event: EventOf<'link.lost'>) => event.goesOn === true,
  /** Another process has the thread, and goes on with its turn. */
  isHeldElsewhere: (_: SessionContext, event: EventOf<'link.failed'>) => event.goesOn === true,
  /** Only our way is gone, of a thread that we could not reach already. */
  isOutOfSight: (context: SessionContext, event: EventOf<'link.lost'>) =>
    isShared(context.session) && event.goesOn === true,
  /** The thread was believed to go on without us, and does not. */
  isOverElsewhere: (context: SessionContext, event: EventOf<'link.lost'>) =>
    isShared(context.session) && event.goesOn !== true,
  /** A word about the whole session is newer than all that is known of it. */
  outranks: (
    context: SessionContext,
    event: EventOf<'witness.busy' | 'witness.idle' | 'witness.waiting' | 'process.left'>,
  ) => outranks(context, event),
  /** It cut off the open turn, and no registry reports the session. */
  isInterruptionOfTurn: (context: SessionContext, event: EventOf<'interruption.seen'>) =>
    context.hasRegistry !== true &&
    !isLateOnMain(context, event.at) &&
    covers(context.turn, event.at),
  /** A request of that tool use is open, or was closed without a word of how it was decided. */
  isAboutRequest: (context: SessionContext, event: EventOf<'decision.seen'>) =>
    decisions.awaitsWord(context, event.toolUseId),
  hasNoAgents: (context: SessionContext) => context.agents.length === 0,
  /** It has stood for a while. */
  hasStood: (
    _: SessionContext,
    event: EventOf<'witness.busy' | 'witness.idle' | 'witness.waiting'>,
  ) => hasStood(event),
  /** A report of another prompt than the ended one, newer than the end. */
  isSignOfLife: (context: SessionContext, event: ToolReport | EventOf<'approval.requested'>) =>
    livesOn(context, event),
  /** A process runs the session, and has since a moment after its end. */
  isAliveAgain: (
    context: SessionContext,
    event: EventOf<'witness.busy' | 'witness.idle' | 'witness.waiting'>,
  ) => beganAfterEnd(context, event) && hasStood(event),
  /** The connector can carry out this kind of command. */
  connectorCan: (context: SessionContext, _: SessionEvent, command: ConnectorCommand['type']) =>
    context.capabilities.includes(command),
  /** The request that a client decides is still open, and no client has decided it. */
  isOpenRequest: (
    context: SessionContext,
    event: EventOf<'approval.decided'> | EventOf<'question.answered'>,
  ) =>
    context.approvals.some(
      ({ request, sent }) => request.id === event.requestId && sent === undefined,
    ),
  /** A hook of the CLI waits for the answer to it. */
  isAwaited: (context: SessionContext, event: EventOf<'approval.decided' | 'question.answered'>) =>
    context.approvals.some(
      ({ request }) => request.id === event.requestId && request.answerable === true,
    ),
  /** The request is open, and a hook waited for its answer. */
  hadWaiter: (context: SessionContext, event: EventOf<'waiter.left'>) =>
    context.approvals.some(
      (approval) => approval.request.id === event.requestId && answers.hasWaiter(approval),
    ),
  /** A hook waited for the server that is gone, for an answer or for words. */
  hasWaiters: (context: SessionContext) =>
    context.approvals.some(answers.hasWaiter) || words.hasSentWords(context),
  /**
   * Hooks of the session ask for words. Before the first end of a turn was reported, a process that is known stands for
   * it: without one nothing promises that the words ever arrive.
   */
  takesWords: (context: SessionContext, _: SessionEvent) =>
    context.takesWords ??
    (context.processes !== undefined || context.session.agent_pid !== undefined),
  hasRoomForWords: (context: SessionContext, _: SessionEvent) => words.hasRoomForWords(context),
  /** The words wait, and may be taken back. */
  isQueued: words.isQueued,
  hasWordsBefore: words.hasWordsBefore,
  isGivenTo: words.isGivenTo,
  hasSentWords: (context: SessionContext, _: SessionEvent) => words.hasSentWords(context),
  /** The end of the open turn asks for words, and some wait: the turn goes on with them. */
  takesWordsAtEnd: (context: SessionContext, event: EventOf<'turn.completed'>) =>
    GUARDS.isEndOfTurn(context, event) && words.hasWordsFor(context, event),
  /** The same where nothing reported that a turn was open. */
  takesWordsAfterAll: (context: SessionContext, event: EventOf<'turn.completed'>) =>
    canEnd(context, event) && words.hasWordsFor(context, event),
  /** The turn is open only for words that did not arrive. */
  isHeldByWords: (context: SessionContext, event: EventOf<'words.lost'>) =>
    words.isGivenTo(context, event) && words.isHeldByWords(context),
  /** The same, when the server that gave them is gone. */
  isHeldInDoubt: (context: SessionContext, _: SessionEvent) =>
    words.hasSentWords(context) && words.isHeldByWords(context),
  /** The connector can carry out what the client's decision becomes. */
  connectorCanAnswer: (
    context: SessionContext,
    event: EventOf<'approval.decided'> | EventOf<'question.answered'>,
  ) => context.capabilities.includes(event.order.type),
} as const;
