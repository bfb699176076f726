/**
 * How a running server ends: in order on the first signal, at once on the second, and with a line in
 * the log when it falls over. Everything acknowledged is committed by then, so leaving is always safe.
 */
import type { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import type { Config } from '../config.ts';
import { EXIT } from '../exit.ts';

/** A supervisor that sent SIGTERM waits 20 s before it kills; closing gets half of that. */
const CLOSE_WITHIN_MS = 10_000;
// Not SIGHUP: a handler would undo `nohup`, and without one a closed terminal is just another kill.
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Where signals and crashes come from and how to leave at once: the process, or a test's stand-in. */
export interface Surroundings {
  events: Pick<EventEmitter, 'on' | 'off'>;
  exit(code: number): void;
  warn(line: string): void;
  closeWithinMs?: number;
}

/**
 * Waits for the first stop signal, also while the server still starts, then closes the server.
 *
 * @param opening  the server once it has started
 * @returns the exit code, at latest `closeWithinMs` after the signal
 * @throws what the start or `close` throws: a bug, or trouble worth telling the supervisor
 */
export async function closeOnSignal(
  opening: Promise<{ close(): Promise<void> }>,
  surroundings: Surroundings,
): Promise<number> {
  const { events, exit, warn, closeWithinMs = CLOSE_WITHIN_MS } = surroundings;
  let isClosing = false;
  let firstSignal = (): void => {};
  const stop = new Promise<void>((resolve) => {
    firstSignal = resolve;
  });
  const onSignal = (name: (typeof STOP_SIGNALS)[number]): void => {
    if (isClosing) exit(128 + constants.signals[name]);
    isClosing = true;
    firstSignal();
  };
  for (const name of STOP_SIGNALS) events.on(name, onSignal);
  try {
    // A signal that comes while the server starts counts: it is closed once it has started.
    const server = await opening;
    await stop;
    const isLate = await isLaterThan(closeWithinMs, server.close());
    if (isLate)
      warn(`orbitdock-server: not closed within ${closeWithinMs / 1000} s, leaving anyway`);
    return EXIT.ok;
  } finally {
    for (const name of STOP_SIGNALS) events.off(name, onSignal);
  }
}

async function isLaterThan(limitMs: number, work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<true>((resolve) => {
    timer = setTimeout(resolve, limitMs, true);
  });
  try {
    return await Promise.race([work.then(() => false), limit]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Makes a bug outside every session end the process, after it was written down: going on with unknown
 * state would be worse than the restart by the supervisor.
 */
export function exitOnCrash(config: Config, { events, exit, warn }: Surroundings): void {
  const onCrash = async (thrown: unknown): Promise<void> => {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    warn(`orbitdock-server: ${error.stack ?? error.message}`);
    try {
      // Loaded here only: the log proper belongs to the server, and this one must not truncate it.
      const { createLogger } = await import('../log.ts');
      const log = createLogger({ ...config.log, truncateOnStart: false }, config.paths.log);
      log.fatal('server.crashed', { error });
      log.close();
    } finally {
      exit(EXIT.software);
    }
  };
  events.on('uncaughtException', onCrash);
  events.on('unhandledRejection', onCrash);
}
