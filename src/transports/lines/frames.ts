/**
 * WebSocket frames made by hand. A server's frames are unmasked, so the bytes of one frame serve every
 * reader: they are made once and kept with it. What several readers get in the same tick is glued
 * together once, too. This is where fan-out is won: what costs is the `write`, not the framing.
 */
import type { Frame } from '../../runtime/rooms/rooms.ts';

/** FIN and opcode 1: a text message in a single frame (RFC 6455, 5.2). */
const FIN_TEXT = 0x81;

const encoded = new WeakMap<Frame, Buffer>();

/**
 * The bytes of a frame on the wire.
 *
 * @returns null when the text is longer than `maxBytes`
 */
export function encodeFrame(frame: Frame, maxBytes: number): Buffer | null {
  const known = encoded.get(frame);
  if (known) return known;
  const length = Buffer.byteLength(frame.text);
  if (length > maxBytes) return null;
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
  bytes.write(frame.text, headerLength);
  encoded.set(frame, bytes);
  return bytes;
}

/** Glues frames together, once for all readers that get the same ones. */
export interface Batcher {
  join(frames: readonly Buffer[]): Buffer;
  /** End of the tick: lets go of the last batch. */
  clear(): void;
}

/** A batcher for one outlet. */
export function createBatcher(): Batcher {
  let last: readonly Buffer[] = [];
  let joined: Buffer = Buffer.alloc(0);
  return {
    join(frames) {
      const [only] = frames;
      if (only && frames.length === 1) return only;
      const isSame = frames.length === last.length && frames.every((one, at) => one === last[at]);
      if (!isSame) {
        last = frames;
        joined = Buffer.concat(frames);
      }
      return joined;
    },
    clear() {
      last = [];
      joined = Buffer.alloc(0);
    },
  };
}
