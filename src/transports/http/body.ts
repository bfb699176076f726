/**
 * Bodies of requests: read whole, within a limit, and JSON by their type. Called by the hook door and by the
 * bridge.
 */
import type { IncomingMessage } from 'node:http';
import { OrbitError } from '../../errors.ts';

/** A page may send text/plain without asking anybody; JSON it may not. And nothing is unpacked here. */
export function refuseOtherMedia({ headers }: IncomingMessage): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new OrbitError('unsupported_media_type', { reason: 'Send the body without compression' });
  }
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    throw new OrbitError('unsupported_media_type', { reason: 'Send application/json' });
  }
}

/** What collects the chunks of a body. */
interface Collector {
  /** @returns false when this is more than can be kept */
  add(chunk: Buffer): boolean;
  bytes(): Buffer;
}

/**
 * The whole body.
 *
 * @param body collects it; without one, all bytes are kept as they are
 * @throws OrbitError `too_large` as soon as that is known; Node reads and discards the rest, so that the
 *   sender gets to see the answer. `bad_request` when the sender goes away.
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  body: Collector = collectorOf(maxBytes),
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let isKept = true;
    let isWhole = false;
    // Refusals are made when they are needed: their stack traces cost more than all of this.
    const tooLarge = (): void => reject(new OrbitError('too_large', { limit: maxBytes }));
    const gone = (): void => {
      // `close` comes after every request, also after one that was read to its end.
      if (isWhole) return;
      reject(new OrbitError('bad_request', { reason: 'The request ended before its body did' }));
    };
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) return tooLarge();
    request.on('data', (chunk: Buffer) => {
      if (!isKept) return;
      isKept = body.add(chunk);
      if (!isKept) tooLarge();
    });
    request.once('end', () => {
      isWhole = true;
      resolve(body.bytes());
    });
    request.once('error', gone);
    request.once('close', gone);
  });
}

function collectorOf(maxBytes: number): Collector {
  const chunks: Buffer[] = [];
  let length = 0;
  return {
    add(chunk) {
      length += chunk.length;
      if (length <= maxBytes) chunks.push(chunk);
      else chunks.length = 0;
      return length <= maxBytes;
    },
    bytes: () => Buffer.concat(chunks),
  };
}
