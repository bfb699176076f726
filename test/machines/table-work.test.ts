/** What counts as work: the model, a tool in the foreground, an agent in the background; nothing else. */
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import {
  agentBegan,
  agentEnded,
  noticed,
  prompted,
  report,
  stopped,
  toolBegan,
  toolEnded,
} from './events.ts';
import { changed, delta, noted, type Row, said, testRows } from './rows.ts';
import { sessionAfter } from './session-after.ts';

const TOOLS: Row[] = [
  [
    'a tool use shows in the conversation and as the last tool',
    [prompted(1)],
    toolBegan(2, 't1'),
    'working',
    [said({ id: 'tool-t1', message_type: 'tool' }), noted({ last_tool: 'Bash' }), delta({})],
  ],
  [
    'a tool use whose prompt was never reported opens the turn',
    [],
    toolBegan(1, 't1'),
    'working',
    [said(), noted({}), delta({ work_status: 'working', current_turn_id: 'turn-1' })],
  ],
  [
    'a finished tool changes its message and is counted',
    [prompted(1), toolBegan(2, 't1')],
    toolEnded(3, 't1'),
    'working',
    [
      changed('tool-t1', { tool_output: 'output of t1' }),
      noted({ count: 'tool_count' }),
      delta({}),
    ],
  ],
  [
    'a failed tool says so in its message',
    [prompted(1), toolBegan(2, 't1')],
    toolEnded(3, 't1', { outcome: 'failed' }),
    'working',
    [changed('tool-t1', { is_error: true }), noted({}), delta({})],
  ],
  [
    'a tool that its user interrupted ends the turn: the terminal waits for words',
    [prompted(1), toolBegan(2, 't1')],
    toolEnded(3, 't1', { outcome: 'interrupted' }),
    'idle',
    [
      changed('tool-t1', { is_error: true }),
      noted({}),
      delta({ work_status: 'waiting', current_turn_id: null }),
    ],
  ],
  [
    'one that was interrupted beside another is over with the same turn',
    [
      prompted(1),
      toolBegan(2, 't1'),
      toolBegan(3, 't2'),
      toolEnded(4, 't1', { outcome: 'interrupted' }),
    ],
    toolEnded(5, 't2', { outcome: 'interrupted' }),
    'idle',
    [changed('tool-t2', { is_error: true }), noted({}), delta({})],
  ],
  [
    'an interruption that a newer prompt overtook ends nothing',
    [prompted(1), toolBegan(2, 't1'), prompted(5)],
    toolEnded(4, 't1', { outcome: 'interrupted' }),
    'working',
    [changed('tool-t1', { is_error: true }), noted({})],
  ],
  [
    'an interrupted tool of an agent says nothing about the main thread',
    [prompted(1), agentBegan(2, 'a1'), toolBegan(3, 't1@a1')],
    toolEnded(4, 't1@a1', { outcome: 'interrupted' }),
    'working',
    [changed('tool-t1', { is_error: true }), noted({}), delta({})],
  ],
  [
    'a finished tool whose beginning was never reported brings its whole message',
    [prompted(1)],
    toolEnded(3, 't1'),
    'working',
    [said({ tool_output: 'output of t1' }), noted({}), delta({})],
  ],
  [
    'a tool reported twice is shown once',
    [prompted(1), toolBegan(2, 't1')],
    toolBegan(2, 't1'),
    'working',
    [],
  ],
  [
    'an end reported twice is counted once',
    [prompted(1), toolBegan(2, 't1'), toolEnded(3, 't1')],
    toolEnded(3, 't1'),
    'working',
    [],
  ],
  [
    'a settled batch alone changes nothing',
    [prompted(1), toolBegan(2, 't1'), toolEnded(3, 't1')],
    report(4, 'tools.settled', { tools: [toolBegan(2, 't1').tool] }),
    'working',
    [delta({})],
  ],
];

const AGENTS: Row[] = [
  [
    'an agent is shown with its type',
    [prompted(1)],
    agentBegan(2, 'a1'),
    'working',
    [delta({ subagents: [{ id: 'a1', agent_type: 'general-purpose' }] as never })],
  ],
  [
    'a turn that leaves an agent in the background is still work',
    [prompted(1), agentBegan(2, 'a1')],
    stopped(3, ['a1']),
    'working',
    [said(), delta({ current_turn_id: null })],
  ],
  [
    'the end of the last agent in the background ends the work',
    [prompted(1), agentBegan(2, 'a1'), stopped(3, ['a1'])],
    agentEnded(4, 'a1'),
    'idle',
    [delta({ work_status: 'waiting' })],
  ],
  [
    'the end of one of two agents does not',
    [prompted(1), agentBegan(2, 'a1'), agentBegan(2, 'a2'), stopped(3, ['a1', 'a2'])],
    agentEnded(4, 'a1'),
    'working',
    [delta({})],
  ],
  [
    'an agent that the turn does not leave behind is over with it',
    [prompted(1), agentBegan(2, 'a1')],
    stopped(3, []),
    'idle',
    [said(), delta({ work_status: 'waiting', subagents: [{ id: 'a1' }] as never })],
  ],
  [
    'a reporter that cannot tell of agents leaves none behind',
    [prompted(1), agentBegan(2, 'a1')],
    stopped(3, null),
    'idle',
    [said(), delta({ work_status: 'waiting' })],
  ],
  [
    'a tool of an agent in the background opens no turn of the main thread',
    [prompted(1), agentBegan(2, 'a1'), stopped(3, ['a1'])],
    toolBegan(4, 't1@a1'),
    'working',
    [said(), noted({}), delta({})],
  ],
  [
    'a tool use that launched an agent tells of it even when its start was never reported',
    [prompted(1), toolBegan(2, 't1')],
    toolEnded(3, 't1', { launched: { id: 'a1', type: 'Explore' } }),
    'working',
    [
      changed('tool-t1'),
      noted({}),
      delta({ subagents: [{ id: 'a1', agent_type: 'Explore' }] as never }),
    ],
  ],
  [
    'an idle terminal ends the turn and leaves agents in the background at work',
    [prompted(1), agentBegan(2, 'a1')],
    noticed(3, 'idle'),
    'working',
    [delta({ current_turn_id: null })],
  ],
  [
    'an idle terminal whose turn never reported its end is idle',
    [prompted(1)],
    noticed(3, 'idle'),
    'idle',
    [delta({ work_status: 'waiting', current_turn_id: null })],
  ],
];

describe('tools', () => testRows(TOOLS));
describe('agents', () => testRows(AGENTS));

describe('an undo', () => {
  it('does not take a turn number', () => {
    const scene = sessionAfter([prompted(1), stopped(2)]);
    const { facts } = scene.send(report(3, 'undo.started', { text: null }));
    expect(scene.context().turn.count).toBe(1);
    expect(facts[0]).not.toHaveProperty('changes.turn_count');
  });

  it('is not ended by word of an idle terminal from before it began', () => {
    const scene = sessionAfter([
      prompted(1),
      stopped(2),
      report(9, 'undo.started', { text: null }),
    ]);
    scene.send(noticed(8, 'idle'));
    expect([scene.phase(), scene.isTurnOpen()]).toEqual(['working', true]);
    scene.send(noticed(10, 'idle'));
    expect([scene.phase(), scene.isTurnOpen()]).toEqual(['idle', false]);
  });
});

describe('an interruption that is older than the newest work of the turn does not end it', () => {
  const WORKS = [prompted(1), toolBegan(2, 't1'), toolBegan(5, 't2')];

  it.each<[string, (n: number) => SessionEvent]>([
    ['of a tool', (n) => toolEnded(n, 't1', { outcome: 'interrupted' })],
    ['in the transcript', (n) => report(n, 'interruption.seen', { witness: 'transcript' })],
  ])('%s', (_, interrupted) => {
    const scene = sessionAfter(WORKS);
    scene.send(interrupted(4));
    expect(scene.isTurnOpen()).toBe(true);
    const ended = sessionAfter(WORKS);
    ended.send(interrupted(6));
    expect(ended.isTurnOpen()).toBe(false);
  });
});

describe('word of an idle terminal', () => {
  it('that is older than the newest work of the turn does not end it', () => {
    const scene = sessionAfter([prompted(1), toolBegan(5, 't1'), toolEnded(6, 't1')]);
    scene.send(noticed(5.5, 'idle'));
    expect([scene.phase(), scene.isTurnOpen()]).toEqual(['working', true]);
    scene.send(noticed(7, 'idle'));
    expect([scene.phase(), scene.isTurnOpen()]).toEqual(['idle', false]);
  });
});

describe('a prompt of a CLI that gives no ids, from hooks that are registered twice', () => {
  /** The same words again, `n` milliseconds after the day began. */
  const again = (n: number) => ({ ...prompted(n, 'fix it'), promptId: null });

  it('is one turn with one message', () => {
    const scene = sessionAfter([again(1000)]);
    const { facts } = scene.send(again(1250));
    expect(facts.map(({ type }) => type)).not.toContain('message_appended');
    expect(scene.context().turn.count).toBe(1);
  });

  it.each<[string, SessionEvent[]]>([
    ['that comes a moment later is another prompt', [again(1000), again(1251)]],
    [
      'that comes after work of the turn is another prompt',
      [again(1000), toolBegan(1001, 't1'), again(1002)],
    ],
    [
      'of other words is another prompt',
      [again(1000), { ...prompted(1001, 'and this'), promptId: null }],
    ],
  ])('%s', (_, events) => {
    expect(sessionAfter(events).context().turn.count).toBe(2);
  });
});
