/**
 * The last thing that happens to anything before it leaves: any value becomes plain JSON, bounded in
 * every direction, without secrets. It is total: it never throws and never runs long, whatever it is
 * given. First comes an allow-list (redacted-view.ts); what that lets through is looked at here by key and by text.
 */
import type { Json } from '../protocol/inspect.ts';
import { REDACTED, withoutSecrets } from '../secrets.ts';

/** Bounds of what is shown. */
export interface RedactLimits {
  textChars: number;
  listItems: number;
  depth: number;
  /** Values in all, so that wide trees end as well as deep ones. */
  nodes: number;
}

/** How long a shown text, list or tree may be. */
export const REDACT_LIMITS: RedactLimits = {
  textChars: 2000,
  listItems: 100,
  depth: 8,
  nodes: 20_000,
};

/** Keys whose texts and objects are taken out. Numbers and booleans stay: `tokens: 120` is a count. */
const SECRET_KEY =
  /token|secret|passw(?:or)?d|passphrase|authorization|api[-_ ]?key|cookie|credential|private[-_ ]?key|bearer|session[-_ ]?key|access[-_ ]?key/i;

interface Walk {
  limits: RedactLimits;
  left: number;
  /** Objects on the way down from the root: only a way back to one of them is a circle. */
  above: Set<object>;
}

/** A value as JSON, without secrets and within bounds. Never throws. */
export function redact(value: unknown, limits: RedactLimits = REDACT_LIMITS): Json {
  const walk: Walk = { limits, left: limits.nodes, above: new Set() };
  return shown(walk, value, limits.depth);
}

/** A text without secrets, cut to `textChars`. Never throws. */
export function redactText(text: string, textChars = REDACT_LIMITS.textChars): string {
  // Cut with a margin first: patterns must not run over five megabytes to show two thousand characters.
  const head = withoutSecrets(text.slice(0, textChars + 4096));
  return head.length > textChars ? `${head.slice(0, textChars)}…` : head;
}

function shown(walk: Walk, value: unknown, depth: number): Json {
  walk.left -= 1;
  if (walk.left < 0) return '[too much]';
  switch (typeof value) {
    case 'string':
      return redactText(value, walk.limits.textChars);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'bigint':
      return redactText(`${value}n`, walk.limits.textChars);
    case 'object':
      return value === null ? null : shownObject(walk, value, depth);
    case 'undefined':
      return null;
    default:
      return `[${typeof value}]`;
  }
}

function shownObject(walk: Walk, value: object, depth: number): Json {
  if (walk.above.has(value)) return '[circular]';
  if (depth <= 0) return '[too deep]';
  walk.above.add(value);
  try {
    return shownParts(walk, value, depth - 1);
  } catch {
    // A proxy or an exotic object that refuses to be looked at.
    return '[unreadable]';
  } finally {
    walk.above.delete(value);
  }
}

function shownParts(walk: Walk, value: object, depth: number): Json {
  if (Array.isArray(value)) return shownList(walk, value, value.length, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Set) return shownList(walk, value, value.size, depth);
  if (value instanceof Map) {
    const entries = [...firstOf(value, walk.limits.listItems)];
    const pairs = entries.map(([key, inner]) => [String(key), () => inner] as const);
    return shownPairs(walk, pairs, value.size, depth);
  }
  if (value instanceof Error) {
    const { name, message } = value;
    const more = Object.keys(value).map((key) => [key, () => Reflect.get(value, key)] as const);
    const own = { name, message, ...(value.cause !== undefined && { cause: value.cause }) };
    const pairs = Object.entries(own).map(([key, inner]) => [key, () => inner] as const);
    return shownPairs(walk, [...pairs, ...more], pairs.length + more.length, depth);
  }
  if (ArrayBuffer.isView(value)) return `[${value.constructor.name} of ${value.byteLength} bytes]`;
  const keys = Object.keys(value);
  const pairs = keys.map((key) => [key, () => Reflect.get(value, key)] as const);
  return shownPairs(walk, pairs, keys.length, depth);
}

function shownList(walk: Walk, items: Iterable<unknown>, size: number, depth: number): Json {
  const list: Json[] = [];
  for (const item of firstOf(items, walk.limits.listItems)) list.push(shown(walk, item, depth));
  if (size > list.length) list.push(`… ${size - list.length} more`);
  return list;
}

function shownPairs(
  walk: Walk,
  pairs: ReadonlyArray<readonly [string, () => unknown]>,
  size: number,
  depth: number,
): Json {
  const object: { [key: string]: Json } = {};
  const kept = pairs.slice(0, walk.limits.listItems);
  for (const [key, get] of kept) {
    const name = redactText(key, 200);
    // `__proto__` as a key would be lost by an assignment.
    const inner = shownUnder(walk, key, get, depth);
    Object.defineProperty(object, name, { value: inner, enumerable: true });
  }
  if (size > kept.length) object['…'] = `${size - kept.length} more`;
  return object;
}

function shownUnder(walk: Walk, key: string, get: () => unknown, depth: number): Json {
  let inner: unknown;
  try {
    inner = get();
    if (SECRET_KEY.test(key) && !isHarmless(inner)) return REDACTED;
  } catch {
    return '[unreadable]';
  }
  return shown(walk, inner, depth);
}

/** Numbers and flags hide nothing, nor does an object of nothing else: `token_usage: { input: 120 }`. */
function isHarmless(value: unknown): boolean {
  if (value === null || ['number', 'boolean', 'undefined'].includes(typeof value)) return true;
  if (typeof value !== 'object' || Array.isArray(value)) return false;
  const parts = Object.values(value);
  return parts.length > 0 && parts.every((part) => typeof part === 'number');
}

function* firstOf<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const item of items) {
    if (left <= 0) return;
    left -= 1;
    yield item;
  }
}
