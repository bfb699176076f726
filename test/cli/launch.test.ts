/** A start of the built program: out of the code that its build has compiled, and without that as well. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Build, build } from '../support/build.ts';
import { spawnServer } from '../support/spawned.ts';

/** Has Node write of each script that is given a code cache whether it took it, also in threads. */
const WATCH_CACHES = `
const vm = require('node:vm');
const { basename } = require('node:path');
vm.Script = class extends vm.Script {
  constructor(text, options) {
    super(text, options);
    if (options.cachedData) {
      const word = this.cachedDataRejected ? 'compiles' : 'takes';
      require('node:fs').writeSync(2, word + ' ' + basename(options.filename) + '\\n');
    }
  }
};
`;

let program: Build;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'orbit-launch-'));
  writeFileSync(join(folder, 'watch.cjs'), WATCH_CACHES);
  program = await build();
});
afterAll(() => {
  program[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

const start = () => spawnServer(program.main, { nodeFlags: ['-r', join(folder, 'watch.cjs')] });

test('takes what the build has compiled, of the program and of the thread that stores', async () => {
  await using server = await start();
  expect(server.output).toContain('takes program.js\n');
  expect(server.output).toContain('takes writer-thread.js\n');
  expect(server.output).not.toContain('compiles');
});

test('compiles both where that is of another version of Node', async () => {
  for (const name of ['program.js', 'writer-thread.js']) {
    writeFileSync(join(program.main, '..', `${name}.cache`), 'of another version');
  }
  await using server = await start();
  expect(server.output).toContain('compiles program.js\n');
  expect(server.output).toContain('compiles writer-thread.js\n');
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
});
