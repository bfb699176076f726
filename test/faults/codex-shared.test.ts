/**
 * Terminals that share a daemon, under kills: the server killed and started anew at any point, two servers on one
 * daemon. What clients show is held against what Codex itself says of the thread.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Build, build } from '../support/build.ts';
import { type TestClient, wsClient } from '../support/clients.ts';
import {
  type CodexTerminal,
  openCodexTerminal,
  startDaemon,
  type TestDaemon,
} from '../support/codex-daemon.ts';
import { type CodexHome, createCodexHome } from '../support/codex-home.ts';
import { type SteeredSession, steered } from '../support/codex-setup.ts';
import { type FakeResponsesApi, startFakeResponsesApi } from '../support/fake-responses-api.ts';
import { type SpawnedServer, spawnServer } from '../support/spawned.ts';

let api: FakeResponsesApi;
let home: CodexHome;
let daemon: TestDaemon;
let server: SpawnedServer;
let built: Build;

beforeAll(async () => {
  api = await startFakeResponsesApi();
  home = await createCodexHome(api, { hasTerminals: true });
  daemon = await startDaemon(home);
  built = await build();
  server = await spawnServer(built.main, { env: { ...home.env } });
}, 60_000);
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await daemon?.[Symbol.asyncDispose]();
  await home?.[Symbol.asyncDispose]();
  await api?.close();
  built?.[Symbol.dispose]();
});

async function clientOf(one: SpawnedServer): Promise<TestClient> {
  const client = await wsClient(one.url);
  client.send({ type: 'subscribe_list' });
  await client.waitFor((frame) => frame.type === 'sessions_list');
  return client;
}

async function open(one = server) {
  const client = await clientOf(one);
  const terminal = await openCodexTerminal(home);
  const created = await client.waitFor((frame) => frame.type === 'session_created');
  const session = steered(client, created.session.id);
  await session.snapshot();
  return { client, terminal, session };
}

async function attached(session: SteeredSession): Promise<void> {
  await expect
    .poll(async () => (await session.snapshot()).link_state, { timeout: 20_000 })
    .toBe('attached');
}

/** What is said in a session, as its conversation shows it. */
async function said(session: SteeredSession): Promise<string[]> {
  const messages = await session.messages();
  return messages.map(({ message_type: type, content }) => `${type}: ${content}`);
}

function promptsOf(all: readonly string[]): string[] {
  return all.flatMap((one) => /^user: (.*)/.exec(one)?.[1] ?? []);
}

let paths = 0;
const outside = () => join(home.codexHome, `outside-${paths++}`);

async function screen(terminal: CodexTerminal, wanted: RegExp): Promise<string> {
  return await terminal.waitFor(wanted, 30_000);
}

it('shows nothing twice and loses nothing when the server is killed at any point of a turn', async () => {
  const { terminal, session } = await open();
  await using _ = terminal;
  const words: string[] = [];
  for (let round = 0; round < 12; round++) {
    const first = `round ${round}.`;
    await terminal.prompt(first, '!exec sleep 0.2', '!slow 10 30');
    await new Promise((resolve) => setTimeout(resolve, round * 60));
    await server.kill('SIGKILL');
    await server.start();
    words.push(first);
    const client = await clientOf(server);
    const again = steered(client, session.id);
    await expect.poll(async () => promptsOf(await said(again)), { timeout: 20_000 }).toEqual(words);
    await attached(again);
    await expect
      .poll(async () => (await again.snapshot()).work_status, { timeout: 20_000 })
      .toBe('waiting');
    const all = await said(again);
    expect(promptsOf(all)).toEqual(words);
    const texts = all.filter((one) => one.startsWith('assistant: '));
    expect(texts).toHaveLength(words.length);
    expect(new Set(texts).size).toBe(1);
    expect(all.filter((one) => one.startsWith('tool: '))).toHaveLength(words.length);
    expect((await again.snapshot()).turn_count).toBe(words.length);
    await client.close();
  }
}, 600_000);

it('is one request for two servers, of which one is answered', async () => {
  await using other = await spawnServer(built.main, { env: { ...home.env } });
  const { terminal, session } = await open();
  await using _ = terminal;
  const client = await clientOf(other);
  const second = steered(client, session.id);
  await attached(second);
  await terminal.prompt('two servers.', `!esc touch ${outside()}`);
  const [mine, theirs] = await Promise.all([session.request(), second.request()]);
  expect(theirs.id).toBe(mine.id);
  await second.settle(theirs.id, { decision: 'approved' });
  await screen(terminal, /Done\. last user: two servers/);
  await session.status('waiting');
  // Said while the turn goes on they would join it.
  await second.status('waiting');
  await second.say('from the other server');
  await screen(terminal, /Done\. last user: from the other server/);
  await expect.poll(() => said(session), { timeout: 20_000 }).toEqual(await said(second));
}, 120_000);
