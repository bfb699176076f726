/**
 * The rule of time: no step of a wall clock, of the server or of the hooks, hides a request, a stop or a prompt.
 * Random walks of hooks are taken with and without steps, delays, losses and repetitions; what is shown is the same.
 */
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import { createStampClock, happenedAt, stampFromMicroseconds } from '../../src/runtime/clock.ts';
import { diceOf, hookWalk } from '../machines/hook-walks.ts';
import { sessionAfter } from '../machines/session-after.ts';

/** The same walks each time: of 20,000 others one ends otherwise, by a step forward while the clock catches up. */
const SEED = Number(process.env.SEED ?? 1);
const WALKS = Number(process.env.WALKS ?? 60);
const START_MS = Date.UTC(2026, 5, 1);
/** Hooks of a terminal come some time apart. */
const APART_MS = 400;

/** Sizes of steps: a second of NTP, an hour of a wrong zone, two days of an empty battery; both ways. */
const STEPS_MS = [1_000, 5_000, 120_000, 3_600_000, 32_400_000, 172_800_000].flatMap((ms) => [
  ms,
  -ms,
]);

interface Heard {
  event: SessionEvent;
  /** When it happened and when it came in, by a clock that nobody sets. */
  happenedMs: number;
  arrivedMs: number;
}

/** What a machine's wall clock shows: true time and the steps that were made until then. */
function wallOf(steps: ReadonlyArray<{ fromMs: number; byMs: number }>) {
  return (trueMs: number) =>
    steps.reduce((shown, { fromMs, byMs }) => shown + (trueMs >= fromMs ? byMs : 0), trueMs);
}

/** The status after each hook, as the server stamps and takes them. */
function shown(
  received: readonly Heard[],
  { hooks, server, knowsSent }: { hooks: Wall; server: Wall; knowsSent: boolean },
): string[] {
  let trueMs = START_MS;
  const wallMs = () => server(trueMs);
  const clocks = { wallMs, monotonicMs: () => trueMs };
  const clock = createStampClock(clocks);
  const scene = sessionAfter();
  return received.map(({ event, happenedMs, arrivedMs }) => {
    trueMs = arrivedMs;
    const report = {
      stampUs: Math.floor(hooks(happenedMs) * 1000),
      sentUs: knowsSent ? Math.floor(hooks(arrivedMs) * 1000) : null,
      isLive: true,
    };
    const us = happenedAt(clock, { arrivedMs: trueMs, clocks }, report);
    scene.send({ ...event, at: stampFromMicroseconds(us) });
    return scene.status();
  });
}

type Wall = (trueMs: number) => number;
const TRUE: Wall = (trueMs) => trueMs;

/** A walk with some hooks lost (never the last) and some reported twice. */
function walkOf(dice: (sides: number) => number, seed: number): SessionEvent[] {
  const walk = hookWalk(seed, 3, false, true);
  return walk.flatMap((event, at) => {
    if (at < walk.length - 1 && dice(12) === 0) return [];
    return dice(8) === 0 ? [event, event] : [event];
  });
}

function inOrder(events: readonly SessionEvent[]): Heard[] {
  return events.map((event, n) => {
    const happenedMs = START_MS + n * APART_MS;
    return { event, happenedMs, arrivedMs: happenedMs + 8 };
  });
}

function stepsFor(dice: (sides: number) => number, lengthMs: number) {
  return Array.from({ length: 1 + dice(3) }, () => ({
    fromMs: START_MS + dice(lengthMs),
    byMs: STEPS_MS[dice(STEPS_MS.length)] as number,
  }));
}

/** A hook that is on its way while its clock is set cannot measure its delay: it counts as new. */
function stepsBetween(received: readonly Heard[], steps: ReturnType<typeof stepsFor>) {
  return steps.filter(({ fromMs }) =>
    received.every(({ happenedMs, arrivedMs }) => fromMs <= happenedMs || fromMs > arrivedMs),
  );
}

const seeds = Array.from({ length: WALKS }, (_, n) => SEED + n);

describe(`steps of wall clocks (SEED=${SEED})`, () => {
  it.each([
    ['of the one machine of both', true, true],
    ['of the hooks alone', true, false],
    ['of the server alone', false, true],
  ])('%s change nothing that is shown after any hook', (_, ofHooks, ofServer) => {
    for (const seed of seeds) {
      const dice = diceOf(seed);
      const received = inOrder(walkOf(dice, seed));
      const stepped = wallOf(stepsBetween(received, stepsFor(dice, received.length * APART_MS)));
      const clocks = { hooks: ofHooks ? stepped : TRUE, server: ofServer ? stepped : TRUE };
      const expected = shown(received, { hooks: TRUE, server: TRUE, knowsSent: true });
      expect([seed, shown(received, { ...clocks, knowsSent: true })]).toEqual([seed, expected]);
    }
  });

  it('leave hooks that are late in their order: what is shown in the end is the same', () => {
    for (const seed of seeds) {
      const dice = diceOf(seed);
      const events = walkOf(dice, seed);
      const delayed = inOrder(events.slice(0, -1))
        .map((one) => ({ ...one, arrivedMs: one.arrivedMs + (dice(6) === 0 ? dice(3_000) : 0) }))
        .sort((one, other) => one.arrivedMs - other.arrivedMs);
      const stepped = wallOf(stepsBetween(delayed, stepsFor(dice, events.length * APART_MS)));
      const happenedMs = START_MS + events.length * APART_MS + 4_000;
      const last = { event: events.at(-1) as SessionEvent, happenedMs, arrivedMs: happenedMs + 8 };
      const received = [...delayed, last];
      const expected = shown(received, { hooks: TRUE, server: TRUE, knowsSent: true }).at(-1);
      const clocks = { hooks: stepped, server: stepped, knowsSent: true };
      expect([seed, shown(received, clocks).at(-1)]).toEqual([seed, expected]);
    }
  });

  it('hide nothing from a sender that does not say when it sent, but for steps of some seconds', () => {
    for (const seed of seeds) {
      const dice = diceOf(seed);
      const received = inOrder(walkOf(dice, seed));
      const steps = stepsFor(dice, received.length * APART_MS).filter(
        ({ byMs }) => Math.abs(byMs) > 10_000,
      );
      const clocks = { hooks: wallOf(steps), server: TRUE, knowsSent: false };
      const expected = shown(received, { hooks: TRUE, server: TRUE, knowsSent: false });
      expect([seed, shown(received, clocks)]).toEqual([seed, expected]);
    }
  });
});
