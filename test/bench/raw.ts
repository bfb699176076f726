/**
 * The floor of a watcher: `node:http` that takes a hook, answers 204 and writes bytes that were made beforehand
 * to every socket, as many as the server wrote for a hook. No `ws`, no JSON, no session.
 *
 *     node --import tsx raw.ts BYTES
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

/** What RFC 6455 has an upgrade answered with. */
const HANDSHAKE_KEY = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Bytes of a frame's head when its length takes 16 bits. */
const HEAD = 4;
const FIN_TEXT = 0x81;
const LENGTH_16 = 126;

const frame = frameOf(Number(process.argv[2]));
const sockets = new Set<Duplex>();

function frameOf(bytes: number): Buffer {
  if (!(bytes > HEAD + LENGTH_16 && bytes < 65_536)) throw new Error(`No frame has ${bytes} bytes`);
  const made = Buffer.alloc(bytes, 'x');
  made[0] = FIN_TEXT;
  made[1] = LENGTH_16;
  made.writeUInt16BE(bytes - HEAD, 2);
  return made;
}

const server = createServer((request, response) => {
  request.resume().once('end', () => {
    for (const socket of sockets) socket.write(frame);
    response.writeHead(204).end();
  });
});
server.on('upgrade', (request, socket) => {
  const key = `${request.headers['sec-websocket-key']}${HANDSHAKE_KEY}`;
  const accept = createHash('sha1').update(key).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  // The greeting; what a client says then is answered with the second frame that it waits for.
  socket.write(frame);
  socket.once('data', () => {
    socket.write(frame);
    sockets.add(socket);
  });
  socket.on('error', () => sockets.delete(socket));
  socket.once('close', () => sockets.delete(socket));
});
server.listen(0, '127.0.0.1', () => {
  console.log(`127.0.0.1:${(server.address() as AddressInfo).port}`);
});
