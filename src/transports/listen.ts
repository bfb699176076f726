/**
 * All doors of the house on one port: the HTTP server, the gate in front of everything, `/ws`, socket.io
 * (loaded at its first request) and the sockets' limits. `server.ts` builds this once; nobody else knows
 * that there is more than one door.
 */
import { createServer, type IncomingMessage, STATUS_CODES } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { formatAddress } from '../address.ts';
import type { BindAddress, Config } from '../config.ts';
import { OrbitError } from '../errors.ts';
import { EXIT, ExitError, systemCodeOf } from '../exit.ts';
import type { Hall } from '../runtime/hall.ts';
import type { Outlet } from '../runtime/rooms.ts';
import { createCaps } from './admission/caps.ts';
import { createBacklog } from './backlog.ts';
import { type Admission, createGate, type Gate, isRefusal } from './gate.ts';
import { createHttp, doorOf, refusalBody } from './http.ts';
import { DEFAULT_LIMITS, type DoorLimits } from './limits.ts';
import { type Clock, createQuietWarning, type Log, systemClock } from './ports.ts';
import type { SocketIoDoor } from './socketio.ts';
import { createWs, type WsDoor } from './ws.ts';

/** WebSocket close code "service restart": clients come back by themselves. */
const SERVICE_RESTART = 1012;

export interface DoorsDeps {
  config: Pick<
    Config,
    'bind' | 'token' | 'localTrust' | 'allowInsecureNoAuth' | 'allowHosts' | 'allowOrigins'
  >;
  hall: Hall;
  rooms: { attach(outlet: Outlet): void };
  log: Log;
  /** Shown by `/health` to whom it may concern. */
  version: string;
  limits?: DoorLimits;
  clock?: Clock;
}

export interface Doors {
  /**
   * Opens the doors.
   *
   * @returns where they are; the port differs from the configured one only when that was 0
   * @throws ExitError 75 when the address is taken, 78 when it cannot be had at all
   */
  listen(): Promise<{ address: string; port: number }>;
  /**
   * Lets in nobody else, sends every client away with 1012, lets requests under way finish, and resolves
   * when the port is free: after `stopMs` at the latest, by cutting off what is left. May be called twice.
   */
  close(): Promise<void>;
}

export function createDoors(deps: DoorsDeps): Doors {
  const { config, hall, rooms, log, limits = DEFAULT_LIMITS, clock = systemClock } = deps;
  const gate = createGate({ config, clock, maxHeaderFields: limits.maxHeaderFields });
  const caps = createCaps(limits);
  const backlog = createBacklog({ hall, limits: limits.slowConsumer, clock, log });
  const ws = createWs({ hall, backlog, limits, clock, log });
  const warn = createQuietWarning({ log, clock });
  let closing: Promise<void> | null = null;
  rooms.attach(ws);

  const socketIo = createLazy(async () => {
    const { createSocketIo } = await import('./socketio.ts');
    const admitted = (request: IncomingMessage): void => caps.admitted(request.socket);
    const door = createSocketIo({ hall, gate, backlog, limits, clock, log, admitted });
    rooms.attach(door);
    return door;
  });

  function admitted({ socket }: IncomingMessage, { caller, target }: Admission): void {
    // A session id shows that socket.io knows the client; whoever does not join soon is dropped there.
    const isKnown = doorOf(target.path) === 'socket.io' && /(?:^|&)sid=/.test(target.query);
    const isOpenHouse = config.token === null && config.allowInsecureNoAuth;
    if (caller.kind !== 'anonymous' || isOpenHouse || isKnown) caps.admitted(socket);
  }

  function refused({ socket }: IncomingMessage, { code, message }: OrbitError): void {
    warn('gate.refused', { address: socket.remoteAddress, code }, message);
  }

  const server = createServer(serverOptions(limits));
  // One more than allowed: Node drops what is beyond without a word, and the gate must see that.
  server.maxHeadersCount = limits.maxHeaderFields + 1;
  server.maxConnections = limits.maxConnections;
  const sockets = trackSockets(server, (socket) => caps.opened(socket));
  server.on('drop', () => warn('server.full', { limit: limits.maxConnections }));
  const isClosing = (): boolean => closing !== null;
  server.on(
    'request',
    createHttp({
      hall,
      gate,
      log,
      version: deps.version,
      isInsecure: config.token === null && config.allowInsecureNoAuth && !config.bind.isLoopback,
      maxBodyBytes: limits.maxMessageBytes,
      poll: async (...request) => (await socketIo.get()).request(...request),
      admitted,
      refused,
      isClosing,
    }),
  );
  const passUpgrade = createUpgrade({ gate, ws, socketIo, isClosing, admitted, refused });
  server.on('upgrade', (request, socket, head) => {
    passUpgrade(request, socket, head).catch((error: unknown) => {
      log.error('upgrade.failed', { err: error });
      socket.destroy();
    });
  });

  async function shut(): Promise<void> {
    const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
    let cancel = (): void => {};
    const overdue = new Promise<void>((resolve) => {
      cancel = clock.after(limits.stopMs, resolve);
    });
    const clients = [ws, socketIo.current()].map((door) =>
      door?.close(SERVICE_RESTART, 'restarting'),
    );
    const idle = Promise.all(clients).then(() => server.closeIdleConnections());
    await Promise.race([Promise.all([stopped, idle]), overdue]);
    cancel();
    backlog.stop();
    for (const socket of sockets) socket.destroy();
    await stopped;
  }

  return {
    listen: () => listenOn(server, config.bind),
    close() {
      closing ??= server.listening ? shut() : Promise.resolve(backlog.stop());
      return closing;
    },
  };
}

function serverOptions(limits: DoorLimits): Parameters<typeof createServer>[0] & object {
  return {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.timeoutCheckMs,
    maxHeaderSize: limits.maxHeaderBytes,
  };
}

/** All sockets that are open, upgraded ones too; each with an error listener from its first moment. */
function trackSockets(server: Server, opened: (socket: Socket) => boolean): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    // Resets are daily bread; what they mean for a client, its own `close` tells.
    socket.on('error', () => {});
    if (!opened(socket)) return;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

interface Lazy<T> {
  get(): Promise<T>;
  /** Null until it has been loaded. */
  current(): T | null;
}

function createLazy<T>(load: () => Promise<T>): Lazy<T> {
  let loading: Promise<T> | null = null;
  let loaded: T | null = null;
  return {
    get() {
      loading ??= load().then((value) => {
        loaded = value;
        return value;
      });
      return loading;
    },
    current: () => loaded,
  };
}

/** The listener for `upgrade` events: gate, then the door of the path, else 404. */
function createUpgrade(deps: {
  gate: Gate;
  ws: WsDoor;
  socketIo: Lazy<SocketIoDoor>;
  isClosing: () => boolean;
  admitted: (request: IncomingMessage, admission: Admission) => void;
  refused: (request: IncomingMessage, error: OrbitError) => void;
}): (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void> {
  return async (request, socket, head) => {
    const verdict = deps.gate.judge(request, doorOf);
    if (isRefusal(verdict)) {
      deps.refused(request, verdict.error);
      return refuseUpgrade(socket, verdict.error, verdict.headers);
    }
    if (deps.isClosing()) return refuseUpgrade(socket, new OrbitError('shutting_down'));
    const { path, query } = verdict.target;
    request.url = query === '' ? path : `${path}?${query}`;
    deps.admitted(request, verdict);
    const door = doorOf(path);
    if (door === 'ws') return deps.ws.accept(request, socket, head, verdict.caller);
    if (door === 'socket.io') {
      return (await deps.socketIo.get()).upgrade(request, socket, head, verdict);
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

/** Listens, and makes sure that it is where it was asked to be. */
async function listenOn(
  server: Server,
  bind: BindAddress,
): Promise<{ address: string; port: number }> {
  const where = formatAddress(bind);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: bind.host, port: bind.port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch((cause: unknown) => {
    const code = systemCodeOf(cause);
    if (code === 'EADDRINUSE') {
      const message = `${where} is already in use; stop the other server or pass --bind`;
      throw new ExitError(EXIT.busy, message, { cause });
    }
    const message = `Cannot listen on ${where} (${code ?? 'unknown reason'})`;
    throw new ExitError(EXIT.configuration, message, { cause });
  });
  const { address, port } = server.address() as AddressInfo;
  if (address !== bind.host || (bind.port !== 0 && port !== bind.port)) {
    server.close();
    const got = formatAddress({ host: address, port });
    throw new ExitError(EXIT.configuration, `Asked for ${where} but got ${got}`);
  }
  return { address, port };
}
