/** Reports of the watch that cannot be stored: nothing else would report them again. */
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import { snapshotFrom, takeStep } from '../../machines/step.ts';
import { SILENT_LOGGER } from '../../src/log.ts';
import type { WatchReport } from '../../src/providers/reports.ts';
import { createStampClock } from '../../src/runtime/clock.ts';
import type { LiveSession, PendingEvent } from '../../src/runtime/sessions/live-session.ts';
import { Witnesses } from '../../src/runtime/witnesses.ts';
import { asked, prompted, toolBegan } from '../machines/events.ts';
import { newSession } from '../machines/session-after.ts';

const ID = 'session-1';
let witnesses: Witnesses;
afterEach(() => witnesses.stop());

/** A runtime whose disk takes nothing until `repair` is called. */
function brokenRuntime() {
  const snapshot = snapshotFrom({ session: newSession(), isNew: false, turnCount: 0 });
  const head = { snapshot, tail: 0, initialFacts: [], base: null };
  const live = { id: ID, head, actor: null, inFlight: 0, waiting: [], usedAtMs: 0 } as LiveSession;
  const stored: PendingEvent[] = [];
  let isBroken = true;
  witnesses = new Witnesses({
    providers: { readHook: () => null },
    registry: {
      enter: async (_, visit) => (await visit({ live, pendingStart: null })) as never,
      create: () => live,
      peek: () => live,
      live: () => [live],
    },
    ledger: {
      send(_, pending) {
        if (isBroken) return pending.settle(new Error('the disk is full'));
        stored.push(pending);
        pending.settle(null);
      },
    },
    reported: () => {},
    clock: createStampClock(),
    lookUpBranch: () => {},
    log: SILENT_LOGGER,
  });
  const repair = () => {
    isBroken = false;
  };
  return { live, stored, repair };
}

it('reports an end again until it is stored, and then no more', async () => {
  const { stored, repair } = brokenRuntime();
  const gone: WatchReport = {
    ...{ witness: 'process', what: 'process.gone', sessionId: ID, reason: 'killed', pids: [7] },
    ...{ stamp: Date.now(), key: 'process:gone:7' },
  };
  witnesses.take([gone], 'claude');
  await Promise.resolve();
  expect(stored).toEqual([]);
  repair();
  await vi.waitFor(() => expect(stored).toHaveLength(1), { timeout: 15_000 });
  expect(stored[0]).toMatchObject({
    event: { type: 'process.gone', reason: 'killed' },
    origin: 'watch',
    key: 'process:gone:7',
  });
});

it('does not report an end of a session that a new process bears meanwhile', async () => {
  const { stored, repair } = brokenRuntime();
  const origin = { witness: 'process', sessionId: ID, stamp: Date.now() } as const;
  const gone = { ...origin, what: 'process.gone', reason: 'killed', pids: [7] } as const;
  witnesses.take([{ ...gone, pids: [7], key: 'process:gone:7' }], 'claude');
  await Promise.resolve();
  const processes = [{ pid: 8, start: '1' }];
  witnesses.take([{ ...origin, what: 'process.seen', processes, key: 'process:seen:8' }], 'claude');
  await Promise.resolve();
  repair();
  await vi.waitFor(() => expect(stored.length).toBeGreaterThan(0), { timeout: 15_000 });
  expect(stored.map(({ event }) => (event as SessionEvent).type)).not.toContain('process.gone');
});

it('reports a state that stands when it can be stored again', async () => {
  const { stored, repair } = brokenRuntime();
  const state: WatchReport = {
    ...{ witness: 'registry', what: 'session.state', sessionId: ID, state: 'working' },
    ...{ asks: null, words: 'busy', stamp: Date.now(), key: 'registry:busy' },
    ...{ cwd: null, name: null, version: null, kind: null, entrypoint: null, startedAt: null },
  };
  witnesses.take([state], 'claude');
  await Promise.resolve();
  expect(stored).toEqual([]);
  repair();
  await vi.waitFor(() => expect(stored.length).toBeGreaterThan(0), { timeout: 15_000 });
  expect(stored[0]).toMatchObject({ event: { type: 'witness.busy' }, origin: 'watch' });
});

const WORKS = [prompted(1)];
const ASKS = [prompted(1), toolBegan(2, 't1'), asked(3, 'r1', 't1')];

it.each([
  ['idle', [], 'idle', 1],
  ['idle', [], 'waiting', 2],
  ['working', WORKS, 'working', 1],
  ['working', WORKS, 'idle', 2],
  ['working', WORKS, 'waiting', 2],
  ['asking', ASKS, 'waiting', 1],
  ['asking', ASKS, 'idle', 2],
  ['asking', ASKS, 'working', 2],
] as const)(
  'of a session that is %s in the chart, what the registry says is sent again only where the chart shows another',
  async (_, events, word, times) => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const { live, stored, repair } = brokenRuntime();
    repair();
    for (const event of events) {
      live.head = { ...live.head, snapshot: takeStep(live.head.snapshot, event).snapshot };
    }
    const state: WatchReport = {
      ...{ witness: 'registry', what: 'session.state', sessionId: ID, state: word },
      ...{ asks: null, words: word, stamp: Date.now(), key: 'registry' },
      ...{ cwd: null, name: null, version: null, kind: null, entrypoint: null, startedAt: null },
    };
    witnesses.take([state], 'claude');
    await Promise.resolve();
    expect(stored).toHaveLength(1);
    // What the chart shows is not sent again; the rest is, until it shows.
    vi.advanceTimersByTime(500);
    expect(stored).toHaveLength(times);
  },
);

it('reports an end behind what is on its way to the disk, which may bring the session back', async () => {
  const { live, stored, repair } = brokenRuntime();
  repair();
  const over = {
    type: 'session.ended',
    at: '2026-01-01T00:00:01.000000Z',
    reason: 'other',
  } as const;
  live.head = { ...live.head, snapshot: takeStep(live.head.snapshot, over).snapshot };
  const gone: WatchReport = {
    ...{ witness: 'process', what: 'process.gone', sessionId: ID, reason: 'killed', pids: [7] },
    ...{ stamp: Date.now(), key: 'process:gone:7' },
  };
  witnesses.take([gone], 'claude');
  await Promise.resolve();
  expect(stored).toEqual([]);
  live.inFlight = 1;
  witnesses.take([gone], 'claude');
  await vi.waitFor(() => expect(stored).toHaveLength(1));
  expect(stored[0]).toMatchObject({ event: { type: 'process.gone' } });
});
