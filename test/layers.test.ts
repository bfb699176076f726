/**
 * Who may import whom, as a table. Reads import lines, resolves nothing but folders: what a file of one
 * layer names from another must be in its row. There is no list of exceptions.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Rule {
  /** Layers and packages it may import; `type X` allows only `import type`. */
  may: string[];
}

/** Leaves anyone in src may import. */
const LEAVES = [
  'config',
  'access',
  'errors',
  'exit',
  'address',
  'version',
  'files',
  'secrets',
  'standalone',
  'otlp',
  'storage-limits',
  'visible-text',
  'type log',
];

const RULES: Record<string, Rule> = {
  protocol: { may: ['arktype', 'errors', 'node:'] },
  client: { may: ['type protocol'] },
  machines: { may: ['xstate', 'type protocol'] },
  store: { may: ['protocol', 'better-sqlite3', 'node:', 'machines', ...LEAVES] },
  host: { may: ['protocol', 'node:', ...LEAVES] },
  'provider interface': { may: ['type protocol', 'type machines', ...LEAVES] },
  'a provider': {
    may: [
      'provider interface',
      'host',
      'chokidar',
      'ws',
      'protocol',
      'type machines',
      'xstate',
      'node:',
      ...LEAVES,
    ],
  },
  'all providers': { may: ['provider interface', 'a provider', ...LEAVES] },
  runtime: {
    may: [
      'protocol',
      'machines',
      'store',
      'host',
      'provider interface',
      'inspection',
      'xstate',
      'node:',
      ...LEAVES,
    ],
  },
  // It looks at the runtime's parts, which are handed to it; it builds none of them.
  inspection: {
    may: ['protocol', 'machines', 'store', 'type runtime', 'xstate', 'node:', ...LEAVES],
  },
  // It looks at sessions that are handed to it.
  notify: {
    may: ['protocol', 'inspection', 'type runtime', 'type store', 'node:', ...LEAVES],
  },
  // It looks at sessions that are handed to it, too.
  traces: {
    may: [
      'inspection',
      'type machines',
      'type runtime',
      'type store',
      '@opentelemetry/api',
      '@opentelemetry/exporter-trace-otlp-http',
      '@opentelemetry/resources',
      '@opentelemetry/sdk-trace-base',
      'node:',
      ...LEAVES,
    ],
  },
  transports: {
    may: [
      'protocol',
      'runtime',
      'inspection',
      'koa',
      '@koa/router',
      'prom-client',
      'socket.io',
      'ws',
      'node:',
      ...LEAVES,
    ],
  },
  cli: {
    may: [
      'clipanion',
      'fastest-levenshtein',
      'string-width',
      'node:',
      'type store',
      'type client',
      ...LEAVES,
    ],
  },
  // Its build step also reads the charts with Node's and ELK's help; see visualizer/layout.build.ts.
  visualizer: {
    may: [
      'machines',
      'preact',
      '@preact/signals',
      'marked',
      'lowlight',
      'highlight.js',
      'diff',
      'socket.io-client',
      'virtual:charts',
      'type protocol',
      'client',
      'visible-text',
      'elkjs',
      'socket.io-client',
      'vite',
      'node:',
    ],
  },
};

/** Loaded inside `execute()` only, so that `status` stays light. */
const LAZY: Record<string, string[]> = {
  cli: [
    ...['server', 'store', 'log', 'inspection', 'jsonc-parser', 'uqr', 'client', 'ws', 'notify'],
    // The demo runs its own.
    'all providers',
  ],
  // Only whoever asked for names ever loads it; for the engine it just brings the binary.
  'a provider': ['@openai/codex-sdk'],
  runtime: ['protocol'],
  // At the first push.
  notify: ['web-push'],
  transports: ['transports'],
};

interface Import {
  file: string;
  from: string;
  to: string;
  kind: 'value' | 'type' | 'lazy';
}

describe('the layers', () => {
  const imports = ['src', 'machines', 'visualizer'].flatMap((folder) =>
    filesBelow(folder).flatMap(importsOf),
  );

  for (const [layer, { may }] of Object.entries(RULES)) {
    it(`${layer} imports only what its row allows`, () => {
      const wrong = imports
        .filter(({ from, to }) => from === layer && to !== layer)
        .filter(({ to, kind }) => !isAllowed(layer, may, to, kind))
        .map(({ file, to, kind }) => `${file} -> ${to} (${kind})`);
      expect(wrong).toEqual([]);
    });
  }

  it('has a row for every folder of code', () => {
    const folders = new Set(imports.map(({ from }) => from));
    const known = new Set([...Object.keys(RULES), ...rootFiles()]);
    expect([...folders].filter((folder) => !known.has(folder))).toEqual([]);
  });

  it('keeps pino in log.ts and better-sqlite3 in the store', () => {
    const users = (name: string) => [
      ...new Set(imports.filter(({ to }) => to === name).map(({ from }) => from)),
    ];
    expect(users('pino')).toEqual(['log']);
    expect(users('better-sqlite3')).toEqual(['store']);
  });
});

function isAllowed(layer: string, may: string[], to: string, kind: Import['kind']): boolean {
  const name = to.startsWith('node:') ? 'node:' : to;
  if (may.includes(name)) return true;
  if (kind === 'type') return may.includes(`type ${name}`);
  return kind === 'lazy' && LAZY[layer]?.includes(name) === true;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const from = layerOf(file);
  const found: Import[] = [];
  for (const [, type, target] of text.matchAll(
    /^(?:import|export)\s+(type\s)?[^'"();]*?from\s+'([^']+)'/gm,
  )) {
    found.push({ file, from, to: nameOf(file, target as string), kind: type ? 'type' : 'value' });
  }
  for (const [, target] of text.matchAll(/import\('([^']+)'\)/g)) {
    const kind = /typeof\s+$/.test(text.slice(0, text.indexOf(`import('${target}')`)))
      ? 'type'
      : 'lazy';
    found.push({ file, from, to: nameOf(file, target as string), kind });
  }
  return found;
}

/** Layer of a relative import, or the package's name. */
function nameOf(file: string, target: string): string {
  if (!target.startsWith('.')) {
    return target.startsWith('@')
      ? target.split('/').slice(0, 2).join('/')
      : (target.split('/')[0] as string);
  }
  return layerOf(relative(ROOT, resolve(ROOT, dirname(file), target)));
}

/**
 * `src/store/fact-rows.ts` -> store, `src/config.ts` -> config, `machines/session.ts` -> machines. Below
 * `src/providers` each folder is a provider; the files beside the folders are what the others know of them.
 */
function layerOf(file: string): string {
  const [top, second = '', third = ''] = file.split('/');
  if (top === 'src' && second === 'providers') {
    if (third === 'all.ts') return 'all providers';
    return third.endsWith('.ts') ? 'provider interface' : 'a provider';
  }
  return top === 'src' ? second.replace(/\.ts$/, '') : (top as string);
}

function rootFiles(): string[] {
  return readdirSync(join(ROOT, 'src'))
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => name.replace(/\.ts$/, ''));
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => join(folder, name));
}
