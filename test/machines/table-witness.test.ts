/**
 * What other sources than hooks say: the CLI's live registry, its process, telemetry. Their words about the whole
 * session count only when they are newer than all that is known of it.
 */
import { describe, expect, it } from 'vitest';
import { refusalOf, type SessionEvent } from '../../machines/index.ts';
import {
  agentBegan,
  asked,
  over,
  prompted,
  report,
  requestOf,
  stopped,
  toolBegan,
  toolEnded,
} from './events.ts';
import { closed, delta, listed, noted, opened, type Row, shown, testRows } from './rows.ts';
import { at, sessionAfter } from './session-after.ts';

const busy = (n: number) => report(n, 'witness.busy', { witness: 'registry' });
const idle = (n: number) => report(n, 'witness.idle', { witness: 'registry' });
const left = (n: number) =>
  report(n, 'process.left', { witness: 'hook', reason: 'replaced', process: 7 });
const gone = (n: number) =>
  report(n, 'process.gone', { witness: 'process', reason: 'killed', process: 7 });
const waiting = (n: number) =>
  report(n, 'witness.waiting', {
    witness: 'registry',
    kind: 'permission',
    request: requestOf(`seen-${n}`),
  });
const seen = (n: number, ...pids: number[]) =>
  report(n, 'process.seen', {
    witness: 'process',
    processes: pids.map((pid) => ({ pid, start: '1' })),
  });
const of = (event: SessionEvent, more: Partial<SessionEvent>) =>
  ({ ...event, ...more }) as SessionEvent;

/** The same word as a look finds it again a second later. */
const standing = (event: SessionEvent) => {
  const later = new Date(Date.parse(event.at) + 1000).toISOString();
  return { ...event, at: later.replace('Z', '000Z'), since: event.at } as SessionEvent;
};

/** The same word as a look long after all that was reported finds it again. */
const steady = (event: SessionEvent) => of(event, { at: at(5_500), since: event.at });

const ASKED = [prompted(1), toolBegan(2, 't1'), asked(3, 'r1', 't1')];

const interrupted = (n: number) => report(n, 'interruption.seen', { witness: 'transcript' });

const ROWS: Row[] = [
  [
    'an old word of work closes no request that an agent has made since',
    [agentBegan(1, 'a1'), toolBegan(2, 't1@a1'), asked(4, 'r1', 't1@a1')],
    busy(3),
    'permission',
    [],
  ],
  [
    'a process that leaves in the moment of the newest hook ends the session',
    [prompted(1)],
    of(left(1), { witness: 'process' }),
    'ended',
    [noted({}), delta({ work_status: 'ended' }), { type: 'session_ended' }],
  ],
  [
    'any other source that says so in the moment of the newest hook is not believed',
    [prompted(1)],
    of(left(1), { witness: 'registry' }),
    'working',
    [],
  ],
  [
    'an interruption in the transcript ends the turn and its request where no registry speaks',
    ASKED,
    interrupted(4),
    'idle',
    [
      closed('r1', 'cancelled', 'transcript: interruption.seen'),
      delta({ work_status: 'waiting', pending_approval: null, current_turn_id: null }),
      listed(),
    ],
  ],
  [
    'an interruption in the transcript moves nothing where the registry speaks',
    [busy(1), idle(2), prompted(3), toolBegan(4, 't1')],
    interrupted(5),
    'working',
    [],
  ],
  [
    'an interruption that is older than the newest prompt moves nothing',
    [prompted(1), prompted(3)],
    interrupted(2),
    'working',
    [],
  ],
  [
    'an idle registry ends a turn whose end no hook reported, and its request with it',
    ASKED,
    idle(4),
    'idle',
    [
      closed('r1', 'unknown', 'registry: witness.idle'),
      delta({ work_status: 'waiting', pending_approval: null, current_turn_id: null }),
      listed(),
    ],
  ],
  [
    'an idle registry that is older than the newest hook moves nothing',
    ASKED,
    idle(2),
    'permission',
    [],
  ],
  [
    'a busy registry that is older than the end of the turn opens nothing',
    [prompted(1), stopped(3)],
    busy(2),
    'idle',
    [],
  ],
  [
    'a busy registry over a request says that it was answered, not how',
    ASKED,
    busy(4),
    'working',
    [
      closed('r1', 'unknown', 'registry: witness.busy'),
      delta({ work_status: 'working' }),
      listed(),
    ],
  ],
  [
    'a permission that is asked after an old word of idleness counts, however late its hook is told',
    [prompted(1), steady(idle(0))],
    asked(300, 'r1', 't1'),
    'permission',
    [
      opened('r1'),
      delta({ work_status: 'permission', current_turn_id: 'turn-2', turn_count: 2 }),
      shown('r1'),
    ],
  ],
  [
    'so is a dialog that opened after it, before the look that found the word unchanged',
    [prompted(1), steady(idle(0))],
    waiting(310),
    'permission',
    [opened('seen-310'), delta({ work_status: 'permission' }), shown('seen-310')],
  ],
  [
    'and the hook that tells what that dialog asks takes its place',
    [prompted(1), steady(idle(0)), waiting(310)],
    asked(300, 'r1', 't1'),
    'permission',
    [
      closed('seen-310', 'cancelled', 'approval.requested'),
      opened('r1'),
      delta(),
      listed(),
      shown('r1'),
    ],
  ],
  [
    'work without a prompt is none while it is new: a command such as /clear shows so for a moment',
    [prompted(1), stopped(2)],
    busy(3),
    'idle',
    [],
  ],
  [
    'work without a prompt that goes on is work, and takes no turn number',
    [prompted(1), stopped(2)],
    standing(busy(3)),
    'working',
    [delta({ work_status: 'working' })],
  ],
  [
    'an agent that runs explains a busy registry: the main thread stays closed',
    [prompted(1), agentBegan(2, 'a1'), stopped(3, ['a1'])],
    busy(4),
    'working',
    [],
  ],
  [
    'a dialog that no hook reported is a bare request',
    [prompted(1), toolBegan(2, 't1')],
    waiting(3),
    'permission',
    [opened('seen-3'), delta({ work_status: 'permission' }), shown('seen-3')],
  ],
  [
    'a dialog that is open while no turn is known is a bare request too: the hooks were lost',
    [prompted(1), stopped(2)],
    waiting(3),
    'permission',
    [opened('seen-3'), delta({ work_status: 'permission' }), shown('seen-3')],
  ],
  [
    'a busy registry says of an agent’s request too that it was answered',
    [prompted(1), agentBegan(2, 'a1'), stopped(3, ['a1']), asked(4, 'r1', 't1@a1')],
    busy(5),
    'working',
    [
      closed('r1', 'unknown', 'registry: witness.busy'),
      delta({ work_status: 'working' }),
      listed(),
    ],
  ],
  [
    'a session whose end was told is active again when its file says idle since a later moment',
    [prompted(1), over(2)],
    standing(idle(3)),
    'idle',
    [
      noted({ ended_at: null, end_reason: null }),
      delta({ status: 'active', work_status: 'waiting' }),
      listed({ status: 'active' }),
    ],
  ],
  [
    'and stays ended when that is only a moment before the process ends',
    [prompted(1), over(2)],
    idle(3),
    'ended',
    [],
  ],
  [
    'and stays ended while its file says what it said before the end',
    [prompted(1), over(3)],
    standing(idle(2)),
    'ended',
    [],
  ],
  [
    'a session whose end was told is active again when a dialog of it opens later',
    [prompted(1), over(2)],
    standing(waiting(3)),
    'permission',
    [
      opened('seen-3'),
      noted({ ended_at: null, end_reason: null }),
      delta({ status: 'active', work_status: 'permission' }),
      listed({ status: 'active' }),
      shown('seen-3'),
    ],
  ],
  [
    'what brings a session back names its processes: they are stored with it, not only after it',
    [prompted(1), seen(2, 7), over(3)],
    of(standing(waiting(4)), { processes: [{ pid: 7, start: '1' }] } as Partial<SessionEvent>),
    'permission',
    [
      opened('seen-4'),
      noted({ agent_processes: '[{"pid":7,"start":"1"}]', ended_at: null, end_reason: null }),
      delta({ status: 'active', work_status: 'permission' }),
      listed({ status: 'active' }),
      shown('seen-4'),
    ],
  ],
  [
    'which processes there are makes no other word old',
    [...ASKED, seen(9, 7)],
    idle(4),
    'idle',
    [
      closed('r1', 'unknown', 'registry: witness.idle'),
      delta({ work_status: 'waiting' }),
      listed(),
    ],
  ],
  [
    'the end of one of two processes ends nothing',
    [of(prompted(1), { process: 7 }), seen(2, 7, 8)],
    of(over(3), { process: 7 }),
    'working',
    [],
  ],
  [
    'an end that names no process ends nothing while there are two: the process check tells the last one',
    [prompted(1), seen(2, 7, 8)],
    over(3),
    'working',
    [],
  ],
  [
    'the end of the only process ends the session',
    [of(prompted(1), { process: 7 }), seen(2, 7)],
    of(over(3), { process: 7 }),
    'ended',
    [noted({ agent_processes: null }), delta({ status: 'ended' }), { type: 'session_ended' }],
  ],
  [
    'the processes of a session are kept, for the next start of the server',
    [prompted(1)],
    seen(2, 7, 8),
    'working',
    [noted({ agent_processes: '[{"pid":7,"start":"1"},{"pid":8,"start":"1"}]' })],
  ],
  [
    'a request that was closed without a word gets the first one that telemetry tells',
    [...ASKED, report(5, 'witness.busy', { witness: 'registry' })],
    report(6, 'decision.seen', {
      witness: 'telemetry',
      toolUseId: 't1',
      decision: 'denied',
      by: 'person',
    }),
    'working',
    [closed('r1', 'denied', 'telemetry: decision.seen by person'), delta({})],
  ],
  [
    'a decision that telemetry saw closes the request of that very tool use',
    ASKED,
    report(4, 'decision.seen', {
      witness: 'telemetry',
      toolUseId: 't1',
      decision: 'denied',
      by: 'user_reject',
    }),
    'working',
    [
      closed('r1', 'denied', 'telemetry: decision.seen by user_reject'),
      delta({ work_status: 'working' }),
      listed(),
    ],
  ],
  [
    'a dead process ends its session, whatever it did',
    ASKED,
    gone(4),
    'ended',
    [
      closed('r1', 'cancelled', 'process: process.gone'),
      noted({ end_reason: 'killed' }),
      delta({ status: 'ended', work_status: 'ended' }),
      listed(),
      { type: 'session_ended', reason: 'killed' },
    ],
  ],
  [
    'a process that reports for another session has left this one',
    [prompted(1), stopped(2)],
    left(3),
    'ended',
    [
      noted({ end_reason: 'replaced' }),
      delta({ status: 'ended' }),
      { type: 'session_ended', reason: 'replaced' },
    ],
  ],
  [
    'a late hook of the session before leaves the one that goes on alone',
    [prompted(3)],
    left(2),
    'working',
    [],
  ],
  [
    'a tool of another prompt that is newer than the end is a sign of life',
    [of(prompted(1), { promptId: 'p1' }), of(over(2), { promptId: 'p1' })],
    of(toolBegan(3, 't1'), { promptId: 'p2' }),
    'working',
    [
      { type: 'message_appended' },
      noted({ last_tool: 'Bash', ended_at: null, end_reason: null }),
      delta({ status: 'active', work_status: 'working' }),
      listed({ status: 'active' }),
    ],
  ],
  [
    'a late tool of the prompt that ended brings its message and nothing else',
    [of(prompted(1), { promptId: 'p1' }), of(over(2), { promptId: 'p1' })],
    of(toolBegan(3, 't1'), { promptId: 'p1' }),
    'ended',
    [{ type: 'message_appended' }],
  ],
  [
    'the end of an older process ends nothing: another one leads',
    [of(prompted(1), { process: 7 }), of(prompted(2), { process: 8 })],
    of(over(3), { process: 7 }),
    'working',
    [],
  ],
];

it('work without a prompt takes no number from an end of a turn that is older than it', () => {
  const scene = sessionAfter([prompted(1), stopped(2), standing(busy(5))]);
  scene.send(stopped(3));
  expect([scene.isTurnOpen(), scene.context().turn.count]).toEqual([true, 1]);
});

describe('other witnesses', () => {
  testRows(ROWS);

  it('reopen nothing when they are reported twice', () => {
    const scene = sessionAfter([...ASKED, toolEnded(4, 't1'), stopped(5), idle(6)]);
    expect(scene.send(busy(6)).facts).toEqual([]);
    expect(scene.phase()).toBe('idle');
  });
});

it('a dialog whose place a hook has taken gets no second word when its tool has run', () => {
  const scene = sessionAfter([prompted(1), toolBegan(2, 't1'), waiting(3), asked(4, 'r1', 't1')]);
  const { facts } = scene.send(toolEnded(5, 't1'));
  const words = facts.filter(({ type }) => type === 'approval_closed');
  expect(words).toMatchObject([closed('r1', 'approved', 'tool.finished t1')]);
});

describe('a word that is a moment older than the newest hook', () => {
  const HOOK = '2026-01-01T10:00:05.000000Z';
  const hooks = ASKED.map((event) => ({ ...event, at: HOOK }) as SessionEvent);
  const word = (since: string, at: string): SessionEvent =>
    ({ ...idle(1), at: `2026-01-01T10:00:${at}Z`, since: `2026-01-01T10:00:${since}Z` }) as never;

  it.each([
    [
      'counts when it has stood for a while: hooks are stamped late',
      '04.300000',
      '09.100000',
      'idle',
    ],
    ['counts for nothing at once', '04.300000', '05.200000', 'permission'],
    ['counts for nothing as long as it has not stood', '04.300000', '08.900000', 'permission'],
    ['counts for nothing when no hook is as late as that', '03.900000', '09.100000', 'permission'],
  ])('%s', (_, since, at, phase) => {
    const scene = sessionAfter(hooks);
    scene.send(word(since, at));
    expect(scene.phase()).toBe(phase);
  });

  it.each([
    ['minute', '10:01:00.200000', '10:00:59.500000', '10:01:05.000000'],
    ['hour', '11:00:00.200000', '10:59:59.500000', '11:00:05.000000'],
  ])('counts also over the end of a %s', (_, hook, since, at) => {
    const of = (time: string) => `2026-01-01T${time}Z`;
    const scene = sessionAfter(ASKED.map((event) => ({ ...event, at: of(hook) }) as SessionEvent));
    scene.send({ ...idle(1), at: of(at), since: of(since) } as SessionEvent);
    expect(scene.phase()).toBe('idle');
  });
});

describe('a command that the chart does not take', () => {
  const DIRECT = { integration_mode: 'direct' } as const;
  const LINKED = [
    report(1, 'link.requested', {}),
    report(2, 'link.attached', { capabilities: ['turn.run', 'turn.stop'], threadId: 't' }),
  ];
  const stop = report(9, 'interrupt.requested', {});
  const end = report(9, 'end.requested', { reason: 'user_requested' });
  const undo = report(9, 'undo.requested', {});
  const decide = report(9, 'approval.decided', {
    requestId: 'r1',
    decision: 'approved',
    order: { type: 'approval.answer', requestId: 'r1', decision: 'approved' },
  });

  it.each<[string, SessionEvent[], object, SessionEvent, string | null]>([
    ['of a watched session', ASKED, {}, decide, 'watched_only'],
    ['that would end a watched session', ASKED, {}, end, 'watched_only'],
    ['of a session that is over', [...LINKED, over(3)], DIRECT, end, 'session_over'],
    ['without a connector', [prompted(1)], DIRECT, stop, 'no_connector'],
    ['to stop where nothing runs', LINKED, DIRECT, stop, 'no_turn'],
    ['that its connector cannot carry out', LINKED, DIRECT, undo, 'unsupported'],
    ['about a request that is closed', LINKED, DIRECT, decide, 'already_resolved'],
    ['none at all', [...LINKED, prompted(3)], DIRECT, stop, null],
  ])('names the reason: %s', (_, events, session, command, reason) => {
    expect(refusalOf(sessionAfter(events, session).snapshot(), command)).toBe(reason);
  });
});
