/**
 * The bytes of a hook, made readable. A hook is the only report of its event, so what is wrong in one of
 * its fields does not refuse the others: texts that make the body too large are cut while it arrives, a byte
 * order mark is skipped, a byte that is not UTF-8 becomes U+FFFD, a field that is nested too deep, has
 * too much structure or a forbidden key is left out, and one of another type than the protocol's is converted.
 * Used by the HTTP endpoint and by the spool. Loads no schemas: the first hook after a start waits for nothing.
 */
import { OrbitError } from '../errors.ts';
import type { Hook } from './hook.ts';
import { endOfString, jsonError, parseScanned, scanJson, wellFormed } from './json-scan.ts';

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

/* From the parsed body to a hook. */

/** The five message types that carry hooks. */
export const HOOK_TYPES = [
  'claude_session_start',
  'claude_session_end',
  'claude_status_event',
  'claude_tool_event',
  'claude_subagent_event',
] as const;

/** Ids come into file names, room names and logs: nothing else is let in. `Hook` says the same. */
const SESSION_ID = /^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}$/;

/**
 * Checks a hook body, typed or raw. An optional field of another type than the protocol's is converted or
 * left out; only the session's id and the name of the event are needed.
 *
 * @returns the hook, or OrbitError `parse_error`
 */
export function decodeHook(value: unknown): Hook | OrbitError {
  const hook = convertHook(value) as Hook;
  if (!isRecord(hook)) return unreadable('a hook is a JSON object');
  if (typeof hook.session_id !== 'string' || !SESSION_ID.test(hook.session_id)) {
    return unreadable('session_id must be 1 to 128 of the characters A-Z a-z 0-9 . _ : -');
  }
  // Another message, sent to the wrong endpoint, must not be accepted as a hook that says nothing.
  if (!hook.hook_event_name && !isHookType(hook.type)) {
    return unreadable(`hook_event_name is missing and type is none of ${HOOK_TYPES.join(', ')}`);
  }
  return wellFormed(hook);
}

/** Whether a message of that type carries a hook. */
export function isHookType(tag: unknown): boolean {
  return (HOOK_TYPES as readonly unknown[]).includes(tag);
}

function unreadable(reason: string): OrbitError {
  return new OrbitError('parse_error', { reason: `hook: ${reason}` });
}

/** The fields that `Hook` gives a type of their own. */
type Shaped = { [Key in keyof Hook]-?: unknown extends Hook[Key] ? never : Key }[keyof Hook];
type Convert = (value: unknown) => unknown;

/** Fields whose value is a text for people: some versions send blocks of content instead. */
const wordsFrom: Convert = (value) => {
  if (Array.isArray(value)) {
    const texts = value.map(wordsFrom).filter((text) => typeof text === 'string' && text !== '');
    return texts.length > 0 ? texts.join('\n') : null;
  }
  return wordFrom(isRecord(value) ? value.text : value);
};

/** Names and ids: a number is written out, anything else of another type says nothing. */
const wordFrom: Convert = (value) => {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
};

const numberFrom: Convert = (value) => {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
};

const flagFrom: Convert = (value) => {
  if (typeof value === 'boolean') return value;
  return value === 'true' || value === 1 ? true : null;
};

/** A list of objects; its entries that are none are left out, a value that is no list says nothing. */
const listOf =
  (fields: Readonly<Record<string, Convert>>): Convert =>
  (value) =>
    Array.isArray(value) ? value.filter(isRecord).map((entry) => convertedBy(fields, entry)) : null;

const CALL_FIELDS = { tool_name: wordFrom, tool_use_id: wordFrom };
const TASK_FIELDS = { id: wordFrom, type: wordFrom, status: wordFrom, agent_type: wordFrom };

/** How each field with a type of its own is read when its value has another one. */
const CONVERSIONS: Readonly<Record<Exclude<Shaped, 'session_id'>, Convert>> = {
  type: wordFrom,
  hook_event_name: wordFrom,
  cwd: wordFrom,
  transcript_path: wordFrom,
  permission_mode: wordFrom,
  prompt_id: wordFrom,
  agent_id: wordFrom,
  agent_type: wordFrom,
  source: wordFrom,
  reason: wordsFrom,
  context_label: wordFrom,
  terminal_session_id: wordFrom,
  terminal_app: wordFrom,
  prompt: wordsFrom,
  session_title: wordsFrom,
  tool_name: wordFrom,
  tool_use_id: wordFrom,
  tool_calls: listOf(CALL_FIELDS),
  duration_ms: numberFrom,
  is_interrupt: flagFrom,
  stop_hook_active: flagFrom,
  notification_type: wordFrom,
  message: wordsFrom,
  last_assistant_message: wordsFrom,
  background_tasks: listOf(TASK_FIELDS),
  mcp_server_name: wordFrom,
  action: wordFrom,
  to_model: wordFrom,
  new_cwd: wordFrom,
  trigger: wordFrom,
};

/**
 * A hook body in which every known optional field has the type that `Hook` wants, or null.
 *
 * @param value a parsed body; it is not changed
 * @returns the value itself when it is so already or no object, else its copy
 */
export function convertHook(value: unknown): unknown {
  return isRecord(value) ? convertedBy(CONVERSIONS, value) : value;
}

function convertedBy(
  fields: Readonly<Record<string, Convert>>,
  value: Record<string, unknown>,
): Record<string, unknown> {
  let converted = value;
  for (const name of Object.keys(value)) {
    const convert = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const read = convert ? convert(value[name]) : value[name];
    if (read === value[name]) continue;
    if (converted === value) converted = { ...value };
    converted[name] = read;
  }
  return converted;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
