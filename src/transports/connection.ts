/**
 * What every connection has, whatever carries it: an id, a rate, a queue that keeps its messages in
 * order, and the rooms it is in or will come back to. Used by `ws.ts` and `socketio.ts`.
 */
import type { OrbitError } from '../errors.ts';
import { errorMessage, frameOf } from '../runtime/rooms/frames.ts';
import type { Frame } from '../runtime/rooms/rooms.ts';
import type { Clock } from './ports.ts';

let connections = 0;

/** A name for logs, unique within this run. */
export function nextConnectionId(door: 'ws' | 'sio' | 'http'): string {
  connections++;
  return `${door}-${connections}`;
}

/** The `error` frame that tells one connection about a refusal. */
export function errorFrame(error: OrbitError): Frame {
  return frameOf(errorMessage(error));
}

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

/** Messages of one connection, taken one after the other. */
export interface Inbox<T> {
  /** @returns false when the inbox is full; the item was taken nevertheless */
  push(item: T, bytes: number): boolean;
  readonly isFull: boolean;
  /** Forgets what waits; what is being taken runs to its end. */
  close(): void;
}

/**
 * Hands items on one at a time and in order, however long each takes, without holding up whoever
 * brings them: while a message is worked on, its socket is still read for pings.
 *
 * @param deps.take must not reject
 * @param deps.hasRoom called when a full inbox has become half empty
 */
export function createInbox<T>(deps: {
  take: (item: T) => Promise<void>;
  maxItems: number;
  maxBytes: number;
  hasRoom: () => void;
}): Inbox<T> {
  const queue: { item: T; bytes: number }[] = [];
  let waitingBytes = 0;
  let isRunning = false;
  let isFull = false;

  async function run(): Promise<void> {
    isRunning = true;
    for (let next = queue.shift(); next; next = queue.shift()) {
      waitingBytes -= next.bytes;
      await deps.take(next.item);
      if (isFull && queue.length <= deps.maxItems / 2 && waitingBytes <= deps.maxBytes / 2) {
        isFull = false;
        deps.hasRoom();
      }
    }
    isRunning = false;
  }

  return {
    push(item, bytes) {
      queue.push({ item, bytes });
      waitingBytes += bytes;
      if (queue.length >= deps.maxItems || waitingBytes >= deps.maxBytes) isFull = true;
      if (!isRunning) void run();
      return !isFull;
    },
    get isFull() {
      return isFull;
    },
    close() {
      queue.length = 0;
      waitingBytes = 0;
    },
  };
}

/**
 * The rooms of one connection. A connection that fell behind leaves them all but keeps a note of them
 * (`owed`), which its client can still change by unsubscribing.
 */
export class Membership {
  readonly #enter: (room: string) => void;
  readonly #exit: (room: string) => void;
  readonly #rooms = new Set<string>();
  #owed = new Set<string>();
  /** Rooms it is on its way back to; its client may still give one up. */
  #returning = new Set<string>();
  #isClosed = false;

  /** @param enter and `exit` put the connection into the transport's own room and out of it */
  constructor(enter: (room: string) => void, exit: (room: string) => void) {
    this.#enter = enter;
    this.#exit = exit;
  }

  get rooms(): ReadonlySet<string> {
    return this.#rooms;
  }

  /** Whether it has left rooms that it shall come back to. */
  get isSuspended(): boolean {
    return this.#owed.size > 0;
  }

  /** Nothing happens after `close`: a subscription may finish after its client has gone. */
  join(room: string): void {
    this.#owed.delete(room);
    if (this.#isClosed || this.#rooms.has(room)) return;
    this.#rooms.add(room);
    this.#enter(room);
  }

  leave(room: string): void {
    this.#owed.delete(room);
    this.#returning.delete(room);
    if (this.#rooms.delete(room)) this.#exit(room);
  }

  /** Leaves every room until `takeOwed`. */
  suspend(): void {
    for (const room of this.#rooms) {
      this.#exit(room);
      this.#owed.add(room);
    }
    this.#rooms.clear();
  }

  /**
   * The rooms left by `suspend` and not given up since; they are not owed any more. The set lives: a
   * room that is given up later disappears from it.
   */
  takeOwed(): ReadonlySet<string> {
    this.#returning = this.#owed;
    this.#owed = new Set();
    return this.#returning;
  }

  close(): void {
    for (const room of this.#rooms) this.#exit(room);
    this.#rooms.clear();
    this.#owed.clear();
    this.#returning.clear();
    this.#isClosed = true;
  }
}
