/** A request closes on evidence about that very request, and the history names it. */
import { describe } from 'vitest';
import {
  agentBegan,
  agentEnded,
  asked,
  noticed,
  prompted,
  report,
  stopped,
  toolBegan,
  toolEnded,
} from './events.ts';
import { changed, closed, delta, listed, noted, type Row, said, shown, testRows } from './rows.ts';

/** A turn with one open request: r1 of t1. */
const WAITING = [prompted(1), toolBegan(2, 't1'), asked(3, 'r1', 't1')];
/** Two tools asked at the same time. */
const BOTH = [
  prompted(1),
  toolBegan(2, 't1'),
  toolBegan(3, 't2'),
  asked(4, 'r1', 't1'),
  asked(5, 'r2', 't2'),
];

const CLOSING: Row[] = [
  [
    'the tool use that asked was allowed when it is over',
    WAITING,
    toolEnded(4, 't1'),
    'working',
    [
      changed('tool-t1', { tool_output: 'output of t1' }),
      closed('r1', 'approved', 'tool.finished t1'),
      noted({ count: 'tool_count' }),
      delta({ work_status: 'working', pending_approval: null }),
      listed({ has_pending_approval: false }),
    ],
  ],
  [
    'the tool use that asked was allowed even when it failed',
    WAITING,
    toolEnded(4, 't1', { outcome: 'failed' }),
    'working',
    [
      changed('tool-t1', { is_error: true }),
      closed('r1', 'approved'),
      noted({}),
      delta(),
      listed(),
    ],
  ],
  [
    'a refused tool use was denied',
    WAITING,
    toolEnded(4, 't1', { outcome: 'refused' }),
    'working',
    [changed('tool-t1'), closed('r1', 'denied'), delta({ work_status: 'working' }), listed()],
  ],
  [
    'an answered question is answered, not approved',
    [prompted(1), toolBegan(2, 't1'), asked(3, 'r1', 't1', 'question')],
    toolEnded(4, 't1'),
    'working',
    [changed('tool-t1'), closed('r1', 'answered'), noted({}), delta(), listed()],
  ],
  [
    'one of two answered: the other is shown next, and the session goes on waiting',
    BOTH,
    toolEnded(6, 't1'),
    'permission',
    [
      changed('tool-t1'),
      closed('r1', 'approved'),
      noted({}),
      delta({ pending_approval: { id: 'r2' } as never }),
      listed({ has_pending_approval: true, work_status: 'permission' }),
      shown('r2'),
    ],
  ],
  [
    'the younger of two answered: the elder stays on show',
    BOTH,
    toolEnded(6, 't2'),
    'permission',
    [changed('tool-t2'), closed('r2', 'approved'), noted({}), delta({})],
  ],
  [
    'a question after a permission moves on to the question',
    [...BOTH.slice(0, 4), asked(5, 'r2', 't2', 'question')],
    toolEnded(6, 't1'),
    'question',
    [
      changed('tool-t1'),
      closed('r1', 'approved'),
      noted({}),
      delta({ work_status: 'question' }),
      listed(),
      shown('r2'),
      delta({ work_status: 'question' }),
    ],
  ],
  [
    'another tool of the same name with another input closes nothing',
    [...WAITING, toolBegan(4, 't2')],
    toolEnded(5, 't2'),
    'permission',
    [changed('tool-t2'), noted({}), delta({})],
  ],
  [
    'the same tool with the same input of another agent closes nothing',
    [...WAITING, agentBegan(4, 'a1'), toolBegan(5, 't9@a1', { digest: 'input of t1' })],
    toolEnded(6, 't9@a1', { digest: 'input of t1' }),
    'permission',
    [changed('tool-t9'), noted({}), delta({})],
  ],
  [
    'an earlier tool use with the same input is not the one that asks: its late end closes nothing',
    [
      prompted(1),
      toolBegan(2, 't0', { digest: 'same' }),
      toolBegan(3, 't1', { digest: 'same' }),
      asked(4, 'r1', 't1', 'exec', { digest: 'same' }),
    ],
    toolEnded(5, 't0', { digest: 'same' }),
    'permission',
    [changed('tool-t0'), noted({}), delta({})],
  ],
  [
    'a settled batch closes the request of a use that validation refused',
    WAITING,
    report(4, 'tools.settled', { tools: [toolBegan(2, 't1').tool] }),
    'working',
    [closed('r1', 'approved', 'tools.settled t1'), delta({ work_status: 'working' }), listed()],
  ],
  [
    'the next prompt closes what the main thread had asked: the terminal shows it no more',
    WAITING,
    prompted(4),
    'working',
    [
      said(),
      closed('r1', 'cancelled', 'turn.started'),
      noted({}),
      delta({ work_status: 'working', pending_approval: null }),
      listed(),
    ],
  ],
  [
    'a provider that withdraws a request closes it',
    WAITING,
    report(4, 'approval.resolved', { requestId: 'r1', server: null, decision: 'cancelled' }),
    'working',
    [closed('r1', 'cancelled', 'approval.resolved'), delta(), listed()],
  ],
  [
    'an idle terminal has nothing open any more',
    WAITING,
    noticed(4, 'idle'),
    'idle',
    [closed('r1', 'cancelled'), delta({ work_status: 'waiting' }), listed()],
  ],
  [
    'an agent that is over asks nothing any more',
    [prompted(1), agentBegan(2, 'a1'), toolBegan(3, 't1@a1'), asked(4, 'r1', 't1@a1')],
    agentEnded(5, 'a1'),
    'working',
    [closed('r1', 'cancelled'), delta({ work_status: 'working' }), listed()],
  ],
  [
    'the request of a background agent outlives the end of the turn that launched it',
    [prompted(1), agentBegan(2, 'a1'), toolBegan(3, 't1@a1'), asked(4, 'r1', 't1@a1')],
    stopped(5, ['a1']),
    'permission',
    [said(), delta({ current_turn_id: null })],
  ],
];

describe('a request closes on evidence about itself', () => testRows(CLOSING));
