/**
 * What the client needs of a WebSocket: the part that browsers, Node 22 and the package `ws` have in
 * common. Shapes only, but for opening one.
 */

/** An open or opening line. */
export interface Socket {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: (() => void) | null;
}

/** A class of WebSockets, the global one or `ws`'s. */
export type SocketClass = new (
  url: string,
  protocols: string[],
) => { send(text: string): void; close(): void };

/**
 * The class that this platform has.
 *
 * @throws Error where it has none (Node before 22)
 */
export function platformSocket(): SocketClass {
  const { WebSocket } = globalThis as { WebSocket?: SocketClass };
  if (WebSocket) return WebSocket;
  throw new Error('There is no global WebSocket here; pass `WebSocket` of the package `ws`');
}

const PROTOCOL = 'orbitdock';

/**
 * Opens a line to `/ws`. The token goes as a subprotocol: browsers can set no header, and addresses are
 * logged.
 *
 * @param url address of the server, http(s) or ws(s)
 */
export function openSocket(SocketClass: SocketClass, url: string, token: string | null): Socket {
  const offers = token === null ? [PROTOCOL] : [PROTOCOL, `${PROTOCOL}.token.${base64Url(token)}`];
  const href = addressBelow(url.replace(/^http/, 'ws'), 'ws');
  // DOM and `ws` type their events each in their own way; both have what `Socket` asks for.
  return new SocketClass(href, offers) as unknown as Socket;
}

/**
 * The address of something that the server offers, below the path that it is reached by: a proxy may put
 * it under a prefix.
 */
export function addressBelow(server: string, path: string): string {
  return new URL(path, server.endsWith('/') ? server : `${server}/`).href;
}

function base64Url(text: string): string {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}
