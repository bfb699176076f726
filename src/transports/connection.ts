/**
 * What every connection has, whatever carries it: an id, a rate, a queue that keeps its messages in
 * order, and the rooms it is in or will come back to. Used by `ws.ts` and `socketio.ts`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ServerOptions, WebSocket, WebSocketServer } from 'ws';
import { OrbitError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { type Connection, errorMessage, type Frame, frameOf } from '../runtime/rooms/rooms.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import { type Clock, errorFrom } from './dependencies.ts';
import type { SlowConsumerLimits } from './limits.ts';

let connections = 0;

/** A name for logs, unique within this run. */
export function nextConnectionId(endpoint: 'ws' | 'sio' | 'http'): string {
  connections++;
  return `${endpoint}-${connections}`;
}

/** The `error` frame that reports a refusal to one connection. */
export function errorFrame(error: OrbitError): Frame {
  return frameOf(errorMessage(error));
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
 * Hands items on one at a time and in order, however long each takes, without holding up the code that
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

/*
 * Slow consumers: one rule for `/ws` and socket.io. Who has too much waiting leaves its rooms and loses
 * what was queued from them; when the rest has drained, the runtime sends fresh snapshots and lets it join
 * again. Who stays behind too long, or keeps asking without reading, is closed with 1013. No other client
 * notices any of it.
 */

/** What the rule needs of a connection. */
export interface ReadyConnection {
  readonly connection: Connection;
  readonly membership: Membership;
  /** Frames queued and not yet given to the socket. */
  readonly queuedFrames: number;
  /** The peer has not taken the last write yet. */
  readonly isStalled: boolean;
  /** Drops queued frames that came from rooms; answers to the client's own messages stay. */
  dropRoomFrames(): void;
}

/** Keeps an eye on those who read slowly. */
export interface Backlog {
  /** Begins to watch a line; the result ends it. */
  watch(line: ReadyConnection): () => void;
  /** Judges one line now instead of at the next sweep; for code that notices growth earlier. */
  check(line: ReadyConnection): void;
  /** Takes a line out of its rooms whatever its backlog: it missed a frame and needs snapshots. */
  fallBehind(line: ReadyConnection): void;
  stop(): void;
}

/** WebSocket close code "try again later". */
const TRY_AGAIN_LATER = 1013;

interface ConsumerState {
  /** When it fell behind; null while it keeps up. */
  behindSince: number | null;
  isResyncing: boolean;
}

interface BacklogDeps {
  runtime: Pick<RuntimeApi, 'resync'>;
  limits: SlowConsumerLimits;
  clock: Clock;
  log: Logger;
}

/** Looks at all lines every `sweepMs`; a line that keeps up costs two reads a sweep. */
export function createBacklog(deps: BacklogDeps): Backlog {
  return new SweptBacklog(deps);
}

class SweptBacklog implements Backlog {
  readonly #deps: BacklogDeps;
  readonly #standings = new Map<ReadyConnection, ConsumerState>();
  readonly stop: () => void;

  constructor(deps: BacklogDeps) {
    this.#deps = deps;
    this.stop = deps.clock.every(deps.limits.sweepMs, () => {
      for (const line of this.#standings.keys()) this.check(line);
    });
  }

  watch(line: ReadyConnection): () => void {
    this.#standings.set(line, { behindSince: null, isResyncing: false });
    return () => void this.#standings.delete(line);
  }

  check(line: ReadyConnection): void {
    const { limits, clock } = this.#deps;
    const standing = this.#standings.get(line);
    if (!standing) return;
    const bytes = line.connection.backlogBytes;
    const isHigh = bytes > limits.highBytes || line.queuedFrames > limits.highFrames;
    if (isHigh) this.fallBehind(line);
    const { behindSince, isResyncing } = standing;
    if (behindSince === null) return;
    if (line.connection.backlogBytes > limits.maxBytes) {
      this.#giveUp(line, 'reads too slowly');
    } else if (!isResyncing && !isHigh && !line.isStalled && bytes < limits.lowBytes) {
      void this.#resync(line, standing);
    } else if (clock.now() - behindSince > limits.maxBehindMs) {
      this.#giveUp(line, 'behind for too long');
    }
  }

  fallBehind(line: ReadyConnection): void {
    const standing = this.#standings.get(line);
    if (!standing) return;
    line.membership.suspend();
    line.dropRoomFrames();
    if (standing.behindSince !== null) return;
    standing.behindSince = this.#deps.clock.now();
    const { id, backlogBytes } = line.connection;
    this.#deps.log.info('connection.behind', { connection_id: id, backlog_bytes: backlogBytes });
  }

  #giveUp(line: ReadyConnection, reason: string): void {
    this.#standings.delete(line);
    const { id, backlogBytes } = line.connection;
    this.#deps.log.warn('connection.too_slow', {
      connection_id: id,
      backlog_bytes: backlogBytes,
      reason,
    });
    line.connection.close(TRY_AGAIN_LATER, reason);
  }

  async #resync(line: ReadyConnection, standing: ConsumerState): Promise<void> {
    standing.isResyncing = true;
    try {
      await this.#deps.runtime.resync(line.connection, line.membership.takeOwed());
      // Too slow for its own snapshots: rooms are owed again, and the clock runs on.
      if (!line.membership.isSuspended) standing.behindSince = null;
    } catch (error) {
      this.#deps.log.error('connection.resync_failed', {
        connection_id: line.connection.id,
        error: errorFrom(error),
      });
      if (this.#standings.has(line)) this.#giveUp(line, 'resync failed');
    } finally {
      standing.isResyncing = false;
    }
  }
}

/*
 * What a client receives whose message is over the limit. On a WebSocket the frame cannot be skipped, so that
 * the connection ends; the error comes first, or a client would try the same again and again. A body of
 * socket.io's polling is read past and answered as taken: the connection goes on, and the error comes on it.
 */

/** WebSocket close code "message too big". */
const TOO_BIG = 1009;

/** The error as JSON, for the limit of a message in bytes. */
export function tooLargeText(limit: number): string {
  return JSON.stringify(errorFrame(new OrbitError('too_large', { limit })).message);
}

/**
 * A WebSocket that says why before it closes for the length of a message. `ws` closes by itself as soon as
 * it has read the length, before any listener gets it.
 *
 * @param text  what is sent then
 */
export function webSocketWithErrors(text: string): typeof WebSocket {
  return class extends WebSocket {
    override close(code?: number, reason?: string | Buffer): void {
      if (code === TOO_BIG && this.readyState === WebSocket.OPEN) this.send(text);
      super.close(code, reason);
    }
  };
}

/** The same for socket.io, which makes its WebSocket server itself. */
export function webSocketServerWithErrors(
  text: string,
): new (
  options: ServerOptions,
) => WebSocketServer {
  return class extends WebSocketServer {
    constructor(options: ServerOptions) {
      super({ ...options, WebSocket: webSocketWithErrors(text) });
    }
  };
}

/** Whether a request says that its body is longer than that. */
export function isLonger({ method, headers }: IncomingMessage, limit: number): boolean {
  return method === 'POST' && Number(headers['content-length'] ?? 0) > limit;
}

/** Reads past a polling body without keeping it, then answers as the engine does when it has taken one. */
export function readPast(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  request.once('end', () => {
    response.writeHead(200, { 'Content-Type': 'text/html', 'Content-Length': '2' }).end('ok');
  });
}
