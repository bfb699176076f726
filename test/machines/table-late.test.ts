/**
 * Reports that come late: an older stamp never reopens and never undoes what a newer one settled, but
 * what it says is never lost. Only older is late: reporters without a fine clock give equal stamps.
 */
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import {
  agentBegan,
  agentEnded,
  asked,
  began,
  messageOf,
  noticed,
  over,
  prompted,
  report,
  stopped,
  toolBegan,
  toolEnded,
  use,
} from './events.ts';
import { changed, delta, listed, noted, opened, type Row, said, shown, testRows } from './rows.ts';
import { sessionAfter } from './session-after.ts';

const SETTLED: Row[] = [
  [
    'a prompt older than the end of its turn brings its words and nothing else',
    [toolBegan(2, 't1'), stopped(3)],
    prompted(1),
    'idle',
    [said(), noted({ count: 'prompt_count' }), delta({ first_prompt: 'prompt 1' })],
  ],
  [
    'a tool use older than the end of its turn is shown and does not reopen it',
    [prompted(1), stopped(3)],
    toolBegan(2, 't1'),
    'idle',
    [said({ id: 'tool-t1' }), noted({ last_tool: 'Bash' })],
  ],
  [
    'an end of a tool use older than the end of its turn brings the output',
    [prompted(1), toolBegan(2, 't1'), stopped(4)],
    toolEnded(3, 't1'),
    'idle',
    [changed('tool-t1', { tool_output: 'output of t1' }), noted({ count: 'tool_count' })],
  ],
  [
    'an end of a tool use brings its output to an ended session too',
    [prompted(1), toolBegan(2, 't1'), over(4)],
    toolEnded(3, 't1'),
    'ended',
    [changed('tool-t1', { tool_output: 'output of t1' })],
  ],
  [
    'a tool use after its own end is not shown twice',
    [prompted(1), toolEnded(3, 't1')],
    toolBegan(2, 't1'),
    'working',
    [],
  ],
  [
    'a request older than the end of its turn is not opened',
    [prompted(1), toolBegan(2, 't1'), stopped(4)],
    asked(3, 'r1', 't1'),
    'idle',
    [],
  ],
  [
    'a request older than the end of its tool use is not opened',
    [prompted(1), toolBegan(2, 't1'), toolEnded(4, 't1')],
    asked(3, 'r1', 't1'),
    'working',
    [],
  ],
  [
    'a request older than the next prompt is not opened: its turn ended without a word',
    [prompted(1), toolBegan(2, 't1'), prompted(4)],
    asked(3, 'r1', 't1'),
    'working',
    [],
  ],
  [
    'a request older than the end of its agent is not opened',
    [prompted(1), agentBegan(2, 'a1'), toolBegan(3, 't1@a1'), agentEnded(5, 'a1')],
    asked(4, 'r1', 't1@a1'),
    'working',
    [],
  ],
  [
    'a notification older than the end of its turn is nothing to wait for',
    [prompted(1), toolBegan(2, 't1'), stopped(4)],
    noticed(3, 'permission'),
    'idle',
    [],
  ],
  [
    'a notification older than the answer to what it was about says nothing new',
    [
      prompted(1),
      agentBegan(2, 'a1'),
      toolBegan(3, 't1@a1'),
      asked(4, 'r1', 't1@a1'),
      report(6, 'tools.settled', { tools: [use('t1@a1')] }),
    ],
    noticed(5, 'permission'),
    'working',
    [],
  ],
  [
    'an end of a turn older than the next prompt brings the reply and ends nothing',
    [prompted(1), prompted(3)],
    stopped(2),
    'working',
    [said({ message_type: 'assistant' }), delta({ last_message: 'reply 2' })],
  ],
  [
    'a failure older than the end of its turn leaves agents in the background at work',
    [prompted(1), agentBegan(2, 'a1'), stopped(4, ['a1'])],
    report(3, 'turn.failed', { error: 'x', message: messageOf('m', 'assistant') }),
    'working',
    [said({ id: 'm' }), delta({ last_message: 'm' })],
  ],
  [
    'an agent older than the end of its turn does not work again',
    [prompted(1), stopped(3)],
    agentBegan(2, 'a1'),
    'idle',
    [],
  ],
  [
    'an agent older than its own end does not work again',
    [prompted(1), agentEnded(3, 'a1')],
    agentBegan(2, 'a1'),
    'working',
    [],
  ],
  [
    'a turn that lists an agent older than the end of that agent is over',
    [prompted(1), agentBegan(2, 'a1'), agentEnded(4, 'a1')],
    stopped(3, ['a1']),
    'idle',
    [said(), delta({ work_status: 'waiting' })],
  ],
  [
    'the beginning of a compaction older than its end is not work',
    [prompted(1), stopped(2), report(4, 'compaction.finished', {})],
    report(3, 'compaction.started', {}),
    'idle',
    [noted({ count: 'compact_count' })],
  ],
  [
    'the end of a session older than its resumption ends nothing',
    [prompted(1), began(3, 'resume')],
    over(2),
    'idle',
    [],
  ],
  [
    'the end of a session older than its newest prompt ends nothing',
    [prompted(1), prompted(3)],
    over(2),
    'working',
    [],
  ],
  ['a start older than the end revives nothing', [prompted(1), over(3)], began(2), 'ended', []],
  [
    'a prompt older than the end revives nothing, but its words are kept',
    [prompted(1), over(3)],
    prompted(2),
    'ended',
    [said({ id: 'user-2' }), delta({ last_message: 'prompt 2' })],
  ],
  [
    'fields of an older report fill what is empty and change nothing else',
    [report(2, 'fields.updated', { fields: { model: 'opus' } }), prompted(3)],
    report(1, 'fields.updated', { fields: { model: 'haiku', git_branch: 'main' } }),
    'working',
    [delta({ git_branch: 'main' })],
  ],
];

describe('a late report', () => testRows(SETTLED));

describe('reports of a clock that only knows seconds', () => {
  testRows([
    ['a turn within one tick is over', [prompted(1)], stopped(1), 'idle', [said(), delta()]],
    [
      'the next prompt within that tick begins the next turn',
      [prompted(1), stopped(1)],
      { ...prompted(1), promptId: 'next' },
      'working',
      [said(), noted({}), delta({ turn_count: 2 })],
    ],
    [
      'a request within the tick of its prompt opens',
      [prompted(1), toolBegan(1, 't1')],
      asked(1, 'r1', 't1'),
      'permission',
      [opened('r1'), delta(), shown('r1')],
    ],
    [
      'a session within one tick is over, and comes back within it',
      [prompted(1), over(1)],
      began(1, 'resume'),
      'idle',
      [noted({}), delta({ status: 'active' }), listed()],
    ],
  ]);

  it('say nothing of which came first: a request stays when a tool of its tick is over', () => {
    const asks = [prompted(1), toolBegan(1, 't1'), asked(2, 'r1', 't1')];
    const same = sessionAfter([...asks, toolBegan(2, 't2')]);
    same.send(toolEnded(4, 't2'));
    expect(same.phase()).toBe('permission');
    const later = sessionAfter([...asks, toolBegan(3, 't2')]);
    later.send(toolEnded(4, 't2'));
    expect(later.phase()).toBe('working');
  });

  it('still know a prompt that was reported twice', () => {
    const scene = sessionAfter([prompted(1)]);
    expect(scene.send(prompted(1)).facts).toEqual([]);
  });
});

it('a tool use that is reported after its session is over is shown, and its result too', () => {
  const scene = sessionAfter([prompted(1), over(5)]);
  const types = (event: SessionEvent) => scene.send(event).facts.map(({ type }) => type);
  expect(types(toolBegan(2, 't1'))).toContain('message_appended');
  expect(types(toolEnded(3, 't1'))).toContain('message_updated');
  expect(types(toolEnded(3, 't1'))).toEqual([]);
  expect(scene.phase()).toBe('ended');
});

describe.each([
  ['turn.aborted', (n: number) => report(n, 'turn.aborted', { reason: 'x' })],
  ['turn.failed', (n: number) => report(n, 'turn.failed', { error: 'x' })],
] as const)('%s', (_type, reported) => {
  it.each<[string, SessionEvent[]]>([
    ['the next prompt', [prompted(1), prompted(3)]],
    ['the end of its turn and the next prompt', [prompted(1), stopped(3), prompted(4)]],
  ])('that is older than %s ends nothing', (_, events) => {
    const scene = sessionAfter(events);
    scene.send(reported(2));
    expect(scene.phase()).toBe('working');
  });

  it('that is newer ends the turn', () => {
    const scene = sessionAfter([prompted(1), prompted(3)]);
    scene.send(reported(4));
    expect(scene.phase()).toBe('idle');
  });
});
