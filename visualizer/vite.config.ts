/**
 * Builds the page into dist/visualizer. No plugin from outside: Vite transforms JSX itself. The one of
 * our own lays out the charts and emits them as a hashed file, so that they are cached like the rest.
 */
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';
import { layOutCharts } from './layout.build.ts';

const CHARTS = 'virtual:charts';

function charts(): Plugin {
  return {
    name: 'charts',
    resolveId: (id) => (id === CHARTS ? `\0${CHARTS}` : null),
    async load(id) {
      if (id !== `\0${CHARTS}`) return null;
      const source = JSON.stringify(await layOutCharts());
      const file = this.emitFile({ type: 'asset', name: 'charts.json', source });
      return `export default import.meta.ROLLUP_FILE_URL_${file};`;
    },
  };
}

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Relative: a proxy may serve the page below a path of its own.
  base: './',
  logLevel: 'warn',
  plugins: [charts()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: fileURLToPath(new URL('../dist/visualizer', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    // Small files would become `data:` URLs, which the page's policy forbids.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // Laying out takes seconds, and is why the page is built only when something changed.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
});
