/** Clients with a wrong token or with one that ends, clients that flood, and clients that never read what they asked for. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { runCli } from '../../src/cli/index.ts';
import { abusePacket, abusePost, abuseSocketIo, abuseWs } from '../faults/garbage/drivers.ts';
import { VIOLATIONS, violate } from '../faults/garbage/frames.ts';
import { misask, WRONG_REQUESTS } from '../faults/garbage/requests.ts';
import type { Random } from '../support/random.ts';
import type { SpawnedServer } from '../support/spawned.ts';

/** From the command on, a revoked token's connections are closed within it, also under load. */
const CLOSED_WITHIN_MS = 1000;
/** A token of no one. */
export const WRONG_TOKEN = `od_abcdefghijkl_${'wrong'.repeat(9).slice(0, 43)}`;

/** Garbage at every endpoint, some hundred pieces. @returns what was not refused as it should be */
export async function bringGarbage(
  { port, url }: SpawnedServer,
  random: Random,
): Promise<string[]> {
  const single = Array.from({ length: 60 }, (_, at) =>
    at % 4 === 0
      ? abusePacket(port, random)
      : at % 4 === 1
        ? violate(port, random.pick(Object.keys(VIOLATIONS)), random)
        : at % 4 === 2
          ? misask(port, random.pick(Object.keys(WRONG_REQUESTS)), random)
          : abusePost(url, random),
  );
  const many = [abuseWs(port, random), abuseWs(port, random), abuseSocketIo(port, random)];
  const words = await Promise.all([...single, ...many]);
  return words.flat().filter((word) => word !== null);
}

/** A wrong token at each endpoint: none lets anybody in. */
export async function comeWithWrongTokens({ url }: SpawnedServer): Promise<string[]> {
  const wrong: string[] = [];
  const headers = { Authorization: `Bearer ${WRONG_TOKEN}` };
  for (const path of ['/api/sessions', '/metrics', '/api/usage']) {
    const { status } = await fetch(url + path, { headers });
    if (![401, 429].includes(status)) wrong.push(`${path} with a wrong token: ${status}`);
  }
  const ws = new WebSocket(`${url.replace('http', 'ws')}/ws`, { headers });
  const opened = await once(ws, 'open').then(
    () => true,
    () => false,
  );
  ws.terminate();
  if (opened) wrong.push('/ws with a wrong token: opened');
  const socket = io(url, { auth: { token: WRONG_TOKEN }, reconnection: false, forceNew: true });
  const joined = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('connect_error', () => resolve(false));
  });
  socket.disconnect();
  if (joined) wrong.push('socket.io with a wrong token: joined');
  return wrong;
}

/** How long each connection of a revoked token stayed open, ms. */
export const revokedAfterMs: number[] = [];

/** A token is made, used at all sockets and revoked: each is closed in a moment, and lets nobody in again. */
export async function revokeInUse(server: SpawnedServer, random: Random): Promise<string[]> {
  const name = `guest-${random.between(1, 1e9)}`;
  const token = await cli(server, 'tokens', 'create', name, '--scope', 'observe', '-q');
  const headers = { Authorization: `Bearer ${token}` };
  const sockets = await Promise.all([
    openWs(`${server.url.replace('http', 'ws')}/ws`, headers),
    openIo(server.url, token, 'websocket'),
    openIo(server.url, token, 'polling'),
    openIo(`${server.url}/inspect`, token, 'websocket'),
  ]);
  const askedMs = performance.now();
  const ends = sockets.map(({ endpoint, closed }) =>
    within(closed, CLOSED_WITHIN_MS).then((isClosed) => {
      const tookMs = Math.round(performance.now() - askedMs);
      if (isClosed) revokedAfterMs.push(tookMs);
      return isClosed ? [] : [`${endpoint} of a revoked token is open after ${tookMs} ms`];
    }),
  );
  await cli(server, 'tokens', 'revoke', name);
  const wrong = (await Promise.all(ends)).flat();
  for (const { end } of sockets) end();
  const { status } = await fetch(`${server.url}/api/sessions`, { headers });
  if (![401, 429].includes(status)) wrong.push(`a revoked token is answered ${status}`);
  if (wrong.length > 0) wrong.push(`asked ${Math.round(performance.now() - askedMs)} ms before`);
  return wrong;
}

interface OpenSocket {
  endpoint: string;
  closed: Promise<unknown>;
  end(): void;
}

async function openWs(url: string, headers: Record<string, string>): Promise<OpenSocket> {
  const socket = new WebSocket(url, { headers });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'open');
  return { endpoint: '/ws', closed, end: () => socket.terminate() };
}

async function openIo(url: string, token: string, transport: string): Promise<OpenSocket> {
  const transports = [transport];
  const socket = io(url, { auth: { token }, reconnection: false, forceNew: true, transports });
  const closed = new Promise((resolve) => socket.once('disconnect', resolve));
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return { endpoint: `${url} by ${transport}`, closed, end: () => void socket.disconnect() };
}

async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  const isDone = await Promise.race([promise.then(() => true), limit]);
  clearTimeout(timer);
  return isDone;
}

/** Thousands of messages at once, and hundreds of connections that say nothing. */
export async function flood({ port, url }: SpawnedServer, random: Random): Promise<string[]> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`);
  socket.on('error', () => {});
  await once(socket, 'open');
  for (let at = 0; at < 5000 && socket.readyState === WebSocket.OPEN; at++) {
    socket.send(JSON.stringify({ type: 'subscribe_session', session_id: `none-${at % 300}` }));
  }
  const silent = await Promise.all(
    Array.from({ length: random.between(100, 400) }, () => silentSocket(port)),
  );
  // Who comes now is still served.
  const { status } = await fetch(`${url}/health`);
  for (const one of silent) one?.destroy();
  socket.terminate();
  return status === 200 ? [] : [`/health answers ${status} in a flood`];
}

/** Connected and silent; null when it was refused. */
function silentSocket(port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(null));
  });
}

/** Asks for everything and reads nothing, until it is let go. */
export async function readNothing(
  { url }: SpawnedServer,
  sessions: readonly string[],
): Promise<() => void> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`);
  socket.on('error', () => {});
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'subscribe_list' }));
  for (const session_id of sessions) {
    socket.send(JSON.stringify({ type: 'subscribe_session', session_id }));
  }
  socket.pause();
  return () => socket.terminate();
}

/** Runs a command of ours. @returns what it printed @throws when it fails */
async function cli({ paths }: SpawnedServer, ...words: string[]): Promise<string> {
  let out = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      out += String(chunk);
      done();
    },
  });
  const env = { HOME: paths.dir, PATH: process.env.PATH ?? '' };
  const argv = ['--data-dir', paths.dir, ...words];
  const code = await runCli(argv, { env, stdout: sink, stderr: sink });
  if (code !== 0) throw new Error(`${words.join(' ')}: ${code} ${out}`);
  return out.trim();
}
