/**
 * What is wrong with the storage right now, and who wants to know. Called by writer.ts.
 */
import type { Logger } from '../../log.ts';

/** Hears the word for the trouble (`disk_full`, `busy`...), or null when it is over. */
export type TroubleListener = (trouble: string | null) => void;

/** Keeps the current trouble and tells its changes, once each. */
export function createTroubles(log: Logger) {
  const listeners: TroubleListener[] = [];
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
    listen: (listener: TroubleListener) => void listeners.push(listener),
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
