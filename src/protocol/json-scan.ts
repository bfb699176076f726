/**
 * A check of JSON before it is parsed. `JSON.parse` has no limits: 16 MB of `{}` block the loop for
 * seconds, and what is nested 10^4 deep parses but cannot be written again. Every transport calls this on the
 * raw bytes first; nothing is allocated but for a suspicious key.
 *
 * It is no validator: text that is not JSON passes here and fails in the parser.
 */
import { isUtf8 } from 'node:buffer';
import { OrbitError } from '../errors.ts';

/** What is wrong with a text that may nevertheless be valid JSON. */
export type JsonError = 'too_deep' | 'too_many_tokens' | 'forbidden_key';

/** How much structure a text may have before it is parsed. */
export interface ScanLimits {
  /** Levels of nesting; the deepest hook seen in the wild has 9. */
  readonly maxDepth: number;
  /** Braces, brackets, commas and colons: what makes parsing dear, unlike long strings. */
  readonly maxTokens: number;
}

/** The limits of every transport. */
const SCAN_LIMITS: ScanLimits = { maxDepth: 64, maxTokens: 200_000 };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const UNDERSCORE = 0x5f;
const COLON = 0x3a;
const FORBIDDEN_KEY = Buffer.from('__proto__');
/** Every character of the key as `\u005f`: nothing longer can spell it. */
const LONGEST_SPELLING = FORBIDDEN_KEY.length * 6;
/** Most strings are shorter; for them a loop beats the call into `indexOf`. */
const LOOP_BYTES = 32;

/**
 * Finds what makes a text dangerous to parse.
 *
 * @param bytes UTF-8
 * @returns null when it may be parsed. `forbidden_key` means a key `__proto__`, however escaped: the one
 *   that changes a prototype by mere assignment. `constructor` and `prototype` are let through, because
 *   they are ordinary keys of tool inputs, do harm in deep merges only, and nothing here merges deeply.
 */
export function scanJson(bytes: Buffer, limits: ScanLimits = SCAN_LIMITS): JsonError | null {
  let depth = 0;
  let tokens = 0;
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]) {
      case QUOTE: {
        const end = endOfString(bytes, at + 1);
        if (isForbiddenKey(bytes, at + 1, end)) return 'forbidden_key';
        at = end;
        continue;
      }
      case 0x7b: // {
      case 0x5b: // [
        depth++;
        if (depth > limits.maxDepth) return 'too_deep';
        tokens++;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth--;
        tokens++;
        break;
      case 0x2c: // ,
      case COLON:
        tokens++;
        break;
      default:
        continue;
    }
    if (tokens > limits.maxTokens) return 'too_many_tokens';
  }
  return null;
}

/** Index of the quote that closes the string beginning at `from`, or the length where none does. */
export function endOfString(bytes: Buffer, from: number): number {
  let at = from;
  for (const soon = from + LOOP_BYTES; at < soon; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at++;
    else if (byte === undefined) return bytes.length;
  }
  const floor = at;
  for (;;) {
    const quote = bytes.indexOf(QUOTE, at);
    if (quote === -1) return bytes.length;
    let slashes = 0;
    while (quote - slashes > floor && bytes[quote - slashes - 1] === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return quote;
    at = quote + 1;
  }
}

function isForbiddenKey(bytes: Buffer, start: number, end: number): boolean {
  const length = end - start;
  if (length < FORBIDDEN_KEY.length || length > LONGEST_SPELLING) return false;
  const first = bytes[start];
  // Most strings end here: the key begins with an underscore, written as it is or escaped.
  if (first !== UNDERSCORE && first !== BACKSLASH) return false;
  const spelled =
    length === FORBIDDEN_KEY.length
      ? bytes.compare(FORBIDDEN_KEY, 0, length, start, end) === 0
      : unescaped(bytes, start, end) === '__proto__';
  return spelled && isKey(bytes, end + 1);
}

/** What the characters of a short string spell; null for what cannot be the key. */
function unescaped(bytes: Buffer, start: number, end: number): string | null {
  try {
    return String(JSON.parse(`"${bytes.toString('utf8', start, end)}"`));
  } catch {
    // Not a JSON string: the parser will say so about the whole text.
    return null;
  }
}

function isKey(bytes: Buffer, after: number): boolean {
  let at = after;
  while (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x0a || bytes[at] === 0x0d) at++;
  return bytes[at] === COLON;
}

const REASONS: Record<JsonError, string> = {
  too_deep: `nested deeper than ${SCAN_LIMITS.maxDepth} levels`,
  too_many_tokens: `more than ${SCAN_LIMITS.maxTokens} structural tokens`,
  forbidden_key: 'the key __proto__ is not allowed',
};

/** The refusal that shows a sender a flaw; a `parse_error` (422). */
export function jsonError(flaw: JsonError): OrbitError {
  return new OrbitError('parse_error', { reason: REASONS[flaw] });
}

/**
 * Parses untrusted JSON.
 *
 * @throws OrbitError `bad_request` (400) for what is not UTF-8 or not JSON, `parse_error` (422) for a flaw
 */
export function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new OrbitError('bad_request', { reason: 'The body is not UTF-8' });
  const flaw = scanJson(bytes);
  if (flaw) throw jsonError(flaw);
  return parseScanned(bytes);
}

/**
 * Parses JSON that `scanJson` let through; a byte that is not UTF-8 becomes U+FFFD.
 *
 * @throws OrbitError `bad_request` (400) for what is not JSON
 */
export function parseScanned(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch (cause) {
    // V8's sentence quotes the text, and payloads do not belong in answers or logs.
    throw new OrbitError('bad_request', { reason: 'The body is not valid JSON' }, { cause });
  }
}

/*
 * Half characters. JSON may say `"\ud83d"`, the first half of an emoji; such a text cannot be written as
 * UTF-8, so disk and wire would each make something else of it, and Apple's decoder refuses the frame.
 */

const HALF = /\p{Surrogate}/u;
const HALVES = /\p{Surrogate}/gu;

/**
 * Puts U+FFFD for every half character in the texts of a parsed JSON value.
 *
 * @param value changed in place; nested no deeper than the scan lets through
 * @returns the value, or its repaired copy when it is itself a text
 */
export function wellFormed<Value>(value: Value): Value {
  if (typeof value === 'string') {
    return (HALF.test(value) ? value.replace(HALVES, '\uFFFD') : value) as Value;
  }
  if (value === null || typeof value !== 'object') return value;
  const parts = value as Record<string, unknown>;
  for (const key of Object.keys(parts)) {
    const part = parts[key];
    const repaired = wellFormed(part);
    if (repaired !== part) parts[key] = repaired;
  }
  return value;
}
