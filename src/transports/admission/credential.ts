/**
 * The credential of a request: where it may stand and how it is compared. Presence is not validity; a
 * credential that is there is judged, wherever it comes from. Nothing in here is ever logged.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

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
 * @throws Error when the secret is empty, which would let in everybody
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

/** Where a token may stand beside `Authorization`; null where that is no place for one. */
export interface OtherPlaces {
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
export function readCredential(
  authorization: readonly string[],
  { query, protocols }: OtherPlaces,
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
