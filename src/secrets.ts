/**
 * The secrets of this program: the token, the secret that hooks prove they have, and what a secret looks like in a
 * text that leaves the process. A leaf: any layer may import it.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { EXIT, ExitError, systemCodeOf } from './exit.ts';

/** What stands where something was taken out; never says how long it was. */
export const REDACTED = '[redacted]';

/** Texts that are secrets wherever they stand; each begins at a place a word can begin. */
const SECRET_TEXT = new RegExp(
  [
    // Anthropic, OpenAI, Stripe.
    /\b(?:sk|pk|rk)[-_](?:ant-|proj-|live_|test_)?[\w-]{16,}/,
    // GitHub and GitLab.
    /\b(?:gh[oprsu]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,})/,
    /\bxox[abeoprs]-[\w-]{10,}/,
    /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
    /\bAIza[\w-]{30,}/,
    /\bnpm_\w{30,}/,
    // Our own.
    /\bodp?_[\w%+-]{20,}/,
    // A JSON web token, or its beginning: were the rest required, each `eyJ` would read to the end again.
    /\beyJ[\w-]{8,}(?:\.[\w-]+){0,2}/,
    /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/,
    /\b(?:bearer|basic)\s+[\w.~+/-]{16,}=*/,
    // user:password@host
    /(?<=:\/\/)[^\s/:@]{1,128}:[^\s/@]{1,128}(?=@)/,
    // PASSWORD=..., "api_key": "..."
    /(?<=\b[\w-]{0,64}(?:token|secret|passw(?:or)?d|api[-_]?key|access[-_]?key)["']?\s{0,4}[=:]\s{0,4}["']?)[^\s"',;&]{6,}/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'gi',
);

/** A text without what looks like a secret. The caller bounds its length: patterns run over all of it. */
export function withoutSecrets(text: string): string {
  return text.replace(SECRET_TEXT, REDACTED);
}

/** A shorter one could be guessed; generated ones have 46 characters, the reference's 36. */
const MIN_TOKEN_LENGTH = 32;
/** Bits by the frequency of its characters; 32 random decimal digits have about 100. */
const MIN_TOKEN_BITS = 64;
/** More than this is not a token but a wrong file. */
const MAX_TOKEN_FILE_BYTES = 4096;

const REMEDY = 'run `orbitdock-server generate-token`';

/** A new token: `od_` and 32 random bytes, safe in a header, a URL and a shell line. */
export function createToken(): string {
  return `od_${randomBytes(32).toString('base64url')}`;
}

/**
 * Refuses a token that could not protect anything.
 *
 * @param source  where it came from, for the sentence
 * @throws ExitError 78
 */
export function checkToken(token: string, source: string): string {
  if (token === '') throw unusable(`The token in ${source} is empty`);
  // Anything else could not be sent in an HTTP header, or would be read differently at each end.
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw unusable(`The token in ${source} holds spaces or characters outside ASCII`);
  }
  if (token.length < MIN_TOKEN_LENGTH) {
    throw unusable(`The token in ${source} has fewer than ${MIN_TOKEN_LENGTH} characters`);
  }
  if (isPredictable(token)) {
    throw unusable(
      `The token in ${source} can be guessed: its characters repeat or follow a pattern`,
    );
  }
  return token;
}

/**
 * Whether a text of enough characters repeats itself, uses very few of them, or is hardly more than a count up
 * or down: four in five of its characters are beside the one before. Random hexadecimal digits have one in six.
 */
function isPredictable(token: string): boolean {
  const period = (token + token).indexOf(token, 1);
  const unit = token.slice(0, period);
  const counts = new Map<string, number>();
  for (const character of unit) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits += count * Math.log2(unit.length / count);
  let steps = 0;
  for (let at = 1; at < token.length; at += 1) {
    if (Math.abs(token.charCodeAt(at) - token.charCodeAt(at - 1)) <= 1) steps += 1;
  }
  return bits < MIN_TOKEN_BITS || steps > (token.length * 4) / 5;
}

/**
 * Reads a token file: one line, readable by its owner only.
 *
 * @returns null only when there is no such file
 * @throws ExitError 78 when it is there and cannot be used
 */
export function readTokenFile(path: string): string | null {
  let fd: number;
  try {
    // Not blocking, because a FIFO in its place would otherwise hold the start for ever.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw unusable(`The token file ${path} cannot be read (${systemCodeOf(error)})`, error);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > MAX_TOKEN_FILE_BYTES) {
      throw unusable(`${path} is not a token file`);
    }
    if ((stat.mode & 0o077) !== 0) {
      throw unusable(
        `The token file ${path} can be read by others; take it as known to them, delete it`,
      );
    }
    return checkToken(readFileSync(fd, 'utf8').trim(), path);
  } finally {
    closeSync(fd);
  }
}

function unusable(sentence: string, cause?: unknown): ExitError {
  return new ExitError(EXIT.configuration, `${sentence}; ${REMEDY}`, { cause });
}

/** A named token: its id, which may be shown, and its secret. */
const NAMED_TOKEN = /^od_([\w-]{12})_[\w-]{43}$/;

/** A secret that was made here, with what is kept of it. */
export interface Minted {
  /** Shown once. */
  text: string;
  /** Names it in the database and in logs. */
  id: string;
  /** SHA-256 of the text, hexadecimal: 32 random bytes cannot be guessed from it. */
  digest: string;
}

/** A new named token: `od_<id>_<secret>`, 9 and 32 random bytes. */
export function mintToken(): Minted {
  const id = randomBytes(9).toString('base64url');
  const text = `od_${id}_${randomBytes(32).toString('base64url')}`;
  return { text, id, digest: digestOf(text) };
}

/** A new pairing code, good for one device: `odp_` and 32 random bytes. */
export function mintPairingCode(): Omit<Minted, 'id'> {
  const text = `odp_${randomBytes(32).toString('base64url')}`;
  return { text, digest: digestOf(text) };
}

/** The id in a text that has the form of a named token; null for any other. */
export function tokenIdOf(text: string): string | null {
  return NAMED_TOKEN.exec(text)?.[1] ?? null;
}

/** What the database keeps of a secret. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

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

/** Proof of the text that the process of a hook shall print; it holds for this request and text only. */
export function proofOfText(
  secret: Buffer,
  { key, proof, text }: { key: string; proof: string; text: string },
): string {
  const digest = createHash('sha256').update(text).digest('hex');
  return hmac(secret, ['orbitdock-answer', key, proof, digest]);
}

/** Each line ends, so that no text can be read as another one. */
function hmac(secret: Buffer, lines: string[]): string {
  const text = lines.map((line) => `${line}\n`).join('');
  return createHmac('sha256', secret).update(text).digest('hex');
}
