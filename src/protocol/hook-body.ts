/**
 * The bytes of a hook, made readable. A hook is the only report of its event, so what is wrong in one of
 * its fields does not refuse the others: texts that make the body too large are cut while it arrives, a byte
 * order mark is skipped, a byte that is not UTF-8 becomes U+FFFD, and a field that is nested too deep, has
 * too much structure or a forbidden key is left out. Used by the HTTP endpoint and by the spool.
 */
import { endOfString, jsonError, parseScanned, scanJson } from './scan.ts';

const MIB = 1024 * 1024;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** Bytes of a hook that are read at most; texts are cut so that far fewer are kept. */
export const MAX_HOOK_BYTES = 64 * MIB;

/** Bytes of one text that are kept in a body that is too large. */
const MAX_TEXT_BYTES = MIB;
/** From this size of what is kept on, only short texts are: names and ids. */
const MAX_LONG_TEXTS_BYTES = 4 * MIB;
const SHORT_TEXT_BYTES = 64;
const CUT_MARK = Buffer.from('… (cut: the hook was too large)');
const SHORT_CUT_MARK = Buffer.from('…');

/**
 * Collects a body in chunks and keeps it within a limit by cutting long texts inside it.
 *
 * @param maxBytes of what is kept
 */
export class HookBody {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #received = 0;
  #kept = 0;
  /** Absent while the body fits as it is. */
  #cutter: TextCutter | null = null;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Adds a chunk. @returns false when the body cannot be kept within the limit; it is forgotten then */
  add(chunk: Buffer): boolean {
    this.#received += chunk.length;
    if (this.#received > MAX_HOOK_BYTES) return this.#forget();
    if (this.#cutter === null && this.#received > this.#maxBytes) {
      const chunks = this.#chunks;
      this.#cutter = new TextCutter();
      this.#chunks = [];
      this.#kept = 0;
      for (const earlier of chunks) this.#keep(this.#cutter.push(earlier));
    }
    this.#keep(this.#cutter ? this.#cutter.push(chunk) : [chunk]);
    return this.#kept <= this.#maxBytes || this.#forget();
  }

  /** All that was kept. */
  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  #keep(parts: Buffer[]): void {
    for (const part of parts) {
      this.#chunks.push(part);
      this.#kept += part.length;
    }
  }

  #forget(): false {
    this.#chunks = [];
    return false;
  }
}

/** Cuts the long texts of JSON that arrives in pieces; what is not a text passes as it is. */
class TextCutter {
  #isInText = false;
  #isCutting = false;
  /** Bytes of the escape sequence that are still to come: it is kept or dropped as a whole. */
  #escape = 0;
  #length = 0;
  #kept = 0;

  push(chunk: Buffer): Buffer[] {
    const parts: Buffer[] = [];
    let from = 0;
    const keep = (part: Buffer) => {
      if (part.length === 0) return;
      parts.push(part);
      this.#kept += part.length;
    };
    for (let at = 0; at < chunk.length; at++) {
      if (!this.#isInText) {
        const quote = chunk.indexOf(QUOTE, at);
        if (quote === -1) break;
        this.#begin();
        at = quote;
        continue;
      }
      const byte = chunk[at] as number;
      if (this.#endsText(byte)) {
        if (this.#isCutting) from = at;
        this.#isInText = false;
        this.#isCutting = false;
      } else if (this.#mayCutBefore(byte)) {
        keep(chunk.subarray(from, at));
        keep(this.#length < MAX_TEXT_BYTES ? SHORT_CUT_MARK : CUT_MARK);
        this.#isCutting = true;
      }
      this.#advance(byte);
    }
    if (!this.#isCutting) keep(chunk.subarray(from));
    return parts;
  }

  #begin(): void {
    this.#isInText = true;
    this.#escape = 0;
    this.#length = 0;
  }

  #endsText(byte: number): boolean {
    return this.#escape === 0 && byte === QUOTE;
  }

  /** True before a whole character of a text that has its limit; never within one. */
  #mayCutBefore(byte: number): boolean {
    const limit = this.#kept < MAX_LONG_TEXTS_BYTES ? MAX_TEXT_BYTES : SHORT_TEXT_BYTES;
    const isWithinCharacter = byte >= 0x80 && byte < 0xc0;
    return !this.#isCutting && this.#escape === 0 && this.#length >= limit && !isWithinCharacter;
  }

  #advance(byte: number): void {
    this.#length++;
    if (this.#escape === 0) this.#escape = byte === BACKSLASH ? ESCAPE_BEGUN : 0;
    else if (this.#escape === ESCAPE_BEGUN) this.#escape = byte === LETTER_U ? 4 : 0;
    else this.#escape--;
  }
}

/** A backslash was read: how many bytes follow depends on the next one. */
const ESCAPE_BEGUN = 5;
const LETTER_U = 0x75;

/** What programs that write UTF-8 "with signature" put before the text. */
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Parses the body of a hook.
 *
 * @throws OrbitError `bad_request` for what is not JSON, `parse_error` when its fields together have too
 *   much structure
 */
export function parseHookJson(bytes: Buffer): unknown {
  const hasMark = bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  const body = hasMark ? bytes.subarray(BYTE_ORDER_MARK.length) : bytes;
  if (scanJson(body) === null) return parseScanned(body);
  const harmless = withoutInvalidFields(body);
  const flaw = scanJson(harmless);
  if (flaw) throw jsonError(flaw);
  return parseScanned(harmless);
}

/** The object with those of its fields that may be parsed; the same bytes when it is no object. */
function withoutInvalidFields(bytes: Buffer): Buffer {
  const fields: string[] = [];
  let at = skipSpace(bytes, 0);
  if (bytes[at] !== OPENING_BRACE) return bytes;
  do {
    at = skipSpace(bytes, at + 1);
    const end = endOfField(bytes, at);
    const field = bytes.subarray(at, end);
    if (scanJson(field) === null) fields.push(field.toString('utf8'));
    at = end;
  } while (bytes[at] === COMMA);
  // Anything else than the end of the object is not JSON, and the parser says so of the whole text.
  if (bytes[at] !== CLOSING_BRACE) return bytes;
  return Buffer.from(`{${fields.join(',')}}${bytes.toString('utf8', at + 1)}`);
}

/** Index of the comma or brace behind the field that begins at `from`; the length where there is none. */
function endOfField(bytes: Buffer, from: number): number {
  let depth = 0;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = endOfString(bytes, at + 1);
    else if (depth === 0 && (byte === COMMA || byte === CLOSING_BRACE)) return at;
    else if (byte === OPENING_BRACE || byte === 0x5b) depth++;
    else if (byte === CLOSING_BRACE || byte === 0x5d) depth--;
  }
  return bytes.length;
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x0a || bytes[at] === 0x0d) at++;
  return at;
}
