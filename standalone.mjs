// Makes one executable for this platform of a built dist/: a copy of the Node that runs this, with the program, its
// code cache, the page and the SQLite addon inside. `node standalone.mjs [FILE]`; default dist/standalone/orbitdock-server.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { inject } from 'postject';

/** Where Node looks whether there is something inside it. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

const root = fileURLToPath(new URL('.', import.meta.url));
const dist = join(root, 'dist');
const file = resolve(process.argv[2] ?? join(dist, 'standalone', 'orbitdock-server'));
if (process.platform !== 'linux') {
  throw new Error('One executable is made on Linux only; elsewhere install the package');
}
const work = mkdtempSync(join(tmpdir(), 'orbitdock-standalone-'));
try {
  const assets = await collectAssets();
  const blob = join(work, 'blob');
  const config = { main: join(dist, 'main.js'), output: blob, assets };
  const options = { disableExperimentalSEAWarning: true, useCodeCache: false, useSnapshot: false };
  writeFileSync(join(work, 'sea.json'), JSON.stringify({ ...config, ...options }));
  execFileSync(process.execPath, ['--experimental-sea-config', join(work, 'sea.json')]);
  const copy = join(work, 'orbitdock-server');
  copyFileSync(process.execPath, copy);
  chmodSync(copy, 0o755);
  await quietly(() => inject(copy, 'NODE_SEA_BLOB', readFileSync(blob), { sentinelFuse: FUSE }));
  mkdirSync(dirname(file), { recursive: true });
  // One that runs from there keeps what it has.
  rmSync(file, { force: true });
  copyFileSync(copy, file);
  const mebibytes = (readFileSync(file).length / 2 ** 20).toFixed(0);
  console.log(`${file} (${mebibytes} MiB, Node ${process.version})`);
  console.log(`It needs ${needs(copy, assets['addon.node']).join(', ')}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Name inside -> path of each file. */
async function collectAssets() {
  const addon = join(root, 'node_modules/better-sqlite3/build/Release/better_sqlite3.node');
  const page = readdirSync(join(dist, 'visualizer'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map(({ parentPath, name }) => join(parentPath, name).slice(`${dist}/visualizer/`.length));
  const digest = createHash('sha256').update(readFileSync(addon)).digest('hex');
  return {
    'program.js': join(dist, 'program.js'),
    'program.js.cache': join(dist, 'program.js.cache'),
    // A thread has no `require` of ours, so the package is bundled into its code; the program finds it beside itself.
    'writer-thread.js': await bundled(join(dist, 'writer-thread.js'), 'writer-thread.js'),
    'packages/better-sqlite3.js': await bundled('better-sqlite3', 'better-sqlite3.js'),
    'addon.node': addon,
    'addon.sha256': written('addon.sha256', digest),
    'visualizer.json': written('visualizer.json', JSON.stringify(page)),
    ...Object.fromEntries(
      page.map((name) => [`visualizer/${name}`, join(dist, 'visualizer', name)]),
    ),
  };
}

async function bundled(entry, name) {
  const outfile = join(work, name);
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20.19',
    logLevel: 'error',
  });
  return outfile;
}

function written(name, text) {
  writeFileSync(join(work, name), text);
  return join(work, name);
}

/** The injector warns of sections that it does not know, which means nothing. */
async function quietly(work) {
  const { warn, error, log } = console;
  const mute = (...words) => {
    if (!/Can't find string offset/.test(words.join(' '))) error(...words);
  };
  Object.assign(console, { warn: mute, error: mute, log: mute });
  try {
    return await work();
  } finally {
    Object.assign(console, { warn, error, log });
  }
}

/** Libraries of the system, and the oldest C library that has all of both files. */
function needs(...files) {
  const names = new Set();
  let newest = [0, 0];
  for (const each of files) {
    const libraries = execFileSync('ldd', [each], { encoding: 'utf8' });
    for (const [name] of libraries.matchAll(/[\w+-]+\.so[.\d]*(?= )/g)) names.add(name);
    for (const [, major, minor] of readFileSync(each, 'latin1').matchAll(/GLIBC_(\d+)\.(\d+)/g)) {
      const version = [Number(major), Number(minor)];
      if (version[0] > newest[0] || (version[0] === newest[0] && version[1] > newest[1])) {
        newest = version;
      }
    }
  }
  names.delete('linux-vdso.so.1');
  return [`the C library ${newest.join('.')} or newer`, ...[...names].sort()];
}
