/**
 * Loaded into the server before it starts: counts how often it writes frames to one client within one
 * tick of its loop. The promise is: once. Clients cannot count that themselves, because two writes may
 * arrive in one read. Plain JavaScript, because it runs inside the built program, without tsx.
 */
import { Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';

/** First byte of a text frame, which no HTTP answer begins with. */
const FIN_TEXT = 0x81;

const inThisTick = new Map();
const counts = { writes: 0, most: 0 };

const { write } = Socket.prototype;

Socket.prototype.write = function counted(...args) {
  const [chunk] = args;
  if (Buffer.isBuffer(chunk) && chunk[0] === FIN_TEXT) {
    const count = (inThisTick.get(this) ?? 0) + 1;
    // Frames leave in the check phase of a tick; this runs first in the check phase of the next one.
    if (inThisTick.size === 0) setImmediate(() => inThisTick.clear());
    inThisTick.set(this, count);
    counts.writes++;
    counts.most = Math.max(counts.most, count);
  }
  return write.apply(this, args);
};

if (isMainThread) {
  process.on('message', () => {
    process.send?.({ ...counts });
    Object.assign(counts, { writes: 0, most: 0 });
  });
  process.channel?.unref();
}
