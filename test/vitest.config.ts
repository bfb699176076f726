import { defineConfig } from 'vitest/config';
import { SecondTries } from './support/second-try.ts';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    testTimeout: 20_000,
    // Hooks start servers and agents.
    hookTimeout: 30_000,
    // Polls that name no patience of their own: a busy machine may take its time.
    expect: { poll: { timeout: 10_000, interval: 25 } },
    // Only where somebody waits for the verdict of a machine that is not theirs (.ci/run); named at the end.
    retry: Number(process.env.ORBITDOCK_TEST_RETRIES ?? 0),
    reporters: ['default', new SecondTries()],
    pool: 'forks',
    // Both of a small machine's cores; Vitest alone would leave one idle.
    maxWorkers: 2,
    // Its ESM entry imports a directory: Node refuses that, Vite resolves it.
    server: { deps: { inline: ['clipanion'] } },
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          // Modules hold no state, so files may share them: half of the time went into importing anew.
          isolate: false,
          include: ['test/**/*.test.ts'],
          exclude: ['test/faults/**', 'test/real/**', 'test/visualizer/{page,browser}/**'],
        },
      },
      {
        // What a browser must show in any case; what takes longer is in `npm run test:page`.
        extends: true,
        test: {
          name: 'page',
          include: ['test/visualizer/page/**/*.test.ts'],
          globalSetup: ['test/visualizer/support/page-setup.ts'],
          testTimeout: 40_000,
          hookTimeout: 40_000,
        },
      },
    ],
  },
});
