/**
 * What a client is told whose message is over the limit. On a WebSocket the frame cannot be skipped, so that
 * the connection ends; the error comes first, or a client would try the same again and again. A body of
 * socket.io's polling is read past and answered as taken: the connection goes on, and the error comes on it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ServerOptions, WebSocket, WebSocketServer } from 'ws';
import { OrbitError } from '../errors.ts';
import { errorFrame } from './connection.ts';

/** WebSocket close code "message too big". */
const TOO_BIG = 1009;

/** The error as JSON, for the limit of a message in bytes. */
export function tooLargeText(limit: number): string {
  return JSON.stringify(errorFrame(new OrbitError('too_large', { limit })).message);
}

/**
 * A WebSocket that says why before it closes for the length of a message. `ws` closes by itself as soon as
 * it has read the length, before anybody hears of it.
 *
 * @param text  what is sent then
 */
export function webSocketThatTells(text: string): typeof WebSocket {
  return class extends WebSocket {
    override close(code?: number, reason?: string | Buffer): void {
      if (code === TOO_BIG && this.readyState === WebSocket.OPEN) this.send(text);
      super.close(code, reason);
    }
  };
}

/** The same for socket.io, which makes its WebSocket server itself. */
export function webSocketServerThatTells(
  text: string,
): new (
  options: ServerOptions,
) => WebSocketServer {
  return class extends WebSocketServer {
    constructor(options: ServerOptions) {
      super({ ...options, WebSocket: webSocketThatTells(text) });
    }
  };
}

/** Whether a request says that its body is longer than that. */
export function isLonger({ method, headers }: IncomingMessage, limit: number): boolean {
  return method === 'POST' && Number(headers['content-length'] ?? 0) > limit;
}

/** Reads past a polling body without keeping it, then answers as the engine does when it has taken one. */
export function readPast(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  request.once('end', () => {
    response.writeHead(200, { 'Content-Type': 'text/html', 'Content-Length': '2' }).end('ok');
  });
}
