import { afterAll, beforeAll, expect, it } from 'vitest';
import { wsClient } from '../support/clients.ts';
import { type CodexHome, createCodexHome, MODELS } from '../support/codex-home.ts';
import { type FakeResponsesApi, startFakeResponsesApi } from '../support/fake-responses-api.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** What the fake model calls everything. */
const NAME = 'the name of it';

let api: FakeResponsesApi;
let home: CodexHome;

beforeAll(async () => {
  api = await startFakeResponsesApi();
  home = await createCodexHome(api);
});

afterAll(async () => {
  await home[Symbol.asyncDispose]();
  await api.close();
});

/** A person types in a terminal. */
async function prompt(server: TestServer, session_id: string, words: string): Promise<void> {
  const hook_event_name = 'UserPromptSubmit';
  const body = { session_id, hook_event_name, cwd: home.project, prompt: words };
  const answer = await fetch(`${server.url}/api/hook`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(204);
}

it('a session is named by its first prompt, once, where that was asked for', async () => {
  const env = {
    ...home.env,
    ORBITDOCK_NAME_SESSIONS: '1',
    ORBITDOCK_NAMING_MODEL: MODELS.direct,
  };
  await using server = await startTestServer({ env });
  await using client = await wsClient(server.url);
  client.send({ type: 'subscribe_list' });
  const named = (id: string) =>
    client.waitFor(
      (message) =>
        message.type === 'session_delta' &&
        message.session_id === id &&
        message.changes.summary === NAME,
    );
  await prompt(server, 'one', 'The login form is broken');
  await named('one');
  // Whoever has a name, and whoever only gave a command, is left alone.
  await prompt(server, 'one', 'And now the other form');
  await prompt(server, 'two', '/clear');
  await prompt(server, 'three', 'Write the manual');
  await named('three');
  expect(api.requests).toHaveLength(2);

  client.send({ type: 'subscribe_session', session_id: 'one' });
  const snapshot = await client.waitFor(({ type }) => type === 'session_snapshot');
  expect(snapshot).toMatchObject({ session: { summary: NAME } });
  expect(snapshot).not.toHaveProperty('session.custom_name');
});

it('nobody is asked for names otherwise', async () => {
  const before = api.requests.length;
  await using server = await startTestServer({ env: home.env });
  await using client = await wsClient(server.url);
  client.send({ type: 'subscribe_list' });
  await prompt(server, 'one', 'The login form is broken');
  await client.waitFor(({ type }) => type === 'session_created');
  await server.stop();
  expect(api.requests.length).toBe(before);
});
