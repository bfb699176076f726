/**
 * Work of the writer thread that waits for a quiet moment: slices of retention and of the index of search run
 * where they disturb least, but always at some time. Called by writer-thread.ts.
 */
import { storageErrorOf } from '../commit.ts';
import type { Retention } from '../retention.ts';
import type { SearchIndex } from '../search-index.ts';

/** Old rows are looked for this often, ms. */
const RETENTION_EVERY_MS = 10 * 60 * 1_000;

/** Messages that are new to the index of search are looked for this often, ms. */
const INDEX_EVERY_MS = 2_000;

/** Nothing to commit for so long counts as idle, ms; without it slices come this far apart. */
const IDLE_MS = 500;
const BUSY_SLICE_EVERY_MS = 5_000;

/** Work that waits for a quiet moment. */
interface IdleTask {
  /** @returns whether there is more to do at once */
  slice(): boolean;
  /** When there is not, it is looked at again after so long, ms. */
  every: number;
}

/** The work that goes on. */
export interface IdleWork {
  /** Something is committed: the work waits. */
  disturb(): void;
  /** Ends it. */
  stop(): void;
}

/** Starts the work; its first slices come some seconds later. */
export function startIdleWork(work: {
  retention: Retention;
  searchIndex: SearchIndex | null;
}): IdleWork {
  const { retention, searchIndex } = work;
  const tasks: IdleTask[] = [{ slice: () => retention.slice(), every: RETENTION_EVERY_MS }];
  if (searchIndex) tasks.push({ slice: () => searchIndex.slice(), every: INDEX_EVERY_MS });
  let disturbedAt = performance.now();
  let slicedAt = performance.now();
  const timers = new Map<IdleTask, NodeJS.Timeout>();
  const again = (task: IdleTask, inMs: number) => {
    timers.set(task, setTimeout(turn, inMs, task));
  };
  const turn = (task: IdleTask) => {
    const now = performance.now();
    if (now - disturbedAt < IDLE_MS && now - slicedAt < BUSY_SLICE_EVERY_MS) {
      again(task, IDLE_MS);
      return;
    }
    slicedAt = now;
    try {
      again(task, task.slice() ? 0 : task.every);
    } catch (error) {
      if (storageErrorOf(error) === null) throw error;
      again(task, BUSY_SLICE_EVERY_MS);
    }
  };
  for (const task of tasks) again(task, BUSY_SLICE_EVERY_MS);
  return {
    disturb: () => {
      disturbedAt = performance.now();
    },
    stop: () => {
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}
