import { expect, it } from 'vitest';
import { committedTypes, generateTypes } from '../../support/codex-types.ts';

it('the committed types are what the binary says today; else run `npm run codex-types`', () => {
  const [committed, generated] = [committedTypes(), generateTypes()];
  expect([...committed.keys()]).toEqual([...generated.keys()]);
  for (const [name, text] of generated) expect(committed.get(name), name).toBe(text);
});
