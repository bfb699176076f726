/** Walks for the mutation proof: short ones that show what is rare, and random ones through everything. */
import type { SessionEvent } from '../../machines/index.ts';
import type { Session } from '../../machines/session-types.ts';
import { snapshotFrom, takeStep } from '../../machines/step.ts';
import {
  agentBegan,
  agentEnded,
  asked,
  began,
  elicited,
  messageOf,
  noticed,
  over,
  prompted,
  report,
  requestOf,
  runOf,
  stopped,
  toolBegan,
  toolEnded,
} from './events.ts';
import { diceOf } from './hook-walks.ts';
import { newestIn } from './paths.ts';
import { newSession } from './session-after.ts';

/** A session and what happens to it. */
export interface Walk {
  session: Partial<Session>;
  events: SessionEvent[];
}

const DIRECT = { integration_mode: 'direct' } as const;
/** Steered, in an engine that others use as well. */
const SHARED = { ...DIRECT, engine: 'shared' } as const;
const ALL = [
  'turn.run',
  'turn.steer',
  'turn.stop',
  'turn.undo',
  'turns.rollBack',
  'context.compact',
  'approval.answer',
  'question.answer',
  'thread.rename',
  'settings.update',
];

/** Everything that can happen at this moment of a made-up day. */
function eventsAt(n: number): SessionEvent[] {
  const kinds = ['p1', 'p2', null];
  const prompt = { ...prompted(n), promptId: kinds[n % 3] ?? null };
  const of = (event: SessionEvent): SessionEvent => ({ ...event, promptId: `p${n % 3}` });
  return [
    prompted(n),
    prompt,
    { ...prompted(n), process: 7 + (n % 2) },
    stopped(n),
    stopped(n, ['a1']),
    stopped(n, null),
    agentBegan(n, 'a1'),
    agentEnded(n, 'a1'),
    of(toolBegan(n, `t${n % 3}`)),
    of(toolEnded(n, `t${n % 3}`)),
    of(toolEnded(n, `t${n}`)),
    toolEnded(n, `t${n % 3}`, { outcome: 'interrupted' }),
    toolBegan(n, `t${n % 3}@a1`),
    of(asked(n, `r${n}`, `t${n % 3}`)),
    asked(n, `q${n}`, `t${n % 3}`, 'question'),
    asked(n, `s${n}`, `t${n % 3}@a1`),
    elicited(n, `e${n}`),
    noticed(n, 'idle'),
    noticed(n, 'permission'),
    began(n, 'resume'),
    began(n, 'compact'),
    { ...over(n), process: 7 },
    over(n),
    report(n, 'turn.aborted', { reason: 'x' }),
    report(n, 'turn.failed', { error: 'x' }),
    report(n, 'undo.started', { text: null }),
    report(n, 'undo.completed', { succeeded: true, text: null }),
    report(n, 'thread.rolledBack', { turns: 1, turnIds: [], lastMessage: null }),
    report(n, 'server.restarted', {}),
    report(n, 'witness.busy', { witness: 'registry' }),
    report(n, 'witness.idle', { witness: 'registry' }),
    standing(report(n, 'witness.busy', { witness: 'registry' })),
    standing(report(n, 'witness.idle', { witness: 'registry' })),
    waiting(n),
    report(n, 'process.gone', { witness: 'process', reason: 'killed' }),
    report(n, 'process.seen', { witness: 'process', processes: [{ pid: 7, start: '1' }] }),
    report(n, 'process.suspended', { witness: 'process', suspended: true }),
    report(n, 'process.left', { witness: 'hook', reason: 'replaced' }),
    report(n, 'approval.resolved', { requestId: null, server: 'elic', decision: 'answered' }),
    report(n, 'link.requested', {}),
    report(n, 'link.attached', { capabilities: ALL, threadId: 'thread' }),
    report(n, 'link.failed', { reason: 'x' }),
    report(n, 'link.failed', { reason: 'x', goesOn: true }),
    report(n, 'link.lost', { reason: 'x' }),
    report(n, 'link.lost', { reason: 'x', goesOn: true }),
    report(n, 'link.offered', { threadId: 'thread' }),
    report(n, 'thread.listed', { requestIds: [], messageIds: [] }),
    report(n, 'link.rested', {}),
    report(n, 'end.requested', { reason: 'x' }),
    report(n, 'message.submitted', { message: messageOf(`m${n}`, 'user'), order: runOf(`m${n}`) }),
    report(n, 'interrupt.requested', {}),
    report(n, 'message.changed', { update: { messageId: `m${n - 1}`, changes: {} } }),
  ];
}

function waiting(n: number): SessionEvent {
  const request = requestOf(`w${n}`);
  return report(n, 'witness.waiting', { witness: 'registry', kind: 'permission', request });
}

/** The same word as a look finds it again a second later. */
function standing(event: SessionEvent): SessionEvent {
  const later = new Date(Date.parse(event.at) + 1000).toISOString();
  return { ...event, at: later.replace('Z', '000Z'), since: event.at } as SessionEvent;
}

/** Forty events; most of what the chart would refuse is passed over, so that a walk gets somewhere. */
export function randomWalk(seed: number, isDirect: boolean): Walk {
  const dice = diceOf(seed + 1);
  const session = isDirect ? DIRECT : {};
  let snapshot = snapshotFrom({ session: newSession(session), isNew: false, turnCount: 0 });
  const events: SessionEvent[] = [];
  while (events.length < 40) {
    const newest = newestIn(snapshot.context);
    const n = dice(5) === 0 ? Math.max(1, newest - dice(6)) : newest + 1 + dice(2);
    const all = eventsAt(n);
    const event = all[dice(all.length)] as SessionEvent;
    if (!snapshot.can(event) && dice(4) > 0) continue;
    events.push(event);
    snapshot = takeStep(snapshot, event).snapshot;
  }
  return { session, events };
}

const ATTACHING = [report(1, 'link.requested', {})];
const ATTACHED = [
  ...ATTACHING,
  report(2, 'link.attached', { capabilities: ALL, threadId: 'thread' }),
];
/** The end of a process that does not lead. */
const FOREIGN_END: SessionEvent[] = [
  { ...prompted(3), process: 8 },
  { ...over(4), process: 7 },
];

function steered(...events: SessionEvent[]): Walk {
  return { session: DIRECT, events };
}

const WRITTEN = report(2, 'words.submitted', { message: messageOf('w1', 'steer') });
/** The end of a turn whose hook asks for words. */
const ASKING: SessionEvent = { ...stopped(3), words: 'asked', hookKey: 'k3' };
const GIVEN = [prompted(1), WRITTEN, ASKING];
function shared(...events: SessionEvent[]): Walk {
  return { session: SHARED, events };
}

/** What random walks meet too rarely: a connector that goes in every way, an old word after an end. */
export const FIXED_WALKS: Walk[] = [
  {
    session: {},
    events: [prompted(1), report(2, 'interruption.seen', { witness: 'transcript' })],
  },
  {
    session: {},
    events: [
      report(1, 'witness.idle', { witness: 'registry' }),
      prompted(2),
      report(3, 'interruption.seen', { witness: 'transcript' }),
    ],
  },
  {
    session: {},
    events: [prompted(1), over(3), report(2, 'witness.idle', { witness: 'registry' })],
  },
  {
    session: {},
    events: [
      prompted(1),
      agentBegan(2, 'a1'),
      stopped(3, ['a1']),
      report(4, 'witness.busy', { witness: 'registry' }),
      agentEnded(5, 'a1'),
    ],
  },
  { session: {}, events: [prompted(1), over(2), standing(waiting(3))] },
  { session: { agent_pid: 4711 }, events: [WRITTEN, ASKING] },
  { session: { agent_pid: 4711 }, events: [...GIVEN, report(4, 'words.lost', { hookKey: 'k3' })] },
  { session: { agent_pid: 4711 }, events: [...GIVEN, report(4, 'words.lost', { hookKey: 'k4' })] },
  { session: { agent_pid: 4711 }, events: [...GIVEN, report(4, 'server.restarted', {})] },
  steered(...ATTACHED, over(3)),
  steered(...ATTACHED, report(3, 'server.restarted', {})),
  steered(...ATTACHED, report(3, 'link.lost', { reason: 'x' })),
  { session: {}, events: [report(1, 'link.offered', { threadId: 'thread' })] },
  steered(...ATTACHED, report(3, 'link.rested', {})),
  steered(...ATTACHED, prompted(3), report(4, 'link.rested', {})),
  steered(...ATTACHED, report(3, 'end.requested', { reason: 'x' })),
  shared(...ATTACHED, prompted(3), report(4, 'link.lost', { reason: 'x', goesOn: true })),
  shared(...ATTACHED, prompted(3), report(4, 'link.lost', { reason: 'x' })),
  shared(...ATTACHED, prompted(3), report(4, 'server.restarted', {})),
  shared(...ATTACHING, prompted(3), report(4, 'link.lost', { reason: 'x', goesOn: true })),
  shared(...ATTACHING, prompted(3), report(4, 'link.lost', { reason: 'x' })),
  shared(...ATTACHING, prompted(3), report(4, 'link.failed', { reason: 'x', goesOn: true })),
  shared(...ATTACHING, prompted(3), report(4, 'link.failed', { reason: 'x' })),
  shared(...ATTACHING, prompted(3), report(4, 'server.restarted', {})),
  steered(...ATTACHED, prompted(3), report(4, 'link.lost', { reason: 'x' })),
  steered(...ATTACHED, prompted(3), report(4, 'server.restarted', {})),
  steered(...ATTACHING, prompted(3), report(4, 'server.restarted', {})),
  steered(...ATTACHED, ...FOREIGN_END),
  steered(...ATTACHING, ...FOREIGN_END),
  {
    session: {},
    events: [
      prompted(1),
      toolBegan(2, 't1'),
      asked(3, 'q1', 't1', 'question'),
      toolBegan(4, 't2'),
      asked(5, 'r2', 't2'),
      toolEnded(6, 't1'),
    ],
  },
];
