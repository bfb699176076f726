/**
 * What the session chart is made of: its two ports, its guards and its named steps. The chart itself,
 * in session.ts, only says when which of them applies.
 */
import { type ErrorActorEvent, fromCallback, setup } from 'xstate';
import type { SessionEvent } from './session-events.ts';
import type { Fact, Order } from './session-facts.ts';
import type { SessionContext, SessionInput } from './session-types.ts';
import * as approvals from './steps/approvals.ts';
import * as asides from './steps/asides.ts';
import { isBusy, isDirect, oldest, type Step } from './steps/draft.ts';
import * as links from './steps/links.ts';
import { isLate, isLateOnMain } from './steps/running.ts';
import * as sessions from './steps/sessions.ts';
import * as tools from './steps/tools.ts';
import * as turns from './steps/turns.ts';
import * as wishes from './steps/wishes.ts';

/** What a connector is told when its actor starts; it stays idle until its first order. */
export interface ConnectorInput {
  sessionId: string;
}

const ports = setup({
  types: {
    context: {} as SessionContext,
    events: {} as SessionEvent | ErrorActorEvent<unknown, 'connector'>,
    input: {} as SessionInput,
    tags: {} as 'busy' | 'needsYou' | 'over' | 'linked',
    children: {} as { connector: 'connector' },
  },
  actors: { connector: fromCallback<Order, ConnectorInput>(() => {}) },
  actions: {
    /** Hands one fact to the ledger. Enqueues only, never throws. */
    record: (_, _fact: Fact) => {},
  },
  guards: {
    /** The report is not older than what settled everything before it. */
    isCurrent: ({ context, event }) => 'at' in event && !isLateOnMain(context, event.at),
    isBusy: ({ context }) => isBusy(context),
    /** Only at the start of an actor whose row says so. */
    isOver: ({ context }) => context.session.status === 'ended',
    awaitsDecision: ({ context }) => awaits(context, 'decision'),
    awaitsAnswer: ({ context }) => awaits(context, 'answer'),
    answeredWhileBusy: ({ context }) => context.approvals.length === 0 && isBusy(context),
    answeredWhileQuiet: ({ context }) => context.approvals.length === 0 && !isBusy(context),
    nothingRuns: ({ context }) => context.approvals.length === 0 && !isBusy(context),
    isIdleNotice: ({ event }) => event.type === 'attention.noticed' && event.kind === 'idle',
    isRestart: ({ context, event }) =>
      event.type === 'session.started' && event.source !== 'compact' && !isLate(context, event.at),
    isDirect: ({ context }) => isDirect(context.session),
    /** A session that ended is resumed first. */
    isAlive: ({ context }) => context.session.status === 'active',
    /** Nothing runs, waits or is on its way. */
    isQuiet: ({ context }) =>
      !isBusy(context) && context.approvals.length + context.outbox.length === 0,
    connectorCan: ({ context }, order: Order['type']) => context.capabilities.includes(order),
    /** The request is still open, and the connector can pass the answer on. */
    answersOpen: ({ context, event }) =>
      (event.type === 'approval.decided' || event.type === 'question.answered') &&
      context.capabilities.includes(event.order.type) &&
      context.approvals.some((approval) => approval.request.id === event.requestId),
  },
});

function awaits(context: SessionContext, what: 'decision' | 'answer'): boolean {
  const type = oldest(context)?.request.type;
  return type !== undefined && (type === 'question') === (what === 'answer');
}

/** Runs a pure step: its context first, then its facts and orders in their order. */
function step<Event extends SessionEvent>(take: (context: SessionContext, event: Event) => Step) {
  return ports.enqueueActions(({ context, event, enqueue }) => {
    // The chart names a step only where its event can occur; the table test walks every pair.
    const { context: next, facts, orders } = take(context, event as Event);
    enqueue.assign(next);
    for (const fact of facts) enqueue({ type: 'record', params: fact });
    for (const order of orders) enqueue.sendTo('connector', order);
  });
}

/** The connector's actor crashed: XState's own event, which carries no time. */
const loseCrashedLink = ports.enqueueActions(({ context, event, enqueue }) => {
  const error = 'error' in event ? event.error : null;
  const { context: next, facts } = links.linkCrashed(context, error);
  enqueue.assign(next);
  for (const fact of facts) enqueue({ type: 'record', params: fact });
});

/** `setup()` of the session chart with everything it may name. */
export const session = ports.extend({
  actions: {
    createSession: ports.enqueueActions(({ context, event, enqueue }) => {
      // Entry actions of the root run on XState's init event, which carries the actor's input.
      const { input } = event as unknown as { input: SessionInput };
      if (!input.isNew) return;
      for (const fact of sessions.sessionCreated(context))
        enqueue({ type: 'record', params: fact });
    }),
    startSession: step(sessions.sessionStarted),
    endSession: step(sessions.sessionEnded),
    keepContent: step(sessions.contentKept),
    keepMessage: step(sessions.messageKept),
    updateFields: step(sessions.fieldsUpdated),
    updateName: step(sessions.nameUpdated),
    updateUsage: step(sessions.usageUpdated),
    updatePaper: step(sessions.paperUpdated),
    passOn: step(asides.passedOn),
    startCommand: step(asides.commandStarted),
    finishCommand: step(asides.commandFinished),
    survivesRestart: step(links.serverRestarted),
    confirmMessage: step(sessions.messageConfirmed),
    startTurn: step(turns.turnStarted),
    completeTurn: step(turns.turnCompleted),
    abortTurn: step(turns.turnAborted),
    failTurn: step(turns.turnFailed),
    noticeIdle: step(turns.idleNoticed),
    startCompaction: step(turns.compactionStarted),
    finishCompaction: step(turns.compactionFinished),
    startUndo: step(turns.undoStarted),
    completeUndo: step(turns.undoCompleted),
    rollBack: step(turns.threadRolledBack),
    startTool: step(tools.toolStarted),
    finishTool: step(tools.toolFinished),
    keepTool: step(tools.toolKept),
    settleTools: step(tools.toolsSettled),
    startAgent: step(tools.agentStarted),
    finishAgent: step(tools.agentFinished),
    requestApproval: step(approvals.approvalRequested),
    resolveApproval: step(approvals.approvalResolved),
    noticeAttention: step(approvals.attentionNoticed),
    decideApproval: step(wishes.approvalDecided),
    orderTurn: step(wishes.messageSubmitted),
    orderWish: step(wishes.wishVoiced),
    chooseName: step(wishes.nameChosen),
    chooseSettings: step(wishes.settingsChosen),
    orderRename: step(wishes.renameOrdered),
    orderSettings: step(wishes.settingsOrdered),
    requestLink: step(links.linkRequested),
    orderAttach: ports.enqueueActions(({ context, enqueue }) => {
      enqueue.sendTo('connector', links.attachOrder(context));
    }),
    orderRelease: ports.sendTo('connector', { type: 'thread.release' }),
    attachLink: step(links.linkAttached),
    loseLink: step(links.linkLost),
    restLink: step(links.linkRested),
    loseCrashedLink,
  },
});
