/** Commands of clients: possible only through a connector that can do them, else not a transition at all. */
import { describe, expect, it } from 'vitest';
import type { ConnectorCommand, SessionEvent } from '../../machines/index.ts';
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
} from './events.ts';
import { changed, closed, delta, listed, noted, type Row, said, testRows } from './rows.ts';
import { at, sessionAfter } from './session-after.ts';

const DIRECT = { integration_mode: 'direct' } as const;
const run = runOf('m1');
const steer: Extract<ConnectorCommand, { type: 'turn.steer' }> = {
  type: 'turn.steer',
  content: 'left',
  messageId: 's1',
};
const answer: ConnectorCommand = { type: 'approval.answer', requestId: 'r1', decision: 'approved' };
const reply: ConnectorCommand = {
  type: 'question.answer',
  requestId: 'r1',
  answers: { which: 'this' },
  text: 'this',
};

/** Every command, with the command that its connector gets. */
const COMMANDS: Array<[command: SessionEvent, order: ConnectorCommand]> = [
  [report(9, 'message.submitted', { message: messageOf('m1', 'user'), order: run }), run],
  [report(9, 'steer.submitted', { message: messageOf('s1', 'steer'), order: steer }), steer],
  [report(9, 'approval.decided', { requestId: 'r1', decision: 'approved', order: answer }), answer],
  [report(9, 'question.answered', { requestId: 'r1', order: reply }), reply],
  [report(9, 'interrupt.requested', {}), { type: 'turn.stop' }],
  [report(9, 'compaction.requested', {}), { type: 'context.compact' }],
  [report(9, 'undo.requested', {}), { type: 'turn.undo' }],
  [report(9, 'rollback.requested', { turns: 2 }), { type: 'turns.rollBack', turns: 2 }],
];

const ASKING = [prompted(1), toolBegan(2, 't1'), asked(3, 'r1', 't1')];
const requested = report(4, 'link.requested', {});
const attached = (capabilities: string[]) =>
  report(5, 'link.attached', { capabilities, threadId: 'thread-1' });
const EVERYTHING = COMMANDS.map(([, order]) => order.type);

/** What a connector takes that is not ready yet: it does it when it is. */
const EARLY = new Set<ConnectorCommand['type']>([
  'turn.run',
  'turn.steer',
  'turn.stop',
  'turn.undo',
  'turns.rollBack',
  'context.compact',
]);

describe.each(COMMANDS)('$type', (command, order) => {
  it('reaches a connector that is not ready yet, if it still means something then', () => {
    const scene = sessionAfter([...ASKING, requested], DIRECT);
    expect(scene.can(command)).toBe(EARLY.has(order.type));
    expect(scene.send(command).orders).toEqual(EARLY.has(order.type) ? [order] : []);
  });

  it('is possible through a connector that can do it, and becomes its order', () => {
    const scene = sessionAfter([...ASKING, requested, attached([order.type])], DIRECT);
    expect(scene.can(command)).toBe(true);
    expect(scene.send(command).orders).toEqual([order]);
  });

  it('is not possible through a connector that cannot do it', () => {
    const others = EVERYTHING.filter((type) => type !== order.type);
    expect(sessionAfter([...ASKING, requested, attached(others)], DIRECT).can(command)).toBe(false);
  });

  it('is not possible without a connector, and changes nothing when it is sent all the same', () => {
    for (const scene of [
      sessionAfter(ASKING),
      sessionAfter(ASKING, DIRECT),
      sessionAfter(
        [...ASKING, requested, attached(EVERYTHING), report(6, 'link.lost', { reason: 'x' })],
        DIRECT,
      ),
      sessionAfter([...ASKING, requested, attached(EVERYTHING), over(6)], DIRECT),
    ]) {
      expect(scene.can(command)).toBe(false);
      expect(scene.send(command)).toEqual({ facts: [], orders: [] });
    }
  });
});

const LINKED = [...ASKING, requested, attached(EVERYTHING)];
const ROWS: Row[] = [
  [
    "a client's words are shown once, and the connector gets them",
    [requested, attached(EVERYTHING)],
    COMMANDS[0]?.[0] as SessionEvent,
    'idle',
    [
      said({ id: 'm1' }),
      noted({ count: 'prompt_count' }),
      delta({ last_message: 'm1', first_prompt: 'm1' }),
    ],
    [run],
  ],
  [
    'an approval of a client lets the turn go on and is told to the connector',
    LINKED,
    COMMANDS[2]?.[0] as SessionEvent,
    'working',
    [closed('r1', 'approved', 'client'), delta({ work_status: 'working' }), listed()],
    [answer],
  ],
  [
    'a denial too keeps working while the turn runs: the model reads it',
    LINKED,
    report(9, 'approval.decided', {
      requestId: 'r1',
      decision: 'denied',
      order: { ...answer, decision: 'denied' },
    }),
    'working',
    [closed('r1', 'denied', 'client'), delta({ work_status: 'working' }), listed()],
    [{ decision: 'denied' }],
  ],
  [
    'a lost connector ends what ran through it',
    LINKED,
    report(6, 'link.lost', { reason: 'exit 1' }),
    'idle',
    [
      changed('tool-t1', { tool_output: 'interrupted: exit 1', is_error: true }),
      said({
        message_type: 'assistant',
        is_error: true,
        content: expect.stringContaining('exit 1'),
      }),
      closed('r1', 'cancelled', 'link.lost'),
      delta({ work_status: 'waiting', link_state: 'detached', link_reason: 'exit 1' }),
      listed(),
    ],
  ],
];

describe('a steered session', () => {
  testRows(ROWS, DIRECT);

  it('lets exactly one of two racing clients answer', () => {
    const scene = sessionAfter(LINKED, DIRECT);
    const [, , [first]] = COMMANDS as [unknown, unknown, [SessionEvent]];
    const second = report(10, 'approval.decided', {
      requestId: 'r1',
      decision: 'denied',
      order: { ...answer, decision: 'denied' },
    });
    expect(scene.send(first).orders).toEqual([answer]);
    expect(scene.can(second)).toBe(false);
    expect(scene.send(second).orders).toEqual([]);
  });

  it.each<[string, SessionEvent[], boolean]>([
    ['a turn runs', [prompted(6)], true],
    [
      'an agent goes on behind the turn',
      [prompted(6), agentBegan(7, 'a1'), stopped(8, ['a1'])],
      true,
    ],
    ['words are on their way', [COMMANDS[0]?.[0] as SessionEvent], true],
    ['something runs, not when all of it is over', [prompted(6), stopped(7)], false],
  ])('can be stopped while %s', (_name, events, can) => {
    const stop = report(10, 'interrupt.requested', {});
    for (const link of [[requested], [requested, attached(EVERYTHING)]]) {
      expect(sessionAfter([...link, ...events], DIRECT).can(stop)).toBe(can);
    }
  });

  it('refuses an answer to a request that never was', () => {
    const wrong = report(9, 'approval.decided', {
      requestId: 'other',
      decision: 'approved',
      order: answer,
    });
    expect(sessionAfter(LINKED, DIRECT).can(wrong)).toBe(false);
  });

  it('walks its link: detached, attaching, attached, detached, failed, attaching', () => {
    const scene = sessionAfter([], DIRECT);
    const walk = [scene.link()];
    for (const event of [
      requested,
      attached([]),
      report(6, 'link.lost', { reason: 'x' }),
      requested,
      report(7, 'link.failed', { reason: 'x' }),
      requested,
    ]) {
      scene.send(event);
      walk.push(scene.link());
    }
    expect(walk).toEqual([
      'detached',
      'attaching',
      'attached',
      'detached',
      'attaching',
      'failed',
      'attaching',
    ]);
  });

  it('keeps its connector until a restart, which takes it away', () => {
    const scene = sessionAfter([requested, attached(EVERYTHING)], DIRECT);
    expect(scene.snapshot().hasTag('linked')).toBe(true);
    scene.send(report(6, 'server.restarted', {}));
    expect(scene.snapshot().hasTag('linked')).toBe(false);
    expect(scene.link()).toBe('detached');
  });

  it('is never linked while it is only watched', () => {
    const scene = sessionAfter();
    expect(scene.link()).toBe('passive');
    expect(scene.can(requested)).toBe(false);
    expect(scene.context().turn.settledAt < at(0)).toBe(true);
  });
});
