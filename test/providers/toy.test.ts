/** The plug, held by a provider that anybody can write from CONTRIBUTING.md: over a real server and socket. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Received, type TestClient, wsClient } from '../support/clients.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { createToyProvider, SEEN_ELSEWHERE } from '../support/toy-provider.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ providers: [createToyProvider()] });
});
afterAll(() => server[Symbol.asyncDispose]());

/** Begins a session and returns its id. */
async function begin(client: TestClient): Promise<string> {
  client.send({ type: 'create_session', provider: 'codex', cwd: server.paths.dir });
  const shown = await client.waitFor(({ type }) => type === 'session_snapshot');
  return shown.type === 'session_snapshot' ? shown.session.id : '';
}

const answers = (words: string) => (frame: Received) =>
  frame.type === 'message_appended' && frame.message.content === `You said: ${words}`;

const waits = (frame: Received) =>
  frame.type === 'session_delta' && frame.changes.work_status === 'waiting';

it('a session that it saw elsewhere is shown, and takes no commands', async () => {
  await using client = await wsClient(server.url);
  client.send({ type: 'subscribe_session', session_id: SEEN_ELSEWHERE });
  const shown = await client.waitFor(({ type }) => type === 'session_snapshot');
  expect(shown).toMatchObject({ session: { project_name: 'toys', provider: 'codex' } });
  client.send({ type: 'send_message', session_id: SEEN_ELSEWHERE, content: 'Hi', request_id: 'q' });
  const refused = await client.waitFor(
    (frame) => 'request_id' in frame && frame.request_id === 'q',
  );
  expect(refused).toMatchObject({ type: 'error', code: 'watched_only' });
});

it('a session of its own takes a message and shows the answer', async () => {
  await using client = await wsClient(server.url);
  const session_id = await begin(client);
  client.send({ type: 'send_message', session_id, content: 'Hello' });
  expect(await client.waitFor(answers('Hello'))).toMatchObject({
    message: { message_type: 'assistant', session_id },
  });
  await client.waitFor(waits);
  const said = client.messages.flatMap((frame) =>
    frame.type === 'message_appended' ? [frame.message.message_type] : [],
  );
  expect(said).toEqual(['user', 'assistant']);
});

it('a session is attached again after a restart, when somebody writes to it', async () => {
  const before = await wsClient(server.url);
  const id = await begin(before);
  await before.close();
  await server.restart();
  await using client = await wsClient(server.url);
  client.send({ type: 'subscribe_session', session_id: id });
  await client.waitFor(({ type }) => type === 'session_snapshot');
  client.send({ type: 'send_message', session_id: id, content: 'Again' });
  await client.waitFor(answers('Again'));
});

it.each([
  ['interrupt_session', {}, 'no_turn'],
  ['compact_context', {}, 'unsupported'],
  ['fork_session', {}, 'fork_failed'],
  ['list_skills', {}, 'session_not_found'],
  ['codex_account_read', {}, 'unsupported'],
] as const)('what it cannot do is refused: %s', async (type, body, code) => {
  await using client = await wsClient(server.url);
  const id = await begin(client);
  client.send({ type, ...body, session_id: id, source_session_id: id, request_id: type });
  const answer = await client.waitFor(
    (frame) => 'request_id' in frame && frame.request_id === type,
  );
  expect(answer).toMatchObject({ type: 'error', code });
});
