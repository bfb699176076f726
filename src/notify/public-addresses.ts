/**
 * Where pushes may go. Their addresses come from clients: without this, one of them could have the server send requests
 * to this machine or into its network. Names are judged by what they resolve to at the moment of the connection.
 */
import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { Agent } from 'node:https';
import { BlockList, isIP } from 'node:net';

/** Addresses that are not of the public network, by their registries. */
const PRIVATE = new BlockList();
for (const range of [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16'],
  ...['172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16'],
  ...['198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
]) {
  const [address = '', prefix] = range.split('/');
  PRIVATE.addSubnet(address, Number(prefix), 'ipv4');
}

/** Of the public network in version 6, and not one that carries an address of version 4. */
const PUBLIC_V6 = new BlockList();
PUBLIC_V6.addSubnet('2000::', 3, 'ipv6');
const CARRIERS_V6 = new BlockList();
for (const [address, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  CARRIERS_V6.addSubnet(address, prefix, 'ipv6');
}

/** How a network that has only version 6 writes an address of version 4. */
const TRANSLATED = /^\[64:ff9b::(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,4})\]$/;

function dotted(high: string, low: string): string {
  const bytes = [high, low].flatMap((part) => [
    Number.parseInt(part, 16) >> 8,
    Number.parseInt(part, 16) & 255,
  ]);
  return bytes.join('.');
}

/** Whether an address is public. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !PRIVATE.check(address, 'ipv4');
  if (version !== 6 || address.includes('%')) return false;
  const [, high, low] = TRANSLATED.exec(new URL(`http://[${address}]`).hostname) ?? [];
  if (low !== undefined) return isPublicAddress(dotted(high ?? '0', low));
  return PUBLIC_V6.check(address, 'ipv6') && !CARRIERS_V6.check(address, 'ipv6');
}

/**
 * Why a push service cannot be at this address, as far as the address itself says it; null where it can.
 *
 * @param url  https
 */
export function refusalOfEndpoint({ hostname }: URL): string | null {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (isIP(host) !== 0) return isPublicAddress(host) ? null : `${host} is a private address`;
  const isLocal = !host.includes('.') || /\.(localhost|local|internal|home|lan|arpa)$/.test(host);
  return isLocal ? `${host} is a name of a private network` : null;
}

type Answer = (
  error: NodeJS.ErrnoException | null,
  address?: string | LookupAddress[],
  family?: number,
) => void;

/** Looks a name up, and refuses it when one of its addresses is private. */
function lookUpPublic(name: string, options: LookupOptions, answer: Answer): void {
  lookup(name, { ...options, all: true }, (error, addresses) => {
    if (error) return answer(error);
    const wrong = addresses.find(({ address }) => !isPublicAddress(address));
    if (wrong) return answer(new Error(`${name} is at the private address ${wrong.address}`));
    if (options.all) return answer(null, addresses);
    const [first] = addresses;
    answer(null, first?.address, first?.family);
  });
}

/** Reaches public addresses only; an address in numbers is judged before. */
export function publicAgent(): Agent {
  return new Agent({ lookup: lookUpPublic as never });
}
