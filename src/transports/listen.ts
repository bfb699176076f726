/**
 * All doors of the house on one port: the HTTP server, the gate in front of everything, `/ws`, socket.io
 * (loaded at its first request) and the sockets' limits. `server.ts` builds this once; nobody else knows
 * that there is more than one door.
 */

import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type BindAddress, formatAddress } from '../address.ts';
import type { Config } from '../config.ts';
import type { OrbitError } from '../errors.ts';
import { EXIT, ExitError, systemCodeOf } from '../exit.ts';
import type { Logger } from '../log.ts';
import type { Hall } from '../runtime/hall.ts';
import type { Inspection } from '../runtime/inspection/inspection.ts';
import type { Outlet } from '../runtime/rooms/rooms.ts';
import { createCaps } from './admission/caps.ts';
import { createBacklog } from './backlog.ts';
import { type Admission, createGate } from './gate.ts';
import { createHttp } from './http/http.ts';
import { createPage } from './http/page.ts';
import { doorOf } from './http/paths.ts';
import type { StatelyDoor } from './inspect/inspect-stately.ts';
import { createTickets, type Tickets } from './inspect/tickets.ts';
import { createLazy, type Lazy } from './lazy.ts';
import { DEFAULT_LIMITS, type DoorLimits } from './limits.ts';
import { type Clock, createQuietWarning, errorFrom, systemClock } from './ports.ts';
import { createUpgrade } from './upgrade.ts';
import { createWs } from './ws.ts';

/** WebSocket close code "service restart": clients come back by themselves. */
const SERVICE_RESTART = 1012;
/** Told to clients, so that some 30 a second come back however many they are, and a few at once. */
const COME_BACK_MS_EACH = 33;
const COME_BACK_MS_MIN = 500;

/** What all doors lead to. */
export interface DoorsDeps {
  config: Pick<
    Config,
    'bind' | 'token' | 'localTrust' | 'allowInsecureNoAuth' | 'allowHosts' | 'allowOrigins'
  >;
  hall: Hall;
  rooms: { attach(outlet: Outlet): void };
  log: Logger;
  /** Shown by `/health` to whom it may concern. */
  version: string;
  /** Opens `/inspect` and the page; without it there is neither. */
  inspection?: Inspection;
  /** Where the page was built, when not at its usual place. */
  pageDirectory?: string;
  limits?: DoorLimits;
  clock?: Clock;
}

/** All doors of one listening address. */
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

/** Builds all doors; they open with `listen`. */
export function createDoors(deps: DoorsDeps): Doors {
  const {
    config,
    hall,
    rooms,
    log,
    inspection = null,
    limits = DEFAULT_LIMITS,
    clock = systemClock,
  } = deps;
  const gate = createGate({ config, clock, maxHeaderFields: limits.maxHeaderFields });
  const caps = createCaps(limits);
  const backlog = createBacklog({ hall, limits: limits.slowConsumer, clock, log });
  const ws = createWs({ hall, backlog, limits, clock, log: log.child('websocket') });
  const warn = createQuietWarning({ log, clock });
  let closing: Promise<void> | null = null;
  rooms.attach(ws);

  const tickets = createTickets({ clock });
  const stately = inspection && createLazyStately({ inspection, tickets, limits, clock, log });
  const statelyCount = () => stately?.current()?.size ?? 0;
  const inspect = inspection && { inspection, tickets, statelyCount };

  const socketIo = createLazy(async () => {
    const { createSocketIo } = await import('./socketio.ts');
    const admitted = (request: IncomingMessage): void => caps.admitted(request.socket);
    const log = deps.log.child('socketio');
    const door = createSocketIo({ hall, gate, backlog, limits, clock, log, admitted, inspect });
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

  const server = createBoundedServer(limits);
  const sockets = trackSockets(server, (socket) => caps.opened(socket));
  server.on('drop', () => warn('server.full', { limit: limits.maxConnections }));
  const isClosing = (): boolean => closing !== null;
  server.on(
    'request',
    createHttp({
      hall,
      gate,
      log: log.child('http'),
      version: deps.version,
      isInsecure: config.token === null && config.allowInsecureNoAuth && !config.bind.isLoopback,
      maxBodyBytes: limits.maxMessageBytes,
      poll: async (...request) => (await socketIo.get()).request(...request),
      admitted,
      refused,
      isClosing,
      page: inspection && createPage(deps.pageDirectory),
      port: () => (server.address() as AddressInfo | null)?.port ?? 0,
    }),
  );
  const passUpgrade = createUpgrade({ gate, ws, socketIo, stately, isClosing, admitted, refused });
  server.on('upgrade', (request, socket, head) => {
    passUpgrade(request, socket, head).catch((error: unknown) => {
      log.error('upgrade.failed', { error: errorFrom(error) });
      socket.destroy();
    });
  });

  async function shut(): Promise<void> {
    const doors = [ws, socketIo.current(), stately?.current()];
    const spread = Math.max(COME_BACK_MS_MIN, sockets.size * COME_BACK_MS_EACH);
    const reason = `restarting, come back within ${spread} ms`;
    await stopServer({ server, sockets, limits, clock }, () =>
      Promise.all(doors.map((door) => door?.close(SERVICE_RESTART, reason))),
    );
    backlog.stop();
  }

  return {
    listen: () => listenOn(server, config.bind),
    close() {
      closing ??= server.listening ? shut() : Promise.resolve(backlog.stop());
      return closing;
    },
  };
}

/** An HTTP server that lets nobody dawdle. */
function createBoundedServer(limits: DoorLimits): Server {
  const server = createServer({
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.timeoutCheckMs,
    maxHeaderSize: limits.maxHeaderBytes,
  });
  // One more than allowed: Node drops what is beyond without a word, and the gate must see that.
  server.maxHeadersCount = limits.maxHeaderFields + 1;
  server.maxConnections = limits.maxConnections;
  server.on('request', (_, response) => {
    // Node closes connections that are idle when the server stops, not those that become so later.
    response.once('close', () => {
      if (!server.listening) setImmediate(() => server.closeIdleConnections());
    });
  });
  return server;
}

/** Stops listening, sends the clients away, waits for what is under way, then cuts off the rest. */
async function stopServer(
  deps: { server: Server; sockets: Set<Socket>; limits: DoorLimits; clock: Clock },
  sendClientsAway: () => Promise<unknown>,
): Promise<void> {
  const { server, sockets, limits, clock } = deps;
  const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
  let cancel = (): void => {};
  const overdue = new Promise<void>((resolve) => {
    cancel = clock.after(limits.stopMs, resolve);
  });
  const idle = sendClientsAway().then(() => server.closeIdleConnections());
  await Promise.race([Promise.all([stopped, idle]), overdue]);
  cancel();
  for (const socket of sockets) socket.destroy();
  await stopped;
}

/** `/inspect/stately`, loaded when somebody first comes. */
function createLazyStately(deps: {
  inspection: Inspection;
  tickets: Tickets;
  limits: DoorLimits;
  clock: Clock;
  log: Logger;
}): Lazy<StatelyDoor> {
  return createLazy(async () => {
    const { createStately } = await import('./inspect/inspect-stately.ts');
    return createStately({
      ...deps,
      pingMs: deps.limits.pingMs,
      log: deps.log.child('stately'),
    });
  });
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
