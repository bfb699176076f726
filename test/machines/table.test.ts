/**
 * The WorkPhase table of the contract, one row per line, as this server corrects it: a status is never
 * sent to one reader and kept from another, an error stays visible, a turn's number is never used twice.
 */
import { describe } from 'vitest';
import { asked, began, messageOf, over, prompted, report, stopped, toolBegan } from './events.ts';
import { changed, closed, delta, listed, noted, type Row, said, testRows } from './rows.ts';

const compacting = { ...messageOf('c1', 'tool', 'Compacting'), is_in_progress: true };
const compactedRead = {
  ...{ witness: 'transcript' as const, messages: [], behind: null, compacted: 'c1' },
  tail: { source: '', path: '/t.jsonl', file: '1:2', offset: 3, mark: 'm' },
};

const TURNS: Row[] = [
  [
    'a prompt starts a turn: its words, a number and a status that all readers see',
    [],
    prompted(1, 'hello'),
    'working',
    [
      said({ message_type: 'user', content: 'hello' }),
      noted({ count: 'prompt_count' }),
      delta({
        work_status: 'working',
        current_turn_id: 'turn-1',
        turn_count: 1,
        first_prompt: 'hello',
        last_message: 'hello',
        last_activity_at: '2026-01-01T00:00:00.001Z',
      }),
    ],
  ],
  [
    'a later prompt leaves the first prompt alone and takes the next turn number',
    [prompted(1, 'hello'), stopped(2)],
    prompted(3, 'again'),
    'working',
    [said(), noted({}), delta({ current_turn_id: 'turn-2', turn_count: 2, last_message: 'again' })],
  ],
  [
    'a turn that the provider starts itself brings no message of the user',
    [prompted(1), stopped(2, ['a1'])],
    prompted(3, null),
    'working',
    [delta({ current_turn_id: 'turn-2' })],
  ],
  [
    'a completed turn waits for its user and keeps the reply',
    [prompted(1)],
    stopped(2),
    'idle',
    [
      said({ message_type: 'assistant' }),
      delta({ work_status: 'waiting', current_turn_id: null, last_message: 'reply 2' }),
    ],
  ],
  [
    "a completed turn takes its diff along, so that the next turn's is not the same again",
    [prompted(1), report(2, 'diff.updated', { diff: '+1' })],
    { ...stopped(3), diff: '+1' },
    'idle',
    [
      said(),
      { type: 'turn_diff_snapshot', turn_id: 'turn-1', diff: '+1' },
      { type: 'turn_noted', turn_id: 'turn-1', provider_turn_id: 'p1' },
      delta({ current_diff: null, work_status: 'waiting' }),
    ],
  ],
  [
    'a completed turn closes what it asked, in memory, on the wire and in the history',
    [prompted(1), toolBegan(2, 't1'), asked(3, 'r1', 't1')],
    stopped(4),
    'idle',
    [
      said(),
      closed('r1', 'cancelled', 'turn.completed'),
      delta({ work_status: 'waiting', pending_approval: null }),
      listed({ has_pending_approval: false, work_status: 'waiting' }),
    ],
  ],
  [
    'an aborted turn is over, and what it asked with it',
    [prompted(1), toolBegan(2, 't1'), asked(3, 'r1', 't1')],
    report(4, 'turn.aborted', { reason: 'interrupted' }),
    'idle',
    [closed('r1', 'cancelled'), delta({ work_status: 'waiting' }), listed()],
  ],
  [
    'a failed turn is over and its error stays visible',
    [prompted(1)],
    report(2, 'turn.failed', {
      error: 'unknown',
      message: { ...messageOf('m', 'assistant', 'API Error: 400'), is_error: true },
    }),
    'idle',
    [
      said({ content: 'API Error: 400', is_error: true }),
      delta({ work_status: 'waiting', last_message: 'API Error: 400' }),
    ],
  ],
  [
    'an undo works for a moment without counting as a turn',
    [prompted(1), stopped(2)],
    report(3, 'undo.started', { text: 'undoing' }),
    'working',
    [delta({ work_status: 'working' }), { type: 'undo_started', message: 'undoing' }],
  ],
  [
    'a finished undo waits for its user again and says whether it worked',
    [prompted(1), stopped(2), report(3, 'undo.started', { text: null })],
    report(4, 'undo.completed', { succeeded: true, text: null }),
    'idle',
    [delta({ work_status: 'waiting' }), { type: 'undo_completed', success: true }],
  ],
  [
    'a rollback says how many turns left',
    [prompted(1), stopped(2)],
    report(3, 'thread.rolledBack', { turns: 1, turnIds: ['p1'], lastMessage: 'before' }),
    'idle',
    [
      { type: 'turns_dropped', provider_turn_ids: ['p1'] },
      delta({ last_message: 'before', current_diff: null, current_plan: null }),
      { type: 'thread_rolled_back', num_turns: 1 },
    ],
  ],
  [
    'a compaction is counted and leaves the status: one that is refused would never report its end',
    [prompted(1), stopped(2)],
    report(3, 'compaction.started', {}),
    'idle',
    [noted({ count: 'compact_count' }), delta({})],
  ],
  [
    'a compaction keeps its process: its own session start changes nothing',
    [prompted(1), report(3, 'compaction.started', {})],
    began(4, 'compact'),
    'working',
    [],
  ],
  [
    'a finished compaction is told',
    [prompted(1), stopped(2), report(3, 'compaction.started', {})],
    report(4, 'compaction.finished', {}),
    'idle',
    [delta({}), { type: 'context_compacted' }],
  ],
  [
    'a compaction has a line in the conversation from its beginning on',
    [prompted(1), stopped(2)],
    report(3, 'compaction.started', { message: compacting }),
    'idle',
    [said({ id: 'c1' }), noted({ count: 'compact_count' }), delta({})],
  ],
  [
    'the line of a compaction says when it is over',
    [prompted(1), stopped(2), report(3, 'compaction.started', { message: compacting })],
    report(4, 'compaction.finished', { message: messageOf('c1', 'tool', 'Compacted') }),
    'idle',
    [
      changed('c1', { content: 'Compacted', is_in_progress: false }),
      delta({}),
      { type: 'context_compacted' },
    ],
  ],
  [
    'a compaction that was refused is over with the next prompt',
    [prompted(1), stopped(2), report(3, 'compaction.started', { message: compacting })],
    prompted(4),
    'working',
    [
      said({ id: 'user-4' }),
      changed('c1', { content: 'The conversation was not compacted', is_in_progress: false }),
      noted({ count: 'prompt_count' }),
      delta({ current_turn_id: 'turn-2', turn_count: 2 }),
    ],
  ],
  [
    'a compaction whose end the transcript has told does not begin again',
    [prompted(1), stopped(2), report(3, 'transcript.read', compactedRead)],
    report(4, 'compaction.started', { message: compacting }),
    'idle',
    [noted({ count: 'compact_count' }), delta({})],
  ],
  [
    'a compaction inside a turn leaves the turn working',
    [prompted(1), report(2, 'compaction.started', {})],
    report(3, 'compaction.finished', {}),
    'working',
    [delta({}), { type: 'context_compacted' }],
  ],
];

const LIFE: Row[] = [
  [
    'an ended session is ended for everybody, and its questions with it',
    [prompted(1), toolBegan(2, 't1'), asked(3, 'r1', 't1')],
    over(4),
    'ended',
    [
      closed('r1', 'cancelled', 'session.ended'),
      noted({ ended_at: '2026-01-01T00:00:00.004Z', end_reason: 'other' }),
      delta({ status: 'ended', work_status: 'ended', pending_approval: null }),
      listed({ status: 'ended' }),
      { type: 'session_ended', reason: 'other' },
    ],
  ],
  [
    'a resumed session is active again, in the list too',
    [prompted(1), over(2)],
    began(3, 'resume'),
    'idle',
    [
      noted({ ended_at: null, end_reason: null, source: 'resume' }),
      delta({ status: 'active', work_status: 'waiting' }),
      listed({ status: 'active' }),
    ],
  ],
  [
    'a prompt brings an ended session back even when its start was never reported',
    [prompted(1), over(2)],
    prompted(3),
    'working',
    [said(), noted({ ended_at: null }), delta({ status: 'active' }), listed({ status: 'active' })],
  ],
  [
    'an ended session takes late words, and stays ended',
    [prompted(1), over(5)],
    report(6, 'message.added', { message: messageOf('m1', 'assistant') }),
    'ended',
    [said({ id: 'm1' }), delta({})],
  ],
  [
    'a restart of the server leaves a watched session as it was',
    [prompted(1), toolBegan(2, 't1'), asked(3, 'r1', 't1')],
    report(4, 'server.restarted', {}),
    'permission',
    [],
  ],
  [
    'a new start of the CLI ends whatever was open before it',
    [prompted(1), toolBegan(2, 't1'), asked(3, 'r1', 't1')],
    began(4, 'resume'),
    'idle',
    [closed('r1', 'cancelled'), noted({ source: 'resume' }), delta(), listed()],
  ],
];

const DIRECT: Row[] = [
  [
    'a restart of the server ends the turn of a session that we steer',
    [prompted(1)],
    report(2, 'server.restarted', {}),
    'idle',
    [said({ is_error: true }), delta({ work_status: 'waiting', current_turn_id: null })],
  ],
];

describe('turns', () => testRows(TURNS));
describe('the life of a session', () => testRows(LIFE));
describe('a session that we steer', () => testRows(DIRECT, { integration_mode: 'direct' }));
