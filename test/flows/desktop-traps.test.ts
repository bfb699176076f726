/**
 * What the desktop app reads wrongly or not at all, each with a number of its own, tried on the app
 * as it is. From 15 on they are in desktop-traps-more.test.ts.
 */
import { once } from 'node:events';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { encode } from '../../src/protocol/encode.ts';
import type { ServerMessage } from '../../src/protocol/server.ts';
import { wsClient } from '../support/clients.ts';
import { rowsOf } from '../support/database.ts';
import { watchAsDesktop } from '../support/desktop/desktop.ts';
import { decodeAsApp } from '../support/desktop/frames.ts';
import type { AppSession } from '../support/desktop/state.ts';
import { startWatchedServer, type WatchedServer } from '../support/desktop/watched-server.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { barrier } from '../support/observer.ts';

let server: WatchedServer;
let id = '';
let script = scriptOf(id);
let sessions = 0;

beforeAll(async () => {
  server = await startWatchedServer();
});
afterAll(() => server[Symbol.asyncDispose](), 30_000);
beforeEach(() => {
  sessions++;
  id = `trap-${sessions}`;
  script = scriptOf(id);
});

const row = (): AppSession | undefined => server.desktop.app.sessions.get(id);

async function waitForPermission(): Promise<void> {
  await deliver(server.url, script.prompt('Go'));
  await deliver(server.url, script.toolStarts('t1'));
  await deliver(server.url, script.asks());
  await server.desktop.rest();
}

/** Another program writes into the database while the server is away. */
async function whileAway(change: (database: Database.Database) => void): Promise<void> {
  await server.stop();
  const database = new Database(server.paths.database);
  change(database);
  database.close();
  await server.start();
  await server.desktop.rest();
}

/** What the app shows right at rest, and whatever it could not read. */
async function expectServerState(): Promise<void> {
  expect(await server.desktop.disagreements()).toEqual([]);
}

it('1: a raw WebSocket at /ws, whose first frame is a message and no engine.io packet', async () => {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/ws`);
  const [first] = await once(socket, 'message');
  expect(decodeAsApp(String(first))).toEqual({ kind: 'unknown', type: 'hello' });
  socket.terminate();
});

it('2: a ping is answered while a message is still being worked on', async () => {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/ws`);
  await once(socket, 'message');
  const answers: string[] = [];
  socket.on('message', (frame) => answers.push((JSON.parse(String(frame)) as ServerMessage).type));
  const foreign = new Database(server.paths.database);
  foreign.exec('BEGIN EXCLUSIVE');
  socket.send(
    JSON.stringify({ ...script.prompt('Go'), type: 'claude_status_event', request_id: 'r' }),
  );
  socket.ping();
  await once(socket, 'pong');
  expect(answers).toEqual([]);
  foreign.close();
  await once(socket, 'message');
  expect(answers).toEqual(['ack']);
  socket.terminate();
});

it('3: no frame is as long as 1 MiB, whatever it carries', async () => {
  const { texts } = server.desktop;
  await deliver(server.url, script.prompt('\u{1F4A5}'.repeat(700_000)));
  await deliver(server.url, script.toolStarts('t1', 'c'.repeat(2_000_000)));
  await deliver(server.url, script.toolEnds('t1', 'o'.repeat(3_000_000), 'c'.repeat(2_000_000)));
  await expectServerState();
  expect(Math.max(...texts.map((text) => Buffer.byteLength(text)))).toBeLessThan(1024 * 1024);
});

it('4: an unknown word in a row is sent as one the app knows: the list survives it', async () => {
  await deliver(server.url, script.prompt('Go'));
  await deliver(server.url, script.end());
  await whileAway((database) => {
    const set = `UPDATE sessions SET work_status = 'dreaming', codex_integration_mode = 'sideways'`;
    database.prepare(`${set} WHERE id = ?`).run(id);
  });
  expect(row()).toMatchObject({ status: 'ended', work_status: 'ended' });
  await expectServerState();
});

it('5: auth_statuses say oauth, and the reference’s o_auth is what the app cannot read', () => {
  const statuses = (oauth: string) =>
    ({
      type: 'mcp_tools_list',
      session_id: id,
      tools: {},
      resources: {},
      resource_templates: {},
      auth_statuses: { a: 'unsupported', b: 'not_logged_in', c: 'bearer_token', d: oauth },
    }) as ServerMessage;
  expect(decodeAsApp(encode(statuses('oauth'))).kind).toBe('known');
  expect(decodeAsApp(encode(statuses('o_auth'))).kind).toBe('undecodable');
});

it('6: null clears nothing there, so what is cleared is sent in a way it understands', async () => {
  await waitForPermission();
  const { desktop } = server;
  expect(row()?.approvalId).not.toBeNull();
  await deliver(server.url, script.toolEnds('t1'));
  await desktop.rest();
  expect(row()).toMatchObject({ approvalId: null, work_status: 'working' });
  desktop.send({ type: 'rename_session', session_id: id, name: 'A name' });
  await desktop.rest();
  expect(row()?.custom_name).toBe('A name');
  desktop.send({ type: 'rename_session', session_id: id });
  await desktop.rest();
  expect(row()?.custom_name).toBeUndefined();
  await expectServerState();
});

it('6: a request that was asked and settled while it was away is not brought back by a replay', async () => {
  await deliver(server.url, script.prompt('Go'));
  await server.desktop.rest();
  await server.desktop.leave();
  await deliver(server.url, script.toolStarts('t1'));
  await deliver(server.url, script.asks());
  await deliver(server.url, script.toolEnds('t1'));
  await server.desktop.comeBack();
  await server.desktop.rest();
  expect(row()).toMatchObject({ approvalId: null, work_status: 'working' });
  await expectServerState();
});

it('7: the last activity of a delta comes as seconds, the only form it reads there', async () => {
  await deliver(server.url, script.prompt('Go'));
  await deliver(server.url, script.toolStarts('t1'));
  await server.desktop.rest();
  expect(row()?.last_activity_at).toMatch(/^\d+Z$/);
  const deltas = server.desktop.texts.filter((text) => text.includes(id) && /delta/.test(text));
  for (const text of deltas) expect(text).not.toMatch(/"last_activity_at":"\d{4}-/);
});

it('8: after a summary drops its open request, the request is said again', async () => {
  await waitForPermission();
  const open = row()?.approvalId;
  server.desktop.send({ type: 'subscribe_list' });
  await server.desktop.rest();
  expect(row()?.approvalId).toBe(open);
  server.desktop.send({ type: 'rename_session', session_id: id, name: 'A summary comes' });
  await server.desktop.rest();
  expect(row()).toMatchObject({ approvalId: open, custom_name: 'A summary comes' });
});

it('9: a snapshot holds the open request, so that the buttons survive a reconnection', async () => {
  await waitForPermission();
  const open = row()?.approvalId;
  await server.restart();
  await server.desktop.rest();
  expect(row()?.approvalId).toBe(open);
  await using another = await watchAsDesktop(server.url);
  await another.rest();
  expect(another.app.sessions.get(id)?.approvalId).toBe(open);
});

it('10: it subscribes to every session it is shown, which starts and changes nothing', async () => {
  await deliver(server.url, script.prompt('Go'));
  await server.desktop.rest();
  expect(server.desktop.app.conversation(id).messages.size).toBe(1);
  const journal = rowsOf(server.paths, 'SELECT seq FROM journal WHERE session_id = ?', id);
  await expectServerState();
  expect(rowsOf(server.paths, 'SELECT seq FROM journal WHERE session_id = ?', id)).toEqual(journal);
});

it('11: whoever fell behind gets a fresh list too, not only fresh sessions', async () => {
  const { desktop } = server;
  await deliver(server.url, script.prompt('Go'));
  await desktop.rest();
  const lists = () => desktop.texts.filter((text) => text.startsWith('{"type":"sessions_list"'));
  const before = lists().length;
  desktop.pause();
  for (let at = 0; at < 30; at++) {
    await deliver(server.url, script.toolStarts(`t${at}`));
    await deliver(server.url, script.toolEnds(`t${at}`, 'x'.repeat(600_000)));
  }
  await deliver(server.url, scriptOf(`${id}-meanwhile`).prompt('Meanwhile'));
  desktop.resume();
  await expect.poll(() => lists().length, { timeout: 15_000 }).toBeGreaterThan(before);
  await expect.poll(() => desktop.app.sessions.has(`${id}-meanwhile`)).toBe(true);
  await expectServerState();
});

it('12: the list never carries a revision', async () => {
  await using client = await wsClient(server.url);
  client.send({ type: 'subscribe_list' });
  await waitForPermission();
  await deliver(server.url, script.toolEnds('t1'));
  await deliver(server.url, script.end());
  await barrier(client);
  const news = client.messages.filter((frame) => JSON.stringify(frame).includes(id));
  expect(news.length).toBeGreaterThan(3);
  expect(news.filter((frame) => 'revision' in frame)).toEqual([]);
});

it('13: a late end of a message that left the snapshot makes no phantom of the assistant', async () => {
  await deliver(server.url, script.prompt('Go'));
  await deliver(server.url, script.toolStarts('early'));
  // Texts as long as a snapshot shows them: a frame holds some 58 of them.
  const long = 'words '.repeat(2_666);
  for (let at = 0; at < 40; at++) {
    await deliver(server.url, script.prompt(`${long} ${at}`));
    await deliver(server.url, script.stop(`${long} ${at}`));
  }
  await using another = await watchAsDesktop(server.url);
  await another.rest();
  const { messages } = another.app.conversation(id);
  expect(messages.has(`${id}:early`)).toBe(false);
  await deliver(server.url, script.toolEnds('early'));
  await another.rest();
  expect(messages.has(`${id}:early`)).toBe(false);
});

it('14: a passive session of Codex says so, for silence means direct', async () => {
  await deliver(server.url, script.prompt('Go'));
  await deliver(server.url, script.end());
  await whileAway((database) => {
    const set = `UPDATE sessions SET provider = 'codex', codex_integration_mode = 'passive'`;
    database.prepare(`${set} WHERE id = ?`).run(id);
  });
  expect(row()).toMatchObject({ provider: 'codex', codex_integration_mode: 'passive' });
});
