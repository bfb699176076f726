/** When the writer thread looks for old rows and for messages that are new to the index of search. */
import { SqliteError } from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startIdleWork } from '../../src/store/thread/idle-work.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => void vi.useRealTimers());

/** Work that notes at what time each of its slices ran, ms since the start. */
function work(answer: () => boolean = () => false) {
  const startedAt = performance.now();
  const ranAt: number[] = [];
  const slice = () => {
    ranAt.push(performance.now() - startedAt);
    return answer();
  };
  return { ranAt, slice };
}

const busy = () => {
  throw new SqliteError('database is locked', 'SQLITE_BUSY');
};

describe('while nothing is committed', () => {
  it('old rows are looked for every ten minutes, new messages every two seconds', () => {
    const [retention, searchIndex] = [work(), work()];
    startIdleWork({ retention, searchIndex });
    vi.advanceTimersByTime(1_210_000);
    expect(retention.ranAt).toEqual([5_000, 605_000, 1_205_000]);
    expect(searchIndex.ranAt.slice(0, 3)).toEqual([5_000, 7_000, 9_000]);
  });

  it('what has more to do goes on at once', () => {
    let left = 3;
    const retention = work(() => --left > 0);
    startIdleWork({ retention, searchIndex: null });
    vi.advanceTimersByTime(60_000);
    expect(retention.ranAt).toHaveLength(3);
    expect(retention.ranAt.at(-1)).toBeLessThan(5_100);
  });
});

describe('a commit', () => {
  it('is left alone for half a second', () => {
    const searchIndex = work();
    const rest = startIdleWork({ retention: work(), searchIndex });
    vi.advanceTimersByTime(6_501);
    rest.disturb();
    vi.advanceTimersByTime(998);
    expect(searchIndex.ranAt).toEqual([5_000]);
    vi.advanceTimersByTime(1);
    expect(searchIndex.ranAt).toEqual([5_000, 7_500]);
  });

  it('of exactly half a second ago disturbs no more', () => {
    const searchIndex = work();
    const rest = startIdleWork({ retention: work(), searchIndex });
    vi.advanceTimersByTime(6_500);
    rest.disturb();
    vi.advanceTimersByTime(500);
    expect(searchIndex.ranAt).toEqual([5_000, 7_000]);
  });

  it('after the other puts no work off for longer than five seconds', () => {
    const retention = work(() => true);
    const rest = startIdleWork({ retention, searchIndex: null });
    for (let ms = 0; ms < 20_400; ms += 100) {
      rest.disturb();
      vi.advanceTimersByTime(100);
    }
    // With fake timers what is due at once is due a millisecond later.
    const seconds = retention.ranAt.map((ms) => Math.round(ms / 100) / 10);
    expect(seconds).toEqual([5, 10, 15, 20]);
  });
});

describe('work that fails', () => {
  it('for trouble of the storage is tried again five seconds later', () => {
    const retention = work(busy);
    startIdleWork({ retention, searchIndex: null });
    vi.advanceTimersByTime(15_000);
    expect(retention.ranAt).toEqual([5_000, 10_000, 15_000]);
  });

  it('for a bug says so', () => {
    const retention = work(() => {
      throw new RangeError('a bug');
    });
    startIdleWork({ retention, searchIndex: null });
    expect(() => vi.advanceTimersByTime(5_000)).toThrow('a bug');
  });
});

it('nothing runs any more once it is stopped', () => {
  const [retention, searchIndex] = [work(() => true), work()];
  const rest = startIdleWork({ retention, searchIndex });
  vi.advanceTimersByTime(5_100);
  rest.stop();
  const ran = retention.ranAt.length + searchIndex.ranAt.length;
  vi.advanceTimersByTime(3_600_000);
  expect(retention.ranAt.length + searchIndex.ranAt.length).toBe(ran);
});
