/**
 * What has arrived, in order, and a way to wait for what has not: the one waiting primitive of the test
 * clients. A test waits for a condition, never for a time.
 */

/** Something that was due by then will not come, ms; generous for a busy machine. */
const GIVE_UP_AFTER_MS = 20_000;

/** An append-only list that can be waited on. */
export interface Inbox<T> {
  readonly items: readonly T[];
  add(item: T): void;
  /**
   * Settles with the first item, past or to come, that fits.
   * @throws when none came in time; the error shows the newest ones.
   */
  waitFor<S extends T>(fits: (item: T) => item is S): Promise<S>;
  waitFor(fits: (item: T) => boolean): Promise<T>;
}

/** Creates an empty inbox; `name` stands in the error of a wait in vain. */
export function createInbox<T>(name: string): Inbox<T> {
  const items: T[] = [];
  const looks = new Set<(item: T) => void>();
  return {
    items,
    add(item) {
      items.push(item);
      for (const look of looks) look(item);
    },
    waitFor(fits: (item: T) => boolean): Promise<T> {
      const known = items.find(fits);
      if (known !== undefined) return Promise.resolve(known);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          looks.delete(look);
          const newest = items.slice(-10).map((item) => JSON.stringify(item).slice(0, 300));
          reject(
            new Error(
              `${name}: nothing fits ${fits}; newest of ${items.length}:\n${newest.join('\n')}`,
            ),
          );
        }, GIVE_UP_AFTER_MS);
        const look = (item: T): void => {
          if (!fits(item)) return;
          clearTimeout(timer);
          looks.delete(look);
          resolve(item);
        };
        looks.add(look);
      });
    },
  } as Inbox<T>;
}
