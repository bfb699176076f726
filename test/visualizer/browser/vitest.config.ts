import { defineConfig } from 'vitest/config';

// The long ones, one file at a time: they measure, or need the machine for themselves.
export default defineConfig({
  test: {
    root: new URL('../../..', import.meta.url).pathname,
    include: ['test/visualizer/browser/**/*.test.ts'],
    globalSetup: ['test/visualizer/support/page-setup.ts'],
    testTimeout: 240_000,
    hookTimeout: 60_000,
    // Polls that name no patience of their own: a busy machine may take its time.
    expect: { poll: { timeout: 15_000, interval: 25 } },
    pool: 'forks',
    fileParallelism: false,
    // Its ESM entry imports a directory: Node refuses that, Vite resolves it.
    server: { deps: { inline: ['clipanion'] } },
  },
});
