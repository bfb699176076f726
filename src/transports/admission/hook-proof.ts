/**
 * Hooks that come over TCP with a proof: the gate asks whether it is valid before the body is read, the hook
 * door whether the body is the one that was meant. The secret's file is read for each of them, so that it can
 * be made and replaced while the server runs.
 */
import { timingSafeEqual } from 'node:crypto';
import {
  type HookClaim,
  proofOfAnswer,
  proofOfRequest,
  readHookSecret,
} from '../../hook-secret.ts';

/** A request's time may differ so much from ours; its key is remembered far longer, so it is taken once. */
const MAX_AGE_MS = 24 * 60 * 60 * 1000;

/** A hook whose sender has shown that he has the secret. */
export interface ProvenHook {
  /** SHA-256 that the body must have, hexadecimal. */
  readonly digest: string;
  /** What the answer has to carry once the hook is stored. */
  readonly answer: string;
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
    return { digest: claim.digest, answer: proofOfAnswer(secret, claim.key, proof) };
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
