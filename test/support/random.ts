/**
 * Chance that can be repeated: everything random in a test comes from one seed, which stands in the error
 * when the test fails. `SEED=123` repeats a run.
 */

/** A source of numbers; the same seed gives the same ones. */
export interface Random {
  readonly seed: number;
  /** From 0 up to, but never, 1. */
  next(): number;
  /** A whole number from `low` to `high`, both possible. */
  between(low: number, high: number): number;
  /** True in so many of all cases, 0 to 1. */
  chance(share: number): boolean;
  /** One of the items. @throws RangeError for none */
  pick<T>(items: readonly T[]): T;
  /** A source of its own, so that one user's draws do not shift another's. */
  fork(): Random;
}

/** The seed of this run: from the environment, or new. */
export function seedOfRun(): number {
  const wanted = Number(process.env.SEED);
  return Number.isSafeInteger(wanted) && wanted > 0 ? wanted : Date.now() % 2 ** 31;
}

/** mulberry32: small, fast, good enough to shake a server. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (low: number, high: number): number =>
    low + Math.floor(next() * (high - low + 1));
  return {
    seed,
    next,
    between,
    chance: (share) => next() < share,
    pick<T>(items: readonly T[]): T {
      if (items.length === 0) throw new RangeError('nothing to pick from');
      return items[between(0, items.length - 1)] as T;
    },
    fork: () => createRandom(between(1, 2 ** 31 - 1)),
  };
}
