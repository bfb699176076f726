/**
 * What is done about storage errors: the words for SQLite's and the system's errors, and the thread that looks for
 * damage in the background.
 */
import type { Worker } from 'node:worker_threads';
import type { DataPaths } from '../../config.ts';
import type { Logger } from '../../log.ts';
import type { Damage } from '../damage.ts';
import { type FromThread, startThread } from './start.ts';

/** Gets the word for the trouble (`disk_full`, `busy`...), or null when it is over. */
export type StorageErrorListener = (trouble: string | null) => void;

/** Keeps the current trouble and passes its changes on, once each. */
export function createStorageErrors(log: Logger) {
  const listeners: StorageErrorListener[] = [];
  let passing: string | null = null;
  let lasting: string | null = null;

  const change = (next: () => void, reason?: string) => {
    const before = lasting ?? passing;
    next();
    const now = lasting ?? passing;
    if (now === before) return;
    if (now === null) log.info('persistence.flush.recovered');
    else log.error('persistence.flush.failed', { trouble: now, reason });
    for (const listener of listeners) listener(now);
  };

  return {
    get now() {
      return lasting ?? passing;
    },
    listen: (listener: StorageErrorListener) => void listeners.push(listener),
    /** Trouble that is over with the next commit. */
    set(trouble: string, reason: string) {
      change(() => {
        passing = trouble;
      }, reason);
    },
    clear() {
      change(() => {
        passing = null;
      });
    },
    /** Trouble that only a human ends. */
    keep(trouble: string, reason: string) {
      change(() => {
        lasting = trouble;
      }, reason);
    },
  };
}

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

/** @param found  gets the damage once its copy is put aside; nothing is said about a sound database */
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
