/** `/inspect/stately` against the package's own receiver and its own relay, on loopback. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createWebSocketReceiver, type StatelyInspectionEvent } from '@statelyai/inspect';
import { createInspectorServer } from '@statelyai/inspect/server';
import { io } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { deliver, scriptOf } from '../support/hooks.ts';
import { createInbox } from '../support/inbox.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { sessionWithPermission } from './setup.ts';

async function openServer(): Promise<TestServer> {
  const server = await startTestServer();
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

/** The package's receiver; it has no way to be closed, so it ends with the server it reads from. */
function receive(url: string) {
  const inbox = createInbox<StatelyInspectionEvent>('receiver');
  createWebSocketReceiver({ server: url }).subscribe((event) => inbox.add(event));
  return inbox;
}

const socketUrl = ({ port }: TestServer, query = '') =>
  `ws://127.0.0.1:${port}/inspect/stately${query}`;

describe('/inspect/stately', () => {
  it('gives a receiver that joins late the actor, then events and snapshots', async () => {
    const server = await openServer();
    const hooks = sessionWithPermission('s1');
    for (const hook of hooks.slice(0, 3)) await deliver(server.url, hook);
    const inbox = receive(socketUrl(server, '?session=s1'));
    const actor = await inbox.waitFor(({ type }) => type === '@xstate.actor');
    for (const hook of hooks.slice(3)) await deliver(server.url, hook);
    await inbox.waitFor(
      (event) => event.type === '@xstate.snapshot' && event.event.type === 'turn.completed',
    );
    expect(inbox.items.map(({ type }) => type)).toEqual([
      '@xstate.actor',
      '@xstate.event',
      '@xstate.snapshot',
      '@xstate.event',
      '@xstate.snapshot',
      '@xstate.event',
      '@xstate.snapshot',
    ]);
    if (actor.type !== '@xstate.actor') throw new Error('not an actor');
    expect(JSON.parse(actor.definition ?? '')).toMatchObject({ id: 'session', type: 'parallel' });
    expect(actor.snapshot).toMatchObject({
      status: 'active',
      value: { phase: { active: { turn: 'open' } } },
    });
    expect(JSON.stringify(inbox.items)).not.toMatch(/rm -rf|delete the build/);
  });

  it('shows all sessions without a filter, each under an id of its own', async () => {
    const server = await openServer();
    await deliver(server.url, scriptOf('a').prompt('go'));
    const inbox = receive(socketUrl(server));
    await inbox.waitFor(({ type }) => type === '@xstate.actor');
    await deliver(server.url, scriptOf('b').prompt('go'));
    await deliver(server.url, scriptOf('a').stop());
    await inbox.waitFor(
      ({ type, sessionId }) => type === '@xstate.snapshot' && /a$/.test(sessionId),
    );
    const actors = inbox.items.filter(({ type }) => type === '@xstate.actor');
    expect(actors.map(({ sessionId }) => sessionId.split('/')[1])).toEqual(['a', 'b']);
    expect(new Set(actors.map(({ sessionId }) => sessionId)).size).toBe(2);
  });

  it('passes through the official relay unchanged', async () => {
    const server = await openServer();
    for (const hook of sessionWithPermission('s1')) await deliver(server.url, hook);
    const relayPort = await freePort();
    const relay = createInspectorServer({ port: relayPort, autoOpen: false });
    onTestFinished(() => relay.stop());
    const producer = new WebSocket(`ws://127.0.0.1:${relayPort}`);
    await new Promise((resolve) => producer.once('open', resolve));
    const ours = new WebSocket(socketUrl(server, '?session=s1'));
    ours.on('message', (message) => producer.send(String(message)));
    onTestFinished(() => {
      ours.terminate();
      producer.terminate();
    });
    const inbox = receive(`ws://127.0.0.1:${relayPort}`);
    await inbox.waitFor(({ type }) => type === '@xstate.actor');
    await deliver(server.url, scriptOf('s1').prompt('again'));
    const snapshot = await inbox.waitFor(({ type }) => type === '@xstate.snapshot');
    expect(snapshot).toMatchObject({
      event: { type: 'turn.started' },
      snapshot: { status: 'active', value: { phase: { active: { turn: 'open' } } } },
    });
  });

  it('lets in a ticket once, and refuses an unknown session and a foreign page', async () => {
    const server = await openServer();
    await deliver(server.url, scriptOf('s1').prompt('go'));
    const page = io(`${server.url}/inspect`, { transports: ['websocket'], forceNew: true });
    onTestFinished(() => void page.disconnect());
    const { path } = await page.emitWithAck('ticket', { session: 's1' });
    expect(path).toMatch(/^\/inspect\/stately\?session=s1&ticket=[\w-]{32}$/);
    const opened = await statusOf(`ws://127.0.0.1:${server.port}${path}`);
    expect(opened).toBe(101);
    expect(await statusOf(socketUrl(server, '?session=nobody'))).toBe(404);
    expect(await statusOf(socketUrl(server), { Origin: 'https://evil.example' })).toBe(403);
  });
});

/** The status a WebSocket handshake ends with. */
function statusOf(url: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, { headers });
    onTestFinished(() => ws.terminate());
    ws.once('open', () => resolve(101));
    ws.once('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
    ws.once('error', reject);
  });
}

async function freePort(): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
