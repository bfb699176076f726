import { describe, expect, it } from 'vitest';
import { createReplayBuffer } from '../../src/runtime/ledger/replay-buffer.ts';

describe('the replay buffer', () => {
  it('gives what came after a revision, and nothing for the newest', () => {
    const buffer = createReplayBuffer();
    for (const revision of [1, 2, 3]) buffer.push('s', revision, `frame ${revision}`);
    expect(buffer.since('s', 0)).toEqual(['frame 1', 'frame 2', 'frame 3']);
    expect(buffer.since('s', 2)).toEqual(['frame 3']);
    expect(buffer.since('s', 3)).toEqual([]);
  });

  it('says null for a session it does not know, a number ahead of it, and one it forgot', () => {
    const buffer = createReplayBuffer({ session: 60, total: 1000 });
    for (const revision of [1, 2, 3, 4]) buffer.push('s', revision, 'x'.repeat(10));
    expect(buffer.since('other', 0)).toBeNull();
    expect(buffer.since('s', 5)).toBeNull();
    expect(buffer.since('s', 0)).toBeNull();
    expect(buffer.since('s', 1)).toHaveLength(3);
  });

  it('starts over when revisions do not continue', () => {
    const buffer = createReplayBuffer();
    buffer.push('s', 1, 'old');
    buffer.push('s', 1_000_002, 'new');
    expect(buffer.since('s', 1)).toBeNull();
    expect(buffer.since('s', 1_000_001)).toEqual(['new']);
  });

  it('keeps one frame less rather than more than its bytes', () => {
    const buffer = createReplayBuffer({ session: 10, total: 1000 });
    buffer.push('s', 1, 'x'.repeat(100));
    expect(buffer.since('s', 0)).toBeNull();
    expect(buffer.since('s', 1)).toBeNull();
    buffer.push('s', 2, 'ok');
    expect(buffer.since('s', 1)).toEqual(['ok']);
  });

  it('forgets the session that was quiet longest when all together are too much', () => {
    const buffer = createReplayBuffer({ session: 100, total: 100 });
    buffer.push('a', 1, 'x'.repeat(20));
    buffer.push('b', 1, 'x'.repeat(20));
    buffer.push('a', 2, 'x'.repeat(20));
    expect(buffer.since('b', 0)).toBeNull();
    expect(buffer.since('a', 0)).toHaveLength(2);
  });

  // A character takes two bytes.
  const KIB_64 = 'x'.repeat(32_768);
  const KIB_256 = 'x'.repeat(131_072);

  it('keeps 256 KiB of a session, unless another limit is given', () => {
    const buffer = createReplayBuffer();
    for (const revision of [1, 2, 3, 4]) buffer.push('s', revision, KIB_64);
    expect(buffer.since('s', 0)).toHaveLength(4);
    buffer.push('s', 5, 'x');
    expect([buffer.since('s', 0), buffer.since('s', 1)?.length]).toEqual([null, 4]);
  });

  it('keeps 32 MiB in all, unless another limit is given', () => {
    const buffer = createReplayBuffer();
    for (let n = 0; n < 128; n++) buffer.push(`s${n}`, 1, KIB_256);
    expect(buffer.since('s0', 0)).toHaveLength(1);
    buffer.push('another', 1, 'x');
    expect([buffer.since('s0', 0), buffer.since('s1', 0)?.length]).toEqual([null, 1]);
  });

  it('counts only what it has: a session that it never knew can be forgotten', () => {
    const buffer = createReplayBuffer({ session: 100, total: 100 });
    for (let n = 0; n < 100; n++) buffer.drop('nobody');
    buffer.push('a', 1, 'x'.repeat(40));
    buffer.push('b', 1, 'x'.repeat(40));
    expect(buffer.since('a', 0)).toBeNull();
    expect(buffer.since('b', 0)).toHaveLength(1);
    buffer.drop('b');
    buffer.push('c', 1, 'x'.repeat(20));
    buffer.push('d', 1, 'x'.repeat(20));
    expect(buffer.since('c', 0)).toHaveLength(1);
  });
});
