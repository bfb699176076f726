/**
 * How much one caller may do: wrong tokens, connections, messages. Slows down guessing: who presents wrong tokens is
 * told to wait, longer each time. It only ever changes the answer to a wrong token; a valid one is admitted before
 * this is asked, so that no flood can lock
 * out the owner.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../ports.ts';
import { isLoopbackAddress, plainAddress } from './peer.ts';

/** Wrong tokens that are free within a minute. */
const FREE_FAILURES = 10;
const WINDOW_MS = 60_000;
const FIRST_WAIT_MS = 60_000;
const LONGEST_WAIT_MS = 15 * 60_000;
/** Addresses remembered; the one that failed longest ago is forgotten first. */
const MAX_ADDRESSES = 10_000;

interface Failures {
  windowStart: number;
  failures: number;
  waitMs: number;
  blockedUntil: number;
}

/** Slows those down who guess tokens. */
export interface Throttle {
  /**
   * Notes a wrong token.
   *
   * @returns seconds to wait when there were too many, else 0
   */
  failed(address: string): number;
}

/** A table of at most `maxAddresses` addresses; IPv6 counts by /64, which is what one person gets. */
export function createThrottle(deps: { clock: Clock; maxAddresses?: number }): Throttle {
  const { clock, maxAddresses = MAX_ADDRESSES } = deps;
  const records = new Map<string, Failures>();

  function recordOf(address: string, now: number): Failures {
    const key = networkOf(address);
    let record = records.get(key);
    records.delete(key);
    if (!record || now > Math.max(record.blockedUntil, record.windowStart) + LONGEST_WAIT_MS) {
      record = { windowStart: now, failures: 0, waitMs: FIRST_WAIT_MS, blockedUntil: 0 };
    }
    // Set again after the delete, so that the map's order is that of the last failure.
    records.set(key, record);
    if (records.size > maxAddresses) {
      const [oldest] = records.keys();
      if (oldest !== undefined) records.delete(oldest);
    }
    return record;
  }

  return {
    failed(address) {
      const now = clock.now();
      const record = recordOf(address, now);
      if (now < record.blockedUntil) return Math.ceil((record.blockedUntil - now) / 1000);
      if (now - record.windowStart >= WINDOW_MS) {
        record.windowStart = now;
        record.failures = 0;
      }
      record.failures++;
      if (record.failures <= FREE_FAILURES) return 0;
      record.blockedUntil = now + record.waitMs;
      record.waitMs = Math.min(record.waitMs * 2, LONGEST_WAIT_MS);
      return Math.ceil((record.blockedUntil - now) / 1000);
    },
  };
}

/** The address itself, or the first four groups of an IPv6 one. */
function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail = ''] = (address.split('%')[0] ?? '').split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::') ? Math.max(0, 8 - front.length - back.length) : 0;
  return [...front, ...Array<string>(zeros).fill('0'), ...back].slice(0, 4).join(':');
}

/*
 * How many sockets strangers may hold. Sockets of this machine are not counted: the owner's own hooks
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

/**
 * A token bucket.
 *
 * @param deps.perSecond tokens that come back each second, up to `burst`
 * @returns takes a token; false when there is none
 */
export function createBucket(deps: {
  perSecond: number;
  burst: number;
  clock: Clock;
}): () => boolean {
  let tokens = deps.burst;
  let filledAt = deps.clock.now();
  return () => {
    const now = deps.clock.now();
    tokens = Math.min(deps.burst, tokens + ((now - filledAt) / 1000) * deps.perSecond);
    filledAt = now;
    if (tokens < 1) return false;
    tokens--;
    return true;
  };
}
