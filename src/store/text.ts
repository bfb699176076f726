/**
 * Texts on their way into rows and out of them: times, lengths, bytes. Pure functions; called by the
 * row writers and by the reads. Lengths are UTF-16 units, sizes are UTF-8 bytes, and no cut ever splits
 * a character.
 */
import { cutJson, MAX_FRAME_BYTES, TRUNCATED, wireTime } from '../protocol/encode.ts';

/** Longest text stored in one field, bytes; the head is kept. */
export const MAX_STORED_BYTES = 1024 * 1024;

const UNIX_SECONDS = /^\d{1,11}Z?$/;
const CALENDAR = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/;
const HAS_ZONE = /(Z|[+-]\d\d:?\d\d)$/;

/**
 * ISO 8601 UTC with milliseconds out of every form a row of the reference holds; what is no time at
 * all stays as it is, so that nothing is lost. Microsecond stamps lose their last three digits.
 */
export function isoMs(text: string): string {
  if (UNIX_SECONDS.test(text)) return new Date(Number.parseInt(text, 10) * 1000).toISOString();
  if (!CALENDAR.test(text)) return text;
  // SQLite's own form has a blank and no zone; it means UTC, which Date would read as local time.
  const zoned = HAS_ZONE.test(text) ? text : `${text}Z`;
  const time = new Date(zoned.replace(' ', 'T'));
  return Number.isNaN(time.getTime()) ? text : time.toISOString();
}

/** As the wire writes a time that may have come with microseconds. */
export function stampToMs(stamp: string): string {
  return stamp.length === 27 ? wireTime(stamp) : stamp;
}

/** At most `length` UTF-16 units of the text, without a mark. */
export function head(text: string, length: number): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, splitsPair ? length - 1 : length);
}

/** The text as it is stored: at most `MAX_STORED_BYTES` of it, then the mark. */
export function storable(text: string): string {
  // One UTF-16 unit is at most three bytes: most texts need no look at their bytes.
  if (text.length * 3 <= MAX_STORED_BYTES) return text;
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= MAX_STORED_BYTES) return text;
  let end = MAX_STORED_BYTES;
  while (end > 0 && isContinuation(bytes[end])) end -= 1;
  return bytes.toString('utf8', 0, end) + TRUNCATED;
}

/** A tool's input as it is stored: one that is too long is cut so that it is still JSON. */
export function storableJson(text: string | null): string | null {
  if (text === null || text.length * 3 <= MAX_STORED_BYTES) return text;
  if (byteLength(text) <= MAX_STORED_BYTES) return text;
  // A UTF-16 unit is at most three bytes.
  return storable(cutJson(text, Math.floor(MAX_STORED_BYTES / 3)));
}

/** `storable` of a text that may be missing. */
export function storableOrNull(text: string | null): string | null {
  return text === null ? null : storable(text);
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** Size of a text in UTF-8 bytes, which is what a frame limit counts. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/* Lists that have to fit a frame: the newest entries are taken until the next one would not. */

/** What of a list fits. */
export interface Fit<Item> {
  items: Item[];
  /** Whether older ones were left out. */
  truncated: boolean;
}

/** What stands around the entries: type, ids, a request id. */
const AROUND_BYTES = 2_048;

/**
 * Takes rows, newest first, as long as their JSON fits one frame.
 *
 * @param rows may be an open iteration; it is closed when enough is taken
 */
export function newestThatFit<Row, Item>(
  rows: Iterable<Row>,
  itemFrom: (row: Row) => Item,
): Fit<Item> {
  const items: Item[] = [];
  let room = MAX_FRAME_BYTES - AROUND_BYTES;
  for (const row of rows) {
    const item = itemFrom(row);
    room -= byteLength(JSON.stringify(item)) + 1;
    if (room < 0) return { items, truncated: true };
    items.push(item);
  }
  return { items, truncated: false };
}
