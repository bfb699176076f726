/**
 * Has the database looked through: a moment after each start and once a day, beside the commits, in a thread
 * that ends with it. Also at once where a read or a commit met damage. Called by writer.ts.
 */
import type { Worker } from 'node:worker_threads';
import type { DataPaths } from '../../config.ts';
import type { Logger } from '../../log.ts';
import type { Damage } from '../damage.ts';
import { startThread } from './start.ts';
import type { FromThread } from './traffic.ts';

/** The first check begins this long after the start, ms: clients that come back go first. */
const CHECK_AFTER_MS = 1_000;
const CHECK_EVERY_MS = 24 * 60 * 60 * 1_000;

/** Checks for damage that will run or run. */
export interface DamageWatch {
  /** Has a copy put aside of a database that was found damaged: why, in SQLite's words. */
  keep(reason: string): void;
  /** Ends a check that has not come to its end; there will be no other. */
  stop(): void;
}

/** @param found  is told of damage once its copy is put aside; nothing is said about a sound database */
export function watchForDamage(deps: {
  paths: DataPaths;
  log: Logger;
  found: (damage: Damage) => void;
}): DamageWatch {
  const { paths, log, found } = deps;
  let worker: Worker | null = null;
  const check = (suspicion: string | null) => {
    const startedAt = performance.now();
    worker = startThread({ task: 'check', paths, suspicion });
    worker.unref();
    worker.on('error', (error) => log.warn('persistence.check.failed', { error }));
    worker.on('message', (message: FromThread) => {
      const ms = Math.round(performance.now() - startedAt);
      if (message.type === 'refused') {
        log.warn('persistence.check.failed', { error: message.message });
      } else if (message.type === 'checked' && message.damage !== null) {
        stop();
        found(message.damage);
      } else if (message.type === 'checked') log.info('persistence.check.sound', { ms });
    });
  };
  const first = setTimeout(check, CHECK_AFTER_MS, null);
  const daily = setInterval(check, CHECK_EVERY_MS, null);
  first.unref();
  daily.unref();
  const stop = () => {
    clearTimeout(first);
    clearInterval(daily);
  };
  return {
    keep(reason) {
      stop();
      check(reason);
    },
    stop() {
      stop();
      void worker?.terminate();
    },
  };
}
