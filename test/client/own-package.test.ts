/**
 * The client as a package of its own: packed, installed where nothing else is, checked by the compiler and run, by who
 * imports it and by who requires it, with its README and its examples.
 */
import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { deliver, scriptOf } from '../support/hooks.ts';
import { startTestServer } from '../support/server.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAX_PACKED_BYTES = 100_000;
const run = promisify(execFile);
let folder: string;
let tarball: string;
let project: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'orbit-client-'));
  const dist = join(folder, 'dist');
  mkdirSync(dist);
  await run(process.execPath, [join(ROOT, 'client-package.mjs'), dist]);
  const packed = await run('npm', ['pack', '--silent', join(dist, 'client-package')], {
    cwd: folder,
  });
  tarball = join(folder, packed.stdout.trim());
  project = await install();
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * A project that has the package and what it depends on. It is unpacked as `npm install` does, without asking a registry:
 * what it depends on is linked from here.
 */
async function install(): Promise<string> {
  const place = join(folder, 'project');
  const modules = join(place, 'node_modules');
  const unpacked = join(folder, 'unpacked');
  for (const path of [unpacked, join(modules, '@orbitdock')]) mkdirSync(path, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', unpacked]);
  cpSync(join(unpacked, 'package'), join(modules, '@orbitdock', 'client'), { recursive: true });
  const manifest = readFileSync(join(unpacked, 'package', 'package.json'), 'utf8');
  const { dependencies } = JSON.parse(manifest) as { dependencies: Record<string, string> };
  // Of the project itself: types of Node, and a class of sockets before Node 22.
  for (const name of [...Object.keys(dependencies), '@types', 'ws']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(place, 'package.json'), '{"name":"project","private":true,"type":"module"}');
  return place;
}

const PROGRAM = `
client.on('list', (list) => {
  const session = list.get('of-the-package');
  if (!session) return;
  console.log(session.work_status);
  client.close();
});
client.watchList();
`;

it('is small, and holds types, README and examples', () => {
  expect(statSync(tarball).size).toBeLessThan(MAX_PACKED_BYTES);
  const files = readdirSync(join(project, 'node_modules/@orbitdock/client'));
  expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'examples', 'types']));
});

it('is checked by the compiler, by who imports it and by who requires it', async () => {
  const use = `
    const client = createClient({ url: 'http://127.0.0.1:1' });
    client.request({ type: 'get_sessions', limit: 5 }).then(({ sessions }) => {
      const status: string | undefined = sessions[0]?.work_status;
      return status;
    });
    // @ts-expect-error  there is no such message
    client.request({ type: 'no_such_message' });
  `;
  const importing = `import { createClient } from '@orbitdock/client';${use}`;
  writeFileSync(join(project, 'imports.mts'), importing);
  writeFileSync(join(project, 'requires.cts'), importing);
  const readme = readFileSync(join(ROOT, 'src/client/README.md'), 'utf8');
  writeFileSync(join(project, 'readme.mts'), /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? 'no code');
  cpSync(join(project, 'node_modules/@orbitdock/client/examples'), join(project, 'examples'), {
    recursive: true,
  });
  const options = {
    ...{ strict: true, noEmit: true, target: 'es2023', skipLibCheck: false },
    ...{
      module: 'nodenext',
      moduleResolution: 'nodenext',
      lib: ['es2024', 'dom'],
      types: ['node'],
    },
  };
  const config = { compilerOptions: options, include: ['*.mts', '*.cts', 'examples'] };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
  const checked = await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', project]).catch(
    (error: { stdout: string }) => error,
  );
  expect(checked.stdout).toBe('');
}, 120_000);

it.each([
  [
    'imports.mjs',
    `import { createClient } from '@orbitdock/client'; import { WebSocket } from 'ws';`,
  ],
  [
    'requires.cjs',
    `const { createClient } = require('@orbitdock/client'); const { WebSocket } = require('ws');`,
  ],
])('runs in a program that %s', async (name, head) => {
  await using server = await startTestServer();
  await deliver(server.url, scriptOf('of-the-package').prompt('Hello'));
  const begin = `const client = createClient({ url: process.argv[2], WebSocket });`;
  writeFileSync(join(project, name), `${head}\n${begin}\n${PROGRAM}`);
  const { stdout } = await run(process.execPath, [join(project, name), server.url], {
    timeout: 30_000,
  });
  expect(stdout.split('\n')[0]).toBe('working');
});
