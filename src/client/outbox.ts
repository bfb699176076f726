/**
 * Sends no faster than the server listens: it refuses what comes faster, without having read whose
 * request it was. Keeps the order.
 */

/** Below the server's own limits (200 at once, then 50 a second). */
const BURST = 150;
const PER_SECOND = 40;

/** Messages that wait for a line. */
export interface Outbox {
  send(message: object): void;
  /** Forgets what waits: the line is gone. */
  clear(): void;
}

/** @param send gives a message to the line */
export function createOutbox(send: (message: object) => void): Outbox {
  let waiting: object[] = [];
  let tokens = BURST;
  let filledAt = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function flush(): void {
    timer = undefined;
    const now = performance.now();
    tokens = Math.min(BURST, tokens + ((now - filledAt) / 1000) * PER_SECOND);
    filledAt = now;
    const count = Math.min(waiting.length, Math.floor(tokens));
    tokens -= count;
    for (const message of waiting.splice(0, count)) send(message);
    if (waiting.length > 0) timer = setTimeout(flush, 1000 / PER_SECOND);
  }

  return {
    send(message) {
      waiting.push(message);
      if (timer === undefined) flush();
    },
    clear() {
      clearTimeout(timer);
      timer = undefined;
      waiting = [];
      // The next line has a limit of its own, as yet untouched.
      tokens = BURST;
    },
  };
}
