/** Who counts as the same user: real connections of real processes of this and of another user. */
import { connect, createServer, type Socket } from 'node:net';
import { io } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { createPeers, type Ends, uidOfPeer } from '../../src/transports/admission/peer.ts';
import {
  afterThis,
  ENDPOINTS,
  type Header,
  knockEverywhere,
  openTransports,
  openWs,
  raw,
  relayAs,
  requestText,
  TOKEN,
} from './support.ts';

const NOBODY = 65_534;
const OWN = process.getuid?.() ?? -1;
const isLinux = process.platform === 'linux';
/** Only root can run a process as another user. */
const canBecomeAnother = isLinux && OWN === 0;

/** Endpoints that show nothing until a token has come, or the same to everybody, let a client without a token in so far. */
const nothingForStrangers = Object.fromEntries(
  ENDPOINTS.map(({ endpoint }) => [
    endpoint,
    ['POST /api/hook', '/ws'].includes(endpoint) ? 401 : 'in',
  ]),
);

describe.runIf(canBecomeAnother)('another user of this machine', () => {
  it('is refused at every transport, with or without a token being configured', async () => {
    for (const config of [{}, { token: TOKEN, localTrust: true }]) {
      const { port, runtime } = await openTransports({ config });
      const host: Header = ['Host', `127.0.0.1:${port}`];
      const nobody = await relayAs(NOBODY, port);
      expect(await knockEverywhere(nobody.port, [host])).toEqual(nothingForStrangers);
      expect(runtime.hooks).toHaveLength(0);
      const api = await raw(nobody.port, requestText('GET', '/api/sessions', [host]));
      expect(api.status).toBe(401);
      const health = await raw(nobody.port, requestText('GET', '/health', [host]));
      expect(JSON.parse(health.body)).toEqual({ status: 'ok' });
      expect(await joinsByPolling(nobody.port, host)).toBe(false);
      expect(await joinsByWebSocket(nobody.port, host)).toBe(false);
      expect(runtime.connections).toHaveLength(0);
    }
  });

  it('gets in with the token', async () => {
    const { port } = await openTransports({ config: { token: TOKEN, localTrust: true } });
    const nobody = await relayAs(NOBODY, port);
    const answers = await knockEverywhere(nobody.port, [
      ['Host', `127.0.0.1:${port}`],
      ['Authorization', `Bearer ${TOKEN}`],
    ]);
    expect(new Set(Object.values(answers))).toEqual(new Set(['in']));
  });

  it('is refused over IPv6 as well', async () => {
    const bind = { host: '::1', port: 0, isLoopback: true };
    const { port } = await openTransports({ config: { bind } });
    const nobody = await relayAs(NOBODY, port, '::1');
    const text = requestText('POST', '/api/hook', [['Host', `[::1]:${port}`]]);
    expect((await raw(nobody.port, text)).status).toBe(401);
    expect((await raw(port, text, { host: '::1' })).status).not.toBe(401);
  });
});

describe.runIf(isLinux)('the same user', () => {
  it('gets in without a token, through another process too', async () => {
    const { port, runtime } = await openTransports();
    const own = await relayAs(OWN, port);
    const host: Header = ['Host', `127.0.0.1:${port}`];
    const answers = await knockEverywhere(own.port, [host]);
    expect(new Set(Object.values(answers))).toEqual(new Set(['in']));
    await openWs(port);
    expect(runtime.connections.at(-1)?.caller).toMatchObject({
      kind: 'local',
      address: '127.0.0.1',
    });
    expect(await joinsByPolling(own.port, host)).toBe(true);
    expect(await joinsByWebSocket(own.port, host)).toBe(true);
  });

  it('is found among many connections, IPv4, IPv6 and one mapped into the other', async () => {
    for (const [listen, to] of [
      ['127.0.0.1', '127.0.0.1'],
      ['::1', '::1'],
      ['127.0.0.1', '::ffff:127.0.0.1'],
      ['::', '127.0.0.1'],
    ] as const) {
      const { accepted } = await connections(listen, to, 100);
      expect([listen, to, new Set(accepted.map(uidOfPeer))]).toEqual([listen, to, new Set([OWN])]);
    }
  });

  it('is nobody any more once the process has closed its end', async () => {
    const { accepted, clients } = await connections('127.0.0.1', '127.0.0.1', 1);
    const ends = endsOf(accepted[0] as Socket);
    expect(uidOfPeer(ends)).toBe(OWN);
    const ended = new Promise((resolve) => accepted[0]?.resume().once('end', resolve));
    clients[0]?.destroy();
    await ended;
    expect(uidOfPeer(ends)).toBeNull();
  });

  it('is asked about once for each connection', () => {
    const asked: Ends[] = [];
    const peers = createPeers((ends) => {
      asked.push(ends);
      return asked.length === 1 ? OWN : null;
    });
    const [first, second] = [1, 2].map((remotePort) => ({
      remoteAddress: '127.0.0.1',
      remotePort,
      localAddress: '127.0.0.1',
      localPort: 4000,
    })) as [Ends, Ends];
    expect([first, first, second, second, first].map((one) => peers.isSameUser(one))).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
    expect(asked).toEqual([first, second]);
  });
});

const POLLING = '/socket.io/?EIO=4&transport=polling';

/** Whether a socket.io client without a token may join, by polling: the packets themselves, as Host is set. */
async function joinsByPolling(port: number, host: Header): Promise<boolean> {
  const opened = await raw(port, requestText('GET', POLLING, [host]));
  const { sid } = JSON.parse(opened.body.slice(1)) as { sid: string };
  const target = `${POLLING}&sid=${sid}`;
  await raw(port, requestText('POST', target, [host, ['Content-Type', 'text/plain']], '40'));
  const { body } = await raw(port, requestText('GET', target, [host]));
  expect(body).toMatch(/^4[04]\{/);
  return body.startsWith('40');
}

/** The same over a WebSocket. */
function joinsByWebSocket(port: number, [, host]: Header): Promise<boolean> {
  const socket = io(`http://127.0.0.1:${port}`, {
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
    extraHeaders: { Host: host },
  });
  afterThis(() => socket.disconnect());
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('connect_error', () => resolve(false));
  });
}

/** As many open connections of this process with itself; closed after the test. */
async function connections(
  listen: string,
  to: string,
  count: number,
): Promise<{ accepted: Socket[]; clients: Socket[] }> {
  const accepted: Socket[] = [];
  const clients: Socket[] = [];
  const server = createServer({ allowHalfOpen: true });
  afterThis(() => {
    for (const socket of [...accepted, ...clients]) socket.destroy();
    server.close();
  });
  const all = new Promise<void>((resolve) => {
    server.on('connection', (socket) => {
      if (accepted.push(socket) === count) resolve();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, listen, resolve));
  const { port } = server.address() as { port: number };
  for (let n = 0; n < count; n++) clients.push(connect({ port, host: to }));
  await all;
  return { accepted, clients };
}

function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): Ends {
  return { remoteAddress, remotePort, localAddress, localPort };
}
