/**
 * Images in what a tool brought. Providers and MCP servers put them into results as base64, in many shapes:
 * blocks, fields of objects, data URIs, plain text. Here each gives way to a few words, such as
 * `[image/png, 12 kB]`, and those that can be shown are handed on. Other data (PDF, sound) is only said.
 */
import { MAX_IMAGES } from '../../host/images.ts';
import { cut } from '../../protocol/encode.ts';
import type { ImageInput } from '../../protocol/nouns.ts';
import type { KeepImage } from '../reports.ts';

/** A result without its images. */
export interface Shown {
  value: unknown;
  /** Each once, in the order of the result. */
  images: ImageInput[];
}

/** Data inside a result. */
interface Carried {
  data: string;
  /** As the result says it; null where it does not. */
  mediaType: string | null;
}

type Fields = Readonly<Record<string, unknown>>;

/** What `hook-body.ts` leaves of a text that is too long ends with this sign. */
const CUT_SIGN = '…';
/** Shorter data in the middle of a text is left there: an icon is part of the source that holds it. */
const MIN_EMBEDDED_CHARS = 256;
/** Deeper than this nothing is looked for. */
const MAX_DEPTH = 16;

const DATA_URI_HEAD = /data:([\w.+/-]{0,100})(?:;[\w=.-]{1,100}){0,4};base64,$/i;
const MARK = ';base64,';
const NO_BASE64 = /[^A-Za-z0-9+/=_\s-]/;
/** How pictures, and PDF, begin in base64. */
const KNOWN_BEGINNING = /^\s*(?:iVBORw0KGgo|\/9j\/|R0lGOD|UklGR|JVBERi0)/;
/** Blocks whose data is never text. */
const DATA_BLOCKS = new Set([
  'image',
  'input_image',
  'image_url',
  'document',
  'pdf',
  'audio',
  'video',
]);
const MEDIA_FIELDS = ['media_type', 'mediaType', 'mimeType', 'mime_type', 'type'] as const;
const DATA_FIELDS = ['base64', 'blob', 'image_data', 'data'] as const;
const ADDRESS_FIELDS = ['url', 'image_url', 'imageUrl', 'uri'] as const;
/** Where a block keeps its data when not in itself. */
const INNER_FIELDS = ['source', 'file', 'resource', 'image_url', 'image'] as const;

/**
 * The result as it can be shown: the same value where nothing was found.
 *
 * @param keep  takes each image; what it refuses is said with its reason
 */
export function withoutImages(value: unknown, keep: KeepImage): Shown {
  const images: ImageInput[] = [];
  const say = (carried: Carried): string => wordsFor(carried, keep, images);
  return { value: without(value, say, 0), images };
}

type Say = (carried: Carried) => string;

function without(value: unknown, say: Say, depth: number): unknown {
  if (typeof value === 'string') return textWithout(value, say);
  if (value === null || typeof value !== 'object' || depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => without(item, say, depth + 1));
    return items.some((item, at) => item !== value[at]) ? items : value;
  }
  const fields = value as Fields;
  const carried = carriedBy(fields) ?? innerOf(fields);
  if (carried) return { type: 'text', text: say(carried) };
  let changed: Record<string, unknown> | null = null;
  for (const [name, field] of Object.entries(fields)) {
    const shown = without(field, say, depth + 1);
    if (shown === field) continue;
    changed ??= { ...fields };
    changed[name] = shown;
  }
  return changed ?? value;
}

/** The data of a block that holds it one level down, such as in `source`. */
function innerOf(fields: Fields): Carried | null {
  if (typeof fields.type !== 'string') return null;
  for (const name of INNER_FIELDS) {
    const inner = fields[name];
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) continue;
    const carried = carriedBy(inner as Fields, fields.type);
    if (carried) return carried;
  }
  return null;
}

/** The data of an object that is nothing but its carrier; null for every other object. */
function carriedBy(fields: Fields, blockType: unknown = fields.type): Carried | null {
  const isBlock = typeof blockType === 'string' && DATA_BLOCKS.has(blockType);
  const mediaType = mediaTypeOf(fields) ?? (blockType === 'pdf' ? 'application/pdf' : null);
  const isBinary = mediaType !== null && !/^text\/|json$|xml$/.test(mediaType);
  for (const name of DATA_FIELDS) {
    const data = fields[name];
    if (typeof data !== 'string') continue;
    if (isDataUri(data)) return uriIn(data);
    const isData = isBlock || mediaType?.startsWith('image/') || KNOWN_BEGINNING.test(data);
    const isLong = data.length >= MIN_EMBEDDED_CHARS && (isBinary || name !== 'data');
    if (isData || (isLong && !NO_BASE64.test(data))) return { data, mediaType };
  }
  if (!isBlock) return null;
  const address = ADDRESS_FIELDS.map((name) => fields[name]).find(
    (value) => typeof value === 'string' && isDataUri(value),
  );
  return typeof address === 'string' ? uriIn(address) : null;
}

function mediaTypeOf(fields: Fields): string | null {
  const named = MEDIA_FIELDS.map((name) => fields[name]).find(
    (type) => typeof type === 'string' && /^[\w.+-]{1,50}\/[\w.+-]{1,80}$/.test(type),
  );
  return (named as string | undefined)?.toLowerCase() ?? null;
}

function isDataUri(value: string): boolean {
  return /^\s*data:[^,]{0,300};base64,/i.test(value);
}

/** @param uri  one by `isDataUri` */
function uriIn(uri: string): Carried {
  const comma = uri.indexOf(',');
  const type = /data:([^;,]*)/i.exec(uri.slice(0, comma))?.[1];
  return { data: uri.slice(comma + 1), mediaType: type ? type.toLowerCase() : null };
}

/** A text with its data URIs said in words; one that is nothing but the base64 of a picture is one too. */
function textWithout(text: string, say: Say): string {
  if (text.length < MARK.length) return text;
  if (isDataUri(text)) {
    const uri = uriIn(text.trim());
    if (!/[^A-Za-z0-9+/=_\r\n-]/.test(uri.data)) return say(uri);
  }
  if (text.length >= MIN_EMBEDDED_CHARS && KNOWN_BEGINNING.test(text) && !NO_BASE64.test(text)) {
    return say({ data: text, mediaType: null });
  }
  return embeddedWithout(text, say);
}

function embeddedWithout(text: string, say: Say): string {
  let shown = '';
  let copied = 0;
  for (let at = markIn(text, 0); at !== -1; at = markIn(text, at)) {
    const from = at + MARK.length;
    const head = DATA_URI_HEAD.exec(text.slice(Math.max(copied, at - 520), from));
    const end = endOfData(text, from);
    at = end;
    if (head === null || end - from < MIN_EMBEDDED_CHARS) continue;
    const mediaType = head[1] ? head[1].toLowerCase() : null;
    shown +=
      text.slice(copied, from - head[0].length) + say({ data: text.slice(from, end), mediaType });
    copied = end;
  }
  return copied === 0 ? text : shown + text.slice(copied);
}

function markIn(text: string, from: number): number {
  return text.indexOf(MARK, from);
}

/** Widths at which tools break lines of base64. */
const LINE_WIDTHS = new Set([60, 64, 72, 76]);

/** Where data in a text ends: at what no URI holds, but lines of the usual widths go on. */
function endOfData(text: string, from: number): number {
  const stop = /[\s"'`<>()[\]{}\\,;]/g;
  let lineStart = from;
  for (;;) {
    stop.lastIndex = lineStart;
    const end = stop.exec(text)?.index ?? text.length;
    const next = text.startsWith('\r\n', end) ? end + 2 : end + 1;
    const isBroken = text[end] === '\n' || text[end] === '\r';
    if (!isBroken || !LINE_WIDTHS.has(end - lineStart)) return end;
    if (!/^[A-Za-z0-9+/=_-]/.test(text.slice(next, next + 1))) return end;
    lineStart = next;
  }
}

/** Says what it was, and hands it on where it can be shown. */
function wordsFor({ data, mediaType }: Carried, keep: KeepImage, images: ImageInput[]): string {
  const encoded = data.includes('%')
    ? data.replace(/%(2B|2F|3D|0A|0D)/gi, decodeURIComponent)
    : data;
  if (encoded.includes(CUT_SIGN)) return wordsOf(mediaType ?? 'data', null, 'it is too large');
  if (NO_BASE64.test(encoded)) return wordsOf(mediaType ?? 'data', null, 'it is damaged');
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('latin1', 0, 5) === '%PDF-') return wordsOf('application/pdf', bytes.length);
  const isImage = mediaType === null || mediaType.startsWith('image/');
  if (!isImage) return wordsOf(mediaType, bytes.length);
  const kept = keep(bytes);
  if ('refusal' in kept) {
    const isShowable = mediaType === null || /^image\/(png|jpe?g|gif|webp)$/.test(mediaType);
    const isKnown = hasKnownBeginning(bytes);
    const reason = isShowable && !isKnown ? 'it is damaged' : kept.refusal;
    return wordsOf(mediaType ?? 'image', bytes.length, reason);
  }
  const type = kept.image.media_type ?? mediaType ?? 'image';
  if (images.some(({ value }) => value === kept.image.value)) return wordsOf(type, bytes.length);
  if (images.length >= MAX_IMAGES) {
    return wordsOf(type, bytes.length, `a message has at most ${MAX_IMAGES} images`);
  }
  images.push(kept.image);
  return wordsOf(type, bytes.length);
}

function hasKnownBeginning(bytes: Buffer): boolean {
  return KNOWN_BEGINNING.test(bytes.toString('base64', 0, 12));
}

function wordsOf(type: string, bytes: number | null, whyNot?: string): string {
  const size = bytes === null || bytes === 0 ? '' : `, ${sizeOf(bytes)}`;
  return `[${cut(type, 100)}${size}${whyNot === undefined ? '' : `, not shown: ${whyNot}`}]`;
}

function sizeOf(bytes: number): string {
  if (bytes < 1_000_000) return `${Math.max(1, Math.round(bytes / 1000))} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
