/**
 * Who is at the other end of a connection: whether it is a process of the user who runs this server, whether it
 * is a proxy, behind which any caller may be, and for which client a trusted proxy forwards. Linux writes the owner of every TCP socket into
 * `/proc/net/tcp`; a unix socket is protected by the permissions of its file. Where the system does not say
 * (macOS), a loopback peer counts as the same user.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { endianness } from 'node:os';
import { type Network, parseNetwork } from '../../address.ts';
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
    '(?:.*-)?forward(?:ed)?-(?:for|host|proto|port|prefix|user)',
    'x-(?:forwarded|original|real|client|cluster|remote|proxy|proxyuser|envoy|varnish|amz|amzn|azure)(?:-.*)?',
    'x-(?:rewrite-url|originating-ip|scheme|host|via|arr-.*|appengine-.*|vercel-.*|akamai-.*|bluecoat-via)',
    'x-(?:goog-iap|goog-authenticated|ms-client|ms-token|webauth|auth-request|authentik|authenticated|pomerium|tunnel|nginx|ts)-.*',
    'x-(?:coming-from|http-host-override)|front-end-https',
    '(?:x-)?(?:ssl|cf|cdn|fastly|fly|akamai|tailscale|ngrok|proxy|wl-proxy)-.*',
    '(?:true-)?client-ip',
    '(?:remote|source)-(?:addr|ip|host|port|user)',
    'via|surrogate-capability|max-forwards',
  ].join('|')})$`,
);

/**
 * Whether a request has passed through a proxy, by what proxies leave behind. A proxy on this machine makes
 * requests from elsewhere look local. Besides the fields: the version that nginx uses unless configured
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
 * @returns null when no process holds it (any more) or the system does not say
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

/** The address in network byte order; an IPv4 one is in the IPv6 table as `::ffff:a.b.c.d`. */
function bytesOf(address: string, isV6: boolean): Buffer | null {
  const v4 = /^\d+(\.\d+){3}$/.test(address) ? address.split('.').map(Number) : null;
  if (v4 !== null) return Buffer.from(isV6 ? [...MAPPED_V4, ...v4] : v4);
  // Of IPv6 only loopback is ever asked for: nothing else is local.
  return isV6 && address === '::1' ? Buffer.from([...Array<number>(15).fill(0), 1]) : null;
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

/*
 * Who is behind a proxy that the owner trusts (`--trusted-proxy`): its client's address, and the name and the scheme
 * that the client used, out of `X-Forwarded-For`, `-Host` and `-Proto`. From every other peer these fields are believed
 * for nothing; that they are there still shows a proxy. What comes from a trusted proxy is never local, with or without
 * them.
 */

/** What a trusted proxy says of the request that it passes on. */
export interface Forwarded {
  /** Of the client: the last hop that is no trusted proxy. The proxy's own where it names no client. */
  readonly address: string;
  /** The Host that the client sent; null where the proxy says nothing. */
  readonly host: string | null;
  /** The scheme between the client and the proxy; null where the proxy says nothing of use. */
  readonly scheme: 'http' | 'https' | null;
}

/** The proxies that are trusted. */
export interface TrustedProxies {
  /** Whether an address is one of theirs. */
  holds(address: string): boolean;
  /** @returns null when the peer is no trusted proxy */
  read(peer: string | undefined, headers: ReadonlyMap<string, readonly string[]>): Forwarded | null;
}

/** @param networks  as `parseNetwork` writes them */
export function createTrustedProxies(networks: readonly string[]): TrustedProxies {
  const list = new BlockList();
  for (const text of networks) {
    const { address, prefix, family }: Network = parseNetwork(text);
    list.addSubnet(address, prefix, family);
  }

  function holds(address: string): boolean {
    const plain = withoutZone(plainAddress(address));
    const version = isIP(plain);
    return version !== 0 && list.check(plain, version === 6 ? 'ipv6' : 'ipv4');
  }

  /** Each proxy appends who has asked it: what is left of the first address that is not trusted, he may have written himself. */
  function clientOf(hops: readonly string[], proxy: string): string {
    let last = proxy;
    for (const hop of hops.toReversed()) {
      const address = addressOfHop(hop);
      if (address === null) return last;
      last = address;
      if (!holds(address)) return last;
    }
    return last;
  }

  return {
    holds,
    read(peer, headers) {
      if (networks.length === 0 || peer === undefined || !holds(peer)) return null;
      const items = (name: string): string[] =>
        (headers.get(name) ?? []).flatMap((value) => value.split(',')).map((item) => item.trim());
      const scheme = items('x-forwarded-proto').at(-1)?.toLowerCase();
      return {
        address: clientOf(items('x-forwarded-for'), plainAddress(peer)),
        host: items('x-forwarded-host').at(-1) ?? null,
        scheme: scheme === 'https' || scheme === 'http' ? scheme : null,
      };
    },
  };
}

/** `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1`, `[2001:db8::1]:5678`; null for everything else. */
function addressOfHop(hop: string): string | null {
  const [, v6, v4] = /^(?:\[([^\]]+)\](?::\d{1,5})?|([\d.]+):\d{1,5})$/.exec(hop) ?? [];
  const address = plainAddress(withoutZone(v6 ?? v4 ?? hop));
  return isIP(address) === 0 ? null : address.toLowerCase();
}

/** The interface behind `%` says nothing of who it is. */
function withoutZone(address: string): string {
  return address.split('%', 1)[0] ?? '';
}
