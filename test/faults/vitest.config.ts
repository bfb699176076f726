import { defineConfig } from 'vitest/config';
import { SecondTries } from '../support/second-try.ts';

export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/faults/**/*.test.ts'],
    // See test/vitest.config.ts.
    retry: Number(process.env.ORBITDOCK_TEST_RETRIES ?? 0),
    reporters: ['default', new SecondTries()],
    pool: 'forks',
    // Each of them wants the machine for itself.
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 60_000,
    server: { deps: { inline: ['clipanion'] } },
  },
});
