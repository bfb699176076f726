/**
 * What the session chart is made of: its guards (session-guards.ts), its actions, and a typed way to bind them to events. The
 * chart itself, in session.ts, only says when which of them applies. Two actions are inert here and are
 * all that a step yields: `leave` (pieces of facts, to persist) and `command` (work for the connector).
 */
import { and, or, setup, stateIn } from 'xstate';
import type { SessionEvent, SessionReport, SessionSignal } from './session-events.ts';
import type { ConnectorCommand, Pieces } from './session-facts.ts';
import { GUARDS } from './session-guards.ts';
import type { SessionContext, SessionInput } from './session-types.ts';
import * as answers from './steps/answers.ts';
import * as approvals from './steps/approvals.ts';
import * as commands from './steps/commands.ts';
import * as decisions from './steps/decisions.ts';
import * as links from './steps/links.ts';
import * as sessions from './steps/sessions.ts';
import { type Draft, draftOf } from './steps/step-draft.ts';
import * as words from './steps/terminal-messages.ts';
import * as tools from './steps/tools.ts';
import * as transcripts from './steps/transcripts.ts';
import * as turns from './steps/turns.ts';

// ---- actions ---------------------------------------------------------------------------------------

/** Every action of the chart: a change of a draft, by event and by what the edge says. */
const STEPS = {
  createSession: sessions.sessionCreated,
  startSession: sessions.sessionStarted,
  endSession: sessions.sessionEnded,
  reopenSession: sessions.sessionReopened,
  keepContent: sessions.contentKept,
  seeProcesses: sessions.processesSeen,
  loseHolder: links.holderLost,
  keepMessage: sessions.messageKept,
  readTranscript: transcripts.transcriptRead,
  confirmMessage: sessions.messageConfirmed,
  updateFields: sessions.fieldsUpdated,
  changeName: sessions.nameChanged,
  updateUsage: sessions.usageUpdated,
  updateDocument: sessions.documentUpdated,
  recordComment: commands.commentRecorded,
  forgetApproval: commands.approvalForgotten,
  startShell: commands.shellStarted,
  finishShell: commands.shellFinished,
  startTurn: turns.turnStarted,
  completeTurn: turns.turnCompleted,
  cutTurnShort: turns.turnCutShort,
  noticeIdle: turns.idleNoticed,
  seeInterruption: turns.interruptionSeen,
  witnessIdle: turns.idleWitnessed,
  witnessBusy: turns.busyWitnessed,
  witnessWaiting: turns.waitingWitnessed,
  startCompaction: turns.compactionStarted,
  finishCompaction: turns.compactionFinished,
  startUndo: turns.undoStarted,
  completeUndo: turns.undoCompleted,
  rollBack: turns.threadRolledBack,
  startTool: tools.toolStarted,
  finishTool: tools.toolFinished,
  keepTool: tools.toolKept,
  settleTools: tools.toolsSettled,
  startAgent: tools.agentStarted,
  finishAgent: tools.agentFinished,
  requestApproval: approvals.approvalRequested,
  resolveApproval: decisions.approvalResolved,
  seeDecision: decisions.decisionSeen,
  addCost: sessions.costAdded,
  noticeAttention: approvals.attentionNoticed,
  decideApproval: commands.approvalDecided,
  sendDecision: answers.decisionSent,
  loseWaiter: answers.waiterLeft,
  forgetWaiters: answers.waitersForgotten,
  submitMessage: commands.messageSubmitted,
  stopTurn: commands.turnStopped,
  compactContext: commands.contextCompacted,
  undoTurn: commands.turnUndone,
  rollBackTurns: commands.turnsRolledBack,
  queueWords: words.wordsQueued,
  giveWords: words.wordsGiven,
  seeWords: words.wordsSeen,
  loseWords: words.wordsLost,
  doubtWords: words.wordsInDoubt,
  withdrawWords: words.wordsWithdrawn,
  expireWords: words.wordsExpired,
  endHeldTurn: turns.heldTurnEnded,
  chooseSettings: commands.settingsChosen,
  renameThread: commands.threadRenamed,
  sendSettings: commands.settingsSent,
  takeOffer: links.linkOffered,
  requestLink: links.linkRequested,
  attachLink: links.linkAttached,
  loseLink: links.linkLost,
  refuseLink: links.linkRefused,
  releaseLink: links.linkReleased,
  leaveLink: links.linkLeft,
  settleUnlisted: links.unlistedSettled,
  restartLink: links.linkRestarted,
  cutOffTurn: links.turnCutOff,
} as const;

type StepTable = typeof STEPS;
type GuardTable = typeof GUARDS;
type Reduce = (draft: Draft, event: never, params: never) => void;

const base = setup({
  types: {
    context: {} as SessionContext,
    events: {} as SessionEvent | SessionSignal,
    input: {} as SessionInput,
    tags: {} as 'working' | 'permission' | 'question' | 'needsYou' | 'ended' | 'linked' | 'steered',
  },
  actions: {
    /** What an event leaves to persist; step.ts collects it. */
    leave: (_, _pieces: Pieces) => {},
    /** What an event wants of the connector; step.ts collects it. */
    command: (_, _command: ConnectorCommand) => {},
  },
});

/** The kind of the oldest open request, as region `requests` has it. */
function pendingKind({ approvals: [first] }: SessionContext): 'question' | 'permission' | null {
  if (first === undefined) return null;
  return first.request.type === 'question' ? 'question' : 'permission';
}

/** What a change of the queues means for the regions `agents` and `requests`. */
function signalsOf(before: SessionContext, after: SessionContext): SessionSignal[] {
  const signals: SessionSignal[] = [];
  const [had, has] = [before.agents.length > 0, after.agents.length > 0];
  if (had !== has) signals.push({ type: has ? 'agents.began' : 'agents.ended' });
  const [was, is] = [pendingKind(before), pendingKind(after)];
  if (was !== is) signals.push({ type: is === null ? 'requests.cleared' : `${is}.pending` });
  return signals;
}

/** An action from a change of a draft: assigns the context, then leaves pieces, commands and signals. */
function actionOf(reduce: Reduce) {
  return base.enqueueActions(({ context, event, enqueue }, params: unknown) => {
    const draft = draftOf(context, event as SessionEvent);
    reduce(draft, event as never, params as never);
    const { context: next, content, notes, columns, changes, after, relist } = draft;
    const { isNew, restate, commands: given } = draft;
    enqueue.assign(next);
    const pieces = { content, notes, columns, changes, after, relist, isNew, restate };
    enqueue({ type: 'leave', params: pieces });
    for (const command of given) enqueue({ type: 'command', params: command });
    for (const signal of signalsOf(context, next)) enqueue.raise(signal);
  });
}

type Actions = { [Name in keyof StepTable]: ReturnType<typeof actionOf> };
type Guards = {
  [Name in keyof GuardTable]: (
    args: { context: SessionContext; event: unknown },
    params: unknown,
  ) => boolean;
};

const actions = Object.fromEntries(
  Object.entries(STEPS).map(([name, reduce]) => [name, actionOf(reduce as Reduce)]),
) as Actions;

const guards = Object.fromEntries(
  Object.entries(GUARDS).map(([name, holds]) => [
    name,
    ({ context, event }: { context: SessionContext; event: unknown }, params: unknown) =>
      (holds as (context: SessionContext, event: unknown, params: unknown) => boolean)(
        context,
        event,
        params,
      ),
  ]),
) as Guards;

/** Something that a stop could end: a turn, an agent, a request, or words on their way. */
const canStop = or([
  stateIn({ phase: { active: { turn: 'open' } } }),
  stateIn({ phase: { active: { agents: 'running' } } }),
  'hasRequests',
  'hasOutbox',
] as never);

/** Nothing runs, waits for an answer or is on its way. */
const isQuiet = and([
  stateIn({ phase: { active: { turn: 'closed', agents: 'none', requests: 'none' } } }),
  'hasEmptyOutbox',
] as never);

/** `setup()` of the session chart with everything it may name. */
export const session = base.extend({
  actions,
  guards: { ...guards, canStop, isQuiet, isAlive: stateIn({ phase: 'active' }) },
} as never) as typeof base;

// ---- edges -----------------------------------------------------------------------------------------

/** Events by name; a wildcard means all that it matches. */
type Pattern = (SessionEvent | SessionSignal)['type'] | 'comment.*' | 'tool.*' | 'turn.*' | '*';
type Matching<Name extends Pattern> = Name extends '*'
  ? SessionEvent
  : Name extends `${infer Family}.*`
    ? Extract<SessionEvent, { type: `${Family}.${string}` }>
    : Extract<SessionEvent | SessionSignal, { type: Name }>;

type Takes<Function, Event> = Function extends (
  one: never,
  event: infer Wanted,
  ...rest: never[]
) => unknown
  ? [Event] extends [Wanted]
    ? true
    : false
  : true;
type NamesFor<Table, Event> = {
  [Name in keyof Table]: Takes<Table[Name], Event> extends true ? Name : never;
}[keyof Table];

type ParamsOf<Function> = Function extends (
  one: never,
  event: never,
  params: infer Params,
) => unknown
  ? Params
  : undefined;
type Named<Table, Name extends keyof Table> = Name extends keyof Table
  ? unknown extends ParamsOf<Table[Name]>
    ? Name
    : ParamsOf<Table[Name]> extends undefined
      ? Name
      : { type: Name; params: ParamsOf<Table[Name]> }
  : never;

type ActionFor<Event> =
  | Named<StepTable, NamesFor<StepTable, Event>>
  | { raise: SessionSignal['type'] };
type PlainGuard = 'canStop' | 'isQuiet' | 'isAlive';
type GuardFor<Event> = Named<GuardTable, NamesFor<GuardTable, Event>> | PlainGuard;

/** One edge of the chart: under which conditions, where to, and what it does. */
export interface Edge<Event> {
  /** All of them must hold; a list reads as "and". */
  guard?: GuardFor<Event> | ReadonlyArray<GuardFor<Event>>;
  target?: string;
  actions?: ReadonlyArray<ActionFor<Event>> | ActionFor<Event>;
}

/**
 * The edges of one event, in the order in which they are tried. An action or a guard that cannot take the
 * event does not compile.
 */
export function on<Name extends Pattern>(
  name: Name,
  ...edges: Array<Edge<Matching<Name>>>
): Record<Name, never> {
  return { [name]: edges.map((edge) => edgeOf(edge as Edge<never>)) } as Record<Name, never>;
}

function edgeOf({ guard, target, actions: given = [] }: Edge<never>): object {
  const list = (Array.isArray(given) ? given : [given]) as unknown[];
  const done = list.map((action) => (isRaise(action) ? raiseCut() : action));
  const condition = Array.isArray(guard) ? and(guard as never) : guard;
  return {
    ...(condition !== undefined && { guard: condition }),
    ...(target !== undefined && { target }),
    actions: done,
  };
}

function isRaise(action: unknown): action is { raise: 'link.cut' } {
  return typeof action === 'object' && action !== null && 'raise' in action;
}

/** Region `link` says that the connector is gone; region `turn` ends what ran through it. */
function raiseCut() {
  return base.raise(({ event }) => ({
    type: 'link.cut',
    cause: (event as SessionReport).type,
    at: (event as SessionEvent).at,
    reason: reasonOfCut(event as SessionReport),
  }));
}

function reasonOfCut(event: SessionReport): string {
  if (event.type === 'process.gone') return links.reasonOfLoss(event);
  return 'reason' in event ? String(event.reason) : links.RESTARTED;
}

/** What takes the connector away whatever it is doing. */
export const cuts = {
  ...on('session.ended', { guard: 'isEndOfSession', target: 'detached', actions: 'releaseLink' }),
  ...on('end.requested', { target: 'detached', actions: 'releaseLink' }),
  ...on(
    'server.restarted',
    { guard: 'isShared', target: 'detached', actions: 'leaveLink' },
    { target: 'detached', actions: ['restartLink', { raise: 'link.cut' }] },
  ),
};

/**
 * A steered session without a connector after a restart: what the last process left is cut off, unless it runs
 * where others can go on with it.
 */
export const restarted = on(
  'server.restarted',
  { guard: 'isShared', actions: 'leaveLink' },
  { actions: ['restartLink', { raise: 'link.cut' }] },
);

/** Another process went on with a session that we steer, while no connector did, and is gone: so is its turn. */
export const goneElsewhere = on('process.gone', {
  actions: ['loseHolder', { raise: 'link.cut' }],
});

/** A command that the attached connector may be able to carry out. */
export const can = <Command extends string>(command: Command) =>
  ({ type: 'connectorCan', params: command }) as const;
