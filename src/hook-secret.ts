/**
 * The secret of hooks: it may hand in hooks and nothing else. hook.sh has it beside itself and never sends it:
 * a request over TCP carries a proof (an HMAC) that its sender has the secret, and the answer carries another,
 * so that whoever else listens on the port can neither use what he is sent nor pretend that a hook is stored.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { systemCodeOf } from './exit.ts';

/** One line of 64 hexadecimal digits; hook.sh reads it without any tool. */
const SECRET = /^[0-9a-f]{64}\n?$/;
const MAX_FILE_BYTES = 100;

/** What a request claims, all of it covered by its proof. */
export interface HookClaim {
  /** `Idempotency-Key`. */
  key: string;
  /** `X-OrbitDock-Sent`. */
  sentNs: string;
  /** `X-OrbitDock-Hook`, or the empty text. */
  type: string;
  /** SHA-256 of the body, hexadecimal. */
  digest: string;
}

/** Text of a new secret file. */
export function createHookSecret(): string {
  return `${randomBytes(32).toString('hex')}\n`;
}

/**
 * Reads the secret.
 *
 * @returns null when there is none, or none that only its owner can read; then no proof is valid
 */
export function readHookSecret(path: string): Buffer | null {
  let fd: number;
  try {
    // Not blocking, because a FIFO in its place would otherwise hold the server for ever.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error;
    return null;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > MAX_FILE_BYTES || (stat.mode & 0o077) !== 0) return null;
    const text = readFileSync(fd, 'latin1');
    return SECRET.test(text) ? Buffer.from(text.trim(), 'hex') : null;
  } finally {
    closeSync(fd);
  }
}

/** Proof of a request, hexadecimal. hook.sh makes the same. */
export function proofOfRequest(secret: Buffer, { key, sentNs, type, digest }: HookClaim): string {
  return hmac(secret, ['orbitdock-hook', key, sentNs, type, digest]);
}

/** Proof of the answer that a hook is stored; it holds for this request only. */
export function proofOfAnswer(secret: Buffer, key: string, requestProof: string): string {
  return hmac(secret, ['orbitdock-stored', key, requestProof]);
}

/** Each line ends, so that no text can be read as another one. */
function hmac(secret: Buffer, lines: string[]): string {
  const text = lines.map((line) => `${line}\n`).join('');
  return createHmac('sha256', secret).update(text).digest('hex');
}
