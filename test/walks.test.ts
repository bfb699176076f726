/**
 * How far an engineer has to walk who follows a message through the program: the files of `src/` and
 * `machines/` in which a function runs on the main thread.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestClient, wsClient } from './support/clients.ts';
import { type CodexHome, createCodexHome } from './support/codex-home.ts';
import { createSteered } from './support/codex-setup.ts';
import { type FakeResponsesApi, startFakeResponsesApi } from './support/fake-responses-api.ts';
import { deliver, scriptOf } from './support/hooks.ts';
import {
  describeWalk,
  type RecordingServer,
  startRecordingServer,
  type Walk,
} from './support/walks.ts';

/** Files that one hook of a known session may lead through, until it is answered and shown. */
const HOOK_FILES = 49;
/** Files that one message to an agent may lead through, with the whole turn that it begins. */
const TURN_FILES = 64;
/** What does not run each time is a timer's. */
const TIMES = 3;
/** Looks at the files of Codex's homes once a second: on a slow machine that is within each round. */
const LOOKING =
  /codex\/rollouts\/(?:rollout-watch|rollout-files|thread-marks|going-on|followed)\.ts$/;

let api: FakeResponsesApi;
let home: CodexHome;
let server: RecordingServer;
let client: TestClient;

beforeAll(async () => {
  api = await startFakeResponsesApi();
  home = await createCodexHome(api);
  server = await startRecordingServer(home.env);
  client = await wsClient(server.url);
});
afterAll(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
  await api.close();
});

/** Fails with the whole list: which file could go is not to be seen from a number. */
function expectWithin(walk: Walk, budget: number): void {
  const words = `the budget is ${budget} files; merge what one reads together:\n`;
  expect(walk.size, `${words}${describeWalk(walk)}`).toBeLessThanOrEqual(budget);
}

it('leads a hook of a known session through few files until it is answered and shown', async () => {
  const { prompt, toolStarts, toolEnds } = scriptOf('walked');
  await deliver(server.url, prompt('Look around'));
  client.send({ type: 'subscribe_session', session_id: 'walked' });
  await client.waitFor(({ type }) => type === 'session_snapshot');
  // The first of its kind loads and compiles.
  await deliver(server.url, toolStarts('t0'));
  await deliver(server.url, toolEnds('t0'));

  let round = 0;
  const walk = await server.record(async () => {
    round++;
    await deliver(server.url, toolStarts(`t${round}`));
    await client.waitFor(
      (frame) => frame.type === 'message_appended' && frame.message.id.endsWith(`t${round}`),
    );
  }, TIMES);

  expect([...walk.keys()]).toContain('machines/step.ts');
  expectWithin(walk, HOOK_FILES);
});

it('leads a message to an agent through few files, with the whole turn that it begins', async () => {
  const session = await createSteered(client, { cwd: home.project });
  await session.say('!say I am here.');
  await session.idle();

  const walk = await server.record(async () => {
    await session.say('!think hard', '!say I will look.', '!exec echo hello', '!say All done.');
    await session.idle();
  }, TIMES);

  expect([...walk.keys()]).toContain('machines/step.ts');
  expectWithin(new Map([...walk].filter(([file]) => !LOOKING.test(file))), TURN_FILES);
});
