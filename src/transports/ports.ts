/**
 * What the doors need from outside besides the hall: time and a log. Both are interfaces so that tests
 * can turn the clock themselves.
 */

/** Monotonic time and timers; wall-clock jumps must not close anybody's connection. */
export interface Clock {
  /** Milliseconds since some fixed moment. */
  now(): number;
  /** Calls back again and again; the result stops it. */
  every(periodMs: number, callback: () => void): () => void;
  /** Calls back once; the result prevents it. */
  after(delayMs: number, callback: () => void): () => void;
}

/** The real clock. Its timers never keep the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  every(periodMs, callback) {
    const timer = setInterval(callback, periodMs).unref();
    return () => clearInterval(timer);
  },
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs).unref();
    return () => clearTimeout(timer);
  },
};

type Write = (event: string, fields?: Record<string, unknown>, message?: string) => void;

/** The part of the log that the doors use; never given a payload, a query string or a header. */
export interface Log {
  debug: Write;
  info: Write;
  warn: Write;
  error: Write;
}

/**
 * Warns at most once a second and event, then says how many were held back: what strangers can cause
 * must not fill the disk.
 */
export function createQuietWarning({ log, clock }: { log: Log; clock: Clock }): Write {
  const lines = new Map<string, { at: number; heldBack: number }>();
  return (event, fields = {}, message) => {
    const now = clock.now();
    const line = lines.get(event);
    if (line && now - line.at < 1000) {
      line.heldBack++;
      return;
    }
    lines.set(event, { at: now, heldBack: 0 });
    log.warn(event, line?.heldBack ? { ...fields, held_back: line.heldBack } : fields, message);
  };
}
