import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    exclude: ['test/faults/**', 'test/real/**', 'test/visualizer/browser/**'],
    testTimeout: 20_000,
    pool: 'forks',
    // Both of a small machine's cores; Vitest alone would leave one idle.
    maxWorkers: 2,
    // Its ESM entry imports a directory: Node refuses that, Vite resolves it.
    server: { deps: { inline: ['clipanion'] } },
  },
});
