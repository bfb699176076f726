/** Parts that are loaded when they are first wanted: whoever never needs them pays nothing for them. */

/** Something that is loaded when it is first wanted. */
export interface Lazy<T> {
  get(): Promise<T>;
  /** Null until it has been loaded. */
  current(): T | null;
}

/** Calls `load` once, however many ask. */
export function createLazy<T>(load: () => Promise<T>): Lazy<T> {
  let loading: Promise<T> | null = null;
  let loaded: T | null = null;
  return {
    get() {
      loading ??= load().then((value) => {
        loaded = value;
        return value;
      });
      return loading;
    },
    current: () => loaded,
  };
}
