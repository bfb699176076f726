/** What a client hears that asks for too much, too early, or in no language at all; it stays connected. */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { CLIENT_TYPES } from '../../src/protocol/client.ts';
import { ioClient, type Received, type TestClient, wsClient } from '../support/clients.ts';
import { rowsOf } from '../support/database.ts';
import { scriptOf } from '../support/hooks.ts';
import { createInbox } from '../support/inbox.ts';
import { barrier } from '../support/observer.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

async function answerTo(client: TestClient, message: { type: string }): Promise<Received> {
  const from = client.messages.length;
  client.send(message);
  await barrier(client);
  const [answer, ...others] = client.messages.slice(from);
  expect(others).toHaveLength(1);
  return answer as Received;
}

describe.each([
  ['/ws', wsClient],
  ['socket.io', ioClient],
] as const)('%s', (_, connect) => {
  it('greets first, with version and epoch', async () => {
    await using client = await connect(server.url);
    const first = await client.waitFor(() => true);
    expect(first).toMatchObject({ type: 'hello', protocol_version: 1, epoch: expect.any(String) });
  });

  it('lists all types to whoever names an unknown one', async () => {
    await using client = await connect(server.url);
    const answer = await answerTo(client, { type: 'make_coffee' });
    expect(answer).toMatchObject({ type: 'error', code: 'parse_error', session_id: null });
    const { message } = answer as { message: string };
    for (const type of CLIENT_TYPES) expect(message).toContain(type);
  });

  it('refuses a message of the wrong shape and goes on', async () => {
    await using client = await connect(server.url);
    const wrong = [
      { type: 'subscribe_session' },
      { type: 'subscribe_session', session_id: 7 },
      { type: 'subscribe_session', session_id: 's', since_revision: -1 },
      { type: 'subscribe_session', session_id: 's', since_revision: 1.5 },
      { type: 'claude_tool_event', hook_event_name: 'PreToolUse' },
      { type: 'claude_status_event', session_id: '../up', hook_event_name: 'Stop' },
    ];
    for (const message of wrong) {
      expect(await answerTo(client, message), JSON.stringify(message)).toMatchObject({
        type: 'error',
        code: 'parse_error',
      });
    }
  });

  it('acknowledges a hook once it is committed, by the request_id it came with', async () => {
    await using client = await connect(server.url);
    const hook = scriptOf('by-socket').prompt('Hi');
    const message = { ...hook, type: 'claude_status_event', request_id: 'r-1' };
    expect(await answerTo(client, message)).toEqual({ type: 'ack', request_id: 'r-1' });
    const sql = 'SELECT origin FROM journal WHERE session_id = ?';
    expect(rowsOf(server.paths, sql, 'by-socket')).toContainEqual({ origin: 'client' });
    client.send({ ...scriptOf('by-socket').stop(), type: 'claude_status_event' });
    await barrier(client);
    expect(client.messages.filter(({ type }) => type === 'ack')).toHaveLength(1);
  });
});

it('answers text that is no message once, and keeps the connection', async () => {
  const inbox = createInbox<Received>('/ws');
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws`);
  socket.on('message', (frame) => inbox.add(JSON.parse(String(frame))));
  await once(socket, 'open');
  const texts = [
    ...['', ' ', '{', '}', 'null', '[]', '7', '"subscribe_list"', '{"type":[]}', '{"type":null}'],
    ...['\uFEFF{"type":"subscribe_list"}', '{"type":"subscribe_list"}{"type":"subscribe_list"}'],
    ...['{"type":"subscribe_list",}', '{"__proto__":{"polluted":1},"type":"subscribe_list"}'],
    `{"type":"subscribe_list","deep":${'['.repeat(65)}${']'.repeat(65)}}`,
  ];
  for (const [at, text] of texts.entries()) {
    socket.send(text);
    await inbox.waitFor(() => inbox.items.length === at + 2);
    expect(inbox.items.at(-1), text).toMatchObject({ type: 'error', code: 'parse_error' });
  }
  socket.send(Buffer.from('{"type":"subscribe_list"}'), { binary: true });
  socket.send('{"type":"subscribe_list"}');
  await inbox.waitFor(({ type }) => type === 'sessions_list');
  expect(inbox.items).toHaveLength(texts.length + 2);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  socket.terminate();
});
