/**
 * Messages to JSON text. Kept apart from decoding so that writing needs no schema. Every frame stays
 * below the desktop app's 1 MiB limit: what is too long is cut and says so.
 */
import type { Message } from './nouns.ts';
import type { ServerMessage } from './server.ts';

/** Bytes a frame may have; the app's platform gives up at 1,048,576. */
export const MAX_FRAME_BYTES = 900 * 1024;
/** What stands where a text was cut. */
export const TRUNCATED = '\n\n[truncated]';

/** What a delta says of a diff, and of a plan, that is over. */
const NO_DIFF = '';
const NO_PLAN = '[]';

/** Lengths a long text is cut to, until the frame fits. */
const CUTS = [100_000, 16_000, 2_000] as const;

/**
 * JSON text of a message.
 *
 * @param revision the session's revision after this fact; left out on the list stream, where a number
 *   would make the app believe it had seen all that came before
 * @param json the message as JSON, where it exists already
 */
export function encode(message: ServerMessage, revision?: number, json?: string): string {
  const shown = forTheApp(message);
  const whole = json !== undefined && shown === message ? json : JSON.stringify(shown);
  const text = withRevision(whole, revision);
  if (fits(text)) return text;
  for (const chars of CUTS) {
    const marked = { ...(cutTexts(shown, chars) as object), truncated: true };
    const cut = withRevision(JSON.stringify(marked), revision);
    if (fits(cut)) return cut;
  }
  throw new RangeError(
    `A ${message.type} frame does not fit ${MAX_FRAME_BYTES} bytes even when cut`,
  );
}

/** The JSON of an object, which is never an empty one, with its revision at the end. */
function withRevision(json: string, revision: number | undefined): string {
  return revision === undefined ? json : `${json.slice(0, -1)},"revision":${revision}}`;
}

function fits(text: string): boolean {
  // A UTF-16 unit is at most three bytes: most frames need no second check.
  return text.length * 3 <= MAX_FRAME_BYTES || Buffer.byteLength(text) <= MAX_FRAME_BYTES;
}

/**
 * In a delta the app reads a time only as `"<unix seconds>Z"`, and null as "not
 * changed": a plan or a diff that is over is said as an empty one.
 */
function forTheApp(message: ServerMessage): ServerMessage {
  if (message.type !== 'session_delta') return message;
  const { last_activity_at, current_diff, current_plan } = message.changes;
  const changes = { ...message.changes };
  if (current_diff === null) changes.current_diff = NO_DIFF;
  if (current_plan === null) changes.current_plan = NO_PLAN;
  if (last_activity_at !== undefined) {
    changes.last_activity_at = `${Math.floor(Date.parse(last_activity_at) / 1000)}Z`;
  } else if (current_diff !== null && current_plan !== null) return message;
  return { ...message, changes };
}

/** The same value with every text cut to so many characters. */
function cutTexts(value: unknown, chars: number): unknown {
  if (typeof value === 'string') return cut(value, chars);
  if (Array.isArray(value)) return value.map((item) => cutTexts(item, chars));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === 'tool_input' && typeof item === 'string'
        ? cutJson(item, chars)
        : cutTexts(item, chars),
    ]),
  );
}

/** Longest text, and most entries of a list or an object, that are tried in turn by `cutJson`. */
const JSON_CUTS = [
  { chars: 4_000, entries: 200 },
  { chars: 500, entries: 100 },
  { chars: 100, entries: 20 },
] as const;

/**
 * A JSON text of at most so many characters that is still JSON: its long texts are cut, and of long lists
 * and objects the first entries are kept. A text that is not JSON is cut at its end.
 */
export function cutJson(text: string, chars: number): string {
  if (text.length <= chars) return text;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // A tool's input may be any text; then there is no form to keep.
    return cut(text, chars);
  }
  // A single long text keeps as much as there is room for; escapes may double it.
  for (const limits of [{ chars: Math.floor(chars / 2), entries: 200 }, ...JSON_CUTS]) {
    const shown = JSON.stringify(shrink(value, limits));
    if (shown.length <= chars) return shown;
  }
  return JSON.stringify({ [TRUNCATED.trim()]: cut(text, Math.floor(chars / 4)) });
}

function shrink(value: unknown, limits: { chars: number; entries: number }): unknown {
  if (typeof value === 'string') return cut(value, limits.chars);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) {
    const items = value.slice(0, limits.entries).map((item) => shrink(item, limits));
    return value.length > limits.entries ? [...items, TRUNCATED.trim()] : items;
  }
  const entries = Object.entries(value);
  const kept = entries.slice(0, limits.entries).map(([key, item]) => [key, shrink(item, limits)]);
  if (entries.length > limits.entries) kept.push([TRUNCATED.trim(), true]);
  return Object.fromEntries(kept);
}

/** A text cut to so many characters, never through a surrogate pair, with a mark where it was cut. */
export function cut(text: string, chars: number): string {
  if (text.length <= chars) return text;
  const last = text.charCodeAt(chars - 1);
  const end = last >= 0xd800 && last <= 0xdbff ? chars - 1 : chars;
  return text.slice(0, end) + TRUNCATED;
}

/* Entries of a conversation and their times, as the wire writes them. For all who make messages. */

/** An entry of the conversation; what is not named is empty. */
export function entry(
  given: Pick<Message, 'id' | 'session_id' | 'message_type' | 'content' | 'timestamp'> &
    Partial<Message>,
): Message {
  return {
    tool_name: null,
    tool_input: null,
    tool_output: null,
    is_error: false,
    duration_ms: null,
    ...given,
  };
}

/** Milliseconds instead of a stamp's microseconds: `2026-01-01T00:00:00.123456Z` to `…123Z`. */
export function wireTime(stamp: string): string {
  return `${stamp.slice(0, 23)}Z`;
}
