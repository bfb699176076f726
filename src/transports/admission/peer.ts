/**
 * Who is at the other end of a connection: whether it is a process of the user who runs this server, and
 * whether it is a proxy, behind which any caller may be. Linux writes the owner of every TCP socket into
 * `/proc/net/tcp`; a unix socket is protected by the permissions of its file. Where the system does not tell
 * (macOS), a loopback peer counts as the same user.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';
import type { BindAddress } from '../../address.ts';
import { systemCodeOf } from '../../exit.ts';

/** The two ends of a connection as Node names them; undefined once it is gone. */
export interface Ends {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

/** Connections of one server and whose they are. */
export interface Peers {
  /** From now on the socket counts as one that came through our unix socket. */
  cameThroughUnixSocket(socket: object): void;
  isUnixSocket(socket: object): boolean;
  /**
   * Whether a process of our own user holds the other end. The system is asked once per connection, at the
   * first question. A connection whose other end cannot be found counts as another user's.
   *
   * @param socket a loopback TCP connection, or one that came through the unix socket
   */
  isSameUser(socket: Ends): boolean;
}

/**
 * Remembers connections for as long as they live.
 *
 * @param uidOf the user that holds the other end of a TCP connection; null when it is unknown
 */
export function createPeers(uidOf: (ends: Ends) => number | null = uidOfPeer): Peers {
  const throughUnixSocket = new WeakSet<object>();
  const answers = new WeakMap<object, boolean>();
  return {
    cameThroughUnixSocket: (socket) => void throughUnixSocket.add(socket),
    isUnixSocket: (socket) => throughUnixSocket.has(socket),
    isSameUser(socket) {
      if (throughUnixSocket.has(socket) || process.platform !== 'linux') return true;
      let answer = answers.get(socket);
      if (answer === undefined) {
        answer = uidOf(socket) === process.geteuid?.();
        answers.set(socket, answer);
      }
      return answer;
    },
  };
}

/** Fields that proxies, tunnels and content networks add: the caller is a client behind them. */
const PROXY_FIELDS = new RegExp(
  `^(?:${[
    'forwarded.*',
    'x-(?:forwarded|original|real|client|cluster|remote|proxy|proxyuser|envoy|varnish|amz|amzn|azure)(?:-.*)?',
    'x-(?:rewrite-url|originating-ip|scheme|host|via|arr-.*|appengine-.*|vercel-.*|akamai-.*|bluecoat-via)',
    '(?:x-)?(?:ssl|cf|cdn|fastly|fly|akamai|tailscale|ngrok|proxy|wl-proxy)-.*',
    '(?:true-)?client-ip',
    '(?:remote|source)-(?:addr|ip|host|port|user)',
    'via|surrogate-capability|max-forwards',
  ].join('|')})$`,
);

/**
 * Whether a request has passed through a proxy, by what proxies leave behind. A proxy on this machine makes
 * strangers look as if they were here. Besides the fields: the version that nginx speaks unless told
 * otherwise, and a `Connection: upgrade` as nginx's manual has it written, which clients write `Upgrade`;
 * nginx adds it to every request of the place, also to those that upgrade nothing.
 */
export function comesFromProxy(request: {
  readonly httpVersion: string;
  readonly rawHeaders: readonly string[];
}): boolean {
  if (request.httpVersion !== '1.1') return true;
  let wantsUpgrade = false;
  let hasUpgrade = false;
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    const name = request.rawHeaders[at] ?? '';
    const value = request.rawHeaders[at + 1] ?? '';
    // Some proxies pass `X_Forwarded_For` on as it is, which servers often read as the same.
    const field = name.toLowerCase().replaceAll('_', '-');
    if (PROXY_FIELDS.test(field)) return true;
    if (name === 'Connection' && value === 'upgrade') return true;
    if (field === 'connection' && /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(value)) wantsUpgrade = true;
    if (field === 'upgrade') hasUpgrade = true;
  }
  return wantsUpgrade && !hasUpgrade;
}

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const;
/** The tables change while they are read, and a row can be passed over; it is there the second time. */
const ATTEMPTS = 2;

/**
 * The user that holds the other end of a TCP connection between two processes of this machine.
 *
 * @returns null when no process holds it (any more) or the system does not tell
 */
export function uidOfPeer(ends: Ends): number | null {
  const { remoteAddress, remotePort, localAddress, localPort } = ends;
  if (remoteAddress === undefined || remotePort === undefined) return null;
  if (localAddress === undefined || localPort === undefined) return null;
  // The row of the other end: what is remote here is local there.
  const there = { address: remoteAddress, port: remotePort };
  const here = { address: localAddress, port: localPort };
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    for (const table of TABLES) {
      const isV6 = table.endsWith('6');
      const [from, to] = [endpoint(there, isV6), endpoint(here, isV6)];
      const row = from === null || to === null ? null : findRow(table, ` ${from} ${to} `);
      if (row !== null) return holderOf(row);
    }
  }
  return null;
}

/**
 * A connection that its process has closed already, and one in TIME_WAIT, are listed as root's with
 * inode 0: then no process holds it.
 */
function holderOf(row: string): number | null {
  // local remote state queues timer retransmits uid timeout inode
  const [, , state = '', , , , uid = '', , inode = ''] = row.trim().split(/ +/);
  if (!CONNECTED.has(state) || !/^[1-9]\d*$/.test(inode) || !/^\d+$/.test(uid)) return null;
  return Number(uid);
}

/** ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK, CLOSING: not one that only tries to connect. */
const CONNECTED: ReadonlySet<string> = new Set(['01', '04', '05', '08', '09', '0B']);

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 10;

/** The line that holds `ends`, from there to its end. Reads no further than to the line, in one buffer. */
function findRow(table: string, ends: string): string | null {
  let file: number;
  try {
    file = openSync(table, 'r');
  } catch (error) {
    // No /proc, or no IPv6: then this table is empty.
    if (systemCodeOf(error) !== null) return null;
    throw error;
  }
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    let kept = 0;
    for (;;) {
      const length = kept + readSync(file, buffer, kept, CHUNK_BYTES - kept, null);
      if (length === kept) return null;
      const text = buffer.subarray(0, length);
      const complete = text.lastIndexOf(NEWLINE) + 1;
      const at = text.subarray(0, complete).indexOf(ends, 0, 'latin1');
      if (at !== -1) return text.toString('latin1', at, text.indexOf(NEWLINE, at));
      buffer.copyWithin(0, complete, length);
      kept = length - complete;
    }
  } finally {
    closeSync(file);
  }
}

/** As the kernel writes it: 32-bit words of the address in the machine's own byte order, and the port. */
function endpoint({ address, port }: { address: string; port: number }, isV6: boolean) {
  const bytes = bytesOf(plainAddress(address), isV6);
  if (bytes === null) return null;
  if (endianness() === 'LE') bytes.swap32();
  const hex = bytes.toString('hex').toUpperCase();
  return `${hex}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

const MAPPED_V4 = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** The address in network byte order; an IPv4 one stands in the IPv6 table as `::ffff:a.b.c.d`. */
function bytesOf(address: string, isV6: boolean): Buffer | null {
  const v4 = /^\d+(\.\d+){3}$/.test(address) ? address.split('.').map(Number) : null;
  if (v4 !== null) return Buffer.from(isV6 ? [...MAPPED_V4, ...v4] : v4);
  // Of IPv6 only loopback is ever asked for: nothing else is local.
  return isV6 && address === '::1' ? Buffer.from([...Array<number>(15).fill(0), 1]) : null;
}

/*
 * Which names are ours: the rules for `Host` and `Origin`. They keep out web pages, which can make a
 * browser send anything to 127.0.0.1 but cannot choose these two headers. Everything is compared as
 * text: a parser that knows `127.1` and `2130706433` to be 127.0.0.1 would let them in again.
 */

/** How a Host header names us; only `loopback` can be part of local trust. */
type HostKind = 'loopback' | 'address' | 'allowed';

/** Our end of a connection. */
export interface LocalEnd {
  readonly address: string;
  /** Null for a unix socket, which has none: a loopback name is right with any port. */
  readonly port: number | null;
}

/** The name by which a client reached us. */
export interface NamedHost {
  readonly host: string;
  readonly kind: HostKind;
  /** What the client speaks with a trusted proxy; null where no proxy says so. */
  readonly scheme: 'http' | 'https' | null;
}

/** A request target taken apart without interpreting it. */
export interface Target {
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** Host and port of an absolute-form target; must pass the same rule as the Host header. */
  readonly authority: string | null;
  /** It was the base path itself: relative addresses need the slash at its end that is missing. */
  readonly isBareBase: boolean;
}

/** The names this server goes by. */
export interface Names {
  /** @returns null for a name that is not ours */
  kindOfHost(host: string, local: LocalEnd): HostKind | null;
  /** @param named a Host that has passed */
  isOwnOrigin(origin: string, named: NamedHost, local: LocalEnd): boolean;
  /** Whether `--allow-origin` names it. */
  isAllowedOrigin(origin: string): boolean;
}

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'];

/**
 * @param basePath  is taken off the path where it stands before it; a proxy may have taken it off, and hooks have none
 * @returns null for forms that only proxies get, such as `host:port`
 */
export function splitTarget(url: string, basePath = ''): Target | null {
  const parts = /^(?:https?:\/\/([^/?#]*))?(\/[^?#]*|\*|)(?:\?([^#]*))?(?:#.*)?$/i.exec(url);
  if (!parts) return null;
  const [, authority, path = '', query = ''] = parts;
  if (authority === undefined && path === '') return null;
  const isBareBase = basePath !== '' && path === basePath;
  const isBelow = basePath !== '' && path.startsWith(`${basePath}/`);
  const own = isBareBase ? '/' : isBelow ? path.slice(basePath.length) : path || '/';
  return { path: own, query, authority: authority ?? null, isBareBase };
}

/** Whether an address as Node reports it is of 127.0.0.0/8 or ::1, also when mapped into IPv6. */
export function isLoopbackAddress(address: string): boolean {
  const plain = plainAddress(address);
  return plain === '::1' || /^127(\.\d{1,3}){3}$/.test(plain);
}

/** An IPv4 address that a dual-stack socket reports as `::ffff:a.b.c.d`, in its own form. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** The rules for one server; a Host is compared with the end of the very connection it came on. */
export function createNames(deps: {
  bind: BindAddress;
  allowHosts: readonly string[];
  allowOrigins: readonly string[];
  /** Whether the port is encrypted; the unix socket never is. */
  tls?: object | null;
}): Names {
  const [scheme, defaultPort] = deps.tls ? ['https', '443'] : ['http', '80'];
  const allowedHosts = new Set(deps.allowHosts.map((host) => host.toLowerCase()));
  const allowedOrigins = new Set(deps.allowOrigins);

  function kindOfHost(host: string, local: LocalEnd): HostKind | null {
    const [, name = '', port = defaultPort] =
      /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(host.toLowerCase()) ?? [];
    if (name === '') return null;
    // The port behind a proxy is the proxy's; the name is what rebinding would have to forge.
    if (allowedHosts.has(name)) return 'allowed';
    if (local.port === null) return LOOPBACK_NAMES.includes(name) ? 'loopback' : null;
    if (port !== String(local.port)) return null;
    if (LOOPBACK_NAMES.includes(name)) return 'loopback';
    if (name !== addressName(local)) return null;
    return deps.bind.isLoopback ? 'loopback' : 'address';
  }

  function isOwnOrigin(origin: string, named: NamedHost, local: LocalEnd): boolean {
    const { host, kind } = named;
    const name = host.toLowerCase();
    if (kind === 'allowed') {
      const schemes = named.scheme === null ? ['https', 'http'] : [named.scheme];
      return schemes.some((one) => origin === `${one}://${name}`);
    }
    // No browser reaches a unix socket.
    if (local.port === null) return false;
    // On a wide bind, the visitor's own localhost is another machine's server, hence the kind.
    const names = kind === 'loopback' ? LOOPBACK_NAMES : [];
    const port = String(local.port) === defaultPort ? '' : `:${local.port}`;
    return [...names, addressName(local)].some((own) => origin === `${scheme}://${own}${port}`);
  }

  return { kindOfHost, isOwnOrigin, isAllowedOrigin: (origin) => allowedOrigins.has(origin) };
}

function addressName({ address }: LocalEnd): string {
  const plain = plainAddress(address);
  return plain.includes(':') ? `[${plain}]` : plain;
}
