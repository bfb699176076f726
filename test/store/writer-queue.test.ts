/** What waits for the writer thread: how it is cut into batches, which reads go with them, and how much waits. */
import { describe, expect, test } from 'vitest';
import { createStorageErrors, Queue } from '../../src/store/thread/writer-queue.ts';
import type { EventItem, Item, Read } from '../../src/store/writer-messages.ts';
import { AT_MS, event } from './support.ts';

const NOBODY = { resolve: () => {}, reject: () => {} };
const readOf = (sessionId: string): Read => ({ kind: 'actor', sessionId });

/** An event of so many bytes, as they are counted. */
function sized(bytes: number, chain: number): EventItem {
  const small = event('s', [], { event: '', chain });
  return { ...small, event: 'x'.repeat(bytes - 500 - small.facts.length) };
}

function startOf(start: string | null): Item {
  return { kind: 'pending', sessionId: 's', key: null, at: AT_MS, start };
}

function checkpoint(content: string): Item {
  return { kind: 'checkpoint', sessionId: 's', messageId: 'm', key: null, at: AT_MS, content };
}

function queueOf(...items: Item[]): Queue {
  const queue = new Queue(() => 0);
  for (const item of items) queue.push(item, () => {});
  return queue;
}

function lengths(...items: Item[]): number[] {
  const queue = queueOf(...items);
  const taken: number[] = [];
  for (let rounds = 0; rounds < 10 && !queue.isEmpty; rounds += 1) {
    const { length } = queue.nextBatch().items;
    queue.drop(length);
    taken.push(length);
  }
  return taken;
}

describe('a batch', () => {
  const HALF = 512 * 1024;

  test('ends before it grows beyond a megabyte', () => {
    expect(lengths(...[1, 2, 3, 4, 5].map((chain) => sized(400_000, chain)))).toEqual([2, 2, 1]);
    expect(lengths(sized(HALF, 1), sized(HALF, 2), sized(HALF, 3))).toEqual([2, 1]);
    expect(lengths(sized(HALF, 1), sized(HALF + 1, 2))).toEqual([1, 1]);
  });

  test('takes an item that is larger than that alone', () => {
    expect(lengths(sized(3_000_000, 1), sized(1_000, 2))).toEqual([1, 1]);
  });

  test('has 256 items at most', () => {
    const many = Array.from({ length: 300 }, (_, chain) => sized(1_000, chain));
    expect(lengths(...many)).toEqual([256, 44]);
  });

  test('grows on with a chain: what is refused of it is known in one batch only', () => {
    expect(lengths(...[1, 1, 1, 2].map((chain) => sized(600_000, chain)))).toEqual([3, 1]);
  });

  test('does not grow on with items that belong to no chain', () => {
    const start = startOf('x'.repeat(600_000));
    expect(lengths(start, start)).toEqual([1, 1]);
  });
});

describe('reads', () => {
  test('go with the batch that brings the last item before them', () => {
    const queue = queueOf(sized(600_000, 1));
    queue.pushRead(readOf('early'), NOBODY);
    queue.push(sized(600_000, 2), () => {});
    queue.pushRead(readOf('late'), NOBODY);
    const taken: string[][] = [];
    for (let batches = 0; batches < 2; batches += 1) {
      const { items, reads } = queue.nextBatch();
      queue.drop(items.length);
      taken.push(reads.map(({ read }) => (read as { sessionId: string }).sessionId));
    }
    expect(taken).toEqual([['early'], ['late']]);
  });

  test('of one question part where an item came between them', () => {
    const queue = queueOf(sized(600_000, 1));
    queue.pushRead(readOf('s'), NOBODY);
    queue.pushRead(readOf('s'), NOBODY);
    queue.push(sized(600_000, 2), () => {});
    queue.pushRead(readOf('s'), NOBODY);
    const readers = () => queue.nextBatch().reads.map((read) => read.readers.length);
    expect(readers()).toEqual([2]);
    queue.drop(1);
    expect([readers(), queue.hasReads]).toEqual([[1], false]);
  });

  test('are 64 at most with one batch; the others go with the next', () => {
    const queue = queueOf();
    for (let at = 0; at < 100; at += 1) queue.pushRead(readOf(`s${at}`), NOBODY);
    expect(queue.nextBatch().reads).toHaveLength(64);
    expect([queue.hasReads, queue.isEmpty]).toEqual([true, false]);
    expect(queue.nextBatch().reads).toHaveLength(36);
    expect([queue.hasReads, queue.isEmpty]).toEqual([false, true]);
  });

  test('that ask the same count as one also when a batch has left them behind', () => {
    const queue = queueOf(sized(600_000, 1), sized(600_000, 2));
    for (let at = 0; at < 1_000; at += 1) queue.pushRead(readOf('s'), NOBODY);
    queue.nextBatch();
    for (let at = 0; at < 999; at += 1) queue.pushRead(readOf(`s${at}`), NOBODY);
    expect(queue.nextBatch().reads).toHaveLength(0);
  });

  test('of one question count anew for each item between them', () => {
    const queue = queueOf(sized(600_000, 1));
    for (let at = 0; at < 3; at += 1) {
      queue.push(sized(600_000, 2 + at), () => {});
      queue.pushRead(readOf('s'), NOBODY);
    }
    queue.nextBatch();
    for (let at = 0; at < 997; at += 1) queue.pushRead(readOf(`s${at}`), NOBODY);
    expect(() => queue.pushRead(readOf('more'), NOBODY)).toThrow(
      expect.objectContaining({ code: 'server_busy' }),
    );
  });

  test('that differ wait up to 1,000, and there is room again for those that were taken', () => {
    const queue = queueOf();
    for (let at = 0; at < 1_000; at += 1) queue.pushRead(readOf(`s${at}`), NOBODY);
    // The same as one that waits is none of its own.
    queue.pushRead(readOf('s0'), NOBODY);
    const ask = (id: string) => () => queue.pushRead(readOf(id), NOBODY);
    expect(ask('more')).toThrow(expect.objectContaining({ code: 'server_busy' }));
    queue.nextBatch();
    for (let at = 0; at < 64; at += 1) ask(`more${at}`)();
    expect(ask('one too many')).toThrow(expect.objectContaining({ code: 'server_busy' }));
  });
});

describe('what waits', () => {
  test('is told in items, bytes and the age of the oldest', () => {
    let now = 1_000;
    const queue = new Queue(() => now);
    expect(queue.backlog).toEqual({ items: 0, bytes: 0, oldestAgeMs: 0 });
    queue.push(sized(2_000, 1), () => {});
    now += 30;
    queue.push(sized(3_000, 2), () => {});
    now += 7;
    expect(queue.backlog).toEqual({ items: 2, bytes: 5_000, oldestAgeMs: 37 });
    queue.drop(1);
    expect(queue.backlog).toEqual({ items: 1, bytes: 3_000, oldestAgeMs: 7 });
  });

  test.each<[string, Item, number]>([
    ['a start', startOf('abc'), 203],
    ['a start that is over', startOf(null), 200],
    ['a text that is streamed', checkpoint('four'), 204],
    ['a change of a token', { kind: 'access' } as Item, 1_000],
    ['an event with its snapshots', { ...sized(2_000, 1), snapshot: '12', base: '345' }, 2_005],
  ])('counts the texts of %s', (_name, item, bytes) => {
    expect(queueOf(item).backlog.bytes).toBe(bytes);
  });
});

describe('an error of the storage', () => {
  const errors = () => {
    const lines: string[] = [];
    const log = {
      info: (name: string) => lines.push(name),
      error: (name: string) => lines.push(name),
    };
    const words: Array<string | null> = [];
    const all = createStorageErrors(log as never);
    all.listen((word) => words.push(word));
    return { all, lines, words };
  };

  test('is told and logged once while it stays, and once when it is over', () => {
    const { all, lines, words } = errors();
    all.clear();
    all.set('busy', 'locked');
    all.set('busy', 'locked');
    all.set('disk_full', 'full');
    expect(all.now).toBe('disk_full');
    all.clear();
    expect(all.now).toBe(null);
    expect(words).toEqual(['busy', 'disk_full', null]);
    expect(lines).toEqual([
      'persistence.flush.failed',
      'persistence.flush.failed',
      'persistence.flush.recovered',
    ]);
  });

  test('that only a human ends outlives the next commit, and hides what passes', () => {
    const { all, words } = errors();
    all.keep('corrupt', 'page 3');
    all.set('busy', 'locked');
    all.clear();
    expect(all.now).toBe('corrupt');
    expect(words).toEqual(['corrupt']);
  });
});
