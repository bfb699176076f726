import { defineConfig } from 'vitest/config';
import { SecondTries } from '../support/second-try.ts';

export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/real/**/*.test.ts'],
    globalSetup: ['test/real/global-setup.ts'],
    // See test/vitest.config.ts.
    retry: Number(process.env.ORBITDOCK_TEST_RETRIES ?? 0),
    reporters: ['default', new SecondTries()],
    pool: 'forks',
    // One CLI at a time takes a core and 300 MB.
    fileParallelism: false,
    // Longer than any wait inside, so that a wait that fails reports what it saw and cleans up.
    testTimeout: 180_000,
  },
});
