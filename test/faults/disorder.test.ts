/**
 * The disorder of test/runtime for as long as wanted: `DISORDER_SECONDS=600` for a long run by hand,
 * `SEED=…` to repeat one.
 */
import { expect, it } from 'vitest';
import { createDisorder } from '../runtime/disorder.ts';
import { createRandom, seedOfRun } from '../support/random.ts';

const SECONDS = Number(process.env.DISORDER_SECONDS ?? 60);

it(
  `sends, stores and shows the same through ${SECONDS} seconds of disorder`,
  async () => {
    const random = createRandom(seedOfRun());
    await using disorder = await createDisorder(random);
    const end = performance.now() + SECONDS * 1_000;
    let rounds = 0;
    while (performance.now() < end) {
      rounds += 1;
      expect(await disorder.round(), `SEED=${random.seed}, round ${rounds}`).toEqual([]);
    }
    console.log(`SEED=${random.seed}: ${rounds} rounds, ${JSON.stringify(disorder.counts)}`);
    const { acknowledged, repeated, refused, reads, restarts } = disorder.counts;
    expect(Math.min(acknowledged, repeated, refused, reads, restarts)).toBeGreaterThan(0);
  },
  (SECONDS + 120) * 1_000,
);
