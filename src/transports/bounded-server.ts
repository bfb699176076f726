/**
 * The HTTP server under all transports: its bounds, its sockets and how many of them one address may hold, how it
 * begins to listen and how it stops. Called by listen.ts.
 */
import { chmodSync, lstatSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import {
  type AddressInfo,
  createServer as createNetServer,
  type Server as NetServer,
  type Socket,
} from 'node:net';
import { createSecureContext, type SecureContextOptions, Server as TlsServer } from 'node:tls';
import { type BindAddress, formatAddress } from '../address.ts';
import type { TlsFiles } from '../config.ts';
import { EXIT, ExitError, systemCodeOf } from '../exit.ts';
import type { Logger } from '../log.ts';
import { isLoopbackAddress, plainAddress } from './admission/peer.ts';
import { type Clock, errorFrom } from './dependencies.ts';
import type { TransportLimits } from './limits.ts';

/** An HTTP server that closes slow connections. @param certificate  null: it is not encrypted */
export function createBoundedServer(
  limits: TransportLimits,
  certificate: Certificate | null = null,
): Server {
  const options = {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.timeoutCheckMs,
    maxHeaderSize: limits.maxHeaderBytes,
  };
  const handshakeTimeout = limits.headersTimeoutMs;
  const server = certificate
    ? createTlsServer({ ...options, ...certificate, handshakeTimeout })
    : createServer(options);
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
export async function stopServer(
  deps: {
    server: Server;
    unixServer: NetServer | null;
    sockets: Set<Socket>;
    limits: TransportLimits;
    clock: Clock;
  },
  sendClientsAway: () => Promise<unknown>,
): Promise<void> {
  const { server, unixServer, sockets, limits, clock } = deps;
  const stopped = Promise.all(
    [server, unixServer].map(
      (one) => new Promise<void>((resolve) => (one ? one.close(() => resolve()) : resolve())),
    ),
  );
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

/** What a server reports of a socket that may carry HTTP. */
function readyEvent(server: Server): 'connection' | 'secureConnection' {
  return isTls(server) ? 'secureConnection' : 'connection';
}

function isTls(server: Server): boolean {
  return server instanceof TlsServer;
}

/** All sockets that are open, upgraded ones too; each with an error listener from its first moment. */
export function trackSockets(server: Server, opened: (socket: Socket) => boolean): Set<Socket> {
  const sockets = new Set<Socket>();
  if (isTls(server)) {
    // Below its handshake: to be cut off when the server stops, and no client yet.
    server.on('connection', (socket: Socket) => {
      socket.on('error', () => {});
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
  }
  server.on(readyEvent(server), (socket: Socket) => {
    // Resets are common; the socket's own `close` handles what they mean for a client.
    socket.on('error', () => {});
    if (!opened(socket)) return;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

/**
 * Listens, and makes sure that it is where it was asked to be.
 *
 * @throws ExitError 75 when the address is taken, 78 when it cannot be had at all
 */
export async function listenOn(
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

/** A unix socket's address holds 104 bytes on macOS and 108 on Linux, with the zero at its end. */
const MAX_SOCKET_PATH_BYTES = 100;

/**
 * Lets the HTTP server answer on a unix socket as well, which only its owner can open. What an ended process
 * has left at the path is replaced: the caller holds the lock of the directory, so no server listens there.
 * Closing the returned server removes the file.
 *
 * @param opened gets each connection before the HTTP server reads from it
 * @throws Error when the path is too long or holds anything but a socket; the system's error otherwise
 */
export async function listenOnUnixSocket(
  server: Server,
  path: string,
  opened: (socket: Socket) => void,
): Promise<NetServer> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw new Error(
      `A socket's path has at most ${MAX_SOCKET_PATH_BYTES} bytes; use a shorter --data-dir`,
    );
  }
  const stale = lstatSync(path, { throwIfNoEntry: false });
  if (stale && !stale.isSocket()) throw new Error(`${path} is no socket; move it away`);
  if (stale) unlinkSync(path);
  // As Node's own HTTP servers have it: a client may end its side and still read the answer.
  const unixServer = createNetServer({ allowHalfOpen: true }, (socket) => {
    opened(socket);
    // Not encrypted, whatever the port is: the file's permissions keep others out.
    server.emit(readyEvent(server), socket);
  });
  unixServer.maxConnections = server.maxConnections;
  await new Promise<void>((resolve, reject) => {
    unixServer.once('error', reject);
    unixServer.listen(path, () => {
      unixServer.off('error', reject);
      resolve();
    });
  });
  chmodSync(path, 0o600);
  return unixServer;
}

/* The certificate of `--tls-cert` and `--tls-key`: read whole or refused, and read again when it was renewed, without
 * closing any connection. A pair that does not fit (one of two files is written already) leaves the old one in use. */

/** How often it is looked whether the files were replaced, ms. */
const LOOK_EVERY_MS = 5000;

/** What a server is made with, and again with each new certificate: what is left out would go back to a default. */
export interface Certificate extends SecureContextOptions {
  cert: Buffer;
  key: Buffer;
}

/**
 * Reads both files and tries them.
 *
 * @throws ExitError 78, naming the files, when they cannot be read or do not fit each other
 */
export function readCertificate({ cert, key }: TlsFiles): Certificate {
  try {
    const certificate: Certificate = {
      ...{ cert: readFileSync(cert), key: readFileSync(key) },
      minVersion: 'TLSv1.2',
    };
    createSecureContext(certificate);
    return certificate;
  } catch (cause) {
    const reason = errorFrom(cause).message;
    const sentence = `The certificate ${cert} with the key ${key} cannot be used: ${reason}`;
    throw new ExitError(EXIT.configuration, sentence, { cause });
  }
}

/** Takes over a renewed certificate. @returns `reload` at once; `stop` looks no more */
export function watchCertificate(deps: {
  server: TlsServer;
  files: TlsFiles;
  clock: Clock;
  log: Logger;
}): { reload(): void; stop(): void } {
  const { server, files, clock, log } = deps;
  let known = stampOf(files);
  const reload = (): void => {
    try {
      server.setSecureContext(readCertificate(files));
      known = stampOf(files);
      log.info('tls.reloaded', { path: files.cert });
    } catch (error) {
      // Tried again at the next check: the other file may be on its way.
      log.warn('tls.not_reloaded', {}, errorFrom(error).message);
    }
  };
  const stop = clock.every(LOOK_EVERY_MS, () => {
    if (stampOf(files) !== known) reload();
  });
  return { reload, stop };
}

/** Changes when one of the files is another one, also behind a link. */
function stampOf(files: TlsFiles): string {
  return [files.cert, files.key]
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat ? `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeMs}` : 'none';
    })
    .join();
}

/*
 * How many sockets unauthenticated clients may hold. Sockets of this machine are not counted: the owner's own hooks
 * and clients, or a proxy behind which every address looks alike. The total is `server.maxConnections`.
 */

type Peer = Pick<Socket, 'remoteAddress' | 'once' | 'destroy'>;

/** Counts who is inside. */
export interface Caps {
  /**
   * Counts a new socket until it closes; destroys it when its address has too many. When too many have
   * not got past the gate, the one waiting longest goes, as it is the least likely to be a client.
   *
   * @returns false when it was destroyed
   */
  opened(socket: Peer): boolean;
  /** The gate has let in a request on this socket. */
  admitted(socket: Peer): void;
}

/** Begins to count. */
export function createCaps(deps: {
  maxPerAddress: number;
  maxUnauthenticated: number;
  /** Behind which many may be: its sockets are not counted. */
  isProxy?: (address: string) => boolean;
}): Caps {
  const perAddress = new Map<string, number>();
  const unauthenticated = new Set<Peer>();

  function closed(socket: Peer, address: string): void {
    unauthenticated.delete(socket);
    const left = (perAddress.get(address) ?? 1) - 1;
    if (left > 0) perAddress.set(address, left);
    else perAddress.delete(address);
  }

  return {
    opened(socket) {
      // Unknown means it is gone already.
      const address = plainAddress(socket.remoteAddress ?? '');
      if (address === '' || isLoopbackAddress(address) || deps.isProxy?.(address)) return true;
      const count = (perAddress.get(address) ?? 0) + 1;
      if (count > deps.maxPerAddress) {
        socket.destroy();
        return false;
      }
      perAddress.set(address, count);
      unauthenticated.add(socket);
      socket.once('close', () => closed(socket, address));
      if (unauthenticated.size > deps.maxUnauthenticated) {
        const [oldest] = unauthenticated;
        oldest?.destroy();
        if (oldest) unauthenticated.delete(oldest);
      }
      return true;
    },
    admitted: (socket) => void unauthenticated.delete(socket),
  };
}
