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

/** Looks at all lines every `sweepMs`; a line that keeps up costs two reads a sweep. */
export function createBacklog(deps: {
  hall: Pick<Hall, 'resync'>;
  limits: SlowConsumerLimits;
  clock: Clock;
  log: Logger;
}): Backlog {
  const { hall, limits, clock, log } = deps;
  const standings = new Map<Line, Standing>();

  function fallBehind(line: Line): void {
    const standing = standings.get(line);
    if (!standing) return;
    line.membership.suspend();
    line.dropRoomFrames();
    if (standing.behindSince !== null) return;
    standing.behindSince = clock.now();
    const { id, backlogBytes } = line.connection;
    log.info('connection.behind', { connection_id: id, backlog_bytes: backlogBytes });
  }

  function giveUp(line: Line, reason: string): void {
    standings.delete(line);
    const { id, backlogBytes } = line.connection;
    log.warn('connection.too_slow', { connection_id: id, backlog_bytes: backlogBytes, reason });
    line.connection.close(TRY_AGAIN_LATER, reason);
  }

  async function resync(line: Line, standing: Standing): Promise<void> {
    standing.isResyncing = true;
    try {
      await hall.resync(line.connection, line.membership.takeOwed());
      // Too slow for its own snapshots: rooms are owed again, and the clock runs on.
      if (!line.membership.isSuspended) standing.behindSince = null;
    } catch (error) {
      log.error('connection.resync_failed', {
        connection_id: line.connection.id,
        error: errorFrom(error),
      });
      if (standings.has(line)) giveUp(line, 'resync failed');
    } finally {
      standing.isResyncing = false;
    }
  }

  function check(line: Line): void {
    const standing = standings.get(line);
    if (!standing) return;
    const bytes = line.connection.backlogBytes;
    const isHigh = bytes > limits.highBytes || line.queuedFrames > limits.highFrames;
    if (isHigh) fallBehind(line);
    const { behindSince, isResyncing } = standing;
    if (behindSince === null) return;
    if (line.connection.backlogBytes > limits.maxBytes) {
      giveUp(line, 'reads too slowly');
    } else if (!isResyncing && !isHigh && !line.isStalled && bytes < limits.lowBytes) {
      void resync(line, standing);
    } else if (clock.now() - behindSince > limits.maxBehindMs) {
      giveUp(line, 'behind for too long');
    }
  }

  const stop = clock.every(limits.sweepMs, () => {
    for (const line of standings.keys()) check(line);
  });

  return {
    watch(line) {
      standings.set(line, { behindSince: null, isResyncing: false });
      return () => void standings.delete(line);
    },
    check,
    fallBehind,
    stop,
  };
}
