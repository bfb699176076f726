/**
 * The truth rules of requests: what opens one, which single thing closes it, and what the wire shows
 * while several are open.
 */
import { describe, expect, it } from 'vitest';
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
import {
  agentBegan,
  agentEnded,
  asked,
  at,
  elicited,
  noticed,
  prompted,
  report,
  stage,
  stopped,
  toolBegan,
  toolEnded,
} from './stage.ts';

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

const OPENING: Row[] = [
  [
    'a request shows itself and its status at once',
    [prompted(1), toolBegan(2, 't1')],
    asked(3, 'r1', 't1'),
    'permission',
    [
      opened('r1', { tool_name: 'Bash' }),
      delta({ work_status: 'permission', pending_approval: { id: 'r1' } as never }),
      shown('r1'),
    ],
  ],
  [
    'a question is a question, not a permission',
    [prompted(1), toolBegan(2, 't1', { name: 'AskUserQuestion' })],
    asked(3, 'r1', 't1', 'question', { name: 'AskUserQuestion' }),
    'question',
    [opened('r1'), delta({ work_status: 'question' }), shown('r1')],
  ],
  [
    'a tool that begins while a request is open leaves the request on show',
    WAITING,
    toolBegan(4, 't2'),
    'permission',
    [said({ tool_name: 'Bash' }), noted({ last_tool: 'Bash' }), delta({})],
  ],
  [
    'the first of two parallel requests stays on show',
    BOTH.slice(0, 4),
    asked(5, 'r2', 't2'),
    'permission',
    [opened('r2'), delta({})],
  ],
  [
    'the same request reported twice is opened once',
    [prompted(1), asked(3, 'r1', 't1')],
    asked(4, 'again', 't1'),
    'permission',
    [],
  ],
  [
    'a request before its tool use opens the turn: the session waits for its user',
    [],
    asked(1, 'r1', 't1'),
    'permission',
    [opened('r1'), delta({ current_turn_id: 'turn-1', work_status: 'permission' }), shown('r1')],
  ],
  [
    'a notification without details is believed while nothing better is known',
    [prompted(1), toolBegan(2, 't1')],
    noticed(3, 'permission'),
    'permission',
    [opened('notice-3'), delta({ work_status: 'permission' }), shown('notice-3')],
  ],
  [
    'a notification about a request that is on show says nothing new',
    WAITING,
    noticed(4, 'permission'),
    'permission',
    [],
  ],
  [
    'a notification of a dialog outside a turn is nothing to wait for',
    [prompted(1), stopped(2)],
    noticed(3, 'permission'),
    'idle',
    [],
  ],
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

const elic = { name: 'mcp__elic__askme' };
const MCP: Row[] = [
  [
    'a server that asks is running: its tool was allowed, and now it is a question',
    [prompted(1), toolBegan(2, 't1', elic), asked(3, 'r1', 't1', 'exec', elic)],
    elicited(4, 'q1'),
    'question',
    [
      closed('r1', 'approved', 'elicitation by elic'),
      opened('q1'),
      delta({ work_status: 'question' }),
      listed({ work_status: 'question' }),
      shown('q1'),
    ],
  ],
  [
    'two tools of the server run: which one was allowed is not known, so no permission is closed',
    [
      prompted(1),
      toolBegan(2, 't1', elic),
      toolBegan(2.5, 't2', elic),
      asked(3, 'r1', 't1', 'exec', elic),
    ],
    elicited(4, 'q1'),
    'permission',
    [opened('q1'), delta({})],
  ],
  [
    'an answered dialog lets its tool go on',
    [prompted(1), toolBegan(2, 't1', elic), elicited(4, 'q1')],
    report(5, 'approval.resolved', { requestId: null, server: 'elic', decision: 'answered' }),
    'working',
    [closed('q1', 'answered'), delta({ work_status: 'working' }), listed()],
  ],
  [
    "a dialog of another server's is not answered by it",
    [prompted(1), toolBegan(2, 't1', elic), elicited(4, 'q1')],
    report(5, 'approval.resolved', { requestId: null, server: 'other', decision: 'answered' }),
    'question',
    [delta({})],
  ],
  [
    'the end of its only tool use closes the dialog of a server',
    [prompted(1), toolBegan(2, 't1', elic), elicited(4, 'q1')],
    toolEnded(5, 't1', elic),
    'working',
    [changed('tool-t1'), closed('q1', 'answered'), noted({}), delta(), listed()],
  ],
];

describe('a request opens', () => testRows(OPENING));
describe('a request closes on evidence about itself', () => testRows(CLOSING));
describe('an MCP server asks', () => testRows(MCP));

describe('many requests', () => {
  it('are bounded, and the eldest stays on show', () => {
    const scene = stage([prompted(1)]);
    for (let n = 0; n < 100; n++) scene.send(asked(2 + n, `r${n}`, `t${n}`));
    expect(scene.context().approvals).toHaveLength(64);
    expect(scene.context().approvals[0]?.at).toBe(at(2));
  });
});
