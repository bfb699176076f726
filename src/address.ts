/**
 * Addresses as people type them, turned into what can be compared exactly: the bind address, the origins
 * and host names that are let in besides our own. Whatever could be read in two ways is refused.
 */
import { isIP } from 'node:net';
import { EXIT, ExitError } from './exit.ts';

/** Where the server listens. */
export interface BindAddress {
  readonly host: string;
  readonly port: number;
  /** True for 127.0.0.0/8 and ::1 only. */
  readonly isLoopback: boolean;
}

/**
 * Reads `IP:port`, `[IPv6]:port` or `localhost:port`. Host names are refused: what they resolve to
 * could change between this check and the bind. `0`, `0x7f.1` and the like are not IPs to `net.isIP`.
 *
 * @throws ExitError 64
 */
export function parseBind(text: string): BindAddress {
  const [, v6, name, digits] = /^(?:\[([^\]%]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = v6 ?? (name === 'localhost' ? '127.0.0.1' : name) ?? '';
  const port = Number(digits);
  if (isIP(host) !== (v6 === undefined ? 4 : 6) || !(port <= 65_535)) {
    throw new ExitError(
      EXIT.usage,
      `Cannot bind ${JSON.stringify(text)}: give IP:port, [IPv6]:port or localhost:port`,
    );
  }
  const canonical = v6 === undefined ? host : new URL(`http://[${v6}]`).hostname.slice(1, -1);
  return { host: canonical, port, isLoopback: canonical === '::1' || canonical.startsWith('127.') };
}

/** Writes an address the way URLs and people want it: `127.0.0.1:4000`, `[::1]:4000`. */
export function formatAddress({ host, port }: { host: string; port: number }): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Reads the value of `--allow-origin`: scheme, host and perhaps port, nothing else, no wildcard.
 *
 * @throws ExitError 64
 */
export function parseOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.origin === text.toLowerCase() &&
    !text.includes('*')
  ) {
    return url.origin;
  }
  throw new ExitError(
    EXIT.usage,
    `--allow-origin ${JSON.stringify(text)} is not an origin such as https://dock.example`,
  );
}

/** A range of addresses. */
export interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

/**
 * Reads the value of `--trusted-proxy`: an address, or a range of them such as `10.0.0.0/8`. A range of all addresses is refused.
 *
 * @throws ExitError 64
 */
export function parseNetwork(text: string): Network {
  const [, given = '', digits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = /^\[(.*)\]$/.exec(given)?.[1] ?? given;
  const version = isIP(address);
  const most = version === 6 ? 128 : 32;
  const prefix = digits === undefined ? most : Number(digits);
  if (version !== 0 && !address.includes('%') && prefix >= 1 && prefix <= most) {
    return { address, prefix, family: version === 6 ? 'ipv6' : 'ipv4' };
  }
  throw new ExitError(
    EXIT.usage,
    `--trusted-proxy ${JSON.stringify(text)} is not an address such as 10.0.0.5, or a range such as 10.0.0.0/8`,
  );
}

/** First parts of paths that are ours already. */
const OWN_FOLDERS: ReadonlySet<string> = new Set([
  ...['api', 'health', 'images', 'inbox', 'inspect', 'metrics', 'ready', 's', 'socket.io', 'v1'],
  ...['visualizer', 'ws'],
]);

/**
 * Reads the value of `--base-path`: `/dock` or `/tools/dock`, with or without a slash at its end; `/` is none.
 *
 * @returns without a slash at its end; '' for none
 * @throws ExitError 64
 */
export function parseBasePath(text: string): string {
  const path = text.replace(/\/$/, '');
  if (path === '') return '';
  const parts = path.split('/').slice(1);
  const isPlain =
    /^(?:\/[\w.~-]{1,64}){1,8}$/.test(path) && !parts.some((part) => /^\.+$/.test(part));
  if (isPlain && !OWN_FOLDERS.has(parts[0] ?? '')) return path;
  throw new ExitError(
    EXIT.usage,
    `--base-path ${JSON.stringify(text)} is not a path such as /dock, of letters, digits and . _ ~ -, that is not one of the server's own`,
  );
}

/**
 * Reads the value of `--allow-host`: a host name without a port.
 *
 * @throws ExitError 64
 */
export function parseHost(text: string): string {
  const host = text.toLowerCase();
  if (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(host) || /^\[[0-9a-f:.]+\]$/.test(host)) return host;
  throw new ExitError(
    EXIT.usage,
    `--allow-host ${JSON.stringify(text)} is not a host name; give it without scheme and port`,
  );
}

/** What has arrived of a request: with it `doctor` says what a proxy in front does not pass on. */
export interface SeenRequest {
  /** Whom the server takes for the caller. */
  address: string;
  /** The Host that the client sent, as far as it arrived. */
  host: string;
  /** The scheme between the client and a trusted proxy; null where no proxy says so. */
  scheme: 'http' | 'https' | null;
  /** It came from an address of `--trusted-proxy`. */
  is_trusted: boolean;
  /** Those of `X-Forwarded-For`, `-Host`, `-Proto` that are there, in small letters. */
  fields: string[];
}

/**
 * The addresses by which clients reach a server under the names of `--allow-host`: a certificate of our own stands for
 * the port itself; without one a proxy that ends TLS is expected there.
 */
export function frontsOf(
  { allowHosts, basePath, tls }: { allowHosts: readonly string[]; basePath: string; tls: unknown },
  port: number,
): string[] {
  const end = tls === null ? basePath : `:${port}${basePath}`;
  return allowHosts.map((host) => `https://${host}${end}`);
}
