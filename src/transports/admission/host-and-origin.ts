/**
 * Which names are ours: the rules for `Host` and `Origin`. They keep out web pages, which can make a browser send
 * anything to 127.0.0.1 but cannot choose these two headers. Everything is compared as text: a parser that knows
 * `127.1` and `2130706433` to be 127.0.0.1 would let them in again.
 */
import type { BindAddress } from '../../address.ts';
import { OrbitError } from '../../errors.ts';
import { type Forwarded, plainAddress } from './peer.ts';

/** The header fields of a request by their names in lower case. */
type Fields = ReadonlyMap<string, readonly string[]>;

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
  /** The scheme between the client and a trusted proxy; null where no proxy says so. */
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
 * @param basePath  is taken off the path where it is before it; a proxy may have taken it off, and hooks have none
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

/**
 * The Host rule: one for the header, for the authority of an absolute-form target and for the Host that a trusted proxy
 * received. The last one is what the client calls us; it has to be one of `--allow-host`.
 */
export function judgeHost(given: {
  headers: Fields;
  target: Target;
  names: Names;
  local: LocalEnd;
  forwarded: Forwarded | null;
}): NamedHost | OrbitError {
  const { target, names, local } = given;
  const [host, ...more] = given.headers.get('host') ?? [];
  if (host === undefined || more.length > 0) return noTarget();
  const kind = names.kindOfHost(host, local);
  const isConsistent =
    target.authority === null || names.kindOfHost(target.authority, local) === kind;
  const scheme = given.forwarded?.scheme ?? null;
  const received = given.forwarded?.host ?? null;
  const isKnown = received === null || names.kindOfHost(received, local) === 'allowed';
  if (kind === null || !isConsistent || !isKnown) {
    const reason = 'This Host is not one of ours; --allow-host adds a name';
    return new OrbitError('forbidden', { reason });
  }
  return received === null ? { host, kind, scheme } : { host: received, kind: 'allowed', scheme };
}

/** The Origin rule; `corsOrigin` is one that `--allow-origin` names. */
export function judgeOrigin(given: {
  headers: Fields;
  names: Names;
  named: NamedHost;
  local: LocalEnd;
}): {
  error: OrbitError | null;
  corsOrigin: string | null;
} {
  const { headers, names, named, local } = given;
  const origins = headers.get('origin') ?? [];
  const [origin] = origins;
  if (origins.length === 1 && origin !== undefined && names.isAllowedOrigin(origin)) {
    // Such a page is cross-site by nature, so Sec-Fetch-Site has nothing to add.
    return { error: null, corsOrigin: origin };
  }
  const isOwn =
    origins.length === 0 || (origins.length === 1 && names.isOwnOrigin(origin ?? '', named, local));
  const sites = headers.get('sec-fetch-site') ?? [];
  if (isOwn && sites.every((site) => site === 'same-origin' || site === 'none')) {
    return { error: null, corsOrigin: null };
  }
  const reason = 'This Origin is not ours; --allow-origin adds one';
  return { error: new OrbitError('forbidden', { reason }), corsOrigin: null };
}

/** What is said of a request without a target or Host that could be ours. */
export function noTarget(): OrbitError {
  const reason = 'A request needs a target of ours and exactly one Host header';
  return new OrbitError('bad_request', { reason });
}
