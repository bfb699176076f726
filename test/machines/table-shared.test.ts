/**
 * A session whose thread others write to as well: it goes on without us, somebody else may be faster, and what the
 * connection brings when it is there again is all there is.
 */
import { describe, expect, it } from 'vitest';
import { refusalOf, type SessionEvent } from '../../machines/index.ts';
import type { Decision } from '../../machines/session-types.ts';
import {
  agentBegan,
  asked,
  messageOf,
  prompted,
  report,
  runOf,
  stopped,
  toolBegan,
  toolEnded,
} from './events.ts';
import { changed, closed, delta, listed, noted, opened, type Row, said, testRows } from './rows.ts';
import { sessionAfter } from './session-after.ts';

const SHARED = { integration_mode: 'direct', thread_id: 'thread-1', engine: 'shared' } as const;
const CAPABILITIES = ['turn.run', 'approval.answer', 'question.answer'];
const wanted = (n: number) => report(n, 'link.requested', {});
const ready = (n: number) =>
  report(n, 'link.attached', { capabilities: CAPABILITIES, threadId: 'thread-1' });
const LINKED = [wanted(1), ready(2)];
const WORKS = [...LINKED, prompted(3), toolBegan(4, 't1')];
const ASKS = [...WORKS, asked(5, 'r1', 't1')];
const away = (n: number) => report(n, 'link.lost', { reason: 'cut', goesOn: true });
const gone = (n: number) => report(n, 'link.lost', { reason: 'gone' });
const left = (n: number) =>
  report(n, 'process.gone', { witness: 'process', reason: 'killed', words: 'it went' });
const restarted = (n: number) => report(n, 'server.restarted', {});
const tells = (n: number, requestIds: string[], messageIds: string[] = []) =>
  report(n, 'thread.listed', { requestIds, messageIds });
const submitted = (n: number): SessionEvent =>
  report(n, 'message.submitted', { message: messageOf(`m${n}`, 'user'), order: runOf(`m${n}`) });
const resolved = (n: number) =>
  report(n, 'approval.resolved', { requestId: 'r1', server: null, decision: 'unknown' });
const decided = (n: number, decision: Decision = 'approved') =>
  report(n, 'approval.decided', {
    ...{ requestId: 'r1', decision },
    order: { type: 'approval.answer', requestId: 'r1', decision },
  });

const ROWS: Row[] = [
  [
    'a request for a connector names the engine: it is the one that the others use',
    [],
    wanted(1),
    'idle',
    [delta({ link_state: 'attaching' })],
    [{ type: 'thread.attach', settings: { engine: 'shared' } as never }],
  ],
  [
    'a lost connection takes nothing along: what ran and what was asked is shown as it was seen last',
    ASKS,
    away(6),
    'permission',
    [delta({ link_state: 'detached', link_reason: 'cut' })],
  ],
  [
    'nor does a restart of the server',
    ASKS,
    restarted(6),
    'permission',
    [delta({ link_state: 'detached', link_reason: 'the server was restarted' })],
  ],
  [
    'a connection that is lost while it is made takes nothing along either',
    [...WORKS, away(5), wanted(6)],
    away(7),
    'working',
    [delta({ link_state: 'detached', link_reason: 'cut' })],
  ],
  [
    'what was believed to go on and does not is over, and that is said',
    [...ASKS, away(6)],
    gone(7),
    'idle',
    [
      changed('tool-t1', { tool_output: 'interrupted: gone', is_error: true }),
      said({ is_error: true, content: expect.stringContaining('gone') }),
      closed('r1', 'cancelled', 'link.lost'),
      delta({ link_reason: 'gone', work_status: 'waiting' }),
      listed(),
    ],
  ],
  [
    'a reason that comes later is told, and takes nothing along',
    [...ASKS, away(6)],
    report(7, 'link.lost', { reason: 'the daemon is gone', goesOn: true }),
    'permission',
    [delta({ link_reason: 'the daemon is gone' })],
  ],
  [
    'the end of the process that went on with it ends its turn, and not the session',
    [...WORKS, away(5)],
    left(6),
    'idle',
    [
      changed('tool-t1', { tool_output: 'interrupted: it went', is_error: true }),
      said({ is_error: true, content: expect.stringContaining('it went') }),
      delta({ work_status: 'waiting' }),
    ],
  ],
  [
    'so it does with agents that go on behind their turn',
    [...LINKED, prompted(3), agentBegan(4, 'a1'), stopped(5, ['a1']), away(6)],
    left(7),
    'idle',
    [delta({ work_status: 'waiting' })],
  ],
  [
    'that end says nothing once a connector has the thread again',
    [...WORKS, away(5), wanted(6), ready(7)],
    left(8),
    'working',
    [],
  ],
  [
    'no connector gets a thread that another process has: words are lost, its turn goes on',
    [...WORKS, away(5), wanted(6), submitted(7)],
    report(8, 'link.failed', { reason: 'held', goesOn: true }),
    'working',
    [
      changed('m7', { tool_output: 'failed: held', is_error: true }),
      delta({ link_state: 'failed', link_reason: 'held' }),
    ],
  ],
  [
    'where no other has it, its turn is over',
    [...WORKS, away(5), wanted(6)],
    report(7, 'link.failed', { reason: 'refused' }),
    'idle',
    [
      changed('tool-t1', { tool_output: 'interrupted: refused', is_error: true }),
      said({ is_error: true }),
      delta({ link_state: 'failed', link_reason: 'refused', work_status: 'waiting' }),
    ],
  ],
  [
    'a request that is told again is the same one',
    [...ASKS, away(6), wanted(7)],
    asked(8, 'r1', 't1'),
    'permission',
    [opened('r1'), delta()],
  ],
  [
    'a request that the provider does not tell of any more was settled elsewhere',
    [...ASKS, away(6), wanted(7), ready(8)],
    tells(9, []),
    'working',
    [closed('r1', 'unknown', 'thread.listed'), delta({ work_status: 'working' }), listed()],
  ],
  [
    'one that it tells of still waits',
    [...ASKS, away(6), wanted(7), ready(8)],
    tells(9, ['r1']),
    'permission',
    [],
  ],
  [
    'words that had not arrived when the connection broke are lost, and those on their way now are not',
    [...LINKED, submitted(3), away(4), wanted(5), submitted(6)],
    tells(7, [], ['m6']),
    'idle',
    [changed('m3', { tool_output: expect.stringContaining('failed'), is_error: true })],
  ],
  [
    'a decision is sent: the request stays open until the provider says that it is settled',
    ASKS,
    decided(6),
    'permission',
    [opened('r1'), { type: 'approval_sent', request_id: 'r1' }, delta()],
    [{ type: 'approval.answer', requestId: 'r1', decision: 'approved' }],
  ],
  [
    'a decision that was sent is believed when the request is settled',
    [...ASKS, decided(6)],
    resolved(7),
    'working',
    [closed('r1', 'approved', 'client, approval.resolved'), delta(), listed()],
  ],
  [
    'somebody else was faster: the tool that was refused here ran',
    [...ASKS, decided(6, 'denied'), resolved(7)],
    toolEnded(8, 't1'),
    'working',
    [
      changed('tool-t1'),
      closed('r1', 'approved', 'tool.finished t1'),
      noted({ count: 'tool_count' }),
      delta(),
    ],
  ],
  [
    'somebody else was faster: the tool that was allowed here was refused',
    [...ASKS, decided(6), resolved(7)],
    toolEnded(8, 't1', { outcome: 'refused' }),
    'working',
    [changed('tool-t1'), closed('r1', 'denied', 'tool.finished t1'), delta()],
  ],
  [
    'a request that somebody else settled is known by what became of its tool',
    [...ASKS, resolved(6)],
    toolEnded(7, 't1'),
    'working',
    [
      changed('tool-t1'),
      closed('r1', 'approved', 'tool.finished t1'),
      noted({ count: 'tool_count' }),
      delta(),
    ],
  ],
  [
    'a decision that did not arrive can be made again',
    [...ASKS, decided(6), away(7), wanted(8), asked(9, 'r1', 't1'), ready(10)],
    decided(11, 'denied'),
    'permission',
    [opened('r1'), { type: 'approval_sent', request_id: 'r1' }, delta()],
    [{ type: 'approval.answer', requestId: 'r1', decision: 'denied' }],
  ],
];

describe('a thread that others hold', () => {
  testRows(ROWS, SHARED);

  it('takes one decision: the second is refused', () => {
    const scene = sessionAfter([...ASKS, decided(6)], SHARED);
    expect(refusalOf(scene.snapshot(), decided(7, 'denied'))).toBe('already_resolved');
  });

  it.each([
    ['while there is no connection', []],
    ['while the connection is made', [wanted(7)]],
    [
      'after it could not be made',
      [wanted(7), report(8, 'link.failed', { reason: 'gone' }), asked(9, 'r1', 't1')],
    ],
  ])('takes no decision %s', (_, more) => {
    const scene = sessionAfter([...ASKS, away(6), ...more], SHARED);
    expect(scene.phase()).toBe('permission');
    expect(refusalOf(scene.snapshot(), decided(10))).toBe('no_connector');
  });

  it('is not cut off by a loss that is reported of a session with a process of its own', () => {
    const scene = sessionAfter([wanted(1), ready(2), gone(3)], { ...SHARED, engine: 'private' });
    expect(scene.can(gone(4))).toBe(false);
  });
});

describe('a session that was only watched', () => {
  it('is steered from now on, when its thread is open where we can write', () => {
    const scene = sessionAfter([prompted(1)], { integration_mode: 'passive' });
    const after = scene.send(report(2, 'link.offered', { threadId: 'thread-1' }));
    expect(scene.link()).toBe('detached');
    expect(after.facts).toMatchObject([
      noted({ thread_id: 'thread-1' }),
      delta({ claude_integration_mode: 'direct' }),
      listed({ link_state: 'detached' }),
    ]);
  });
});
