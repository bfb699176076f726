/**
 * The chart of one session. Region `phase` says whom the session waits for: what the main thread does
 * (`turn`), whether subagents run (`agents`) and what is asked of a person (`requests`) are independent.
 * Region `link` is the way to the provider. The words that the wire shows are the tags of active states
 * (session-status.ts). Reports may come late, twice or not at all: guards on evidence (evidence.ts) decide whether
 * an edge is taken, and what an edge leaves is its actions.
 *
 * No clock, no random, no I/O, no transcript: steps are pure, and nothing is spawned here.
 */
import { can, cuts, goneElsewhere, on, restarted, session } from './session-setup.ts';
import { closed, open } from './session-turn.ts';
import { contextFrom } from './steps/sessions.ts';

/** What may happen beside the conversation, in any state. */
const sideRecords = {
  ...on('comment.*', { actions: 'recordComment' }),
  ...on('approval.forgotten', { actions: 'forgetApproval' }),
  ...on('shell.started', { actions: 'startShell' }),
  ...on('shell.finished', { actions: 'finishShell' }),
  ...on('name.updated', { actions: 'changeName' }),
  ...on('name.chosen', { actions: 'changeName' }),
  ...on('settings.chosen', { guard: 'isSteered', actions: 'chooseSettings' }),
  ...on('message.added', { actions: 'keepMessage' }),
  ...on('message.changed', { actions: 'keepMessage' }),
  ...on('transcript.read', { actions: 'readTranscript' }),
  ...on('cost.added', { actions: 'addCost' }),
};

const begins = 'begins' as const;
const late = 'late' as const;

const active = session.createStateConfig({
  description: 'The session goes on.',
  type: 'parallel',
  on: {
    ...on(
      'session.ended',
      { guard: 'isEndOfSession', target: 'ended', actions: 'endSession' },
      { actions: 'keepContent' },
    ),
    ...on('end.requested', { guard: 'isSteered', target: 'ended', actions: 'endSession' }),
    ...on('process.gone', { guard: 'isWatched', target: 'ended', actions: 'endSession' }),
    ...on('process.left', { guard: 'outranks', target: 'ended', actions: 'endSession' }),
    ...on('process.seen', { actions: 'seeProcesses' }),
    ...on('process.suspended', { actions: 'keepContent' }),
    ...on('compaction.started', { actions: 'startCompaction' }),
    ...on('compaction.finished', { actions: 'finishCompaction' }),
    ...on('tools.settled', { actions: 'settleTools' }),
    ...on('agent.started', { actions: 'startAgent' }),
    ...on('agent.finished', { actions: 'finishAgent' }),
    ...on('approval.resolved', { actions: 'resolveApproval' }),
    ...on('decision.seen', { guard: 'isAboutRequest', actions: 'seeDecision' }),
    ...on('usage.updated', { actions: 'updateUsage' }),
    ...on('diff.updated', { actions: 'updateDocument' }),
    ...on('plan.updated', { actions: 'updateDocument' }),
    ...on('message.confirmed', { actions: 'confirmMessage' }),
    ...on('thread.listed', { actions: 'settleUnlisted' }),
    ...on('fields.updated', { actions: 'updateFields' }),
    ...on('hook.observed', { actions: 'keepContent' }),
    ...sideRecords,
  },
  states: {
    turn: {
      description: 'What the main thread does.',
      initial: 'closed',
      states: { closed, open },
    },
    agents: {
      description: 'Whether subagents run.',
      initial: 'none',
      states: {
        none: {
          description: 'No subagent runs.',
          on: { ...on('agents.began', { target: 'running' }) },
        },
        running: {
          description: 'A subagent runs, maybe in the background.',
          tags: 'working',
          on: { ...on('agents.ended', { target: 'none' }) },
        },
      },
    },
    requests: {
      description: 'What is asked of a person: the oldest open request counts.',
      initial: 'none',
      states: {
        none: {
          description: 'Nothing is asked.',
          meta: {
            refusesOne: {
              'approval.decided': 'already_resolved',
              'question.answered': 'already_resolved',
            },
          },
          on: {
            ...on('permission.pending', { target: 'permission' }),
            ...on('question.pending', { target: 'question' }),
          },
        },
        permission: {
          description: 'The oldest request is a tool use to allow or to deny.',
          tags: ['permission', 'needsYou'],
          on: {
            ...on('question.pending', { target: 'question' }),
            ...on('requests.cleared', { target: 'none' }),
          },
        },
        question: {
          description: 'The oldest request is a question, a plan or a form to answer.',
          tags: ['question', 'needsYou'],
          on: {
            ...on('permission.pending', { target: 'permission' }),
            ...on('requests.cleared', { target: 'none' }),
          },
        },
      },
    },
  },
});

const ended = session.createStateConfig({
  description: 'Over until it is resumed; late reports still bring their content.',
  tags: 'ended',
  meta: { refuses: 'session_over' },
  on: {
    ...on(
      'session.started',
      {
        guard: 'isFreshStart',
        target: 'active',
        actions: [{ type: 'startSession', params: 'closed' }, 'reopenSession'],
      },
      { actions: { type: 'startSession', params: late } },
    ),
    ...on(
      'turn.started',
      {
        guard: 'isNewPrompt',
        target: 'active.turn.open',
        actions: [{ type: 'startTurn', params: begins }, 'reopenSession'],
      },
      { actions: 'keepContent' },
    ),
    ...on(
      'tool.started',
      {
        guard: ['isSignOfLife', 'isWorkOfMain'],
        target: 'active.turn.open',
        actions: [{ type: 'startTool', params: begins }, 'reopenSession'],
      },
      { actions: 'keepTool' },
    ),
    ...on(
      'tool.finished',
      {
        guard: ['isSignOfLife', 'isWorkOfMain'],
        target: 'active.turn.open',
        actions: [{ type: 'finishTool', params: begins }, 'reopenSession'],
      },
      { actions: 'keepTool' },
    ),
    ...on('approval.requested', {
      guard: ['isSignOfLife', 'opensForMain'],
      target: 'active.turn.open',
      actions: [{ type: 'requestApproval', params: begins }, 'reopenSession'],
    }),
    ...on('witness.busy', {
      guard: 'isAliveAgain',
      target: 'active.turn.open',
      actions: [{ type: 'witnessBusy', params: begins }, 'reopenSession'],
    }),
    ...on('witness.waiting', {
      guard: 'isAliveAgain',
      target: 'active.turn.open',
      actions: [{ type: 'witnessWaiting', params: begins }, 'reopenSession'],
    }),
    ...on('witness.idle', {
      guard: 'isAliveAgain',
      target: 'active',
      actions: [{ type: 'witnessIdle', params: 'closed' }, 'reopenSession'],
    }),
    ...on('process.seen', { actions: 'seeProcesses' }),
    ...on('tools.settled', { actions: 'settleTools' }),
    ...on('turn.*', { actions: 'keepContent' }),
    ...sideRecords,
  },
});

const phase = session.createStateConfig({
  description: 'Whom the session waits for.',
  initial: 'active',
  states: { active, ended },
});

const link = session.createStateConfig({
  description: 'How the server reaches the provider.',
  initial: 'passive',
  states: {
    passive: {
      description:
        'Only watched: it takes answers that a hook of its CLI waits for, and words for the end of its turn.',
      always: { guard: 'isSteered' as never, target: 'detached' },
      meta: { refuses: 'watched_only' },
      on: {
        ...on('approval.decided', {
          guard: ['isOpenRequest', 'isAwaited'],
          actions: 'sendDecision',
        }),
        ...on('question.answered', {
          guard: ['isOpenRequest', 'isAwaited'],
          actions: 'sendDecision',
        }),
        ...on('link.offered', { actions: 'takeOffer' }),
        ...on('waiter.left', { guard: 'hadWaiter', actions: 'loseWaiter' }),
        ...on('server.restarted', {
          guard: 'hasWaiters',
          actions: ['forgetWaiters', 'doubtWords'],
        }),
        ...on('words.submitted', {
          guard: ['isAlive', 'takesWords', 'hasRoomForWords'],
          actions: 'queueWords',
        }),
        ...on('words.withdrawn', { guard: 'isQueued', actions: 'withdrawWords' }),
        ...on('words.expired', { guard: 'hasWordsBefore', actions: 'expireWords' }),
        ...on('words.lost', { guard: 'isGivenTo', actions: 'loseWords' }),
        ...on('words.seen', { guard: 'hasSentWords', actions: 'seeWords' }),
      },
    },

    detached: {
      description: 'Could be steered, but has no connector.',
      tags: 'steered',
      meta: { refuses: 'no_connector' },
      on: {
        ...on('link.requested', { target: 'attaching', actions: 'requestLink' }),
        ...on(
          'link.lost',
          { guard: 'isOverElsewhere', actions: ['loseLink', { raise: 'link.cut' }] },
          { guard: 'isOutOfSight', actions: 'leaveLink' },
        ),
        ...goneElsewhere,
        ...restarted,
      },
    },

    attaching: {
      description: 'The connector starts; it keeps commands until it is ready.',
      tags: ['steered', 'linked'],
      meta: { refuses: 'no_connector' },
      on: {
        ...on('link.attached', { target: 'attached', actions: 'attachLink' }),
        ...on('link.lost', { guard: 'goesOnElsewhere', target: 'detached', actions: 'leaveLink' }),
        ...on(
          'link.failed',
          { guard: 'isHeldElsewhere', target: 'failed', actions: 'refuseLink' },
          { target: 'failed', actions: ['loseLink', { raise: 'link.cut' }] },
        ),
        ...cuts,
        ...on('message.submitted', { guard: 'isAlive', actions: 'submitMessage' }),
        ...on('steer.submitted', { guard: 'isAlive', actions: 'submitMessage' }),
        ...on('interrupt.requested', { guard: ['isAlive', 'canStop'], actions: 'stopTurn' }),
        ...on('compaction.requested', { guard: 'isAlive', actions: 'compactContext' }),
        ...on('undo.requested', { guard: 'isAlive', actions: 'undoTurn' }),
        ...on('rollback.requested', { guard: 'isAlive', actions: 'rollBackTurns' }),
      },
    },

    attached: {
      description: 'Commands go to the connector, as far as it can carry them out.',
      tags: ['steered', 'linked'],
      on: {
        ...on('message.submitted', {
          guard: ['isAlive', can('turn.run')],
          actions: 'submitMessage',
        }),
        ...on('steer.submitted', {
          guard: ['isAlive', can('turn.steer')],
          actions: 'submitMessage',
        }),
        ...on(
          'approval.decided',
          {
            // Another client may be faster: what the provider reports shows which one was.
            guard: ['isOpenRequest', 'connectorCanAnswer', 'isShared'],
            actions: 'sendDecision',
          },
          { guard: ['isOpenRequest', 'connectorCanAnswer'], actions: 'decideApproval' },
        ),
        ...on(
          'question.answered',
          { guard: ['isOpenRequest', 'connectorCanAnswer', 'isShared'], actions: 'sendDecision' },
          { guard: ['isOpenRequest', 'connectorCanAnswer'], actions: 'decideApproval' },
        ),
        ...on('interrupt.requested', {
          guard: ['isAlive', 'canStop', can('turn.stop')],
          actions: 'stopTurn',
        }),
        ...on('compaction.requested', {
          guard: ['isAlive', can('context.compact')],
          actions: 'compactContext',
        }),
        ...on('undo.requested', { guard: ['isAlive', can('turn.undo')], actions: 'undoTurn' }),
        ...on('rollback.requested', {
          guard: ['isAlive', can('turns.rollBack')],
          actions: 'rollBackTurns',
        }),
        ...on('name.chosen', { guard: can('thread.rename'), actions: 'renameThread' }),
        ...on('settings.chosen', { guard: can('settings.update'), actions: 'sendSettings' }),
        ...on(
          'link.lost',
          { guard: 'goesOnElsewhere', target: 'detached', actions: 'leaveLink' },
          { target: 'detached', actions: ['loseLink', { raise: 'link.cut' }] },
        ),
        ...on('link.rested', { guard: 'isQuiet', target: 'detached', actions: 'releaseLink' }),
        ...cuts,
      },
    },

    failed: {
      description: 'The connector could not start; it may be tried again.',
      tags: 'steered',
      meta: { refuses: 'no_connector' },
      on: {
        ...on('link.requested', { target: 'attaching', actions: 'requestLink' }),
        ...goneElsewhere,
        ...restarted,
      },
    },
  },
});

/** One actor of it per live session, spawned by the supervisor. */
export const sessionMachine = session.createMachine({
  id: 'session',
  type: 'parallel',
  context: ({ input }) => contextFrom(input),
  options: { maxIterations: 1000 },
  states: { phase, link },
});
