/**
 * The credential of a request: where it may stand, how it is compared, and how wrong ones are slowed down. Presence
 * is not validity; a credential that is there is judged, wherever it comes from. Nothing in here is ever logged.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Caller } from '../../runtime/rooms/rooms.ts';
import {
  type HookClaim,
  proofOfAnswer,
  proofOfRequest,
  proofOfText,
  readHookSecret,
} from '../../secrets.ts';
import type { Clock } from '../dependencies.ts';

/** What a request brought; `unreadable` is a scheme we do not know and counts as wrong. */
export type Credential =
  | { kind: 'none' }
  | { kind: 'token'; token: string }
  | { kind: 'hook-proof'; proof: string }
  | { kind: 'unreadable' }
  | { kind: 'contradictory'; reason: string };

/** The one comparison with the configured secret, in constant time over SHA-256 digests. */
export type TokenCheck = (token: string) => boolean;

/**
 * @param secret the configured token; with null nothing is valid
 * @throws Error when the secret is empty, which would admit every caller
 */
export function createTokenCheck(secret: string | null): TokenCheck {
  if (secret === '') throw new Error('An empty token is not a token');
  if (secret === null) return () => false;
  const expected = digest(secret);
  return (token) => timingSafeEqual(digest(token), expected);
}

/** Beside it a browser offers its token, for it can set no header and an address is no place for one. */
export const WS_PROTOCOL = 'orbitdock';
const WS_TOKEN_PROTOCOL = `${WS_PROTOCOL}.token.`;

/** Where a token may be beside `Authorization`; null where that is no place for one. */
interface CredentialSources {
  /** Raw query string, for `?token=`. */
  query: string | null;
  /** Values of `Sec-WebSocket-Protocol`, for `orbitdock.token.<base64url of the token>`. */
  protocols: readonly string[] | null;
}

/**
 * Reads the credential of a request.
 *
 * @param authorization values of all Authorization headers
 */
function readCredential(
  authorization: readonly string[],
  { query, protocols }: CredentialSources,
): Credential {
  if (authorization.length > 1) {
    return { kind: 'contradictory', reason: 'More than one Authorization header' };
  }
  const found = new Set<string>();
  const [header] = authorization;
  if (header !== undefined) {
    const proof = /^orbitdock-hook +([^\s]+) *$/i.exec(header)?.[1];
    if (proof !== undefined) return { kind: 'hook-proof', proof };
    const token = /^bearer +([^\s]+) *$/i.exec(header)?.[1];
    if (token === undefined) return { kind: 'unreadable' };
    found.add(token);
  }
  for (const raw of query === null ? [] : tokensOf(query)) {
    const token = percentDecoded(raw);
    if (token === null) return { kind: 'contradictory', reason: 'The token is badly encoded' };
    found.add(token);
  }
  for (const token of offeredTokens(protocols ?? [])) found.add(token);
  if (found.size > 1) return { kind: 'contradictory', reason: 'The tokens contradict each other' };
  const [token] = found;
  return token === undefined ? { kind: 'none' } : { kind: 'token', token };
}

function tokensOf(query: string): string[] {
  return query
    .split('&')
    .filter((pair) => pair === 'token' || pair.startsWith('token='))
    .map((pair) => pair.slice('token='.length));
}

function offeredTokens(protocols: readonly string[]): string[] {
  return protocols
    .flatMap((list) => list.split(','))
    .map((name) => name.trim())
    .filter((name) => name.startsWith(WS_TOKEN_PROTOCOL))
    .map((name) => Buffer.from(name.slice(WS_TOKEN_PROTOCOL.length), 'base64url').toString('utf8'));
}

function percentDecoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    // `%zz` or a broken UTF-8 sequence.
    return null;
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/*
 * Hooks that come over TCP with a proof: the gate asks whether it is valid before the body is read, the hook
 * endpoint whether the body is the one that was meant. The secret's file is read for each of them, so that it can
 * be made and replaced while the server runs.
 */

/** A request's time may differ so much from ours; its key is remembered far longer, so it is taken once. */
const MAX_AGE_MS = 24 * 60 * 60 * 1000;

/** A hook whose sender has shown that he has the secret. */
export interface ProvenHook {
  /** SHA-256 that the body must have, hexadecimal. */
  readonly digest: string;
  /** What the answer has to carry once the hook is stored. */
  readonly answer: string;
  /** What a text has to carry that its process shall print. */
  proofOf(text: string): string;
}

/**
 * Judges a proof.
 *
 * @returns null when it is wrong, too old, or there is no secret here
 */
export type HookProofCheck = (
  proof: string,
  headers: ReadonlyMap<string, readonly string[]>,
) => ProvenHook | null;

/** @param path  of the secret; undefined: no proof is valid */
export function createHookProofCheck(
  path: string | undefined,
  nowMs: () => number = Date.now,
): HookProofCheck {
  return (proof, headers) => {
    const claim = claimOf(headers);
    if (path === undefined || claim === null || !/^[0-9a-f]{64}$/.test(proof)) return null;
    const secret = readHookSecret(path);
    if (secret === null) return null;
    const expected = Buffer.from(proofOfRequest(secret, claim));
    if (!timingSafeEqual(expected, Buffer.from(proof))) return null;
    if (Math.abs(nowMs() - Number(claim.sentNs) / 1e6) > MAX_AGE_MS) return null;
    return {
      digest: claim.digest,
      answer: proofOfAnswer(secret, claim.key, proof),
      proofOf: (text) => proofOfText(secret, { key: claim.key, proof, text }),
    };
  };
}

function claimOf(headers: ReadonlyMap<string, readonly string[]>): HookClaim | null {
  const only = (name: string): string | null => {
    const [value, ...more] = headers.get(name) ?? [];
    return value === undefined || more.length > 0 ? null : value;
  };
  const key = only('idempotency-key');
  const sentNs = only('x-orbitdock-sent');
  const digest = only('x-orbitdock-digest');
  const type = headers.has('x-orbitdock-hook') ? only('x-orbitdock-hook') : '';
  if (key === null || sentNs === null || digest === null || type === null) return null;
  return { key, sentNs, type, digest };
}

/*
 * Tickets: a way in for consumers that can only pass a URL. Given to a caller who is admitted already,
 * good once and for a minute, so that one in a log or a history is worth nothing.
 */

/** The one endpoint that takes tickets. */
export const STATELY_PATH = '/inspect/stately';

const GOOD_FOR_MS = 60_000;
/** Tickets that are out at once; the oldest is void beyond. */
const MAX_TICKETS = 1_000;

/** Passes of one use, for pages that cannot send a header. */
export interface Tickets {
  /** @param caller  who passes his rights on */
  issue(caller: Caller): string;
  /** Whose it was; null when it was not good, and it is not any more. */
  take(ticket: string): Caller | null;
}

/** A book of tickets. */
export function createTickets({ clock }: { clock: Clock }): Tickets {
  const issued = new Map<string, { until: number; caller: Caller }>();
  return {
    issue(caller) {
      const ticket = randomBytes(24).toString('base64url');
      issued.set(ticket, { until: clock.now() + GOOD_FOR_MS, caller });
      if (issued.size > MAX_TICKETS) issued.delete(issued.keys().next().value as string);
      return ticket;
    },
    take(ticket) {
      const found = issued.get(ticket);
      issued.delete(ticket);
      return found !== undefined && clock.now() <= found.until ? found.caller : null;
    },
  };
}

/** @param query  of `/ws`, whose clients may bring their token there or as a subprotocol; else null */
export function credentialOf(headers: Map<string, string[]>, query: string | null): Credential {
  return readCredential(headers.get('authorization') ?? [], {
    query,
    protocols: query === null ? null : (headers.get('sec-websocket-protocol') ?? null),
  });
}

/*
 * Slows down guessing: a caller who presents wrong tokens waits, longer each time. It only ever changes the answer to a
 * wrong token; a valid one is admitted before this is asked, so that no flood can lock out the owner.
 */

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
