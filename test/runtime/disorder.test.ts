import { expect, it } from 'vitest';
import { createRandom, seedOfRun } from '../support/random.ts';
import { createDisorder } from './disorder.ts';

it('sends, stores and shows the same, whatever is refused, repeated, read and restarted meanwhile', async () => {
  const random = createRandom(seedOfRun());
  await using disorder = await createDisorder(random);
  for (let round = 1; round <= 27; round += 1) {
    expect(await disorder.round(), `SEED=${random.seed}, round ${round}`).toEqual([]);
  }
  const { acknowledged, repeated, refused, reads, restarts } = disorder.counts;
  expect(Math.min(acknowledged, repeated, refused, reads, restarts)).toBeGreaterThan(0);
}, 60_000);
