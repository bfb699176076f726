import { expect, it } from 'vitest';
import { createLineSplitter } from '../../../src/providers/shared/lines.ts';

it('keeps a character whole that arrives in two reads', () => {
  const bytes = Buffer.from('{"text":"naïve 🙂"}\n');
  for (let cut = 1; cut < bytes.length; cut++) {
    const splitter = createLineSplitter(100);
    const lines = [...splitter.push(bytes.subarray(0, cut)), ...splitter.push(bytes.subarray(cut))];
    expect(lines).toEqual([{ text: '{"text":"naïve 🙂"}' }]);
  }
});

it('gives every line of one read, and keeps what has no end yet', () => {
  const splitter = createLineSplitter(100);
  expect(splitter.push(Buffer.from('a\n\nb\nc'))).toEqual([
    { text: 'a' },
    { text: '' },
    { text: 'b' },
  ]);
  expect(splitter.push(Buffer.from('d\n'))).toEqual([{ text: 'cd' }]);
});

it('skips a line above the cap, reports its length and beginning, and goes on with the next', () => {
  const splitter = createLineSplitter(1000);
  const lines = [];
  for (let read = 0; read < 50; read++) {
    lines.push(...splitter.push(Buffer.from('x'.repeat(100))));
  }
  lines.push(...splitter.push(Buffer.from('\nnext\n')));
  expect(lines).toEqual([{ tooLong: true, bytes: 5000, head: 'x'.repeat(256) }, { text: 'next' }]);
});

it('takes a line of exactly the cap', () => {
  expect(createLineSplitter(4).push(Buffer.from('1234\n'))).toEqual([{ text: '1234' }]);
  expect(createLineSplitter(4).push(Buffer.from('12345\n'))).toMatchObject([{ tooLong: true }]);
});
