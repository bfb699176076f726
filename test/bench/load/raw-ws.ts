/** A raw `/ws` client that counts frames and does nothing else: a thousand of them fit one process. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Opcode 1 and FIN; the mask bit of the length, which a client's frames must have. */
const FIN_TEXT = 0x81;
const MASKED = 0x80;

export class RawWs {
  frames = 0;
  reads = 0;
  bytes = 0;
  readonly #socket: Socket;
  #onFrame: ((now: number) => void) | null = null;
  /** Bytes of the frame under way that are still to come. */
  #left = 0;
  /** A header that came in parts. */
  #head: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#count(chunk));
  }

  static async open(port: number): Promise<RawWs> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    const key = randomBytes(16).toString('base64');
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\n` +
        `Connection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
    const rest = await upgraded(socket);
    const client = new RawWs(socket);
    if (rest.length > 0) client.#count(rest);
    return client;
  }

  send(message: object): void {
    const text = Buffer.from(JSON.stringify(message));
    if (text.length > 125) throw new Error('Only short messages are sent here');
    // A mask of zeros leaves the text as it is.
    const head = [FIN_TEXT, MASKED | text.length, 0, 0, 0, 0];
    this.#socket.write(Buffer.concat([Buffer.from(head), text]));
  }

  /** When the next frame is whole, monotonic ms. */
  nextFrame(): Promise<number> {
    return new Promise((resolve) => {
      this.#onFrame = resolve;
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #count(chunk: Buffer): void {
    this.reads++;
    this.bytes += chunk.length;
    let rest = this.#head.length > 0 ? Buffer.concat([this.#head, chunk]) : chunk;
    this.#head = Buffer.alloc(0);
    while (rest.length > 0) {
      if (this.#left === 0) {
        const size = frameSize(rest);
        if (size === null) {
          this.#head = rest;
          return;
        }
        this.#left = size;
      }
      const taken = Math.min(this.#left, rest.length);
      this.#left -= taken;
      if (this.#left === 0) {
        this.frames++;
        this.#onFrame?.(performance.now());
        this.#onFrame = null;
      }
      rest = rest.subarray(taken);
    }
  }
}

/** Bytes of the frame that begins here, header included; null when the header is not all there. */
function frameSize(bytes: Buffer): number | null {
  const short = bytes[1];
  if (short === undefined) return null;
  if (short < 126) return 2 + short;
  if (short === 126) return bytes.length < 4 ? null : 4 + bytes.readUInt16BE(2);
  return bytes.length < 10 ? null : 10 + Number(bytes.readBigUInt64BE(2));
}

/** Reads the answer to the upgrade; gives back what came behind it. */
async function upgraded(socket: Socket): Promise<Buffer> {
  let answer: Buffer = Buffer.alloc(0);
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    answer = Buffer.concat([answer, chunk]);
    const end = answer.indexOf('\r\n\r\n');
    if (end === -1) continue;
    if (!answer.toString('latin1').startsWith('HTTP/1.1 101')) {
      throw new Error(`The upgrade was answered ${answer.toString('latin1', 0, end)}`);
    }
    return answer.subarray(end + 4);
  }
}
