// The typed client as a package of its own, below dist/: bundles and declarations as they are in dist/, the examples
// with the package's name in them, and a README. `npm pack dist/client-package` packs it.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const NAME = '@orbitdock/client';

/** Bundles the client for who imports it and for who requires it. @param dist  the folder to write to */
export async function bundleClient(root, dist) {
  for (const [format, extension] of [
    ['esm', '.mjs'],
    ['cjs', '.cjs'],
  ]) {
    await build({
      absWorkingDir: root,
      entryPoints: { client: 'src/client/index.ts' },
      outdir: dist,
      outExtension: { '.js': extension },
      bundle: true,
      format,
      platform: 'neutral',
      target: 'es2023',
      logLevel: 'warning',
    });
  }
}

/**
 * Declarations of the client and of the wire, as far as it needs them: in `types` for who imports it, in `types-cjs` for
 * who requires it.
 */
export function declareClient(root, dist) {
  const words = ['-p', `${root}src/client/tsconfig.json`, '--outDir', `${dist}/types`];
  const run = spawnSync(`${root}node_modules/.bin/tsc`, words, { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`The client's declarations: ${run.stdout}${run.stderr}`);
  cpSync(`${dist}/types`, `${dist}/types-cjs`, { recursive: true });
  writeFileSync(`${dist}/types/package.json`, '{"type":"module"}\n');
}

/** Writes the package into `client-package`, out of what the others have written beside it. */
export function writeClientPackage(root, dist) {
  const { version, license, dependencies } = JSON.parse(
    readFileSync(`${root}package.json`, 'utf8'),
  );
  const folder = `${dist}/client-package`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(`${folder}/examples`, { recursive: true });
  for (const name of ['client.mjs', 'client.cjs', 'types', 'types-cjs']) {
    cpSync(`${dist}/${name}`, `${folder}/${name}`, { recursive: true });
  }
  // Beside declarations for who requires it stands no package of another type.
  writeFileSync(`${folder}/types-cjs/package.json`, '{"type":"commonjs"}\n');
  cpSync(`${root}LICENSE`, `${folder}/LICENSE`);
  const examples = `${root}src/client/examples`;
  for (const name of readdirSync(examples)) {
    const text = readFileSync(`${examples}/${name}`, 'utf8');
    writeFileSync(`${folder}/examples/${name}`, text.replaceAll("'../index.ts'", `'${NAME}'`));
  }
  cpSync(`${root}src/client/README.md`, `${folder}/README.md`);
  const side = (types, file) => ({ types: `./${types}/client/index.d.ts`, default: `./${file}` });
  const manifest = {
    ...{ name: NAME, version, license, type: 'module' },
    description: 'The typed client of OrbitDock Server, mission control for coding agents',
    main: './client.cjs',
    module: './client.mjs',
    types: './types-cjs/client/index.d.ts',
    exports: {
      '.': { import: side('types', 'client.mjs'), require: side('types-cjs', 'client.cjs') },
      './package.json': './package.json',
    },
    sideEffects: false,
    // Declarations name its types.
    dependencies: { arktype: dependencies.arktype },
    engines: { node: '>=20.19.0' },
  };
  writeFileSync(`${folder}/package.json`, `${JSON.stringify(manifest, null, 2)}\n`);
}

const [, script, dist] = process.argv;
if (script === fileURLToPath(import.meta.url) && dist) {
  const root = fileURLToPath(new URL('.', import.meta.url));
  await bundleClient(root, dist);
  declareClient(root, dist);
  writeClientPackage(root, dist);
}
