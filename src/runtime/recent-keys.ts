/**
 * Idempotency keys of a moment ago, with what became of them: a repeated request is answered from here
 * and touches nothing. The database knows all others. Called by hooks.ts.
 */

/** What every stored key stands for: its own promise need not be kept. */
const STORED = Promise.resolve();

/** What became of the keys of a moment ago. */
export interface RecentKeys {
  /** The promise of the first request with that key; undefined when there was none, or it failed. */
  get(key: string): Promise<void> | undefined;
  /** Keeps a key until twice `atLeast` others have come; one whose promise rejects is forgotten. */
  remember(key: string, stored: Promise<void>): void;
}

/** Two maps that take turns: to take single keys out of a large one, oldest first, costs more. */
export function createRecentKeys(atLeast: number): RecentKeys {
  let young = new Map<string, Promise<void>>();
  let old = new Map<string, Promise<void>>();
  return {
    get: (key) => young.get(key) ?? old.get(key),
    remember(key, stored) {
      if (young.size >= atLeast) {
        old = young;
        young = new Map();
      }
      const home = young;
      home.set(key, stored);
      stored.then(
        () => home.set(key, STORED),
        () => home.delete(key),
      );
    },
  };
}
