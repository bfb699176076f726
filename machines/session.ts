/**
 * The chart of one session. Region `phase` is the README's WorkPhase; region `link` holds the connector,
 * so an order without one is not a transition. The phase follows what is open (a turn, an agent, a
 * request): reports may come late, twice or not at all, and the state is still the truth.
 *
 * No clock, no random, no I/O, no transcript. Steps are pure (steps/), the two ports are inert here.
 */
import type { Order } from './session-facts.ts';
import { session } from './session-ports.ts';
import { contextFrom } from './steps/sessions.ts';

/** What goes on beside the conversation, whatever its state. */
const aside = {
  'comment.*': { actions: 'passOn' },
  'approval.forgotten': { actions: 'passOn' },
  'shell.started': { actions: 'startCommand' },
  'shell.finished': { actions: 'finishCommand' },
} as const;

const phase = session.createStateConfig({
  description: 'Whom the session waits for.',
  initial: 'idle',
  // What may be reported in any state but `ended`; the states below add where it leads.
  on: {
    'session.started': { actions: 'startSession' },
    'session.ended': [
      { guard: 'isCurrent', target: '.ended', actions: 'endSession' },
      { actions: 'keepContent' },
    ],
    'server.restarted': { actions: 'survivesRestart' },

    'turn.started': { actions: 'startTurn' },
    'turn.completed': { actions: 'completeTurn' },
    'turn.aborted': { actions: 'abortTurn' },
    'turn.failed': { actions: 'failTurn' },
    'compaction.started': { actions: 'startCompaction' },
    'compaction.finished': { actions: 'finishCompaction' },
    'undo.started': { actions: 'startUndo' },
    'undo.completed': { actions: 'completeUndo' },
    'thread.rolledBack': { actions: 'rollBack' },

    'tool.started': { actions: 'startTool' },
    'tool.finished': { actions: 'finishTool' },
    'tools.settled': { actions: 'settleTools' },
    'agent.started': { actions: 'startAgent' },
    'agent.finished': { actions: 'finishAgent' },

    'approval.requested': { actions: 'requestApproval' },
    'approval.resolved': { actions: 'resolveApproval' },
    'attention.noticed': [
      { guard: 'isIdleNotice', actions: 'noticeIdle' },
      { actions: 'noticeAttention' },
    ],

    // By name: `message.submitted` is a wish, and wishes need a connector.
    'message.added': { actions: 'keepMessage' },
    'message.changed': { actions: 'keepMessage' },
    'usage.updated': { actions: 'updateUsage' },
    'diff.updated': { actions: 'updatePaper' },
    'plan.updated': { actions: 'updatePaper' },
    'message.confirmed': { actions: 'confirmMessage' },
    'name.updated': { actions: 'updateName' },
    'name.chosen': { actions: 'chooseName' },
    'settings.chosen': { actions: 'chooseSettings' },
    'fields.updated': { actions: 'updateFields' },
    'hook.observed': { actions: 'keepContent' },
    ...aside,
  },
  states: {
    idle: {
      description: 'Waits for its user: the next words are theirs.',
      on: { 'turn.started': { guard: 'isCurrent', target: 'working', actions: 'startTurn' } },
      always: [
        { guard: 'isOver', target: 'ended' },
        { guard: 'awaitsDecision', target: 'awaitingApproval.permission' },
        { guard: 'awaitsAnswer', target: 'awaitingApproval.question' },
        { guard: 'isBusy', target: 'working' },
      ],
    },

    working: {
      description: 'The model, a tool in the foreground or an agent in the background works.',
      tags: 'busy',
      always: [
        { guard: 'awaitsDecision', target: 'awaitingApproval.permission' },
        { guard: 'awaitsAnswer', target: 'awaitingApproval.question' },
        { guard: 'nothingRuns', target: 'idle' },
      ],
    },

    awaitingApproval: {
      description: 'Waits for a person to answer the oldest open request.',
      tags: 'needsYou',
      initial: 'permission',
      states: {
        permission: {
          description: 'The oldest request is a tool use to allow or to deny.',
          always: { guard: 'awaitsAnswer', target: 'question' },
        },
        question: {
          description: 'The oldest request is a question, a plan or a form to answer.',
          always: { guard: 'awaitsDecision', target: 'permission' },
        },
      },
      always: [
        { guard: 'answeredWhileBusy', target: 'working' },
        { guard: 'answeredWhileQuiet', target: 'idle' },
      ],
    },

    ended: {
      description: 'Over until it is resumed; late reports still bring their content.',
      tags: 'over',
      on: {
        'session.started': { guard: 'isRestart', target: 'idle', actions: 'startSession' },
        'turn.started': { guard: 'isCurrent', target: 'working', actions: 'startTurn' },
        // Late reports still bring their content; nothing else can happen to an ended session.
        'tool.*': { actions: 'keepTool' },
        'tools.settled': { actions: 'settleTools' },
        'turn.*': { actions: 'keepContent' },
        'message.added': { actions: 'keepMessage' },
        'message.changed': { actions: 'keepMessage' },
        'name.updated': { actions: 'updateName' },
        ...aside,
        'name.chosen': { actions: 'chooseName' },
        'settings.chosen': { actions: 'chooseSettings' },
        'server.restarted': { actions: 'survivesRestart' },
        '*': {},
      },
    },
  },
});

/** What takes the connector away whatever it is doing. */
const stopConnector = session.stopChild('connector');
const { on: cuts } = session.createStateConfig({
  on: {
    'session.ended': {
      guard: 'isCurrent',
      target: 'detached',
      actions: ['orderRelease', stopConnector],
    },
    'server.restarted': { target: 'detached', actions: stopConnector },
    'xstate.error.actor.connector': {
      target: 'detached',
      actions: ['loseCrashedLink', stopConnector],
    },
  },
});

/** An order that the attached connector can carry out. */
const can = (order: Order['type']) => ({ type: 'connectorCan', params: order }) as const;

const link = session.createStateConfig({
  description: 'How the house reaches the provider.',
  initial: 'passive',
  states: {
    passive: {
      description: 'Only watched: hooks or a file tell about it, nobody can be ordered.',
      always: { guard: 'isDirect', target: 'detached' },
    },

    detached: {
      description: 'Could be steered, but has no connector.',
      on: { 'link.requested': { target: 'attaching', actions: 'requestLink' } },
    },

    attaching: {
      description: 'The connector starts; no order yet.',
      tags: 'linked',
      entry: [
        session.spawnChild('connector', {
          id: 'connector',
          input: ({ context }) => ({ sessionId: context.session.id }),
        }),
        'orderAttach',
      ],
      on: {
        'link.attached': { target: 'attached', actions: 'attachLink' },
        'link.failed': { target: 'failed', actions: ['loseLink', stopConnector] },
        ...cuts,
        // The connector keeps them until it is ready: what can be said then can be said now.
        'message.submitted': { guard: 'isAlive', actions: 'orderTurn' },
        'steer.submitted': { guard: 'isAlive', actions: 'orderTurn' },
        'interrupt.requested': { guard: 'isAlive', actions: 'orderWish' },
        'compaction.requested': { guard: 'isAlive', actions: 'orderWish' },
        'undo.requested': { guard: 'isAlive', actions: 'orderWish' },
        'rollback.requested': { guard: 'isAlive', actions: 'orderWish' },
      },
    },

    attached: {
      description: 'Orders go to the connector, as far as it can carry them out.',
      tags: 'linked',
      on: {
        'message.submitted': { guard: can('turn.run'), actions: 'orderTurn' },
        'steer.submitted': { guard: can('turn.steer'), actions: 'orderTurn' },
        'approval.decided': { guard: 'answersOpen', actions: 'decideApproval' },
        'question.answered': { guard: 'answersOpen', actions: 'decideApproval' },
        'interrupt.requested': { guard: can('turn.stop'), actions: 'orderWish' },
        'compaction.requested': { guard: can('context.compact'), actions: 'orderWish' },
        'undo.requested': { guard: can('turn.undo'), actions: 'orderWish' },
        'rollback.requested': { guard: can('turns.rollBack'), actions: 'orderWish' },
        'name.chosen': { guard: can('thread.rename'), actions: 'orderRename' },
        'settings.chosen': { guard: can('settings.update'), actions: 'orderSettings' },
        'link.lost': { target: 'detached', actions: ['loseLink', stopConnector] },
        'link.rested': {
          guard: 'isQuiet',
          target: 'detached',
          actions: ['restLink', 'orderRelease', stopConnector],
        },
        ...cuts,
      },
    },

    failed: {
      description: 'The connector could not start; it may be tried again.',
      on: { 'link.requested': { target: 'attaching', actions: 'requestLink' } },
    },
  },
});

/** One actor of it per live session, spawned by the supervisor. */
export const sessionMachine = session.createMachine({
  id: 'session',
  type: 'parallel',
  context: ({ input }) => contextFrom(input),
  entry: 'createSession',
  options: { maxIterations: 1000 },
  states: { phase, link },
});
