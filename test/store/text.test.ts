/** Texts on their way into rows: times of any form, and where a text that is too long is cut. */
import { describe, expect, it } from 'vitest';
import { MAX_FRAME_BYTES, TRUNCATED } from '../../src/protocol/encode.ts';
import {
  byteLength,
  head,
  isoMs,
  MAX_STORED_BYTES,
  newestThatFit,
  stampToMs,
  storable,
  storableJson,
  storableOrNull,
} from '../../src/store/text.ts';

describe('a time of a row', () => {
  it.each([
    ['0', '1970-01-01T00:00:00.000Z'],
    ['1767225600', '2026-01-01T00:00:00.000Z'],
    ['1767225600Z', '2026-01-01T00:00:00.000Z'],
    ['99999999999', '5138-11-16T09:46:39.000Z'],
    ['2026-01-02 03:04:05', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05.123456Z', '2026-01-02T03:04:05.123Z'],
    ['2026-01-02 03:04:05+02:00', '2026-01-02T01:04:05.000Z'],
    ['2026-01-02T03:04:05-0130', '2026-01-02T04:34:05.000Z'],
  ])('%s is %s', (text, iso) => {
    expect(isoMs(text)).toBe(iso);
  });

  it.each([
    'yesterday',
    '',
    '123456789012',
    '2026-01-02',
    'x2026-01-02T03:04:05Z',
    '2026-99-02T03:04:05Z',
    '17.5',
  ])('%j is none, and stays as it is', (text) => {
    expect(isoMs(text)).toBe(text);
  });

  it('loses its microseconds on the wire, if it has any', () => {
    expect(stampToMs('2026-01-02T03:04:05.123456Z')).toBe('2026-01-02T03:04:05.123Z');
    for (const other of ['2026-01-02T03:04:05.123Z', 'a word'])
      expect(stampToMs(other)).toBe(other);
  });
});

describe('the beginning of a text', () => {
  it('has so many units, and never half a character', () => {
    expect(head('abc', 3)).toBe('abc');
    expect(head('abcd', 3)).toBe('abc');
    expect(head('ab😀', 3)).toBe('ab');
    expect(head('a😀b', 3)).toBe('a😀');
    // The first and the last of the units that begin a pair, and their neighbours.
    for (const pair of ['\u{10000}', '\u{10ffff}']) expect(head(`${pair}b`, 1)).toBe('');
    for (const single of ['\ud7ff', '\udc00']) expect(head(`${single}b`, 1)).toBe(single);
  });
});

describe('a text that is stored', () => {
  it('is whole up to a megabyte, and then has a mark behind that', () => {
    const most = 'x'.repeat(MAX_STORED_BYTES);
    expect(storable(most)).toBe(most);
    expect(storable(`${most}y`)).toBe(most + TRUNCATED);
    expect(MAX_STORED_BYTES).toBe(1_048_576);
  });

  it('is not cut within a character', () => {
    const text = `x${'é'.repeat(MAX_STORED_BYTES / 2)}`;
    expect(storable(text)).toBe(`x${'é'.repeat(MAX_STORED_BYTES / 2 - 1)}${TRUNCATED}`);
    const wide = '€'.repeat(Math.floor(MAX_STORED_BYTES / 3));
    expect(storable(wide)).toBe(wide);
    expect(storable(`${wide}€`)).toBe(wide + TRUNCATED);
  });

  it('may be missing', () => {
    expect([storableOrNull(null), storableJson(null)]).toEqual([null, null]);
    expect(storableOrNull('a')).toBe('a');
  });

  it('is still JSON when it was', () => {
    const input = (length: number) => JSON.stringify({ command: 'x'.repeat(length) });
    const around = input(0).length;
    const most = input(MAX_STORED_BYTES - around);
    expect(storableJson(most)).toBe(most);
    const cut = storableJson(input(MAX_STORED_BYTES - around + 1)) as string;
    expect(JSON.parse(cut)).toMatchObject({ command: expect.stringMatching(/^x+/) });
    expect(byteLength(cut)).toBeLessThanOrEqual(MAX_STORED_BYTES);
  });
});

describe('of a list', () => {
  const AROUND = 2048;
  /** Rows of so many bytes of JSON each, with the comma. */
  const rows = (...bytes: number[]) => bytes.map((length) => 'x'.repeat(length - 3));

  it('all are sent that fit one frame', () => {
    const room = MAX_FRAME_BYTES - AROUND;
    const fits = rows(room - 100, 100);
    expect(newestThatFit(fits, (row) => row)).toEqual({ items: fits, truncated: false });
  });

  it('those are left out that come behind the first that does not', () => {
    const [first, ...others] = rows(MAX_FRAME_BYTES - AROUND - 100, 101, 50) as [string, string];
    let closed = false;
    function* iterated() {
      try {
        yield first;
        yield* others;
      } finally {
        closed = true;
      }
    }
    expect(newestThatFit(iterated(), (row) => row)).toEqual({ items: [first], truncated: true });
    expect(closed).toBe(true);
  });

  it('nothing is nothing', () => {
    expect(newestThatFit([], (row) => row)).toEqual({ items: [], truncated: false });
  });
});
