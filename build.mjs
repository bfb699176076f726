// Builds dist/: one bundle with lazy chunks, so that the server listens before it has loaded what it
// does not need yet, and `status` never loads it at all. Migrations and hook.sh are embedded as text: the
// built program reads nothing from the source tree. The first line of src/main.ts (`#!`) stays first.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('.', import.meta.url));
const migrations = readdirSync(`${root}migrations`)
  .filter((name) => name.endsWith('.sql'))
  .sort()
  .map((name) => ({ name, sql: readFileSync(`${root}migrations/${name}`, 'utf8') }));
const hookScript = readFileSync(`${root}src/cli/hook.sh`, 'utf8');
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

rmSync(`${root}dist`, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: { main: 'src/main.ts', 'writer-thread': 'src/store/writer-thread.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'bundle',
  external: ['better-sqlite3', 'bufferutil', 'utf-8-validate'],
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  define: {
    __MIGRATIONS__: JSON.stringify(migrations),
    __HOOK_SH__: JSON.stringify(hookScript),
    __VERSION__: JSON.stringify(version),
  },
  logLevel: 'warning',
});
