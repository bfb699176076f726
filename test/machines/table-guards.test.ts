/** What is older than what is known moves nothing, in every state that would else take it. */
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/index.ts';
import {
  agentBegan,
  asked,
  noticed,
  over,
  prompted,
  report,
  stopped,
  toolBegan,
} from './events.ts';
import { sessionAfter } from './session-after.ts';

const witness = 'registry' as const;
const { request } = noticed(7, 'permission');
const WORDS: SessionEvent[] = [
  report(7, 'witness.busy', { witness }),
  report(7, 'witness.idle', { witness }),
  report(7, 'witness.waiting', { witness, kind: 'permission', request }),
];
const STATES: Array<[state: string, events: SessionEvent[]]> = [
  ['that waits for its user', [prompted(1), stopped(9)]],
  ['that works', [prompted(1), toolBegan(9, 't1')]],
  [
    'whose agent works',
    [prompted(1), agentBegan(2, 'a1'), stopped(5, ['a1']), toolBegan(9, 't1@a1')],
  ],
  ['that asks', [prompted(1), toolBegan(2, 't1'), asked(9, 'r1', 't1')]],
  [
    'whose agent asks',
    [prompted(1), toolBegan(2, 't1@a1'), stopped(5, ['a1']), asked(9, 'r1', 't1@a1')],
  ],
  [
    'that asks, whose agent has worked since',
    [prompted(1), toolBegan(2, 't1'), asked(4, 'r1', 't1'), toolBegan(9, 't2@a2')],
  ],
  [
    'whose agent asks, and another has worked since',
    [
      prompted(1),
      toolBegan(2, 't1@a1'),
      asked(4, 'r1', 't1@a1'),
      stopped(5, ['a1']),
      toolBegan(9, 't2@a2'),
    ],
  ],
  ['that is over', [prompted(1), over(9)]],
];

describe.each(STATES)('of a session %s', (_, events) => {
  it.each(WORDS)('an older $type says nothing', (event) => {
    const scene = sessionAfter(events);
    const before = scene.snapshot();
    expect(scene.send(event)).toEqual({ facts: [], orders: [] });
    expect(scene.snapshot().value).toEqual(before.value);
  });
});

it('an older word that its process left ends no session', () => {
  const scene = sessionAfter([prompted(1), toolBegan(9, 't1')]);
  scene.send(report(7, 'process.left', { witness, reason: 'x' }));
  expect(scene.phase()).toBe('working');
});

describe('an end that is older than the newest prompt', () => {
  const DIRECT = { integration_mode: 'direct' } as const;
  const LINKED = [
    report(1, 'link.requested', {}),
    report(1, 'link.attached', { capabilities: ['turn.run'], threadId: 't' }),
  ];

  it.each([
    ['that is ready', LINKED, 'attached'],
    ['that starts', LINKED.slice(0, 1), 'attaching'],
  ] as const)('leaves the session going on, and a connector %s where it is', (_, link, state) => {
    const scene = sessionAfter([...link, prompted(5)], DIRECT);
    expect(scene.send(over(3)).orders).toEqual([]);
    expect([scene.phase(), scene.link()]).toEqual(['working', state]);
    scene.send(over(6));
    expect([scene.phase(), scene.link()]).toEqual(['ended', 'detached']);
  });
});
