/**
 * Slow consumers: one rule for `/ws` and socket.io. Who has too much waiting leaves its rooms and loses
 * what was queued from them; when the rest has drained, the hall sends fresh snapshots and lets it join
 * again. Who stays behind too long, or keeps asking without reading, is closed with 1013. Nobody else
 * notices any of it.
 */
import type { Logger } from '../log.ts';
import type { Hall } from '../runtime/hall.ts';
import type { Connection } from '../runtime/rooms/rooms.ts';
import type { Membership } from './connection.ts';
import type { SlowConsumerLimits } from './limits.ts';
import { type Clock, errorFrom } from './ports.ts';

/** What the rule needs of a connection. */
export interface Line {
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
  watch(line: Line): () => void;
  /** Judges one line now instead of at the next sweep; for whoever notices growth earlier. */
  check(line: Line): void;
  /** Takes a line out of its rooms whatever its backlog: it missed a frame and needs snapshots. */
  fallBehind(line: Line): void;
  stop(): void;
}

/** WebSocket close code "try again later". */
const TRY_AGAIN_LATER = 1013;

interface Standing {
  /** When it fell behind; null while it keeps up. */
  behindSince: number | null;
  isResyncing: boolean;
}

interface BacklogDeps {
  hall: Pick<Hall, 'resync'>;
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
  readonly #standings = new Map<Line, Standing>();
  readonly stop: () => void;

  constructor(deps: BacklogDeps) {
    this.#deps = deps;
    this.stop = deps.clock.every(deps.limits.sweepMs, () => {
      for (const line of this.#standings.keys()) this.check(line);
    });
  }

  watch(line: Line): () => void {
    this.#standings.set(line, { behindSince: null, isResyncing: false });
    return () => void this.#standings.delete(line);
  }

  check(line: Line): void {
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

  fallBehind(line: Line): void {
    const standing = this.#standings.get(line);
    if (!standing) return;
    line.membership.suspend();
    line.dropRoomFrames();
    if (standing.behindSince !== null) return;
    standing.behindSince = this.#deps.clock.now();
    const { id, backlogBytes } = line.connection;
    this.#deps.log.info('connection.behind', { connection_id: id, backlog_bytes: backlogBytes });
  }

  #giveUp(line: Line, reason: string): void {
    this.#standings.delete(line);
    const { id, backlogBytes } = line.connection;
    this.#deps.log.warn('connection.too_slow', {
      connection_id: id,
      backlog_bytes: backlogBytes,
      reason,
    });
    line.connection.close(TRY_AGAIN_LATER, reason);
  }

  async #resync(line: Line, standing: Standing): Promise<void> {
    standing.isResyncing = true;
    try {
      await this.#deps.hall.resync(line.connection, line.membership.takeOwed());
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
