import { describe, expect, it } from 'vitest';
import { createRing } from '../../src/runtime/ledger/replay-buffer.ts';

describe('the ring', () => {
  it('gives what came after a revision, and nothing for the newest', () => {
    const ring = createRing();
    for (const revision of [1, 2, 3]) ring.push('s', revision, `frame ${revision}`);
    expect(ring.since('s', 0)).toEqual(['frame 1', 'frame 2', 'frame 3']);
    expect(ring.since('s', 2)).toEqual(['frame 3']);
    expect(ring.since('s', 3)).toEqual([]);
  });

  it('says null for a session it does not know, a number ahead of it, and one it forgot', () => {
    const ring = createRing({ session: 60, total: 1000 });
    for (const revision of [1, 2, 3, 4]) ring.push('s', revision, 'x'.repeat(10));
    expect(ring.since('other', 0)).toBeNull();
    expect(ring.since('s', 5)).toBeNull();
    expect(ring.since('s', 0)).toBeNull();
    expect(ring.since('s', 1)).toHaveLength(3);
  });

  it('starts over when revisions do not continue', () => {
    const ring = createRing();
    ring.push('s', 1, 'old');
    ring.push('s', 1_000_002, 'new');
    expect(ring.since('s', 1)).toBeNull();
    expect(ring.since('s', 1_000_001)).toEqual(['new']);
  });

  it('keeps one frame less rather than more than its bytes', () => {
    const ring = createRing({ session: 10, total: 1000 });
    ring.push('s', 1, 'x'.repeat(100));
    expect(ring.since('s', 0)).toBeNull();
    expect(ring.since('s', 1)).toBeNull();
    ring.push('s', 2, 'ok');
    expect(ring.since('s', 1)).toEqual(['ok']);
  });

  it('forgets the session that was quiet longest when all together are too much', () => {
    const ring = createRing({ session: 100, total: 100 });
    ring.push('a', 1, 'x'.repeat(20));
    ring.push('b', 1, 'x'.repeat(20));
    ring.push('a', 2, 'x'.repeat(20));
    expect(ring.since('b', 0)).toBeNull();
    expect(ring.since('a', 0)).toHaveLength(2);
  });

  it('keeps 256 KiB of a session and 32 MiB in all, unless other limits are given', () => {
    const ring = createRing();
    // A character takes two bytes.
    for (let revision = 1; revision <= 5; revision++) ring.push('s', revision, 'x'.repeat(32_768));
    expect([ring.since('s', 0), ring.since('s', 1)?.length]).toEqual([null, 4]);
    for (let n = 0; n < 129; n++) ring.push(`s${n}`, 1, 'x'.repeat(131_072));
    expect([ring.since('s0', 0), ring.since('s1', 0)?.length]).toEqual([null, 1]);
  });

  it('counts only what it has: a session that it never knew can be forgotten', () => {
    const ring = createRing({ session: 100, total: 100 });
    for (let n = 0; n < 100; n++) ring.drop('nobody');
    ring.push('a', 1, 'x'.repeat(40));
    ring.push('b', 1, 'x'.repeat(40));
    expect(ring.since('a', 0)).toBeNull();
    expect(ring.since('b', 0)).toHaveLength(1);
    ring.drop('b');
    ring.push('c', 1, 'x'.repeat(20));
    ring.push('d', 1, 'x'.repeat(20));
    expect(ring.since('c', 0)).toHaveLength(1);
  });
});
