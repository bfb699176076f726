/**
 * What was committed lately, kept in memory: frames of sessions, and the keys of hooks.
 *
 * The newest frames of each session are kept as the text that was sent: the first tier of catching up.
 * Bounded by bytes, a session's and all sessions' together; the buffer of the session that was written to
 * longest ago is dropped first. What is older is read from the database.
 */

const MAX_SESSION_BYTES = 256 * 1024;
const MAX_TOTAL_BYTES = 32 * 1024 * 1024;

interface Kept {
  revision: number;
  text: string;
}

interface SessionBuffer {
  frames: Kept[];
  bytes: number;
}

/** The newest frames of all sessions. */
export interface ReplayBuffer {
  /** Keeps a frame; revisions of a session come without a gap. */
  push(sessionId: string, revision: number, text: string): void;
  /**
   * Frames after `since`, oldest first; empty when it is the newest.
   *
   * @returns null when the buffer does not reach back that far, or `since` is ahead of it. Synchronous on
   *   purpose: callers join the room in the same turn, so no frame is lost or doubled.
   */
  since(sessionId: string, since: number): string[] | null;
  /** Forgets a session, for one whose revisions no longer continue what is kept. */
  drop(sessionId: string): void;
}

/** Rings for all sessions. */
export function createReplayBuffer(
  limits = { session: MAX_SESSION_BYTES, total: MAX_TOTAL_BYTES },
): ReplayBuffer {
  // In the order of the last write: the first is dropped when all together are too much.
  const buffers = new Map<string, SessionBuffer>();
  let total = 0;

  function drop(sessionId: string): void {
    total -= buffers.get(sessionId)?.bytes ?? 0;
    buffers.delete(sessionId);
  }

  return {
    drop,
    push(sessionId, revision, text) {
      let buffer = buffers.get(sessionId);
      if (buffer && buffer.frames.at(-1)?.revision !== revision - 1) {
        drop(sessionId);
        buffer = undefined;
      }
      buffer ??= { frames: [], bytes: 0 };
      buffers.delete(sessionId);
      buffers.set(sessionId, buffer);
      const before = buffer.bytes;
      buffer.frames.push({ revision, text });
      buffer.bytes += sizeOf(text);
      shrink(buffer, limits.session);
      total += buffer.bytes - before;
      for (const oldest of buffers.keys()) {
        if (total <= limits.total) break;
        drop(oldest);
      }
    },
    since(sessionId, since) {
      const frames = buffers.get(sessionId)?.frames;
      const first = frames?.[0];
      if (!frames || !first || since < first.revision - 1) return null;
      const next = since - first.revision + 1;
      if (next > frames.length) return null;
      return frames.slice(next).map((frame) => frame.text);
    },
  };
}

function shrink(buffer: SessionBuffer, maxBytes: number): void {
  let dropped = 0;
  while (buffer.bytes > maxBytes) {
    const oldest = buffer.frames[dropped];
    if (!oldest) break;
    buffer.bytes -= sizeOf(oldest.text);
    dropped++;
  }
  if (dropped > 0) buffer.frames.splice(0, dropped);
}

/** Bytes a text takes in memory, not on the wire. */
function sizeOf(text: string): number {
  return text.length * 2;
}

/*
 * Idempotency keys of a moment ago, with what became of them: a repeated request is answered from here
 * and touches nothing. The database knows all others.
 */

/** What every stored key stands for: its own promise need not be kept. */
const STORED = Promise.resolve();

/** What became of the keys of a moment ago. */
export interface RecentKeys {
  /** The promise of the first request with that key; undefined when there was none, or it failed. */
  get(key: string): Promise<void> | undefined;
  /** Keeps a key until twice `atLeast` others have come; one whose promise rejects is forgotten. */
  add(key: string, stored: Promise<void>): void;
}

/** Two maps that take turns: to take single keys out of a large one, oldest first, costs more. */
export function createRecentKeys(atLeast: number): RecentKeys {
  let young = new Map<string, Promise<void>>();
  let old = new Map<string, Promise<void>>();
  return {
    get: (key) => young.get(key) ?? old.get(key),
    add(key, stored) {
      if (young.size >= atLeast) {
        old = young;
        young = new Map();
      }
      const home = young;
      home.set(key, stored);
      stored.then(
        () => home.set(key, STORED),
        () => home.delete(key),
      );
    },
  };
}
