import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/faults/**/*.test.ts'],
    pool: 'forks',
    // Each of them wants the machine for itself.
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 60_000,
    server: { deps: { inline: ['clipanion'] } },
  },
});
