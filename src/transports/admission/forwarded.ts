/**
 * Who is behind a proxy that the owner trusts (`--trusted-proxy`): its client's address, and the name and the scheme that
 * the client used, out of `X-Forwarded-For`, `-Host` and `-Proto`. From anybody else these fields are believed for
 * nothing; that they are there still shows that somebody else stands behind (peer.ts). What comes from a trusted
 * proxy is never local, with or without them.
 */
import { BlockList, isIP } from 'node:net';
import { type Network, parseNetwork } from '../../address.ts';
import { plainAddress } from './peer.ts';

/** What a trusted proxy says of the request that it passes on. */
export interface Forwarded {
  /** Of the client: the last hop that is no trusted proxy. The proxy's own where it names nobody. */
  readonly address: string;
  /** The Host that the client sent; null where the proxy says nothing. */
  readonly host: string | null;
  /** What the client speaks with the proxy; null where the proxy says nothing of use. */
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

  /** Each proxy appends who has asked it: what stands left of the first stranger, he may have written himself. */
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
