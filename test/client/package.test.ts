/** The client as others get it: built, by the name under which the package exports it. */
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type Build, build } from '../support/build.ts';
import { startTestServer } from '../support/server.ts';

let program: Build;
beforeAll(async () => {
  program = await build();
});
afterAll(() => program[Symbol.dispose]());

it('is exported where it is built, and connects to a server', async () => {
  const root = new URL('../../', import.meta.url);
  const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const built = basename(exports['./client'].default);
  const { createClient } = (await import(
    join(dirname(program.main), built)
  )) as typeof import('../../src/client/index.ts');
  await using server = await startTestServer();
  const client = createClient({ url: server.url, WebSocket });
  await new Promise<void>((resolve) => {
    client.on('link', ({ kind }) => kind === 'online' && resolve());
  });
  expect(await client.request({ type: 'ping' })).toMatchObject({ type: 'ack' });
  client.close();
});
