/** The connector's coming and going, as the session shows it: what appears, what is cut off, what is kept. */
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/index.ts';
import {
  agentBegan,
  asked,
  messageOf,
  over,
  prompted,
  report,
  runOf,
  stopped,
  toolBegan,
  toolEnded,
} from './events.ts';
import { changed, closed, delta, listed, noted, type Row, said, testRows } from './rows.ts';
import { sessionAfter } from './session-after.ts';

const DIRECT = { integration_mode: 'direct', thread_id: 'thread-1' } as const;
const CAPABILITIES = [
  'turn.run',
  'turn.steer',
  'approval.answer',
  'thread.rename',
  'settings.update',
];
const wanted = report(1, 'link.requested', {});
const ready = (threadId = 'thread-1') =>
  report(2, 'link.attached', { capabilities: CAPABILITIES, threadId });
const LINKED = [wanted, ready()];
const submitted = (n: number): SessionEvent =>
  report(n, 'message.submitted', { message: messageOf(`m${n}`, 'user'), order: runOf(`m${n}`) });
const lost = (n: number) => report(n, 'link.lost', { reason: 'exit 1' });
const streamed = (n: number) =>
  report(n, 'message.added', { message: messageOf(`s${n}`, 'assistant'), isOpen: true });
const settings = {
  cwd: '/home/dev/shop',
  model: null,
  effort: null,
  approvalPolicy: null,
  sandboxMode: null,
};

const ROWS: Row[] = [
  [
    'a request for a connector shows that it starts, and commands it to resume the thread',
    [],
    wanted,
    'idle',
    [delta({ link_state: 'attaching' })],
    [{ type: 'thread.attach', threadId: 'thread-1', settings, isBlank: true }],
  ],
  [
    'a connector that is ready shows, and the thread it opened is remembered',
    [wanted],
    ready('thread-2'),
    'idle',
    [noted({ thread_id: 'thread-2' }), delta({ link_state: 'attached' })],
  ],
  [
    'a connector that is ready with the thread that is known has nothing remembered',
    [wanted],
    ready(),
    'idle',
    [delta({ link_state: 'attached' })],
  ],
  [
    'words that are sent while it starts are shown at once and wait with the connector',
    [wanted],
    submitted(2),
    'idle',
    [said({ id: 'm2' }), noted({ count: 'prompt_count' }), delta({ first_prompt: 'm2' })],
    [runOf('m2')],
  ],
  [
    'a connector that cannot start says why, and that the words did not leave',
    [wanted, submitted(2)],
    report(3, 'link.failed', { reason: 'no binary' }),
    'idle',
    [
      changed('m2', { tool_output: 'failed: no binary', is_error: true }),
      delta({ link_state: 'failed', link_reason: 'no binary' }),
    ],
  ],
  [
    'another try takes the reason away',
    [wanted, report(2, 'link.failed', { reason: 'no binary' })],
    report(3, 'link.requested', {}),
    'idle',
    [delta({ link_state: 'attaching', link_reason: null })],
    [{ type: 'thread.attach' }],
  ],
  [
    'words that were never confirmed are unknown when the connector is lost: nobody sends them again',
    [...LINKED, submitted(3)],
    lost(4),
    'idle',
    [
      changed('m3', { tool_output: 'unknown: exit 1', is_error: true }),
      delta({ link_state: 'detached', link_reason: 'exit 1' }),
    ],
  ],
  [
    'confirmed words belong to their turn and are nobody’s worry any more',
    [...LINKED, submitted(3)],
    report(4, 'message.confirmed', { messageId: 'm3', turnId: 'p4' }),
    'idle',
    [{ type: 'turn_noted', message_id: 'm3', provider_turn_id: 'p4' }],
  ],
  [
    'a lost connector ends the turn, closes its requests and says in the conversation why',
    [...LINKED, prompted(3), toolBegan(4, 't1'), asked(5, 'r1', 't1'), streamed(6)],
    lost(7),
    'idle',
    [
      changed('tool-t1', { tool_output: 'interrupted: exit 1', is_error: true }),
      changed('s6', {}),
      said({ is_error: true, content: expect.stringContaining('exit 1') }),
      closed('r1', 'cancelled', 'link.lost'),
      delta({ link_state: 'detached', link_reason: 'exit 1', work_status: 'waiting' }),
      listed({ link_state: 'detached' }),
    ],
  ],
  [
    'a connector that was lost before the newest work of the turn leaves the turn open',
    [...LINKED, prompted(3), toolBegan(5, 't1')],
    lost(4),
    'working',
    [
      changed('tool-t1', { tool_output: 'interrupted: exit 1', is_error: true }),
      said({ is_error: true }),
      delta({ link_state: 'detached' }),
    ],
  ],
  [
    'a lost connector ends the agents that went on behind the turn',
    [...LINKED, prompted(3), agentBegan(4, 'a1'), stopped(5, ['a1'])],
    lost(6),
    'idle',
    [delta({ link_state: 'detached', work_status: 'waiting' })],
  ],
  [
    'a restarted server says what became of a running turn and of text that was still coming',
    [...LINKED, prompted(3), streamed(4)],
    report(5, 'server.restarted', {}),
    'idle',
    [
      changed('s4', {}),
      said({ is_error: true }),
      delta({ link_state: 'detached', link_reason: 'the server was restarted' }),
    ],
  ],
  [
    'a restarted server gives the tools that ran their end, and leaves those alone that have one',
    [...LINKED, prompted(3), toolBegan(4, 't1'), toolBegan(5, 't2'), toolEnded(6, 't1')],
    report(7, 'server.restarted', {}),
    'idle',
    [
      changed('tool-t2', {
        tool_output: 'interrupted: the server was restarted',
        is_error: true,
      }),
      said({ is_error: true }),
      delta({ link_state: 'detached' }),
    ],
  ],
  [
    'a second restart does not interrupt a tool again',
    [...LINKED, prompted(3), toolBegan(4, 't1'), lost(5)],
    report(6, 'server.restarted', {}),
    'idle',
    [delta({ link_reason: 'the server was restarted' })],
  ],
  [
    'a command that outlived its turn ends with the connector',
    [...LINKED, prompted(3), toolBegan(4, 't1'), stopped(5)],
    lost(6),
    'idle',
    [
      changed('tool-t1', { tool_output: 'interrupted: exit 1', is_error: true }),
      delta({ link_state: 'detached' }),
    ],
  ],
  [
    'a command that outlived its turn and showed its outcome keeps it',
    [
      ...LINKED,
      prompted(3),
      toolBegan(4, 't1'),
      stopped(5),
      report(6, 'message.changed', {
        update: { messageId: 'tool-t1', changes: { tool_output: 'done' } },
      }),
    ],
    lost(7),
    'idle',
    [delta({ link_state: 'detached' })],
  ],
  [
    'an ended session ends the tools that ran in it',
    [...LINKED, prompted(3), toolBegan(4, 't1')],
    over(5),
    'ended',
    [
      changed('tool-t1', { tool_output: 'interrupted: the session was ended', is_error: true }),
      noted({ end_reason: 'other' }),
      delta({ status: 'ended', link_state: 'detached' }),
      { type: 'session_ended' },
    ],
    [{ type: 'thread.release' }],
  ],
  [
    'a finished text is settled: a lost connector does not touch it',
    [
      ...LINKED,
      streamed(3),
      report(4, 'message.changed', { update: { messageId: 's3', changes: {} } }),
    ],
    lost(5),
    'idle',
    [delta({ link_state: 'detached', link_reason: 'exit 1' })],
  ],
  [
    'an ended session lets its connector go',
    LINKED,
    over(3),
    'ended',
    [
      noted({ end_reason: 'other' }),
      delta({ status: 'ended', work_status: 'ended', link_state: 'detached' }),
      { type: 'session_ended' },
    ],
    [{ type: 'thread.release' }],
  ],
  [
    'a connector that nobody used for long goes quietly',
    LINKED,
    report(3, 'link.rested', {}),
    'idle',
    [delta({ link_state: 'detached' })],
    [{ type: 'thread.release' }],
  ],
  [
    'a chosen name reaches the provider',
    LINKED,
    report(3, 'name.chosen', { name: 'Cart' }),
    'idle',
    [delta({ custom_name: 'Cart' }), listed({ custom_name: 'Cart' })],
    [{ type: 'thread.rename', name: 'Cart' }],
  ],
  [
    'a name that is taken away stays with us: the provider cannot forget it',
    [...LINKED, report(3, 'name.chosen', { name: 'Cart' })],
    report(4, 'name.chosen', { name: null }),
    'idle',
    [delta({ custom_name: null }), listed()],
  ],
  [
    'chosen settings reach the provider, and what is not named stays',
    LINKED,
    report(3, 'settings.chosen', { fields: { approval_policy: 'never' } }),
    'idle',
    [delta({ approval_policy: 'never' }), listed({ approval_policy: 'never' })],
    [{ type: 'settings.update', settings: { ...settings, approvalPolicy: 'never' } }],
  ],
  [
    'chosen settings without a connector wait for the next one',
    [],
    report(3, 'settings.chosen', { fields: { sandbox_mode: 'read-only' } }),
    'idle',
    [delta({ sandbox_mode: 'read-only' }), listed()],
  ],
  [
    'a new turn begins with clean paper',
    [...LINKED, prompted(3), report(4, 'diff.updated', { diff: '+1' }), lost(5)],
    prompted(6),
    'working',
    [said(), noted({ count: 'prompt_count' }), delta({ current_diff: null, turn_count: 2 })],
  ],
  [
    'an interrupted turn keeps the diff of what it had changed',
    [...LINKED, prompted(3)],
    report(4, 'turn.aborted', { reason: 'interrupted', diff: '+1' }),
    'idle',
    [
      { type: 'turn_diff_snapshot', turn_id: 'turn-1', diff: '+1' },
      { type: 'turn_noted', turn_id: 'turn-1', provider_turn_id: 'p3' },
      delta({ current_diff: null }),
    ],
  ],
];

describe('the link of a session that we steer', () => {
  it('begins with the settings that the session has', () => {
    const chosen = { effort: 'high', approval_policy: 'never', sandbox_mode: 'read-only' };
    const scene = sessionAfter([], { ...DIRECT, ...chosen, model: 'm', engine: 'shared' });
    expect(scene.send(wanted).orders).toMatchObject([
      {
        settings: {
          ...{ cwd: '/home/dev/shop', model: 'm', effort: 'high' },
          ...{ approvalPolicy: 'never', sandboxMode: 'read-only', engine: 'shared' },
        },
      },
    ]);
  });

  testRows(ROWS, DIRECT);

  it('takes no words of a session that is over, also while a connector starts for it', () => {
    const scene = sessionAfter([over(1), report(2, 'link.requested', {})], DIRECT);
    expect(scene.link()).toBe('attaching');
    expect(scene.can(submitted(3))).toBe(false);
  });

  it('keeps its connector while a turn runs, a request waits, or words are on their way', () => {
    const rested = report(9, 'link.rested', {});
    expect(sessionAfter(LINKED, DIRECT).can(rested)).toBe(true);
    for (const before of [[submitted(3)], [prompted(3)], [prompted(3), asked(5, 'r1', 't1')]]) {
      expect(sessionAfter([...LINKED, ...before], DIRECT).can(rested)).toBe(false);
    }
  });

  it('remembers how a request was settled, for who decides a moment too late', () => {
    const scene = sessionAfter(
      [...LINKED, prompted(3), toolBegan(4, 't1'), asked(5, 'r1', 't1')],
      DIRECT,
    );
    scene.send(
      report(6, 'approval.decided', {
        requestId: 'r1',
        decision: 'denied',
        order: { type: 'approval.answer', requestId: 'r1', decision: 'denied' },
      }),
    );
    expect(scene.context().settled).toMatchObject([
      { requestId: 'r1', decision: 'denied', evidence: 'client' },
    ]);
  });
});
