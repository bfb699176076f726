/** The examples of the client, each run as a program of its own beside a real server. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, expect, it, vi } from 'vitest';
import { createSteered, openCodexSetup } from '../support/codex-setup.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { startTestServer } from '../support/server.ts';

/** A program that is compiled as it starts takes seconds on a busy machine. */
const WITHIN = { timeout: 30_000 };

const running: ChildProcess[] = [];
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null) continue;
    child.kill();
    await once(child, 'exit');
  }
});

/** Runs an example. @returns what it has said so far, of both streams */
function run(name: string, url: string, env: Record<string, string> = {}): () => string {
  const file = fileURLToPath(new URL(`../../src/client/examples/${name}.ts`, import.meta.url));
  // Node 20 has the class only behind this.
  const words = ['--experimental-websocket', '--import', import.meta.resolve('tsx'), file, url];
  const child = spawn(process.execPath, words, { env: { PATH: process.env.PATH, ...env } });
  running.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  return () => said;
}

const asking = (session_id: string) => ({
  ...{ session_id, cwd: '/home/dev/shop', hook_event_name: 'PermissionRequest' },
  ...{ tool_name: 'Bash', tool_input: { command: 'npm run count' } },
});

it('shows who works and who waits', async () => {
  await using server = await startTestServer();
  await deliver(server.url, scriptOf('one').prompt('Count the sheep'));
  const said = run('dashboard', server.url);
  await vi.waitFor(() => expect(said()).toMatch(/working +\S+ Count the sheep/), WITHIN);
  await deliver(server.url, asking('one'));
  await vi.waitFor(() => expect(said()).toMatch(/permission +\S+ Count the sheep/), WITHIN);
}, 60_000);

const hasJq = spawnSync('jq', ['--version']).status === 0;
it.runIf(hasJq)('shows with curl alone who works, who waits and for what', async () => {
  await using server = await startTestServer();
  await deliver(server.url, scriptOf('three').prompt('Shear the sheep'));
  await deliver(server.url, asking('three'));
  const file = fileURLToPath(new URL('../../src/client/examples/dashboard.sh', import.meta.url));
  const env = { PATH: process.env.PATH };
  const { stdout } = await promisify(execFile)('sh', [file, server.url], { env });
  expect(stdout).toBe('three\tpermission\tshop\tShear the sheep\tnpm run count\n');
});

it('writes to a chat once when a session needs a person, and again for its next request', async () => {
  const posted: string[] = [];
  const chat = createServer(async (request, response) => {
    posted.push(JSON.parse(await text(request)).text);
    response.end('ok');
  });
  await new Promise<void>((resolve) => chat.listen(0, '127.0.0.1', resolve));
  const { port } = chat.address() as AddressInfo;
  await using server = await startTestServer();
  const { prompt } = scriptOf('two');
  await deliver(server.url, prompt('Feed the goats'));
  run('chat-relay', server.url, { CHAT_WEBHOOK_URL: `http://127.0.0.1:${port}/` });
  await deliver(server.url, asking('two'));
  const words = `"Feed the goats" wants your approval: ${server.url}/visualizer/s/two`;
  await vi.waitFor(() => expect(posted).toEqual([words]), WITHIN);
  await deliver(server.url, prompt('No, wait'));
  await deliver(server.url, asking('two'));
  await vi.waitFor(() => expect(posted).toEqual([words, words]), WITHIN);
  chat.close();
}, 60_000);

it('allows what its rules know, and leaves to a person what only begins like it', async () => {
  await using dock = await openCodexSetup();
  const said = run('approve-by-rule', dock.server.url);
  const client = await dock.client();
  const { project: cwd } = dock.home;
  const session = await createSteered(client, { cwd });
  await session.say('!esc git status');
  await session.idle();
  await vi.waitFor(() => expect(said()).toContain('Approved: git status\n'), WITHIN);
  const other = await createSteered(client, { cwd });
  await other.say('!esc git status && touch evil');
  await vi.waitFor(() => expect(said()).toContain('Left to a person: git status &&'), WITHIN);
  expect((await other.snapshot()).work_status).toBe('permission');
}, 90_000);
