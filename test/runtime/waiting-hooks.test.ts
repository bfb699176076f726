/** Hooks that wait: which of them is let go, which is given what, and what its session is told when one left. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import type { ConnectorCommand } from '../../machines/session-facts.ts';
import { SILENT_LOGGER } from '../../src/log.ts';
import { WaitingHooks } from '../../src/runtime/waiting-hooks.ts';
import { asked, messageOf, prompted, report, stopped, toolBegan } from '../machines/events.ts';
import { ID } from '../machines/session-after.ts';
import { liveSession, receive } from './live.ts';

const ASKED = [
  prompted(1),
  toolBegan(2, 't1'),
  { ...asked(3, 'r1', 't1'), isAwaited: true },
] as SessionEvent[];
/** Words of a client, given to the hook k1 of the end of a turn. */
const GIVEN = [
  prompted(1),
  report(2, 'words.submitted', { message: messageOf('w1', 'steer') }),
  { ...stopped(3), words: 'asked', hookKey: 'k1' },
] as SessionEvent[];

const DECISION = {
  ...{ type: 'approval.answer', requestId: 'r1', decision: 'approved' },
} as ConnectorCommand;
const WORDS = { type: 'words.give', hookKey: 'k1', text: 'on' } as ConnectorCommand;
const SETTLED = report(9, 'turn.aborted', { reason: 'interrupted' });

/** The hooks of one session, and what it is told of them; `k1` is about to ask. */
function waiting(events: readonly SessionEvent[], requestId: string | null = 'r1') {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const live = liveSession({ agent_pid: 4711 }, events);
  const told: string[] = [];
  const warned: string[] = [];
  let failure: Error | null = null;
  const send = async (text: string) => {
    told.push(text);
    if (failure !== null) throw failure;
  };
  const hooks = new WaitingHooks({
    peek: (id) => (id === live.id ? live : null),
    sendLeft: (id, request) => send(`${id}: ${request} left`),
    sendLost: (id, key) => send(`${id}: ${key} lost`),
    log: { ...SILENT_LOGGER, warn: (event: string) => void warned.push(event) },
  });
  const answer = (command: ConnectorCommand) => ({ text: `text of ${command.type}` });
  if (requestId === null) hooks.expectWords('k1', ID, answer);
  else hooks.expect('k1', ID, requestId, answer);
  return {
    ...{ hooks, live, told, warned },
    fail: (error: Error) => {
      failure = error;
    },
  };
}

/** What its process prints; `waits` while it has nothing. */
async function printed({ answer }: { answer: Promise<string | null> }): Promise<string | null> {
  await Promise.resolve();
  return Promise.race([answer, Promise.resolve('waits')]);
}

describe('a hook that waits for a decision', () => {
  it('prints what a client decided, whether it asks before or after', async () => {
    const before = waiting(ASKED);
    const early = before.hooks.wait('k1');
    before.hooks.taken('k1', before.live, true);
    expect(await printed(early)).toBe('waits');
    before.hooks.release(before.live, [DECISION]);
    expect(await printed(early)).toBe('text of approval.answer');

    const after = waiting(ASKED);
    after.hooks.taken('k1', after.live, true);
    after.hooks.release(after.live, [DECISION]);
    expect(await printed(after.hooks.wait('k1'))).toBe('text of approval.answer');
    expect([before.told, after.told]).toEqual([[], []]);
  });

  it('prints nothing as soon as its request is over, and not before its hook is stored', async () => {
    const { hooks, live, told } = waiting(ASKED);
    const line = hooks.wait('k1');
    receive(live, SETTLED);
    hooks.onCommitted(live);
    expect(await printed(line)).toBe('waits');
    hooks.taken('k1', live, true);
    expect(await printed(line)).toBeNull();
    expect(told).toEqual([]);
  });

  it('prints nothing when nobody can answer its request any more', async () => {
    const { hooks, live } = waiting(ASKED);
    const line = hooks.wait('k1');
    hooks.taken('k1', live, true);
    receive(live, report(4, 'waiter.left', { requestId: 'r1' }));
    hooks.onCommitted(live);
    expect(await printed(line)).toBeNull();
  });

  it('prints nothing when it could not be stored', async () => {
    const { hooks, live } = waiting(ASKED);
    const line = hooks.wait('k1');
    hooks.taken('k1', live, false);
    expect(await printed(line)).toBeNull();
  });

  it('waits on whatever happens in another session', async () => {
    const { hooks, live } = waiting(ASKED);
    const line = hooks.wait('k1');
    hooks.taken('k1', live, true);
    hooks.onCommitted({ ...liveSession(), id: 'other' });
    expect(await printed(line)).toBe('waits');
  });

  it('is one: who asks a second time, or under no known key, prints nothing at once', async () => {
    const { hooks, live, told } = waiting(ASKED);
    const first = hooks.wait('k1');
    for (const key of ['k1', 'k2']) {
      const other = hooks.wait(key);
      expect(await printed(other)).toBeNull();
      other.lost();
    }
    hooks.taken('k1', live, true);
    expect(await printed(first)).toBe('waits');
    expect(told).toEqual([]);
  });

  it('that does not ask within ten seconds does not wait, and its session is told so', () => {
    const { hooks, told } = waiting(ASKED);
    vi.advanceTimersByTime(9999);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(told).toEqual([`${ID}: r1 left`]);
    expect(hooks.refusalOf('r1', DECISION)).toBe('its hook does not wait any more');
  });

  it('waits for as long as it takes once it has asked', async () => {
    const { hooks, told } = waiting(ASKED);
    const line = hooks.wait('k1');
    vi.advanceTimersByTime(3_600_000);
    expect([told, await printed(line)]).toEqual([[], 'waits']);
  });

  it('that was let go before it asked is not missed', () => {
    const { hooks, live, told } = waiting(ASKED);
    hooks.taken('k1', live, false);
    vi.advanceTimersByTime(10_000);
    expect(told).toEqual([]);
  });
});

describe('a session is told that the hook of its request has left', () => {
  it('when the process goes, also with the answer in its hands', () => {
    const early = waiting(ASKED);
    early.hooks.wait('k1').lost();
    expect(early.told).toEqual([`${ID}: r1 left`]);
    expect(early.hooks.refusalOf('r1', DECISION)).toBe('its hook does not wait any more');

    const late = waiting(ASKED);
    const line = late.hooks.wait('k1');
    late.hooks.release(late.live, [DECISION]);
    line.lost();
    expect(late.told).toEqual([`${ID}: r1 left`]);
  });

  it('when a decision comes for it that no hook waits for, or that its CLI would not take', () => {
    const gone = waiting(ASKED, 'r2');
    gone.hooks.release(gone.live, [DECISION]);
    expect(gone.told).toEqual([`${ID}: r1 left`]);

    const picky = waiting(ASKED);
    picky.hooks.expect('k1', ID, 'r1', () => ({ refusal: 'not that' }));
    expect(picky.hooks.refusalOf('r1', DECISION)).toBe('not that');
    picky.hooks.release(picky.live, [DECISION]);
    expect(picky.told).toEqual([`${ID}: r1 left`]);
  });

  it('but not when its chart shows no such request, or nobody who waits', () => {
    const over = waiting([...ASKED, SETTLED]);
    over.hooks.wait('k1').lost();
    const unanswerable = waiting([...ASKED.slice(0, 2), asked(3, 'r1', 't1')]);
    unanswerable.hooks.wait('k1').lost();
    const unknown = waiting([]);
    unknown.hooks.expect('k9', 'not live', 'r1', () => ({ text: '' }));
    unknown.hooks.wait('k9').lost();
    expect([over.told, unanswerable.told, unknown.told]).toEqual([[], [], []]);
  });

  it('and what could not be stored of that is logged', async () => {
    const { hooks, fail, warned } = waiting(ASKED);
    fail(new Error('disk full'));
    hooks.wait('k1').lost();
    await expect.poll(() => warned).toEqual(['answer.loss_not_stored']);
  });

  it('not by a command that no hook takes', () => {
    const { hooks, live, told } = waiting(ASKED);
    hooks.release(live, [{ type: 'thread.release' } as ConnectorCommand]);
    expect([told, hooks.refusalOf('r1', DECISION)]).toEqual([[], null]);
  });
});

describe('a hook that waits for words', () => {
  it('prints the words that it was given, however late it asks', async () => {
    const { hooks, live, told } = waiting(GIVEN, null);
    hooks.release(live, [WORDS]);
    hooks.taken('k1', live, true);
    hooks.onCommitted(live);
    expect(await printed(hooks.wait('k1'))).toBe('text of words.give');
    expect(told).toEqual([]);
  });

  it('prints nothing when it was stored and none were given', async () => {
    const { hooks, live } = waiting([prompted(1), stopped(2)], null);
    const line = hooks.wait('k1');
    expect(await printed(line)).toBe('waits');
    hooks.taken('k1', live, true);
    expect(await printed(line)).toBeNull();
  });

  it('and went with them has them wait again', () => {
    const { hooks, live, told } = waiting(GIVEN, null);
    const line = hooks.wait('k1');
    hooks.release(live, [WORDS]);
    line.lost();
    expect(told).toEqual([`${ID}: k1 lost`]);
  });

  it('and never came has them wait again after ten seconds', () => {
    const { hooks, live, told } = waiting(GIVEN, null);
    hooks.release(live, [WORDS]);
    vi.advanceTimersByTime(10_000);
    expect(told).toEqual([`${ID}: k1 lost`]);
  });

  it('and was given none leaves without a word', () => {
    const none = waiting([prompted(1), stopped(2)], null);
    none.hooks.wait('k1').lost();
    const toAnother = waiting(GIVEN, null);
    toAnother.hooks.expectWords('k2', ID, () => ({ text: '' }));
    toAnother.hooks.wait('k2').lost();
    const unknown = waiting(GIVEN, null);
    unknown.hooks.expectWords('k1', 'not live', () => ({ text: '' }));
    unknown.hooks.wait('k1').lost();
    expect([none.told, toAnother.told, unknown.told]).toEqual([[], [], []]);
  });
});

describe('the hooks that wait', () => {
  it('are 256 at most', () => {
    const { hooks } = waiting(ASKED);
    for (let n = 2; n <= 255; n += 1) hooks.expect(`k${n}`, ID, `r${n}`, () => ({ text: '' }));
    expect(hooks.hasRoom).toBe(true);
    hooks.expect('k256', ID, 'r256', () => ({ text: '' }));
    expect(hooks.hasRoom).toBe(false);
    hooks.wait('k256').lost();
    expect(hooks.hasRoom).toBe(true);
  });

  it('print nothing when the server ends, which tells no session of it and has no room for more', async () => {
    const { hooks, told } = waiting(ASKED);
    const line = hooks.wait('k1');
    hooks.close();
    expect(await printed(line)).toBeNull();
    line.lost();
    expect([told, hooks.hasRoom]).toEqual([[], false]);
  });
});
