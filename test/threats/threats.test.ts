/** Each threat has tests that hold it: a test that is renamed or taken away is missed here. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { FOUND, type Held, THREATS } from './threats.ts';

/** Whether the file has a test of these words that runs; a condition of the machine may leave it out. */
function isThere([file, words]: Held): boolean {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const source = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const at = source.indexOf(words);
  const before = source.slice(Math.max(0, at - 120), at);
  return (
    at >= 0 && /['"`]$/.test(before) && !/\bit\.(?:skip|todo|fails)\b(?!If)[^;]*$/.test(before)
  );
}

it('every threat from T1 to T37 is held by tests', () => {
  const numbers = Array.from({ length: 37 }, (_, at) => `T${at + 1}`);
  expect(Object.keys(THREATS)).toEqual(numbers);
});

it.each([...Object.entries(THREATS), ...Object.entries(FOUND)])(
  '%s is held by tests that are there',
  (_, [what, ...tests]) => {
    expect(tests.length, what).toBeGreaterThan(0);
    expect(tests.filter((test) => !isThere(test))).toEqual([]);
  },
);
