/** Choices of a person that this browser remembers: signals kept in local storage, as JSON. */
import { effect, type Signal, signal } from '@preact/signals';

/**
 * A signal that survives a reload. Where the browser keeps nothing, it lasts as long as the page.
 *
 * @param key      its name in local storage, behind `orbitdock.`
 * @param fallback what it starts with where nothing usable is stored
 * @param read     makes a value of stored JSON, which may be anything; undefined: not usable
 */
export function storedSignal<Value>(
  key: string,
  fallback: Value,
  read: (stored: unknown) => Value | undefined,
): Signal<Value> {
  const name = `orbitdock.${key}`;
  const kept = signal(storedIn(name, read) ?? fallback);
  let isFirst = true;
  effect(() => {
    const json = JSON.stringify(kept.value);
    if (!isFirst) store(name, json);
    isFirst = false;
  });
  return kept;
}

/** Reads a stored value that must be one of these words. */
export function oneOf<Word extends string>(words: readonly Word[]) {
  return (stored: unknown): Word | undefined => words.find((word) => word === stored);
}

/** Reads a stored list of texts; what is no text in it is left out. */
export function texts(stored: unknown): readonly string[] | undefined {
  return Array.isArray(stored)
    ? stored.filter((one): one is string => typeof one === 'string')
    : undefined;
}

function storedIn<Value>(
  name: string,
  read: (stored: unknown) => Value | undefined,
): Value | undefined {
  try {
    return read(JSON.parse(localStorage.getItem(name) ?? 'null'));
  } catch {
    // Storage is switched off, or another page wrote something else there: it begins anew.
    return undefined;
  }
}

function store(name: string, json: string): void {
  try {
    localStorage.setItem(name, json);
  } catch {
    // It then lasts as long as the page.
  }
}
