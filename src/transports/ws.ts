/**
 * The raw WebSocket transport at `/ws` (RFC 6455), for the app and for all clients without socket.io. One JSON
 * object per text frame in each direction; binary frames are ignored. Messages of one connection reach
 * the runtime in order; meanwhile the socket is read on, so that a ping is answered at once however long a
 * message takes.
 */
import type { IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { hasEnded, TOKEN_ENDED } from '../access.ts';
import { OrbitError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { jsonError, scanJson } from '../protocol/json-scan.ts';
import type { Caller, Frame, Outlet } from '../runtime/rooms/rooms.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import { WS_PROTOCOL } from './admission/credential.ts';
import type { Backlog } from './connection.ts';
import { createInbox, errorFrame, tooLargeText, webSocketWithErrors } from './connection.ts';
import { type Clock, createBucket, errorFrom, type Lazy } from './dependencies.ts';
import { createRoomIndex, createShared, createTicker, joined } from './fan-out.ts';
import { type Admission, type Gate, isRefusal } from './gate.ts';
import { endpointOf, refusalBody } from './http/requests.ts';
import type { TransportLimits } from './limits.ts';
import type { SocketIoTransport } from './socketio.ts';
import type { StatelyEndpoint } from './stately-websocket.ts';
import { encodeFrame, WsConnection } from './ws-connection.ts';

/** WebSocket close code "internal error". */
const INTERNAL_ERROR = 1011;

/** The raw WebSocket transport. */
export interface WsTransport extends Outlet {
  /** Clients that are connected. */
  readonly size: number;
  /** Completes the handshake of a request that the gate has let in; answers 400 when it is none. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, caller: Caller): void;
  /** Closes the connections whose token has ended. */
  endRevoked(): void;
  /** Closes every connection and resolves when the last is gone, by force after `closeGraceMs`. */
  close(code: number, reason: string): Promise<void>;
}

/** What the raw WebSocket transport leads to. */
export interface WsDeps {
  runtime: RuntimeApi;
  backlog: Backlog;
  limits: TransportLimits;
  clock: Clock;
  log: Logger;
}

/** Builds the raw WebSocket transport. */
export function createWs(deps: WsDeps): WsTransport {
  return new RawWebSocketTransport(deps);
}

class RawWebSocketTransport implements WsTransport {
  readonly #deps: WsDeps;
  readonly #server: WebSocketServer;
  readonly #rooms = createRoomIndex<WsConnection>();
  readonly #connections = new Set<WsConnection>();
  readonly #batches = createShared(joined);
  readonly #schedule = createTicker<WsConnection>(
    (connection) => connection.flush(this.#batches),
    this.#batches.clear,
  );
  readonly #stopPings: () => void;
  #allGone: () => void = () => {};

  constructor(deps: WsDeps) {
    this.#deps = deps;
    this.#server = new WebSocketServer(serverOptions(deps.limits));
    this.#stopPings = deps.clock.every(deps.limits.pingMs, () => {
      for (const connection of this.#connections) connection.ping();
    });
  }

  get size(): number {
    return this.#connections.size;
  }

  publish(room: string, frame: Frame): void {
    const { limits, backlog, log } = this.#deps;
    const members = this.#rooms.membersOf(room);
    if (!members) return;
    const bytes = encodeFrame(frame, limits.maxFrameBytes);
    if (!bytes) log.error('ws.frame_too_long', { room, type: frame.message.type });
    for (const member of members) {
      if (bytes) member.push(bytes, true);
      // A snapshot is cut to size; a hole in the revisions would stay.
      else backlog.fallBehind(member);
    }
  }

  accept(request: IncomingMessage, socket: Duplex, head: Buffer, caller: Caller): void {
    this.#server.handleUpgrade(request, socket, head, (ws) => this.#opened(ws, socket, caller));
  }

  endRevoked(): void {
    for (const connection of this.#connections) {
      if (hasEnded(connection.caller.rights)) connection.close(TOKEN_ENDED, 'the token has ended');
    }
  }

  async close(code: number, reason: string): Promise<void> {
    this.#stopPings();
    if (this.#connections.size === 0) return;
    const gone = new Promise<void>((resolve) => {
      this.#allGone = resolve;
    });
    for (const connection of this.#connections) connection.close(code, reason);
    await gone;
  }

  #opened(ws: WebSocket, socket: Duplex, caller: Caller): void {
    const { runtime, backlog, limits, clock, log } = this.#deps;
    const connection = new WsConnection({
      ws,
      socket,
      caller,
      limits,
      clock,
      log,
      enter: this.#rooms.enter,
      exit: this.#rooms.exit,
      schedule: this.#schedule,
      stalled: (connection) => backlog.check(connection),
    });
    this.#connections.add(connection);
    const unwatch = backlog.watch(connection);
    const inbox = listen(ws, connection, this.#deps);
    ws.on('pong', () => connection.received());
    // Without a listener, one invalid frame would end the process. `ws` closes with the right code.
    ws.on('error', (error) => {
      log.info('ws.connection.error', { connection_id: connection.id, reason: error.message });
    });
    ws.once('close', (code) => {
      unwatch();
      inbox.close();
      this.#closed(connection, code);
    });
    log.debug('ws.connection.opened', { connection_id: connection.id, caller: caller.kind });
    try {
      runtime.opened(connection);
    } catch (error) {
      log.error('ws.connection.greeting_failed', {
        connection_id: connection.id,
        error: errorFrom(error),
      });
      connection.close(INTERNAL_ERROR, 'internal error');
    }
  }

  #closed(connection: WsConnection, code: number): void {
    connection.closed();
    this.#connections.delete(connection);
    this.#deps.log.debug('ws.connection.closed', { connection_id: connection.id, code });
    this.#deps.runtime.closed(connection);
    if (this.#connections.size === 0) this.#allGone();
  }
}

function serverOptions({ maxMessageBytes, maxFragments }: TransportLimits) {
  // Not written where it is used: the types of `ws` do not know `maxFragments` yet.
  return {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    WebSocket: webSocketWithErrors(tooLargeText(maxMessageBytes)),
    maxFragments,
    // A token among the offers must not come back.
    handleProtocols: (offers: Set<string>) => offers.has(WS_PROTOCOL) && WS_PROTOCOL,
  };
}

/** Takes the messages of one client; the result forgets those that wait. */
function listen(
  ws: WebSocket,
  connection: WsConnection,
  { runtime, limits, clock, log }: WsDeps,
): { close(): void } {
  const { messageRate: perSecond, messageBurst: burst } = limits;
  const mayTake = createBucket({ perSecond, burst, clock });
  const inbox = createInbox<string>({
    take: (text) =>
      runtime.receive(connection, { text }).catch((error: unknown) => {
        log.error('ws.receive_failed', { connection_id: connection.id, error: errorFrom(error) });
      }),
    maxItems: limits.inboxMessages,
    maxBytes: limits.inboxBytes,
    hasRoom: () => ws.resume(),
  });
  ws.on('message', (data, isBinary) => {
    connection.received();
    const refusal = mayTake() ? null : new OrbitError('rate_limited', { limit: perSecond });
    if (isBinary) return;
    // `binaryType` is left at its default, which makes every message one Buffer.
    const bytes = data as Buffer;
    const flaw = refusal ? null : scanJson(bytes);
    if (refusal) connection.send(errorFrame(refusal));
    else if (flaw) connection.send(errorFrame(jsonError(flaw)));
    else if (!inbox.push(bytes.toString('utf8'), bytes.length)) ws.pause();
  });
  return inbox;
}

/*
 * What happens to a request for a WebSocket: the gate, then the endpoint of its path. A refusal is plain
 * HTTP before any 101, so that a web page learns nothing but the status.
 */

/** The listener for `upgrade` events: gate, then the endpoint of the path, else 404. */
export function createUpgrade(deps: {
  gate: Gate;
  ws: WsTransport;
  socketIo: Lazy<SocketIoTransport>;
  /** `/inspect/stately`, where there is inspection. */
  stately: Lazy<StatelyEndpoint> | null;
  isClosing: () => boolean;
  /** Why no further client can stay connected; null while there is room. */
  full: () => OrbitError | null;
  admitted: (request: IncomingMessage, admission: Admission) => void;
  refused: (request: IncomingMessage, error: OrbitError) => void;
}): (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void> {
  return async (request, socket, head) => {
    const verdict = deps.gate.judge(request, endpointOf);
    if (isRefusal(verdict)) {
      deps.refused(request, verdict.error);
      return refuseUpgrade(socket, verdict.error, verdict.headers);
    }
    if (deps.isClosing()) return refuseUpgrade(socket, new OrbitError('shutting_down'));
    const full = deps.full();
    if (full) return refuseUpgrade(socket, full, { 'Retry-After': '5' });
    const { path, query } = verdict.target;
    request.url = query === '' ? path : `${path}?${query}`;
    deps.admitted(request, verdict);
    const endpoint = endpointOf(path);
    if (endpoint === 'ws') return deps.ws.accept(request, socket, head, verdict.caller);
    if (endpoint === 'socket.io') {
      return (await deps.socketIo.get()).upgrade(request, socket, head, verdict);
    }
    if (endpoint === 'stately' && deps.stately) {
      try {
        return await (await deps.stately.get()).accept(request, socket, head, verdict);
      } catch (error) {
        if (error instanceof OrbitError) return refuseUpgrade(socket, error);
        throw error;
      }
    }
    const id = path.slice(0, 200);
    refuseUpgrade(socket, new OrbitError('not_found', { what: 'The path', id }));
  };
}

/** Answers an upgrade in plain HTTP and hangs up. */
function refuseUpgrade(
  socket: Duplex,
  error: OrbitError,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify(refusalBody(error));
  const fields = {
    Connection: 'close',
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const status = `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}\r\n`;
  socket.end(`${status}${lines.join('')}\r\n${body}`, () => socket.destroy());
}
