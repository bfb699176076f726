// Builds dist/: the program as one file, whose parts still wait until they are needed, so that the server
// listens before it has loaded what it does not need yet, and `status` never loads it at all; beside it the
// writer's thread, and main.js, which runs the program out of its code cache. They are CommonJS, for V8
// caches no modules on Node 20. Migrations and hook.sh are embedded as text: the built program reads
// nothing from the source tree.
//
// The page in dist/visualizer is built by Vite, and only when something it is made of has changed: its
// digest lies beside it. `node build.mjs --server` leaves the page alone, and the client's declarations.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundleClient, declareClient, writeClientPackage } from './client-package.mjs';

const root = fileURLToPath(new URL('.', import.meta.url));
const migrations = readdirSync(`${root}migrations`)
  .filter((name) => name.endsWith('.sql'))
  .sort()
  .map((name) => ({ name, sql: readFileSync(`${root}migrations/${name}`, 'utf8') }));
const hookScript = readFileSync(`${root}src/cli/hook.sh`, 'utf8');
const recordings = readdirSync(`${root}src/cli/recordings`)
  .sort()
  .map((name) => ({
    name: name.replace(/\.jsonl$/, ''),
    text: readFileSync(`${root}src/cli/recordings/${name}`, 'utf8'),
  }));
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

/**
 * Koa and socket.io each bring a table of 2,500 media types and sort it when they are loaded. These are
 * all that this server sends or understands.
 */
const MEDIA_TYPES =
  /^(application\/(javascript|json|manifest\+json|octet-stream|x-www-form-urlencoded)|multipart\/form-data|text\/(css|html|javascript|plain)|image\/(png|svg\+xml)|font\/woff2)$/;
const fewMediaTypes = {
  name: 'few media types',
  setup({ onLoad }) {
    onLoad({ filter: /\/mime-db\/db\.json$/ }, ({ path }) => {
      const all = Object.entries(JSON.parse(readFileSync(path, 'utf8')));
      const few = all.filter(([type]) => MEDIA_TYPES.test(type));
      return { contents: JSON.stringify(Object.fromEntries(few)), loader: 'json' };
    });
  },
};

/** Globals that nothing of ours makes or takes. */
const FETCH_CLASSES = ['FormData', 'Headers', 'Request', 'Response'];

for (const name of existsSync(`${root}dist`) ? readdirSync(`${root}dist`) : []) {
  if (name !== 'visualizer') rmSync(`${root}dist/${name}`, { recursive: true, force: true });
}
await build({
  absWorkingDir: root,
  entryPoints: {
    main: 'src/launch.ts',
    program: 'src/main.ts',
    'writer-thread': 'src/store/writer-thread.ts',
  },
  outdir: 'dist',
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20.19',
  // A program run out of a cache can `require` what is beside it, but not `import` it.
  supported: { 'dynamic-import': false },
  packages: 'bundle',
  external: ['better-sqlite3', 'bufferutil', 'utf-8-validate'],
  // Its entry for Node hides what it requires from bundlers.
  alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js', ...modulesOf('@opentelemetry') },
  banner: {
    js: "const __url = require('node:url').pathToFileURL(__filename).href; class __Absent {}",
  },
  define: {
    'import.meta.url': '__url',
    __MIGRATIONS__: JSON.stringify(migrations),
    __HOOK_SH__: JSON.stringify(hookScript),
    __RECORDINGS__: JSON.stringify(recordings),
    __VERSION__: JSON.stringify(version),
    // arktype and Koa only ask whether something is one of these; naming them has Node load its client for fetch, 9 MB.
    ...Object.fromEntries(FETCH_CLASSES.map((name) => [name, '__Absent'])),
  },
  plugins: [fewMediaTypes],
  // The text is read at each start and stays in memory. Names stay as they are, and lines short, for traces of errors.
  ...{ minifyWhitespace: true, lineLimit: 120, legalComments: 'external' },
  logLevel: 'warning',
});

await bundleClient(root, `${root}dist`);
writeFileSync(`${root}dist/package.json`, '{"type":"commonjs"}\n');
writeCodeCache();
if (!process.argv.includes('--server')) {
  declareClient(root, `${root}dist`);
  writeClientPackage(root, `${root}dist`);
  await buildPage();
}

/** Packages of a scope that have ECMAScript modules too: of those a bundler takes only what is used, here a fifth. */
function modulesOf(scope) {
  const folder = `${root}node_modules/${scope}`;
  const names = readdirSync(folder).flatMap((name) => {
    const text = readFileSync(`${folder}/${name}/package.json`, 'utf8');
    const { module, exports } = JSON.parse(text);
    return module === undefined || exports !== undefined
      ? []
      : [[`${scope}/${name}`, `${folder}/${name}/${module}`]];
  });
  return Object.fromEntries(names);
}

/** What V8 has compiled when the program serves, kept for the next starts; they need it only to be quick. */
function writeCodeCache() {
  const environment = { PATH: process.env.PATH, HOME: `${root}dist` };
  const run = spawnSync(process.execPath, [`${root}code-cache.mjs`, `${root}dist`], {
    encoding: 'utf8',
    env: environment,
  });
  if (run.status === 0) return;
  console.warn(`No code cache, so each start takes longer: ${run.stderr || run.stdout}`);
}

/** Builds the page unless the one in dist/ was made of the same files. */
async function buildPage() {
  const digest = digestOf([
    'visualizer',
    'machines',
    'src/protocol',
    'src/client',
    'package-lock.json',
  ]);
  const stamp = `${root}dist/visualizer/.made-of`;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  // Every build, also one of a test runner, makes what is shipped: Vite builds for debugging where this says so.
  process.env.NODE_ENV = 'production';
  const vite = await import('vite');
  await vite.build({ configFile: `${root}visualizer/vite.config.ts` });
  writeFileSync(stamp, digest);
}

/** One digest over the names and contents of files and folders. */
function digestOf(paths) {
  const hash = createHash('sha256').update(version);
  const take = (path) => {
    hash.update(path).update(readFileSync(join(root, path)));
  };
  for (const path of paths) {
    if (path.endsWith('.json')) take(path);
    else {
      const entries = readdirSync(join(root, path), { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile());
      const names = files.map(({ parentPath, name }) => join(parentPath, name).slice(root.length));
      for (const name of names.sort()) take(name);
    }
  }
  return hash.digest('hex');
}
