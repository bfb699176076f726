import { defineConfig } from 'vitest/config';

// Needs a built page and Debian's Chromium; one file at a time, because one browser is enough.
export default defineConfig({
  test: {
    root: new URL('../../..', import.meta.url).pathname,
    include: ['test/visualizer/browser/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    fileParallelism: false,
  },
});
