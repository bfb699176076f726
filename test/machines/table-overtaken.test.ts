/**
 * Reports that newer ones overtook: they settle, and open, only what is older than themselves, so that the
 * session ends up where the same reports in order would have led it.
 */
import { describe } from 'vitest';
import {
  agentBegan,
  agentEnded,
  asked,
  messageOf,
  noticed,
  prompted,
  stopped,
  toolBegan,
  toolEnded,
} from './events.ts';
import {
  changed,
  closed,
  delta,
  listed,
  noted,
  opened,
  type Row,
  said,
  shown,
  testRows,
} from './rows.ts';

const OVERTAKEN: Row[] = [
  [
    'a prompt that its own tool use overtook begins no second turn',
    [toolBegan(2, 't1')],
    prompted(1),
    'working',
    [said(), noted({}), delta({ first_prompt: 'prompt 1' })],
  ],
  [
    'a prompt closes only what is older than itself',
    [prompted(1), toolBegan(3, 't1'), asked(4, 'r1', 't1')],
    prompted(2),
    'permission',
    [said(), noted({}), delta({ turn_count: 2 })],
  ],
  [
    'the end of a turn ends only what is older than itself: a newer tool use goes on',
    [prompted(1), toolBegan(4, 't1')],
    stopped(2),
    'working',
    [said(), delta({ turn_count: 2, current_turn_id: 'turn-2' })],
  ],
  [
    'the end of a turn that is older than the newest prompt begins no other turn',
    [prompted(1), prompted(4)],
    stopped(2),
    'working',
    [said(), delta({})],
  ],
  [
    'the end of a turn that was told to be over begins no other turn',
    [prompted(1), stopped(3), prompted(4)],
    { ...stopped(2), message: messageOf('reply-2', 'assistant', 'another') },
    'working',
    [said(), delta({})],
  ],
  [
    'the end of a turn ends only what is older than itself: a newer agent goes on',
    [prompted(1), agentBegan(4, 'a1')],
    stopped(2),
    'working',
    [said(), delta({ current_turn_id: null })],
  ],
  [
    'the end of a turn leaves an agent at work that was heard of since',
    [prompted(1), agentBegan(2, 'a1'), toolBegan(5, 't1@a1')],
    stopped(3),
    'working',
    [said(), delta({ current_turn_id: null })],
  ],
  [
    'the end of an agent does not end what it was asked to do since',
    [prompted(1), stopped(2, ['a1']), toolBegan(5, 't1@a1')],
    agentEnded(3, 'a1'),
    'working',
    [],
  ],
  [
    'an idle terminal says nothing about its agents: an older end of one is believed',
    [prompted(1), agentBegan(2, 'a1'), stopped(3, ['a1']), noticed(6, 'idle')],
    agentEnded(5, 'a1'),
    'idle',
    [delta({ work_status: 'waiting' })],
  ],
  [
    'a notification is nothing to wait for once the turn before it is known to be over',
    [prompted(1), noticed(5, 'permission')],
    stopped(3),
    'idle',
    [said(), closed('notice-5', 'cancelled'), delta({ work_status: 'waiting' }), listed()],
  ],
  [
    'a request explains its notification even when no source waits for the answer any more',
    [
      prompted(1),
      agentBegan(2, 'a1'),
      toolBegan(3, 't1@a1'),
      noticed(6, 'permission'),
      agentEnded(7, 'a1'),
    ],
    asked(4, 'r1', 't1@a1'),
    'working',
    [closed('notice-6', 'cancelled'), delta({ work_status: 'working' }), listed()],
  ],
  [
    'a request of a background agent opens although the end of its turn overtook it',
    [prompted(1), agentBegan(2, 'a1'), toolBegan(3, 't1@a1'), stopped(5, ['a1'])],
    asked(4, 'r1', 't1@a1'),
    'permission',
    [opened('r1'), delta({ work_status: 'permission' }), shown('r1')],
  ],
  [
    'an older request that a younger one overtook is shown first',
    [prompted(1), toolBegan(2, 't1'), toolBegan(2.5, 't2'), asked(4, 'r2', 't2')],
    asked(3, 'r1', 't1'),
    'permission',
    [opened('r1'), delta({ pending_approval: { id: 'r1' } as never }), listed(), shown('r1')],
  ],
  [
    'a request that its own notification overtook takes its place',
    [prompted(1), toolBegan(2, 't1'), noticed(9, 'permission')],
    asked(3, 'r1', 't1'),
    'permission',
    [
      closed('notice-9', 'cancelled', 'approval.requested'),
      opened('r1'),
      delta({ pending_approval: { id: 'r1' } as never }),
      listed(),
      shown('r1'),
    ],
  ],
  [
    'a request that overtook its tool use is tied to it',
    [prompted(1), asked(3, 'r1', 't1'), toolBegan(2, 't1')],
    toolEnded(4, 't1'),
    'working',
    [changed('tool-t1'), closed('r1', 'approved'), noted({}), delta(), listed()],
  ],
];

describe('a report that others overtook', () => testRows(OVERTAKEN));
