/**
 * Has the database looked through after a stop that was not clean: later than the start, beside the
 * commits, in a thread that ends with it. Called by writer.ts.
 */
import type { Worker } from 'node:worker_threads';
import type { DataPaths } from '../../config.ts';
import type { Logger } from '../../log.ts';
import { startThread } from './start.ts';
import type { FromThread } from './traffic.ts';

/** The check begins this long after the start, ms: clients that come back go first. */
const CHECK_AFTER_MS = 2_000;

/** A check for damage that will run or runs. */
export interface DamageWatch {
  /** Ends a check that has not come to its end. */
  stop(): void;
}

/** @param found  is told what is wrong, in SQLite's words; nothing is said about a sound database */
export function watchForDamage(deps: {
  paths: DataPaths;
  log: Logger;
  found: (damage: string) => void;
}): DamageWatch {
  const { paths, log, found } = deps;
  let worker: Worker | null = null;
  const timer = setTimeout(() => {
    const startedAt = performance.now();
    worker = startThread({ task: 'check', paths });
    worker.unref();
    worker.on('error', (error) => log.warn('persistence.check.failed', { error }));
    worker.on('message', (message: FromThread) => {
      const ms = Math.round(performance.now() - startedAt);
      if (message.type === 'refused') found(message.message);
      else if (message.type !== 'checked') return;
      else if (message.damage !== null) found(message.damage);
      else log.info('persistence.check.sound', { ms });
    });
  }, CHECK_AFTER_MS);
  timer.unref();
  return {
    stop() {
      clearTimeout(timer);
      void worker?.terminate();
    },
  };
}
