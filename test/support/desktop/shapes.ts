/**
 * How the desktop app's decoder works, in small: a key that must be there and is not, a value of another
 * kind or an enum's unknown word throws, and the whole frame is lost. An optional key may be absent or
 * null, and throws as well when it holds something else.
 */

/** Throws with the path of what is wrong. */
export type Shape = (value: unknown, path: string) => void;

function fail(path: string, expected: string, value: unknown): never {
  const found = JSON.stringify(value)?.slice(0, 80) ?? 'nothing';
  throw new TypeError(`${path} must be ${expected}, was ${found}`);
}

export const text: Shape = (value, path) => {
  if (typeof value !== 'string') fail(path, 'a string', value);
};

export const flag: Shape = (value, path) => {
  if (typeof value !== 'boolean') fail(path, 'a boolean', value);
};

export const decimal: Shape = (value, path) => {
  if (typeof value !== 'number') fail(path, 'a number', value);
};

export const int: Shape = (value, path) => {
  if (!Number.isSafeInteger(value)) fail(path, 'a whole number', value);
};

export const uint: Shape = (value, path) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0) fail(path, 'a count', value);
};

/** Whatever JSON can hold. */
export const anything: Shape = (value, path) => {
  if (value === undefined) fail(path, 'a value', value);
};

/** A closed set: any other word throws. */
export function word(...words: string[]): Shape {
  return (value, path) => {
    if (!words.includes(value as string)) fail(path, `one of ${words.join(', ')}`, value);
  };
}

/** Absent or null, or of that shape. */
export function opt(shape: Shape): Shape {
  return (value, path) => {
    if (value !== undefined && value !== null) shape(value, path);
  };
}

/** A list; one bad element throws it all away. */
export function list(shape: Shape): Shape {
  return (value, path) => {
    if (!Array.isArray(value)) return fail(path, 'a list', value);
    for (const [at, item] of value.entries()) shape(item, `${path}[${at}]`);
  };
}

/** A dictionary by any key. */
export function dictionary(shape: Shape): Shape {
  return (value, path) => {
    for (const [key, item] of Object.entries(fieldsOf(value, path))) shape(item, `${path}.${key}`);
  };
}

/** An object with at least these keys; others are ignored. */
export function record(shapes: Readonly<Record<string, Shape>>): Shape {
  return (value, path) => {
    const fields = fieldsOf(value, path);
    for (const [key, shape] of Object.entries(shapes)) shape(fields[key], `${path}.${key}`);
  };
}

/** An object whose shape hangs on the word under one of its keys. */
export function tagged(key: string, shapes: Readonly<Record<string, Shape>>): Shape {
  return (value, path) => {
    const tag = fieldsOf(value, path)[key];
    const shape = typeof tag === 'string' && Object.hasOwn(shapes, tag) ? shapes[tag] : undefined;
    if (!shape) return fail(`${path}.${key}`, `one of ${Object.keys(shapes).join(', ')}`, tag);
    shape(value, path);
  };
}

function fieldsOf(value: unknown, path: string): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return fail(path, 'an object', value);
  }
  return value as Record<string, unknown>;
}
