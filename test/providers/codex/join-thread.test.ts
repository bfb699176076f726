import { describe, expect, it } from 'vitest';
import { OrbitError } from '../../../src/errors.ts';
import {
  createJoining,
  type JoiningDeps,
} from '../../../src/providers/codex/thread/join-thread.ts';

type Report = Extract<Parameters<JoiningDeps['receive']>[0], { report: unknown }>['report'];

const BEING_MADE = 'list_turns is not supported yet';
const NO_TURN = 'no rollout found for thread id t';

/** A joining of thread `t`, whose daemon refuses with these reasons, one after the other, and then no more. */
function joiningOf(refusals: { [method: string]: string[] }, status: object = { type: 'idle' }) {
  const asked: string[] = [];
  const received: string[] = [];
  const joining = createJoining({
    engine: {
      async request(method: string) {
        asked.push(method);
        const reason = refusals[method]?.shift();
        if (reason) throw new OrbitError('codex_error', { reason: `was refused: ${reason}` });
        return { thread: { status }, data: [], nextCursor: null } as never;
      },
    },
    threadId: 't',
    known: { turnId: null, isTurnOpen: false, isNew: true, outbox: [] },
    joined: () => void received.push('joined'),
    receive: (said) =>
      void received.push('report' in said ? said.report.method : said.question.method),
    shownTurns: async () => [],
    takenBack: () => void received.push('taken back'),
    caughtUp: () => void received.push('caught up'),
    failed: (error) => void received.push(`failed: ${error}`),
    againMs: 1,
  });
  const becomes = (type: 'active' | 'idle') => {
    const status = type === 'active' ? { type, activeFlags: [] } : { type };
    const report: Report = { method: 'thread/status/changed', params: { threadId: 't', status } };
    joining.take({ report });
  };
  return { joining, asked, received, becomes };
}

describe('a thread whose first turn is just beginning', () => {
  it('is joined once its file is made', async () => {
    const refused = [BEING_MADE, BEING_MADE];
    const { joining, asked, received } = joiningOf({ 'thread/resume': refused });
    await joining.begin();
    expect(asked).toEqual(['thread/resume', 'thread/resume', 'thread/resume', 'thread/turns/list']);
    expect(received).toEqual(['joined', 'caught up']);
  });

  it('is joined anew when only its turns cannot be read yet', async () => {
    const { joining, received } = joiningOf({ 'thread/turns/list': [BEING_MADE] });
    await joining.begin();
    expect(received).toEqual(['joined', 'caught up']);
  });

  it('is joined at its next status when its file is not made for long', async () => {
    const refused = Array.from({ length: 50 }, () => BEING_MADE);
    const { joining, received, becomes } = joiningOf({ 'thread/resume': refused });
    await joining.begin();
    expect(received).toEqual([]);
    becomes('active');
    await expect.poll(() => received).toEqual(['thread/status/changed', 'joined', 'caught up']);
  });
});

describe('a thread without a turn', () => {
  it('is joined when its first turn begins', async () => {
    const { joining, received, becomes } = joiningOf({ 'thread/resume': [NO_TURN] });
    await joining.begin();
    becomes('active');
    await expect.poll(() => received).toEqual(['thread/status/changed', 'joined', 'caught up']);
  });

  it('is joined when its first turn is over, if its beginning was not received', async () => {
    const { joining, received, becomes } = joiningOf({ 'thread/resume': [NO_TURN] });
    await joining.begin();
    becomes('idle');
    await expect.poll(() => received).toEqual(['thread/status/changed', 'joined', 'caught up']);
  });
});

it('a thread that Codex refuses for another reason is not joined, and says why', async () => {
  const { joining } = joiningOf({ 'thread/resume': ['it is broken'] });
  await expect(joining.begin()).rejects.toThrow('it is broken');
});

it('a thread that waits for an answer is caught up with once it has asked again', async () => {
  const waits = { type: 'active', activeFlags: ['waitingOnApproval'] };
  const { joining, received } = joiningOf({}, waits);
  await joining.begin();
  expect(received).toEqual(['joined']);
  const method = 'item/commandExecution/requestApproval';
  joining.take({ question: { method } as never });
  expect(received).toEqual(['joined', method, 'caught up']);
});
