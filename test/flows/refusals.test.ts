/** What a client receives that asks for too much, too early, or in no language at all; it stays connected. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { CLIENT_TYPES } from '../../src/protocol/client.ts';
import { ioClient, type Received, type TestClient, wsClient } from '../support/clients.ts';
import { rowsOf } from '../support/database.ts';
import { postHook, scriptOf } from '../support/hooks.ts';
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

const CONNECTION_IDS = { '/ws': /^ws-\d+$/, 'socket.io': /^sio-\d+$/ };

describe.each([
  ['/ws', wsClient],
  ['socket.io', ioClient],
] as const)('%s', (transport, connect) => {
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
    const sql = 'SELECT origin, caller FROM journal WHERE session_id = ?';
    const rows = rowsOf(server.paths, sql, 'by-socket') as { origin: string; caller: string }[];
    expect(rows.map(({ origin, caller }) => ({ origin, ...JSON.parse(caller) }))).toContainEqual({
      origin: 'client',
      kind: 'local',
      address: '127.0.0.1',
      connection: expect.stringMatching(CONNECTION_IDS[transport]),
    });
    client.send({ ...scriptOf('by-socket').stop(), type: 'claude_status_event' });
    await barrier(client);
    expect(client.messages.filter(({ type }) => type === 'ack')).toHaveLength(1);
  });
});

it('names who sent a command, in the journal when it was taken and in the log when it was not', async () => {
  await postHook(server.url, scriptOf('named').prompt('Hi'));
  await using client = await wsClient(server.url);
  client.send({ type: 'rename_session', session_id: 'named', name: 'by socket' });
  await barrier(client);
  const sql = 'SELECT origin, caller IS NULL AS is_nobody FROM journal WHERE session_id = ?';
  expect(new Set(rowsOf(server.paths, sql, 'named').map((row) => JSON.stringify(row)))).toEqual(
    new Set(['{"origin":"hook","is_nobody":1}', '{"origin":"client","is_nobody":0}']),
  );
  const answer = await fetch(`${server.url}/api/sessions/named/interrupt`, { method: 'POST' });
  expect(answer.ok).toBe(false);
  await vi.waitFor(() => {
    const lines = readFileSync(server.paths.log, 'utf8').split('\n');
    const refused = lines.filter((line) => line.includes('command.refused'));
    expect(refused.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({
        type: 'interrupt_session',
        code: 'watched_only',
        kind: 'local',
        address: '127.0.0.1',
        connection: expect.stringMatching(/^http-\d+$/),
      }),
    );
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
