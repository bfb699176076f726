/**
 * The socket.io transport on its default path. One event, `message`, whose argument is the JSON object that
 * `/ws` sends as text; an acknowledgement is called without arguments once the message was dealt with.
 * A subscription is a socket.io room.
 *
 * Importing socket.io takes 100 ms, so this file is imported at the first request for its path. It is
 * never attached to our HTTP server: `listen.ts` passes on what the gate has let in, each poll included.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ExtendedError, Server, type Socket } from 'socket.io';
import { hasEnded, TOKEN_ENDED } from '../access.ts';
import { OrbitError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { scanJson } from '../protocol/json-scan.ts';
import { NAMESPACE_SCOPES, type NamespaceName } from '../protocol/scopes.ts';
import type { Caller, Frame, Outlet } from '../runtime/rooms/rooms.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import type { Backlog } from './connection.ts';
import { isLonger, readPast, tooLargeText, webSocketServerWithErrors } from './connection.ts';
import { type Clock, errorFrom } from './dependencies.ts';
import { createShared, createTicker } from './fan-out.ts';
import { type Admission, type Gate, isRefusal, type Refusal } from './gate.ts';
import { type InspectDeps, type InspectNamespace, openInspect } from './inspect-namespace.ts';
import type { TransportLimits } from './limits.ts';
import { batchOf, closeEngine, listen, SocketIoConnection } from './socketio-connection.ts';

/** WebSocket close code "internal error". */
const INTERNAL_ERROR = 1011;

/** The socket.io transport. */
export interface SocketIoTransport extends Outlet {
  /** Clients that are connected or on their way in, by either transport. */
  readonly size: number;
  /** Answers one HTTP request of the polling transport. */
  request(request: IncomingMessage, response: ServerResponse, admission: Admission): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, admission: Admission): void;
  /** Closes the connections whose token has ended, whatever namespaces they are in. */
  endRevoked(): void;
  /** Closes every connection and resolves when the last is gone, by force after `closeGraceMs`. */
  close(code: number, reason: string): Promise<void>;
}

/** What the socket.io transport leads to. */
export interface SocketIoDeps {
  runtime: RuntimeApi;
  gate: Gate;
  backlog: Backlog;
  limits: TransportLimits;
  clock: Clock;
  log: Logger;
  /** A client whose token came late has a credential after all. */
  admitted: (request: IncomingMessage) => void;
  /** What is behind the namespace `/inspect`; without it there is none. */
  inspect?: Pick<InspectDeps, 'inspection' | 'tickets' | 'statelyCount'> | null;
}

/** What a client may send before one of its CONNECTs is accepted; a token has some 50 characters. */
const BEFORE_ADMISSION = { bytes: 4096, packets: 4 };

/** The engine's packet before socket.io sees it. */
interface Packet {
  type: string;
  data?: string | Buffer;
}

/** The part of an engine.io connection that bounds what a client sends. */
interface EngineConnection {
  /** `maxHttpBufferSize` bounds one polling body, the engine reads it per body. */
  readonly transport: { maxHttpBufferSize?: number };
  readonly request: IncomingMessage;
  sendPacket(type: 'message', data: string): void;
  on(event: 'packet', listener: (packet: Packet) => void): void;
}

/** Builds the socket.io transport; it is loaded at the first connection. */
export function createSocketIo(deps: SocketIoDeps): SocketIoTransport {
  return new SocketIo(deps);
}

class SocketIo implements SocketIoTransport {
  readonly #deps: SocketIoDeps;
  readonly #admissions = new WeakMap<IncomingMessage, Admission>();
  readonly #callers = new WeakMap<Socket, Caller>();
  /** By the id of their socket, which is how a room names its members. */
  readonly #connections = new Map<string, SocketIoConnection>();
  readonly #batches = createShared(batchOf);
  readonly #schedule = createTicker<SocketIoConnection>(
    (connection) => connection.flush(),
    this.#batches.clear,
  );
  readonly #admitted = new WeakSet<object>();
  readonly #io: ReturnType<typeof createIo>;
  #allGone = (): void => {};

  constructor(deps: SocketIoDeps) {
    this.#deps = deps;
    this.#io = createIo(this.#deps.limits);
    this.#io.engine.on('connection', (engine: EngineConnection) => this.#guard(engine));
    this.#io.use((socket, next) => this.#admit(socket, next));
    if (this.#deps.inspect) {
      // Each namespace has its own gate: who is in one is not in the other.
      const namespace = this.#io.of('/inspect').use((socket, next) => this.#admit(socket, next));
      openInspect(namespace as unknown as InspectNamespace, {
        ...this.#deps.inspect,
        ...this.#deps,
        callerOf: (socket) => this.#callerOf(socket as unknown as Socket),
      });
    }
    this.#io.on('connection', (socket) => this.#opened(socket, this.#callerOf(socket)));
  }

  get size(): number {
    return this.#io.engine.clientsCount;
  }

  publish(room: string, frame: Frame): void {
    const members = this.#io.sockets.adapter.rooms.get(room) ?? [];
    for (const id of members) this.#connections.get(id)?.push(frame);
  }

  request(request: IncomingMessage, response: ServerResponse, admission: Admission): void {
    this.#admissions.set(request, admission);
    const sid = new URLSearchParams(admission.target.query).get('sid');
    const { clients } = this.#io.engine as unknown as { clients: Record<string, EngineConnection> };
    const engine = sid !== null && Object.hasOwn(clients, sid) ? clients[sid] : undefined;
    // A poll with an invented `sid` is not authenticated either.
    const isAdmitted = engine !== undefined && this.#admitted.has(engine);
    if (isAdmitted) this.#deps.admitted(request);
    const limit = this.#deps.limits.maxMessageBytes;
    if (isAdmitted && isLonger(request, limit)) {
      this.#logRefusal(request, 'body over the limit');
      engine.sendPacket('message', `2["message",${tooLargeText(limit)}]`);
      readPast(request, response);
      return;
    }
    response.once('finish', () => {
      if (response.statusCode === 413) this.#logRefusal(request, 'body over the limit');
    });
    this.#io.engine.handleRequest(request, response);
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, admission: Admission): void {
    this.#admissions.set(request, admission);
    this.#io.engine.handleUpgrade(request, socket, head);
  }

  endRevoked(): void {
    for (const name of Object.keys(NAMESPACE_SCOPES)) {
      for (const socket of this.#io.of(name).sockets.values()) {
        const caller = this.#callers.get(socket);
        if (caller && hasEnded(caller.rights))
          closeEngine(socket, TOKEN_ENDED, 'the token has ended');
      }
    }
  }

  async close(code: number, reason: string): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      this.#allGone = resolve;
    });
    for (const connection of this.#connections.values()) connection.close(code, reason);
    if (this.#connections.size > 0) await gone;
    // Who has not joined yet, and the engine's timers.
    this.#io.engine.close();
  }

  #admit(socket: Socket, next: (error?: ExtendedError) => void): void {
    const verdict = this.#judge(socket);
    const conn = socket.conn as unknown as EngineConnection;
    if (isRefusal(verdict)) {
      this.#logRefusal(socket.request, verdict.error.code);
      next(connectError(verdict.error, verdict));
      // After the refusal was written; who is in by another namespace stays.
      if (!this.#admitted.has(conn)) setImmediate(() => socket.conn.close());
      return;
    }
    this.#admitted.add(conn);
    conn.transport.maxHttpBufferSize = this.#deps.limits.maxMessageBytes;
    this.#callers.set(socket, verdict);
    this.#deps.admitted(socket.request);
    next();
  }

  /**
   * Looks at every packet before it is parsed; a dangerous one ends its connection as garbage does.
   * Until a CONNECT is accepted, bytes and packets are bounded over the whole connection and each
   * message must be a CONNECT.
   */
  #guard(engine: EngineConnection): void {
    let bytes = 0;
    let packets = 0;
    engine.transport.maxHttpBufferSize = BEFORE_ADMISSION.bytes;
    engine.on('packet', (packet) => {
      if (!this.#admitted.has(engine)) {
        packets += 1;
        bytes += packet.data ? Buffer.byteLength(packet.data) : 0;
        const isOver = packets > BEFORE_ADMISSION.packets || bytes > BEFORE_ADMISSION.bytes;
        const isConnect = typeof packet.data === 'string' && packet.data.startsWith('0');
        if (isOver || (packet.type === 'message' && !isConnect)) {
          packet.type = 'error';
          this.#logRefusal(engine.request, isOver ? 'too much before CONNECT' : 'no CONNECT');
          return;
        }
      }
      if (isDangerous(packet)) packet.type = 'error';
    });
  }

  #logRefusal(request: IncomingMessage, reason: string): void {
    const address = this.#admissions.get(request)?.caller.address ?? request.socket.remoteAddress;
    this.#deps.log.warn('sio.refused', { address: address ?? null, reason });
  }

  #judge(socket: Socket): Caller | Refusal {
    const admission = this.#admissions.get(socket.request);
    const token: unknown = socket.handshake.auth.token;
    const isOdd = token !== undefined && typeof token !== 'string';
    const namespace = socket.nsp.name as NamespaceName;
    if (admission && !isOdd) return this.#deps.gate.judgeLater(token, admission, namespace);
    return { error: new OrbitError('unauthorized'), headers: {} };
  }

  #callerOf(socket: Socket): Caller {
    const caller = this.#callers.get(socket);
    if (!caller) throw new Error('a socket.io client got past its gate without a caller');
    return caller;
  }

  #opened(socket: Socket, caller: Caller): void {
    const { clock, runtime } = this.#deps;
    const { closeGraceMs } = this.#deps.limits;
    const connection = new SocketIoConnection({
      socket,
      caller,
      closeGraceMs,
      clock,
      schedule: this.#schedule,
      batches: this.#batches,
    });
    this.#connections.set(socket.id, connection);
    const unwatch = this.#deps.backlog.watch(connection);
    const inbox = listen(socket, connection, this.#deps);
    socket.on('error', (error) => {
      this.#deps.log.info('sio.connection.error', {
        connection_id: connection.id,
        reason: error.message,
      });
    });
    socket.once('disconnect', (reason) => {
      unwatch();
      inbox.close();
      connection.closed();
      this.#connections.delete(socket.id);
      this.#deps.log.debug('sio.connection.closed', { connection_id: connection.id, reason });
      runtime.closed(connection);
      if (this.#connections.size === 0) this.#allGone();
    });
    this.#deps.log.debug('sio.connection.opened', {
      connection_id: connection.id,
      caller: caller.kind,
    });
    try {
      runtime.opened(connection);
    } catch (error) {
      this.#deps.log.error('sio.connection.greeting_failed', {
        connection_id: connection.id,
        error: errorFrom(error),
      });
      connection.close(INTERNAL_ERROR, 'internal error');
    }
  }
}

function createIo(limits: TransportLimits): Server {
  // It wants an HTTP server to sit on; this one never listens.
  return new Server(createServer(), {
    serveClient: false,
    cookie: false,
    // The engine's message packet, socket.io's event packet.
    wsEngine: webSocketServerWithErrors(`42["message",${tooLargeText(limits.maxMessageBytes)}]`),
    perMessageDeflate: false,
    httpCompression: false,
    allowEIO3: false,
    maxHttpBufferSize: limits.maxMessageBytes,
    connectTimeout: limits.connectTimeoutMs,
    pingInterval: limits.pingMs,
    pingTimeout: limits.pingMs,
    // The gate is in front of every request, with a session or without; this only makes it plain.
    allowRequest: (_request, decide) => decide(null, true),
  });
}

function isDangerous({ type, data }: Packet): boolean {
  if (type !== 'message' || typeof data !== 'string') return false;
  // Type, attachments, namespace, acknowledgement id: what is left is JSON.
  const start = /^\d(?:\d+-)?(?:\/[^,]*,?)?\d*/.exec(data)?.[0].length ?? 0;
  return Boolean(scanJson(Buffer.from(data.slice(start))));
}

function connectError(error: OrbitError, refusal?: Refusal): ExtendedError {
  const retryAfter = refusal?.headers['Retry-After'];
  const data = { code: error.code, ...(retryAfter && { retry_after: Number(retryAfter) }) };
  return Object.assign(new Error(error.message), { data });
}
