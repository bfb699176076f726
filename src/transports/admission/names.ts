/**
 * Which names are ours: the rules for `Host` and `Origin`. They keep out web pages, which can make a
 * browser send anything to 127.0.0.1 but cannot choose these two headers. Everything is compared as
 * text: a parser that knows `127.1` and `2130706433` to be 127.0.0.1 would open the door again.
 */
import type { BindAddress } from '../../address.ts';

/** How a Host header names us; only `loopback` can be part of local trust. */
export type HostKind = 'loopback' | 'address' | 'allowed';

/** Our end of a connection. */
export interface LocalEnd {
  readonly address: string;
  /** Null for a unix socket, which has none: a loopback name is right with any port. */
  readonly port: number | null;
}

/** A request target taken apart without interpreting it. */
export interface Target {
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** Host and port of an absolute-form target; must pass the same rule as the Host header. */
  readonly authority: string | null;
}

/** The names this server goes by. */
export interface Names {
  /** @returns null for a name that is not ours */
  kindOfHost(host: string, local: LocalEnd): HostKind | null;
  /** @param host a Host that has passed, of this `kind` */
  isOwnOrigin(origin: string, host: string, kind: HostKind, local: LocalEnd): boolean;
  /** Whether `--allow-origin` names it. */
  isAllowedOrigin(origin: string): boolean;
}

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'];

/** @returns null for forms that only proxies get, such as `host:port` */
export function splitTarget(url: string): Target | null {
  const parts = /^(?:https?:\/\/([^/?#]*))?(\/[^?#]*|\*|)(?:\?([^#]*))?(?:#.*)?$/i.exec(url);
  if (!parts) return null;
  const [, authority, path = '', query = ''] = parts;
  if (authority === undefined && path === '') return null;
  return { path: path || '/', query, authority: authority ?? null };
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
}): Names {
  const allowedHosts = new Set(deps.allowHosts.map((host) => host.toLowerCase()));
  const allowedOrigins = new Set(deps.allowOrigins);

  function kindOfHost(host: string, local: LocalEnd): HostKind | null {
    const [, name = '', port = '80'] =
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

  function isOwnOrigin(origin: string, host: string, kind: HostKind, local: LocalEnd): boolean {
    const name = host.toLowerCase();
    if (kind === 'allowed') return origin === `https://${name}` || origin === `http://${name}`;
    // No browser reaches a unix socket.
    if (local.port === null) return false;
    // On a wide bind, the visitor's own localhost is another machine's server, hence the kind.
    const names = kind === 'loopback' ? LOOPBACK_NAMES : [];
    const port = local.port === 80 ? '' : `:${local.port}`;
    return [...names, addressName(local)].some((own) => origin === `http://${own}${port}`);
  }

  return { kindOfHost, isOwnOrigin, isAllowedOrigin: (origin) => allowedOrigins.has(origin) };
}

function addressName({ address }: LocalEnd): string {
  const plain = plainAddress(address);
  return plain.includes(':') ? `[${plain}]` : plain;
}
