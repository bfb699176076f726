/**
 * What the transports need besides the runtime: time, as an interface that tests can turn by hand, a rate over it,
 * two ways to write the log, and parts that are loaded when they are first wanted.
 */
import type { Logger, LogLine } from '../log.ts';

/** Monotonic time and timers; wall-clock jumps must not close a connection. */
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

/**
 * A token bucket.
 *
 * @param deps.perSecond tokens that come back each second, up to `burst`
 * @returns takes a token; false when there is none
 */
export function createBucket(deps: {
  perSecond: number;
  burst: number;
  clock: Clock;
}): () => boolean {
  let tokens = deps.burst;
  let filledAt = deps.clock.now();
  return () => {
    const now = deps.clock.now();
    tokens = Math.min(deps.burst, tokens + ((now - filledAt) / 1000) * deps.perSecond);
    filledAt = now;
    if (tokens < 1) return false;
    tokens--;
    return true;
  };
}

/**
 * Warns at most once a second and event, then says how many were held back: what unauthenticated clients can cause
 * must not fill the disk.
 */
export function createQuietWarning({ log, clock }: { log: Logger; clock: Clock }): LogLine {
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

/** Whatever was thrown, as an Error that the log takes. */
export function errorFrom(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/* Parts that are loaded when they are first wanted: a server that never needs them does not load them. */

/** Something that is loaded when it is first wanted. */
export interface Lazy<T> {
  get(): Promise<T>;
  /** Null until it has been loaded. */
  current(): T | null;
}

/** Calls `load` once, however many ask. */
export function createLazy<T>(load: () => Promise<T>): Lazy<T> {
  let loading: Promise<T> | null = null;
  let loaded: T | null = null;
  return {
    get() {
      loading ??= load().then((value) => {
        loaded = value;
        return value;
      });
      return loading;
    },
    current: () => loaded,
  };
}
