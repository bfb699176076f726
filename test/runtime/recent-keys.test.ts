import { expect, it } from 'vitest';
import { createRecentKeys } from '../../src/runtime/ledger/replay-buffer.ts';

it('gives a key that is on its way the same promise, and forgets one that was not stored', async () => {
  const keys = createRecentKeys(10);
  let fail = (_: Error): void => {};
  const stored = new Promise<void>((_, reject) => {
    fail = reject;
  });
  keys.add('a', stored);
  expect(keys.get('a')).toBe(stored);
  fail(new Error('full'));
  await expect(stored).rejects.toThrow('full');
  expect(keys.get('a')).toBeUndefined();
});

it('remembers as many as it promises, and not for ever', async () => {
  const keys = createRecentKeys(10);
  for (let n = 0; n < 35; n++) keys.add(`key-${n}`, Promise.resolve());
  for (let n = 25; n < 35; n++) await expect(keys.get(`key-${n}`)).resolves.toBeUndefined();
  expect(keys.get('key-0')).toBeUndefined();
});
