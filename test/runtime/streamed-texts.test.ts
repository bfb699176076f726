/** Streamed texts: who receives what and when, on a made-up clock; and what a long one costs. */
import { describe, expect, it } from 'vitest';
import type { ServerMessage } from '../../src/protocol/server.ts';
import { createStampClock } from '../../src/runtime/clock.ts';
import { createStreams } from '../../src/runtime/rooms/streamed-texts.ts';
import type { CheckpointItem, Item, ItemResult } from '../../src/store/writer-messages.ts';

type Delta = Extract<ServerMessage, { type: 'message_delta' }>;

/** Streams over rooms and a writer that write down, and a beat of our own. */
function openStreams() {
  const said: Array<{ room: string; message: ServerMessage }> = [];
  const checkpoints: CheckpointItem[] = [];
  const settles: Array<() => void> = [];
  const beats: number[] = [];
  let now = 0;
  let beat: (() => void) | null = null;
  const streams = createStreams({
    rooms: { publish: (room, { message }) => said.push({ room, message }) },
    writer: {
      submit(item: Item, done: (result: ItemResult) => void) {
        checkpoints.push(item as CheckpointItem);
        settles.push(() => done({ outcome: 'committed', seq: 0, revision: 0 }));
      },
    },
    clock: createStampClock(),
    nowMs: () => now,
    every(ms, run) {
      beats.push(ms);
      beat = run;
      return () => {
        beat = null;
      };
    },
  });
  const deltas = () =>
    said.flatMap(({ room, message }) =>
      room.startsWith('deltas:') && message.type === 'message_delta' ? [message] : [],
    );
  const wholes = () =>
    said.flatMap(({ room, message }) =>
      room.startsWith('session:') && message.type === 'message_updated'
        ? [message.changes.content ?? '']
        : [],
    );
  return {
    streams,
    checkpoints,
    settles,
    deltas,
    wholes,
    beats,
    isBeating: () => beat !== null,
    after(ms: number) {
      now += ms;
      beat?.();
    },
  };
}

const joined = (pieces: Delta[]) => pieces.map(({ text }) => text).join('');

describe('a streamed text', () => {
  it('is sent 25 times a second, by one beat for all', () => {
    const test = openStreams();
    for (const id of ['m1', 'm2']) test.streams.open('s', id, '');
    expect(test.beats).toEqual([40]);
  });

  it('is sent piece by piece to those who want that, many deltas in one frame', () => {
    const test = openStreams();
    const stream = test.streams.open('s', 'm', 'Once');
    stream.show();
    for (const word of [' upon', ' a', ' time']) stream.push(word);
    test.after(40);
    stream.push(', far');
    test.after(40);
    test.after(40);
    expect(test.deltas().map(({ offset, text }) => [offset, text])).toEqual([
      [4, ' upon a time'],
      [16, ', far'],
    ]);
    expect(stream.text()).toBe('Once upon a time, far');
  });

  it('is not sent before its beginning is stored, and not after its end', () => {
    const test = openStreams();
    const stream = test.streams.open('s', 'm', 'a');
    stream.push('b');
    test.after(40);
    expect(test.deltas()).toEqual([]);
    expect(test.streams.standing('s', 'whole')).toEqual([]);
    stream.show();
    test.after(40);
    expect(joined(test.deltas())).toBe('b');
    stream.push('c');
    stream.close();
    expect(test.isBeating()).toBe(false);
    test.after(1000);
    expect(joined(test.deltas())).toBe('b');
    expect(test.streams.standing('s', 'whole')).toEqual([]);
  });

  it('is sent as a whole in growing steps, and the tail of a slow one within a second', () => {
    const test = openStreams();
    const stream = test.streams.open('s', 'm', 'x'.repeat(800));
    stream.show();
    stream.push('y'.repeat(90));
    test.after(40);
    expect(test.wholes()).toEqual([]);
    stream.push('y'.repeat(10));
    test.after(40);
    expect(test.wholes()).toEqual([stream.text()]);
    stream.push('z'.repeat(40));
    test.after(40);
    expect(test.wholes()).toHaveLength(1);
    test.after(1000);
    expect(test.wholes()).toHaveLength(2);
  });

  it('is sent as a whole after a second when it has grown by a 32nd, and neither earlier nor for less', () => {
    const test = openStreams();
    const stream = test.streams.open('s', 'm', 'x'.repeat(320));
    stream.show();
    stream.push('y'.repeat(10));
    test.after(999);
    expect(test.wholes()).toEqual([]);
    test.after(1);
    expect(test.wholes()).toEqual([stream.text()]);
    stream.push('z'.repeat(10));
    test.after(5000);
    expect(test.wholes()).toHaveLength(1);
  });

  it('goes on while another one of its session, or of another session, ends', () => {
    const test = openStreams();
    const [one, two, other] = (
      [
        ['s', 'm1'],
        ['s', 'm2'],
        ['t', 'm3'],
      ] as const
    ).map(([session, id]) => {
      const stream = test.streams.open(session, id, '');
      stream.show();
      stream.push(id);
      return stream;
    });
    one?.close();
    test.after(40);
    expect(test.deltas().map(({ text }) => text)).toEqual(['m2', 'm3']);
    expect(test.streams.standing('s', 'whole')).toMatchObject([{ message_id: 'm2' }]);
    two?.close();
    other?.push(' on');
    test.after(40);
    expect(test.deltas().at(-1)).toMatchObject({ session_id: 't', text: ' on' });
    other?.close();
    expect(test.isBeating()).toBe(false);
  });

  it('is sent no more once all were stopped, and the next one has a beat again', () => {
    const test = openStreams();
    const stream = test.streams.open('s', 'm', 'a');
    stream.show();
    test.streams.stop();
    expect([test.isBeating(), test.streams.standing('s', 'whole')]).toEqual([false, []]);
    test.streams.open('s', 'm2', 'b');
    expect(test.isBeating()).toBe(true);
  });

  it('is kept once a second, and never twice at once', () => {
    const test = openStreams();
    const stream = test.streams.open('s', 'm', 'a');
    stream.show();
    stream.push('b');
    test.after(400);
    expect(test.checkpoints).toEqual([]);
    test.after(600);
    expect(test.checkpoints).toMatchObject([{ sessionId: 's', messageId: 'm', content: 'ab' }]);
    stream.push('c');
    test.after(1000);
    expect(test.checkpoints).toHaveLength(1);
    test.settles[0]?.();
    test.after(40);
    expect(test.checkpoints.at(-1)?.content).toBe('abc');
    test.settles[1]?.();
    test.after(5000);
    expect(test.checkpoints).toHaveLength(2);
  });

  it('joins a newcomer where all others are: what follows fits without a gap', () => {
    const test = openStreams();
    const stream = test.streams.open('s', 'm', 'a');
    stream.show();
    stream.push('b');
    test.after(40);
    stream.push('c');
    const [standing] = test.streams.standing('s', 'whole');
    test.after(40);
    expect(standing).toMatchObject({ message_id: 'm', changes: { content: 'ab' } });
    expect(test.deltas().at(-1)).toMatchObject({ offset: 2, text: 'c' });
    expect(test.streams.standing('other', 'whole')).toEqual([]);
  });

  it('costs as a whole what a few of its lengths cost, however long and slow it is', () => {
    const test = openStreams();
    const stream = test.streams.open('s', 'm', 'word ');
    stream.show();
    for (let delta = 0; delta < 2000; delta++) {
      stream.push('word ');
      test.after(40);
      test.settles.shift()?.();
    }
    const { length } = stream.text();
    const bytes = test.wholes().reduce((sum, text) => sum + text.length, 0);
    expect(bytes).toBeLessThan(33 * length);
    expect(joined(test.deltas())).toHaveLength(length - 'word '.length);
    expect(test.checkpoints.length).toBeLessThanOrEqual(81);
  });
});
