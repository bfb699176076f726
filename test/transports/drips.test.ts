/** Those who send one byte after the other, so that a connection never ends: each is closed, at every endpoint, and hooks do not notice. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { postHook, scriptOf } from '../support/hooks.ts';
import { afterThis, openTransports } from './support.ts';

const LIMITS = {
  ...{ headersTimeoutMs: 400, requestTimeoutMs: 800, timeoutCheckMs: 50, connectTimeoutMs: 400 },
};
const MANY = 200;

/** What is sent of a request, byte by byte; its end never comes. */
const REQUESTS: Readonly<Record<string, string>> = {
  'a request line': `GET /${'a'.repeat(10_000)}`,
  headers: `GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ${'b'.repeat(10_000)}`,
  'a body': `POST /api/hook HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n${' '.repeat(10_000)}`,
  'a handshake of /ws': `GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX: ${'c'.repeat(10_000)}`,
  'a body of socket.io': `POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n${'4'.repeat(10_000)}`,
  nothing: '',
};

/** Sends the head at once, then a byte each few milliseconds, until the other side closes. */
function drip(socket: Socket, text: string): Promise<void> {
  const headEnds = text.indexOf('\r\n\r\n');
  let at = headEnds === -1 ? 0 : headEnds + 4;
  socket.on('error', () => {});
  if (at > 0) socket.write(text.slice(0, at));
  const timer = setInterval(() => {
    if (at < text.length) socket.write(text[at++] ?? '');
  }, 20);
  afterThis(() => {
    clearInterval(timer);
    socket.destroy();
  });
  socket.resume();
  return new Promise((resolve) => {
    socket.once('close', () => {
      clearInterval(timer);
      resolve();
    });
  });
}

it.each(Object.entries(REQUESTS))(
  `${MANY} connections that send %s slowly are all closed, and hooks are answered meanwhile`,
  async (_, text) => {
    const { port } = await openTransports({ limits: LIMITS });
    const sockets = Array.from({ length: MANY }, () => connect(port, '127.0.0.1'));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    let open = MANY;
    const closed = sockets.map((socket) => drip(socket, text).then(() => (open -= 1)));
    const { status } = await postHook(`http://127.0.0.1:${port}`, scriptOf('beside').prompt('Hi'));
    expect(status).toBe(204);
    expect(open).toBeGreaterThan(0);
    await Promise.all(closed);
  },
  20_000,
);

it('those on the unix socket too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'drips-'));
  afterThis(() => rmSync(folder, { recursive: true, force: true }));
  const socketPath = join(folder, 'sock');
  await openTransports({ limits: LIMITS, socketPath });
  await Promise.all(Object.values(REQUESTS).map((text) => drip(connect(socketPath), text)));
}, 20_000);
