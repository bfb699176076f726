/**
 * The one secret: what counts as a token, how it is read from a file and how a new one is made. A token
 * that is there but unusable always stops the start; it never turns into "no token". No message in here
 * may contain the secret.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { EXIT, ExitError, systemCodeOf } from './exit.ts';

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
