/**
 * All transports of the server on one port: the HTTP server, the gate in front of everything, `/ws`, socket.io
 * (loaded at its first request) and the sockets' limits. `server.ts` builds this once; no other file knows
 * that there is more than one endpoint.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { hasEnded, isAllowed, type Rights } from '../access.ts';
import type { Config } from '../config.ts';
import { OrbitError } from '../errors.ts';
import type { Inspection } from '../inspection/inspection.ts';
import type { Logger, LogLine } from '../log.ts';
import type { Outlet } from '../runtime/rooms/rooms.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import type { NamedTokens } from '../runtime/tokens.ts';
import { createTickets, type Tickets } from './admission/credential.ts';
import { createPeers, createTrustedProxies, type Peers } from './admission/peer.ts';
import {
  type Caps,
  createBoundedServer,
  createCaps,
  listenOn,
  listenOnUnixSocket,
  readCertificate,
  stopServer,
  trackSockets,
  watchCertificate,
} from './bounded-server.ts';
import { type Backlog, createBacklog } from './connection.ts';
import {
  type Clock,
  createLazy,
  createQuietWarning,
  errorFrom,
  type Lazy,
  systemClock,
} from './dependencies.ts';
import { type Admission, createGate, type Gate } from './gate.ts';
import { createHttp } from './http/http.ts';
import { createPage } from './http/page-files.ts';
import { DEFAULT_LIMITS, limitsFor, type TransportLimits } from './limits.ts';
import { createCounts } from './metrics.ts';
import type { SocketIoTransport } from './socketio.ts';
import type { StatelyEndpoint } from './stately-websocket.ts';
import { createUpgrade, createWs, type WsTransport } from './ws.ts';

/** WebSocket close code "service restart": clients come back by themselves. */
const SERVICE_RESTART = 1012;
/** Sent to clients, so that some 30 a second come back however many they are, and a few at once. */
const COME_BACK_MS_EACH = 33;
const COME_BACK_MS_MIN = 500;

/** What all transports lead to. */
export interface TransportsDeps {
  config: Pick<
    Config,
    'bind' | 'token' | 'localTrust' | 'allowInsecureNoAuth' | 'allowHosts' | 'allowOrigins'
  > &
    Partial<Pick<Config, 'maxConnections' | 'tls' | 'trustedProxies' | 'basePath' | 'requireTls'>>;
  runtime: RuntimeApi;
  rooms: { attach(outlet: Outlet): void };
  log: Logger;
  /** Shown by `/health` to whom it may concern. */
  version: string;
  /** Opens `/inspect` and the page; without it there is neither. */
  inspection?: Inspection;
  /** Where the page was built, when not at its usual place. */
  pageDirectory?: string;
  /** Where to listen on a unix socket as well; its directory is open to the owner only. */
  socketPath?: string;
  /** Where the secret of hooks is. */
  hookSecretPath?: string;
  /** The named tokens. */
  tokens?: NamedTokens;
  limits?: TransportLimits;
  clock?: Clock;
}

/** All transports of one listening address. */
export interface Transports {
  /**
   * Starts to listen.
   *
   * @returns where they are; the port differs from the configured one only when that was 0
   * @throws ExitError 75 when the address is taken, 78 when it cannot be had at all
   */
  listen(): Promise<{ address: string; port: number }>;
  /**
   * Takes a renewed certificate over; nothing without one. What is open stays so.
   */
  reloadCertificate(): void;
  /**
   * Admits no new connection, sends every client away with 1012, lets requests under way finish, and resolves
   * when the port is free: after `stopMs` at the latest, by cutting off what is left. May be called twice.
   */
  close(): Promise<void>;
}

/** Builds all transports; they open with `listen`. */
export function createTransports(deps: TransportsDeps): Transports {
  return new OnePort({
    ...deps,
    limits: deps.limits ?? limitsFor(deps.config.maxConnections ?? DEFAULT_LIMITS.maxConnections),
    clock: deps.clock ?? systemClock,
  });
}

type OnePortDeps = TransportsDeps & Required<Pick<TransportsDeps, 'limits' | 'clock'>>;

class OnePort implements Transports {
  readonly #deps: OnePortDeps;
  readonly #gate: Gate;
  readonly #caps: Caps;
  readonly #backlog: Backlog;
  readonly #ws: WsTransport;
  readonly #socketIo: Lazy<SocketIoTransport>;
  readonly #stately: Lazy<StatelyEndpoint> | null;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  readonly #warn: LogLine;
  readonly #peers: Peers = createPeers();
  readonly #counts = createCounts();
  /** Sockets whose last request came with a named token, such as that of a hook that waits. */
  readonly #requests = new Map<ServerResponse, Rights>();
  #unixServer: NetServer | null = null;
  #certificate: ReturnType<typeof watchCertificate> | null = null;
  #closing: Promise<void> | null = null;

  constructor(deps: OnePortDeps) {
    const { config, runtime, limits, clock, log, inspection } = deps;
    const gate = createGate({
      config,
      hookSecretPath: deps.hookSecretPath,
      tokens: deps.tokens,
      peers: this.#peers,
      clock,
      maxHeaderFields: limits.maxHeaderFields,
    });
    const tickets = createTickets({ clock });
    this.#deps = deps;
    this.#gate = gate;
    const proxies = createTrustedProxies(config.trustedProxies ?? []);
    this.#caps = createCaps({ ...limits, isProxy: (address) => proxies.holds(address) });
    this.#backlog = createBacklog({ runtime, limits: limits.slowConsumer, clock, log });
    this.#warn = createQuietWarning({ log, clock });
    this.#ws = createWs({ ...deps, backlog: this.#backlog, log: log.child('websocket') });
    deps.rooms.attach(this.#ws);
    this.#stately = inspection ? createLazyStately({ ...deps, inspection, tickets }) : null;
    this.#socketIo = createLazy(() => this.#openSocketIo(gate, tickets));
    this.#server = createBoundedServer(limits, config.tls ? readCertificate(config.tls) : null);
    this.#sockets = trackSockets(this.#server, (socket) => this.#caps.opened(socket));
    this.#server.on('drop', () => this.#warn('server.full', { limit: limits.maxConnections }));
    this.#server.on('request', this.#answers(gate));
    this.#server.on('upgrade', this.#upgrades(gate));
    deps.tokens?.onEnd(() => this.#endRevoked());
  }

  reloadCertificate(): void {
    this.#certificate?.reload();
  }

  async listen(): Promise<{ address: string; port: number }> {
    const where = await listenOn(this.#server, this.#deps.config.bind);
    const { socketPath: path, log, clock, config } = this.#deps;
    if (config.tls) {
      const server = this.#server as TlsServer;
      this.#certificate = watchCertificate({ server, files: config.tls, clock, log });
    }
    if (path !== undefined) {
      const opened = (socket: Socket) => this.#peers.cameThroughUnixSocket(socket);
      await listenOnUnixSocket(this.#server, path, opened).then(
        (server) => {
          this.#unixServer = server;
        },
        // Everything is served on the port; the socket is one way more.
        (error: unknown) => log.warn('socket.unavailable', { path }, errorFrom(error).message),
      );
    }
    return where;
  }

  close(): Promise<void> {
    this.#closing ??= this.#server.listening ? this.#shut() : Promise.resolve(this.#backlog.stop());
    return this.#closing;
  }

  #answers(gate: Gate): ReturnType<typeof createHttp> {
    const { config, runtime, log, limits, version, inspection, pageDirectory } = this.#deps;
    return createHttp({
      runtime,
      gate,
      tokens: this.#deps.tokens,
      counts: this.#counts,
      connections: () => ({
        ws: this.#ws.size,
        socketio: this.#socketIo.current()?.size ?? 0,
        stately: this.#stately?.current()?.size ?? 0,
      }),
      log: log.child('http'),
      version,
      isInsecure: isUnprotected(config) && !config.bind.isLoopback,
      maxBodyBytes: limits.maxMessageBytes,
      poll: async (request, response, admission) => {
        const isNew = !new URLSearchParams(admission.target.query).has('sid');
        const full = isNew ? this.#full() : null;
        if (full) throw full;
        (await this.#socketIo.get()).request(request, response, admission);
      },
      admitted: (request, response, admission) => {
        this.#admitted(request, admission);
        this.#remember(response, admission);
      },
      refused: this.#refused,
      isClosing: this.#isClosing,
      page: inspection ? createPage(pageDirectory) : null,
      port: () => (this.#server.address() as AddressInfo | null)?.port ?? 0,
    });
  }

  #upgrades(gate: Gate): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
    const upgrade = createUpgrade({
      gate,
      ws: this.#ws,
      socketIo: this.#socketIo,
      stately: this.#stately,
      isClosing: this.#isClosing,
      full: this.#full,
      admitted: this.#admitted,
      refused: this.#refused,
    });
    return (request, socket, head) => {
      upgrade(request, socket, head).catch((error: unknown) => {
        this.#deps.log.error('upgrade.failed', { error: errorFrom(error) });
        socket.destroy();
      });
    };
  }

  async #openSocketIo(gate: Gate, tickets: Tickets): Promise<SocketIoTransport> {
    const { createSocketIo } = await import('./socketio.ts');
    const { inspection, log, rooms } = this.#deps;
    const statelyCount = () => this.#stately?.current()?.size ?? 0;
    const endpoint = createSocketIo({
      ...this.#deps,
      gate,
      backlog: this.#backlog,
      log: log.child('socketio'),
      admitted: (request) => this.#caps.admitted(request.socket),
      inspect: inspection ? { inspection, tickets, statelyCount } : null,
    });
    rooms.attach(endpoint);
    return endpoint;
  }

  /** Hooks and `/health` keep their sockets, however many clients watch. */
  #full = (): OrbitError | null => {
    const { maxClients: limit } = this.#deps.limits;
    const transports = [this.#ws, this.#socketIo.current(), this.#stately?.current()];
    const clients = transports.reduce((sum, endpoint) => sum + (endpoint?.size ?? 0), 0);
    if (clients < limit) return null;
    this.#warn('server.too_many_clients', { limit });
    return new OrbitError('too_many_clients', { limit });
  };

  #isClosing = (): boolean => this.#closing !== null;

  #admitted = ({ socket }: IncomingMessage, { caller }: Admission): void => {
    if (isAllowed(caller.rights, 'known')) this.#caps.admitted(socket);
  };

  /** Only until it is answered: a kept connection may serve other callers next, as that of a proxy does. */
  #remember(response: ServerResponse, { caller }: Admission): void {
    if (caller.rights.token === null) return;
    this.#requests.set(response, caller.rights);
    response.once('close', () => this.#requests.delete(response));
  }

  /** Connections whose token has ended are closed, whatever is under way. */
  #endRevoked(): void {
    for (const transport of [this.#ws, this.#socketIo.current(), this.#stately?.current()]) {
      transport?.endRevoked();
    }
    for (const [response, rights] of this.#requests) if (hasEnded(rights)) response.destroy();
  }

  #refused = (request: IncomingMessage, { code, message }: OrbitError): void => {
    const { refusals } = this.#counts;
    refusals.set(code, (refusals.get(code) ?? 0) + 1);
    this.#warn('gate.refused', { address: this.#gate.addressOf(request), code }, message);
  };

  async #shut(): Promise<void> {
    const transports = [this.#ws, this.#socketIo.current(), this.#stately?.current()];
    const spread = Math.max(COME_BACK_MS_MIN, this.#sockets.size * COME_BACK_MS_EACH);
    const reason = `restarting, come back within ${spread} ms`;
    const { limits, clock } = this.#deps;
    const port = {
      server: this.#server,
      unixServer: this.#unixServer,
      sockets: this.#sockets,
      limits,
      clock,
    };
    await stopServer(port, () =>
      Promise.all(transports.map((endpoint) => endpoint?.close(SERVICE_RESTART, reason))),
    );
    this.#backlog.stop();
    this.#certificate?.stop();
  }
}

/** No caller needs a token, from any address. */
function isUnprotected({ token, allowInsecureNoAuth }: TransportsDeps['config']): boolean {
  return token === null && allowInsecureNoAuth;
}

/** `/inspect/stately`, loaded at the first connection. */
function createLazyStately(deps: {
  inspection: Inspection;
  tickets: Tickets;
  limits: TransportLimits;
  clock: Clock;
  log: Logger;
}): Lazy<StatelyEndpoint> {
  return createLazy(async () => {
    const { createStately } = await import('./stately-websocket.ts');
    return createStately({
      ...deps,
      pingMs: deps.limits.pingMs,
      log: deps.log.child('stately'),
    });
  });
}
