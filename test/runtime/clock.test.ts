/** Stamps: never a tie, never back, as fine as what a hook brings, and true to the wall clock. */
import { describe, expect, it } from 'vitest';
import { createStampClock, happenedAt, stampFromMicroseconds } from '../../src/runtime/clock.ts';

describe('the stamp clock', () => {
  it('gives later stamps also when the wall clock is set back', () => {
    const walls = [1000, 1000, 400, 1000.5];
    const clock = createStampClock({ wallMs: () => walls.shift() as number, monotonicMs: () => 0 });
    const stamps = [clock.now(), clock.now(), clock.now(), clock.now()];
    expect(stamps).toEqual([1_000_000, 1_000_001, 1_000_002, 1_000_500]);
  });

  it('goes on at half speed while the wall clock is behind, until that has caught up', () => {
    let [wall, monotonic] = [10_000, 0];
    const clock = createStampClock({ wallMs: () => wall, monotonicMs: () => monotonic });
    const nowAfter = (ms: number) => {
      wall += ms;
      monotonic += ms;
      return clock.now() / 1000;
    };
    expect(nowAfter(0)).toBe(10_000);
    wall -= 10_000;
    expect(nowAfter(100)).toBe(10_050);
    expect(nowAfter(1000)).toBe(10_550);
    expect(nowAfter(1000)).toBe(11_050);
  });

  it('never falls behind what another process has stamped', () => {
    const clock = createStampClock({ wallMs: () => 1000, monotonicMs: () => 0 });
    clock.advanceTo('2026-01-01T00:00:00.000123Z');
    expect(clock.stamp()).toBe('2026-01-01T00:00:00.000124Z');
  });

  it('agrees with another clock of the wall which of two events was first, within a millisecond too', () => {
    const clocks = [createStampClock(), createStampClock()] as const;
    let before = 0;
    for (let turn = 0; turn < 2_000; turn += 1) {
      const now = clocks[turn % 2 ? 0 : 1].now();
      // Both count on from their own last stamp, so within one microsecond they may tie.
      expect(now).toBeGreaterThanOrEqual(before);
      before = now;
    }
  });

  it('shows the millisecond that the wall shows', () => {
    const clock = createStampClock();
    for (let turn = 0; turn < 200; turn += 1) {
      const before = Date.now();
      const stamp = clock.now() / 1000;
      expect(stamp).toBeGreaterThanOrEqual(before);
      expect(stamp).toBeLessThan(Date.now() + 1);
    }
  });

  it('keeps the order of arrival when the process is paused between its readings of the clocks', () => {
    let [wall, monotonic] = [1000, 0];
    const clock = createStampClock({
      // The process is paused when the first of the two is stamped, and not when the second is.
      wallMs: () => {
        const pause = monotonic === 1 ? 5 : 0;
        monotonic += pause;
        wall += pause;
        return wall;
      },
      monotonicMs: () => monotonic,
    });
    wall += 1;
    monotonic += 1;
    const [one, other] = [clock.arrivedAt(0.9), clock.arrivedAt(0.95)];
    expect(other).toBeGreaterThan(one);
    // An older one that waited for its session is older.
    expect(clock.arrivedAt(0.1)).toBeLessThan(one);
  });

  it('writes ISO 8601 in UTC with microseconds', () => {
    expect(stampFromMicroseconds(1_700_000_000_000_042)).toBe('2023-11-14T22:13:20.000042Z');
  });
});

describe('when a report happened', () => {
  /** What stands on both clocks of the machine, ms; a report arrives there. */
  const NOW_MS = 1_000_000;
  const us = (ms: number) => ms * 1000;

  /** How long before its arrival a report happened, µs. `ahead`: the server's clock waits for the wall's. */
  function agoOf(
    report: { stampUs: number | null; sentUs?: number | null; isLive?: boolean },
    { waitedMs = 0, aheadMs = 0 } = {},
  ): number {
    let wall = NOW_MS + aheadMs;
    const clocks = { wallMs: () => wall, monotonicMs: () => NOW_MS };
    const clock = createStampClock(clocks);
    clock.now();
    wall = NOW_MS;
    const arrival = { arrivedMs: NOW_MS - waitedMs, clocks };
    return (
      us(NOW_MS + aheadMs) - happenedAt(clock, arrival, { sentUs: null, isLive: true, ...report })
    );
  }

  it('is its stamp while its sender agrees with the server', () => {
    expect(agoOf({ stampUs: us(NOW_MS - 3000) })).toBe(us(3000));
    expect(agoOf({ stampUs: us(NOW_MS - 10_000) })).toBe(us(10_000));
    const sentUs = us(NOW_MS - 250);
    expect(agoOf({ stampUs: us(NOW_MS - 60_000), sentUs })).toBe(us(60_000));
  });

  it('is its arrival when it says nothing of its time, or has a clock of its own', () => {
    expect(agoOf({ stampUs: null })).toBeLessThanOrEqual(0);
    expect(agoOf({ stampUs: us(NOW_MS - 10_001) })).toBeLessThanOrEqual(0);
    expect(agoOf({ stampUs: us(NOW_MS + 2) })).toBeLessThanOrEqual(0);
    expect(agoOf({ stampUs: us(NOW_MS - 10_041) }, { waitedMs: 40 })).toBeCloseTo(us(40), -1);
  });

  it('is as long before its arrival as its sender waited, whatever his clock shows', () => {
    const sentUs = us(NOW_MS - 3_600_000);
    const waited = (ms: number) => agoOf({ stampUs: sentUs - us(ms), sentUs });
    expect(waited(400)).toBeCloseTo(us(400), -1);
    expect(waited(10_000)).toBeCloseTo(us(10_000), -1);
    expect(waited(10_001)).toBeLessThanOrEqual(0);
    expect(waited(-400)).toBeLessThanOrEqual(0);
    // A way of more than a quarter of a second is a clock that was set.
    const slow = { stampUs: us(NOW_MS - 60_000), sentUs: us(NOW_MS - 251) };
    expect(agoOf(slow)).toBeLessThanOrEqual(0);
  });

  it('is its stamp from the spool, however old, and never in the future', () => {
    const spooled = (ms: number) => agoOf({ stampUs: us(NOW_MS + ms), isLive: false });
    expect(spooled(-86_400_000)).toBe(us(86_400_000));
    expect(spooled(5000)).toBeCloseTo(0, -1);
  });

  it('is on the own clock of the server while that waits for the one of the wall', () => {
    const ago = agoOf({ stampUs: us(NOW_MS - 3000) }, { aheadMs: 60_000 });
    expect(ago).toBeCloseTo(us(3000), -1);
    expect(agoOf({ stampUs: us(NOW_MS - 3000) }, { aheadMs: 0.5 })).toBe(us(3000.5));
  });
});
