/**
 * One frame for many clients: who is in which room, what one tick has for a client, and the bytes of it, which
 * are made once for all clients that get the same. This is where fan-out is won: what costs is the `write`.
 */
import type { Frame } from '../runtime/rooms/rooms.ts';

/** Who is in which room; a room exists while a connection is in it. */
export interface RoomIndex<Member> {
  enter(room: string, member: Member): void;
  exit(room: string, member: Member): void;
  membersOf(room: string): ReadonlySet<Member> | undefined;
}

/** An index without rooms. */
export function createRoomIndex<Member>(): RoomIndex<Member> {
  const rooms = new Map<string, Set<Member>>();
  return {
    enter(room, member) {
      const members = rooms.get(room);
      if (members) members.add(member);
      else rooms.set(room, new Set([member]));
    },
    exit(room, member) {
      const members = rooms.get(room);
      if (members?.delete(member) && members.size === 0) rooms.delete(room);
    },
    membersOf: (room) => rooms.get(room),
  };
}

/**
 * Gathers the connections that have something to write, and gives them to `flush` at the end of the tick.
 *
 * @param after  called when all of a tick were flushed
 */
export function createTicker<Member>(
  flush: (member: Member) => void,
  after: () => void,
): (member: Member) => void {
  const due = new Set<Member>();
  const run = (): void => {
    const members = [...due];
    due.clear();
    for (const member of members) flush(member);
    after();
  };
  return (member) => {
    if (due.size === 0) setImmediate(run);
    due.add(member);
  };
}

/** What is made of a list of frames, once for all clients that get the same frames. */
export interface Shared<Item, Made> {
  of(items: readonly Item[]): Made;
  /** End of the tick: lets go of the last one. */
  clear(): void;
}

/** Remembers what `make` made of the last list. */
export function createShared<Item, Made>(
  make: (items: readonly Item[]) => Made,
): Shared<Item, Made> {
  let last: { items: readonly Item[]; made: Made } | null = null;
  return {
    of(items) {
      const known = last?.items;
      const isSame =
        known?.length === items.length && items.every((item, at) => item === known[at]);
      if (last === null || !isSame) last = { items, made: make(items) };
      return last.made;
    },
    clear() {
      last = null;
    },
  };
}

/** FIN and opcode 1: a text message in a single frame (RFC 6455, 5.2). */
const FIN_TEXT = 0x81;

/**
 * An encoder of frames for a WebSocket. A server's frames are unmasked, so the bytes of one serve every reader: they
 * are made once and kept with it.
 *
 * @param textOf  what is sent of a frame
 */
export function createEncoder(textOf: (frame: Frame) => string): (frame: Frame) => Buffer {
  const encoded = new WeakMap<Frame, Buffer>();
  return (frame) => {
    const known = encoded.get(frame);
    if (known) return known;
    const bytes = webSocketFrame(textOf(frame));
    encoded.set(frame, bytes);
    return bytes;
  };
}

function webSocketFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const headerLength = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const bytes = Buffer.allocUnsafe(headerLength + length);
  bytes[0] = FIN_TEXT;
  if (headerLength === 2) {
    bytes[1] = length;
  } else if (headerLength === 4) {
    bytes[1] = 126;
    bytes.writeUInt16BE(length, 2);
  } else {
    bytes[1] = 127;
    bytes.writeBigUInt64BE(BigInt(length), 2);
  }
  bytes.write(text, headerLength);
  return bytes;
}

/** Glues frames together for one write. */
export function joined(frames: readonly Buffer[]): Buffer {
  const [only] = frames;
  return only && frames.length === 1 ? only : Buffer.concat(frames);
}
