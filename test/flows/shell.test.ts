/** Commands in a session's directory, from the request to the record, over both transports. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, received } from '../support/asking.ts';
import { ioClient, type TestClient, wsClient } from '../support/clients.ts';
import { differences, snapshotOf } from '../support/compare.ts';
import { rowsOf } from '../support/database.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { barrier, observe } from '../support/observer.ts';
import { processesWith } from '../support/processes.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let id = '';
let directory = '';
let sessions = 0;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  sessions++;
  id = `shell-${sessions}`;
  directory = join(server.paths.dir, id);
  mkdirSync(directory);
  await deliver(server.url, scriptOf(id, directory).prompt('Go'));
});

const request = (command: string, more: object = {}) => ({
  type: 'execute_shell',
  session_id: id,
  command,
  ...more,
});

async function start(client: TestClient, command: string, more: object = {}): Promise<string> {
  const answer = await ask(client, request(command, more));
  expect(answer).toMatchObject({ type: 'ack', id: expect.any(String) });
  return (answer as { id: string }).id;
}

async function subscribed(client: TestClient): Promise<void> {
  client.send({ type: 'subscribe_session', session_id: id, deltas: true });
  await barrier(client);
}

const outputOf = (client: TestClient, request_id: string) =>
  client.waitFor((frame) => frame.type === 'shell_output' && frame.request_id === request_id);

describe.each([
  ['/ws', wsClient],
  ['socket.io', ioClient],
] as const)('%s', (_, connect) => {
  it('reports the start, the message, and the end with its output, each with a revision', async () => {
    await using client = await connect(server.url);
    await subscribed(client);
    const from = client.messages.length;
    const request_id = await start(client, 'pwd; echo oops >&2; exit 2');
    const output = await outputOf(client, request_id);
    expect(output).toMatchObject({
      stdout: `${directory}\n`,
      stderr: 'oops\n',
      exit_code: 2,
      duration_ms: expect.any(Number),
      outcome: 'finished',
    });
    const facts = client.messages.slice(from).filter(({ revision }) => revision !== undefined);
    expect(facts.map(({ type }) => type)).toEqual([
      'shell_started',
      'message_appended',
      'session_delta',
      'message_updated',
      'shell_output',
      'session_delta',
    ]);
    const { messages } = await snapshotOf(client, id);
    expect(messages.at(-1)).toEqual({
      id: request_id,
      session_id: id,
      message_type: 'shell',
      content: 'pwd; echo oops >&2; exit 2',
      tool_name: null,
      tool_input: null,
      tool_output: `${directory}\n\noops\n`,
      is_error: true,
      timestamp: expect.any(String),
      duration_ms: expect.any(Number),
    });
  });

  it('shows what a command writes while it runs, also to who comes in the middle', async () => {
    await using client = await connect(server.url);
    await subscribed(client);
    const waiting = 'while [ ! -e go ]; do sleep 0.05; done';
    const request_id = await start(client, `echo one; echo two >&2; ${waiting}`);
    const pieceOf = (stream: string) =>
      client.waitFor((message) => message.type === 'shell_delta' && message.stream === stream);
    const [live] = await Promise.all([pieceOf('stdout'), pieceOf('stderr')]);
    expect(live).toMatchObject({ session_id: id, request_id, stream: 'stdout', offset: 0 });
    expect(live.revision).toBeUndefined();
    await using late = await connect(server.url);
    await subscribed(late);
    const [snapshot] = received(late, 'session_snapshot');
    expect(snapshot?.session.messages.at(-1)).toMatchObject({
      id: request_id,
      is_in_progress: true,
      tool_output: null,
    });
    expect(received(late, 'shell_delta')).toMatchObject([
      { request_id, stream: 'stdout', offset: 0, text: 'one\n' },
      { request_id, stream: 'stderr', offset: 0, text: 'two\n' },
    ]);
    mkdirSync(join(directory, 'go'));
    for (const each of [client, late]) await outputOf(each, request_id);
    const { messages } = await snapshotOf(late, id);
    expect(messages.at(-1)).not.toHaveProperty('is_in_progress');
  });

  it('sends pieces only to those that asked for them; the end comes to everybody', async () => {
    await using client = await connect(server.url);
    await subscribed(client);
    await using plain = await connect(server.url);
    plain.send({ type: 'subscribe_session', session_id: id });
    await barrier(plain);
    const request_id = await start(client, 'echo one; while [ ! -e go ]; do sleep 0.05; done');
    await client.waitFor(({ type }) => type === 'shell_delta');
    await using late = await connect(server.url);
    late.send({ type: 'subscribe_session', session_id: id, deltas: false });
    await barrier(late);
    mkdirSync(join(directory, 'go'));
    for (const each of [plain, late]) {
      expect(await outputOf(each, request_id)).toMatchObject({ stdout: 'one\n' });
      expect(received(each, 'shell_delta')).toEqual([]);
    }
  });

  it('cancels a command, once', async () => {
    await using client = await connect(server.url);
    await subscribed(client);
    const nap = `sleep 8${process.pid}.${sessions}`;
    const request_id = await start(client, `echo early; ${nap}`);
    await client.waitFor(({ type }) => type === 'shell_delta');
    const cancel = { type: 'cancel_shell', session_id: id, request_id };
    client.send({ ...cancel, session_id: 'other' });
    const refusal = await client.waitFor(
      (frame) => frame.type === 'error' && 'request_id' in frame && frame.request_id === request_id,
    );
    expect(refusal).toMatchObject({ code: 'not_found', session_id: 'other' });
    client.send(cancel);
    expect(await outputOf(client, request_id)).toMatchObject({
      stdout: 'early\n',
      stderr: expect.stringMatching(/Command cancelled$/),
      exit_code: null,
      outcome: 'cancelled',
    });
    expect(processesWith(nap)).toEqual([]);
    client.send(cancel);
    await client.waitFor(
      (frame) => frame.type === 'error' && frame.session_id === id && frame.code === 'not_found',
    );
  });

  it('refuses what cannot be run, and nothing is on record of it', async () => {
    await using client = await connect(server.url);
    const refused = async (message: object, code: string, words: string) => {
      const answer = await ask(client, { ...request('echo'), ...message });
      expect(answer, words).toMatchObject({ type: 'error', code });
      expect((answer as { message: string }).message).toContain(words);
    };
    await refused({ session_id: 'nobody' }, 'not_found', 'nobody');
    await refused({ session_id: 'nobody', cwd: directory }, 'not_found', 'nobody');
    await refused({ cwd: '/no/such/place' }, 'invalid_argument', '/no/such/place');
    await refused({ cwd: 'relative' }, 'invalid_argument', 'absolute');
    await refused({ cwd: '/etc/passwd' }, 'invalid_argument', 'no directory');
    await refused({ timeout_secs: 0 }, 'invalid_argument', '1 to 3600');
    await refused({ timeout_secs: 3601 }, 'invalid_argument', '1 to 3600');
    await refused({ command: ' ' }, 'invalid_argument', 'empty');
    await refused({ command: 'a\0b' }, 'invalid_argument', 'NUL');
    await refused({ command: 'x'.repeat(200_000) }, 'invalid_argument', 'bytes');
    const sql = "SELECT count(*) AS n FROM messages WHERE session_id = ? AND type = 'shell'";
    expect(rowsOf(server.paths, sql, id)).toEqual([{ n: 0 }]);
  });
});

it('shows a command as failed when the directory of its session is gone, or is a file by now', async () => {
  await using client = await wsClient(server.url);
  await using reader = await wsClient(server.url);
  await subscribed(client);
  for (const [spoil, reason] of [
    [() => rmSync(directory, { recursive: true }), 'does not exist'],
    [() => writeFileSync(directory, ''), 'is no directory'],
  ] as const) {
    spoil();
    const request_id = await start(client, 'echo hi');
    const output = await outputOf(client, request_id);
    const stderr = expect.stringMatching(`${directory}.*${reason}`);
    expect(output).toMatchObject({ stdout: '', stderr, exit_code: null, outcome: 'failed' });
    const message = (await snapshotOf(reader, id)).messages.find((one) => one.id === request_id);
    expect(message).toMatchObject({ content: 'echo hi', is_error: true });
    expect(message?.tool_output).toContain(reason);
    expect(message?.is_in_progress).toBeFalsy();
  }
  // Neither of them holds a place: the session runs commands again as soon as it has its directory.
  rmSync(directory);
  mkdirSync(directory);
  for (let n = 0; n < 5; n++) {
    const request_id = await start(client, 'pwd');
    expect(await outputOf(client, request_id)).toMatchObject({ exit_code: 0 });
  }
});

it('runs in the directory that is asked for, ~ being home, of an ended session too', async () => {
  await deliver(server.url, scriptOf(id, directory).end());
  await using client = await wsClient(server.url);
  await subscribed(client);
  const request_id = await start(client, 'pwd', { cwd: '~' });
  expect(await outputOf(client, request_id)).toMatchObject({ stdout: `${server.paths.dir}\n` });
});

it('lets no session run more than four commands at once', async () => {
  await using client = await wsClient(server.url);
  await subscribed(client);
  const hold = 'while [ ! -e go ]; do sleep 0.05; done';
  const ids = [];
  for (let n = 0; n < 4; n++) ids.push(await start(client, hold));
  expect(await ask(client, request('echo'))).toMatchObject({
    code: 'too_many_processes',
    session_id: id,
  });
  mkdirSync(join(directory, 'go'));
  for (const each of ids) await outputOf(client, each);
  await outputOf(client, await start(client, 'echo free again'));
});

it('keeps frames of a flood below what the app can read, and its journal without it', async () => {
  await using client = await wsClient(server.url);
  await subscribed(client);
  const command = "yes '\u0001\u{1F4A5}' | head -c 5000000; yes err | head -c 5000000 >&2";
  const output = await outputOf(client, await start(client, command));
  expect(output).toMatchObject({ exit_code: 0, truncated: true });
  for (const frame of client.messages) {
    expect(Buffer.byteLength(JSON.stringify(frame))).toBeLessThan(1024 * 1024);
  }
  const sql = 'SELECT max(length(event)) AS n FROM journal WHERE session_id = ?';
  const [{ n }] = rowsOf(server.paths, sql, id) as [{ n: number }];
  expect(n).toBeLessThan(2_000);
});

it('a client that was away receives how a command ended, like all others', async () => {
  const observer = await observe(wsClient(server.url));
  await observer.settle();
  await observer.client.close();
  await using client = await wsClient(server.url);
  await subscribed(client);
  await outputOf(client, await start(client, 'echo meanwhile'));
  await server.restart();
  await using back = await observe(wsClient(server.url), observer.model);
  expect(await differences(server.url, back)).toEqual([]);
});

it('ends commands as interrupted when the server stops, and never runs them again', async () => {
  const nap = `sleep 7${process.pid}.${sessions}`;
  await using client = await wsClient(server.url);
  await subscribed(client);
  const request_id = await start(client, `echo run >> runs; echo early; ${nap}`);
  await client.waitFor(({ type }) => type === 'shell_delta');
  await server.restart();
  expect(processesWith(nap)).toEqual([]);
  expect(await outputOf(client, request_id)).toMatchObject({
    stdout: 'early\n',
    outcome: 'interrupted',
    exit_code: null,
  });
  await using later = await wsClient(server.url);
  const { messages } = await snapshotOf(later, id);
  expect(messages.at(-1)).toMatchObject({
    id: request_id,
    is_error: true,
    tool_output: expect.stringContaining('Command interrupted'),
  });
  await subscribed(later);
  const runs = await outputOf(later, await start(later, 'cat runs'));
  expect(runs).toMatchObject({ stdout: 'run\n' });
});
