/** Requests: what opens one, what the wire shows while several are open, and what MCP servers ask. */
import { describe, expect, it } from 'vitest';
import {
  asked,
  elicited,
  noticed,
  prompted,
  report,
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
import { at, sessionAfter } from './session-after.ts';

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
    [
      opened('r1'),
      delta({ work_status: 'question' }),
      shown('r1'),
      delta({ work_status: 'question' }),
    ],
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
    'the request that a notification spoke of takes its place, also when it is the later one',
    [prompted(1), toolBegan(2, 't1'), noticed(3, 'permission')],
    asked(4, 'r1', 't1'),
    'permission',
    [
      closed('notice-3', 'cancelled', 'approval.requested'),
      opened('r1'),
      delta({ pending_approval: { id: 'r1' } as never }),
      listed(),
      shown('r1'),
    ],
  ],
  [
    'a request that came before its tool use takes the place of its notification',
    [prompted(1), noticed(2, 'permission')],
    asked(3, 'r1', 't1'),
    'permission',
    [
      closed('notice-2', 'cancelled', 'approval.requested'),
      opened('r1'),
      delta({ pending_approval: { id: 'r1' } as never }),
      listed(),
      shown('r1'),
    ],
  ],
  [
    'a request of another tool use stands beside what a notification spoke of',
    [prompted(1), toolBegan(2, 't1'), noticed(3, 'permission'), toolBegan(4, 't2')],
    asked(5, 'r2', 't2'),
    'permission',
    [opened('r2'), delta({})],
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
      delta({ work_status: 'question' }),
    ],
  ],
  [
    'an old registration tells of its dialog by a notice only: the same is known',
    [prompted(1), toolBegan(2, 't1', elic), asked(3, 'r1', 't1', 'exec', elic)],
    noticed(4, 'question'),
    'question',
    [
      closed('r1', 'approved', 'attention.noticed'),
      opened('notice-4'),
      delta({ work_status: 'question' }),
      listed({ work_status: 'question' }),
      shown('notice-4'),
      delta({ work_status: 'question' }),
    ],
  ],
  [
    'a notice that is older than the request grants nothing',
    [prompted(1), toolBegan(2, 't1', elic), asked(4, 'r1', 't1', 'exec', elic)],
    noticed(3, 'question'),
    'permission',
    [],
  ],
  [
    'a tool of the CLI itself has no dialog of its own: its permission stays',
    [prompted(1), toolBegan(2, 't1'), asked(3, 'r1', 't1')],
    noticed(4, 'question'),
    'permission',
    [],
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
    'the result of a dialog that the registry has seen closed before gives the word for it',
    [
      prompted(1),
      toolBegan(2, 't1', elic),
      elicited(4, 'q1'),
      report(5, 'witness.busy', { witness: 'registry' }),
    ],
    report(6, 'approval.resolved', { requestId: null, server: 'elic', decision: 'answered' }),
    'working',
    [closed('q1', 'answered'), delta({})],
  ],
  [
    'the result of a dialog gives no word for that of another server, nor for what has one',
    [
      prompted(1),
      toolBegan(2, 't1', elic),
      elicited(3, 'q1'),
      report(4, 'approval.resolved', { requestId: null, server: 'elic', decision: 'answered' }),
      elicited(5, 'q2', 'other'),
      report(6, 'witness.busy', { witness: 'registry' }),
    ],
    report(7, 'approval.resolved', { requestId: null, server: 'elic', decision: 'cancelled' }),
    'working',
    [delta({})],
  ],
  [
    'an answer that names neither request nor server is one to the dialog that is open',
    [
      prompted(1),
      toolBegan(2, 't1'),
      asked(3, 'r1', 't1'),
      toolBegan(4, 't2', elic),
      elicited(5, 'q1'),
    ],
    report(6, 'approval.resolved', { requestId: null, server: null, decision: 'answered' }),
    'permission',
    [closed('q1', 'answered'), delta()],
  ],
  [
    "a dialog of another server's is not answered by it",
    [prompted(1), toolBegan(2, 't1', elic), elicited(4, 'q1')],
    report(5, 'approval.resolved', { requestId: null, server: 'other', decision: 'answered' }),
    'question',
    [delta({})],
  ],
  [
    'the end of another tool leaves the dialog of a server open',
    [prompted(1), toolBegan(2, 't1', elic), toolBegan(3, 't2'), elicited(4, 'q1')],
    toolEnded(5, 't2'),
    'question',
    [changed('tool-t2'), noted({}), delta()],
  ],
  [
    'the end of one of two tool uses of a server leaves its dialog open',
    [prompted(1), toolBegan(2, 't1', elic), toolBegan(3, 't2', elic), elicited(4, 'q1')],
    toolEnded(5, 't2', elic),
    'question',
    [changed('tool-t2'), noted({}), delta()],
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
describe('an MCP server asks', () => testRows(MCP));

describe('many requests', () => {
  it('are bounded, and the eldest stays on show', () => {
    const scene = sessionAfter([prompted(1)]);
    for (let n = 0; n < 100; n++) scene.send(asked(2 + n, `r${n}`, `t${n}`));
    expect(scene.context().approvals).toHaveLength(64);
    expect(scene.context().approvals[0]?.at).toBe(at(2));
  });
});
