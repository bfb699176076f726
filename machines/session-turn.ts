/**
 * Region `turn` of the session's chart: what the main thread does. It is closed while the main thread waits for
 * its user, and open while the model or a tool in the foreground works. A report that is late brings its content
 * and takes no edge.
 */
import { on, session } from './session-setup.ts';

const begins = 'begins' as const;
const ends = 'ends' as const;
const late = 'late' as const;

/** Nothing of the main thread runs. */
export const closed = session.createStateConfig({
  description: 'The main thread waits for its user.',
  on: {
    ...on(
      'turn.started',
      {
        guard: 'isNewPrompt',
        target: 'open',
        actions: { type: 'startTurn', params: begins },
      },
      { actions: { type: 'startTurn', params: late } },
    ),
    ...on(
      'tool.started',
      {
        guard: 'isWorkOfMain',
        target: 'open',
        actions: { type: 'startTool', params: begins },
      },
      { actions: { type: 'startTool', params: 'closed' } },
    ),
    ...on(
      'tool.finished',
      {
        guard: 'isWorkOfMain',
        target: 'open',
        actions: { type: 'finishTool', params: begins },
      },
      { actions: { type: 'finishTool', params: 'closed' } },
    ),
    ...on(
      'approval.requested',
      {
        guard: 'opensForMain',
        target: 'open',
        actions: { type: 'requestApproval', params: begins },
      },
      { actions: { type: 'requestApproval', params: 'closed' } },
    ),
    ...on('undo.started', { target: 'open', actions: 'startUndo' }),
    ...on(
      'witness.busy',
      {
        // An agent that runs explains the work.
        guard: ['outranks', 'hasNoAgents', 'hasStood'],
        target: 'open',
        actions: { type: 'witnessBusy', params: begins },
      },
      {
        guard: ['outranks', 'hasRequests'],
        actions: { type: 'witnessBusy', params: 'closed' },
      },
    ),
    ...on('witness.idle', {
      guard: 'outranks',
      actions: { type: 'witnessIdle', params: 'closed' },
    }),
    ...on(
      'witness.waiting',
      {
        guard: ['outranks', 'hasNoAgents'],
        target: 'open',
        actions: { type: 'witnessWaiting', params: begins },
      },
      { guard: 'outranks', actions: { type: 'witnessWaiting', params: 'closed' } },
    ),
    ...on(
      'turn.completed',
      {
        guard: 'takesWordsAfterAll',
        target: 'open',
        actions: [{ type: 'completeTurn', params: { edge: 'closed', isOpen: false } }, 'giveWords'],
      },
      {
        guard: 'canEnd',
        actions: { type: 'completeTurn', params: { edge: 'closed', isOpen: false } },
      },
      { actions: { type: 'completeTurn', params: { edge: late, isOpen: false } } },
    ),
    ...on(
      'turn.aborted',
      { guard: 'canEnd', actions: { type: 'cutTurnShort', params: 'closed' } },
      { actions: { type: 'cutTurnShort', params: late } },
    ),
    ...on(
      'turn.failed',
      { guard: 'canEnd', actions: { type: 'cutTurnShort', params: 'closed' } },
      { actions: { type: 'cutTurnShort', params: late } },
    ),
    ...on(
      'attention.noticed',
      { guard: 'isNewIdleNotice', actions: { type: 'noticeIdle', params: 'closed' } },
      { guard: 'isIdleNotice', actions: 'updateFields' },
      { actions: { type: 'noticeAttention', params: false } },
    ),
    ...on(
      'session.started',
      { guard: 'isFreshStart', actions: { type: 'startSession', params: 'closed' } },
      { actions: { type: 'startSession', params: late } },
    ),
    ...on('undo.completed', { actions: { type: 'completeUndo', params: 'closed' } }),
    ...on('thread.rolledBack', { actions: { type: 'rollBack', params: 'closed' } }),
    ...on('link.cut', { guard: 'hasWork', actions: { type: 'cutOffTurn', params: 'closed' } }),
  },
});

/** The main thread works. */
export const open = session.createStateConfig({
  description: 'The main thread works: the model, or a tool in the foreground.',
  tags: 'working',
  on: {
    ...on(
      'turn.completed',
      {
        guard: 'takesWordsAtEnd',
        actions: [{ type: 'completeTurn', params: { edge: 'open', isOpen: true } }, 'giveWords'],
      },
      {
        guard: 'isEndOfTurn',
        target: 'closed',
        actions: { type: 'completeTurn', params: { edge: ends, isOpen: true } },
      },
      {
        guard: 'isOvertakenEnd',
        actions: { type: 'completeTurn', params: { edge: 'renews', isOpen: true } },
      },
      {
        guard: 'canEnd',
        actions: { type: 'completeTurn', params: { edge: 'open', isOpen: true } },
      },
      { actions: { type: 'completeTurn', params: { edge: late, isOpen: true } } },
    ),
    ...on(
      'turn.aborted',
      {
        guard: 'isEndOfTurn',
        target: 'closed',
        actions: { type: 'cutTurnShort', params: ends },
      },
      { guard: 'isOvertakenEnd', actions: { type: 'cutTurnShort', params: 'renews' } },
      { guard: 'canEnd', actions: { type: 'cutTurnShort', params: 'open' } },
      { actions: { type: 'cutTurnShort', params: late } },
    ),
    ...on(
      'turn.failed',
      {
        guard: 'isEndOfTurn',
        target: 'closed',
        actions: { type: 'cutTurnShort', params: ends },
      },
      { guard: 'isOvertakenEnd', actions: { type: 'cutTurnShort', params: 'renews' } },
      { guard: 'canEnd', actions: { type: 'cutTurnShort', params: 'open' } },
      { actions: { type: 'cutTurnShort', params: late } },
    ),
    ...on(
      'tool.finished',
      {
        guard: 'endsByInterruption',
        target: 'closed',
        actions: { type: 'finishTool', params: ends },
      },
      { actions: { type: 'finishTool', params: 'open' } },
    ),
    ...on(
      'attention.noticed',
      {
        guard: 'isIdleOfTurn',
        target: 'closed',
        actions: { type: 'noticeIdle', params: ends },
      },
      { guard: 'isNewIdleNotice', actions: { type: 'noticeIdle', params: 'open' } },
      { guard: 'isIdleNotice', actions: 'updateFields' },
      { actions: { type: 'noticeAttention', params: true } },
    ),
    ...on('interruption.seen', {
      guard: 'isInterruptionOfTurn',
      target: 'closed',
      actions: { type: 'seeInterruption', params: ends },
    }),
    ...on('witness.idle', {
      guard: 'outranks',
      target: 'closed',
      actions: { type: 'witnessIdle', params: ends },
    }),
    ...on(
      'session.started',
      {
        guard: 'isFreshStart',
        target: 'closed',
        actions: { type: 'startSession', params: ends },
      },
      { actions: { type: 'startSession', params: late } },
    ),
    ...on(
      'undo.completed',
      {
        guard: 'isEndOfTurn',
        target: 'closed',
        actions: { type: 'completeUndo', params: ends },
      },
      { actions: { type: 'completeUndo', params: 'open' } },
    ),
    ...on(
      'thread.rolledBack',
      {
        guard: 'isEndOfTurn',
        target: 'closed',
        actions: { type: 'rollBack', params: ends },
      },
      { actions: { type: 'rollBack', params: 'open' } },
    ),
    ...on(
      'link.cut',
      {
        guard: 'coversTurn',
        target: 'closed',
        actions: { type: 'cutOffTurn', params: ends },
      },
      { actions: { type: 'cutOffTurn', params: 'open' } },
    ),
    ...on(
      'turn.started',
      { guard: 'isPromptOfOpenTurn', actions: { type: 'startTurn', params: 'open' } },
      { guard: 'isNewPrompt', actions: { type: 'startTurn', params: 'renews' } },
      { actions: { type: 'startTurn', params: late } },
    ),
    ...on('words.lost', {
      guard: 'isHeldByWords',
      target: 'closed',
      actions: 'endHeldTurn',
    }),
    ...on('server.restarted', {
      guard: 'isHeldInDoubt',
      target: 'closed',
      actions: 'endHeldTurn',
    }),
    ...on('tool.started', { actions: { type: 'startTool', params: 'open' } }),
    ...on('approval.requested', { actions: { type: 'requestApproval', params: 'open' } }),
    ...on('undo.started', { actions: 'startUndo' }),
    ...on('witness.busy', { guard: 'outranks', actions: { type: 'witnessBusy', params: 'open' } }),
    ...on('witness.waiting', {
      guard: 'outranks',
      actions: { type: 'witnessWaiting', params: 'open' },
    }),
  },
});
