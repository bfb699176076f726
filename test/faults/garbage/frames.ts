/**
 * WebSocket clients that break the protocol below the messages, each on a connection of its own: what they
 * send, and how a good server parts with them.
 */
import { connect, type Socket } from 'node:net';
import type { Random } from '../../support/random.ts';

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const CONTINUATION = 0;

interface FrameParts {
  opcode: number;
  payload?: Buffer | string;
  fin?: boolean;
  /** Reserved bits, 0 to 7. */
  rsv?: number;
  masked?: boolean;
  /** What the header says, where that is wrong. */
  claimedLength?: number;
}

/** The bytes of one client frame. */
function clientFrame(parts: FrameParts): Buffer {
  const { opcode, payload = '', fin = true, rsv = 0, masked = true, claimedLength } = parts;
  const body = Buffer.from(payload);
  const length = claimedLength ?? body.length;
  const mask = Buffer.from([1, 2, 3, 4]);
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const flag = masked ? 0x80 : 0;
  let extended = Buffer.alloc(0);
  if (length < 126) head.push(flag | length);
  else if (length < 65_536) {
    head.push(flag | 126);
    extended = Buffer.alloc(2);
    extended.writeUInt16BE(length);
  } else {
    head.push(flag | 127);
    extended = Buffer.alloc(8);
    extended.writeBigUInt64BE(BigInt(length));
  }
  const bytes = masked ? body.map((byte, at) => byte ^ (mask[at % 4] as number)) : body;
  return Buffer.concat([Buffer.from(head), extended, masked ? mask : Buffer.alloc(0), bytes]);
}

const closeWith = (code: number, reason = ''): Buffer => {
  const payload = Buffer.alloc(2 + reason.length);
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return clientFrame({ opcode: CLOSE, payload });
};

export interface Violation {
  bytes: (random: Random) => Buffer;
  /** Codes a good server may close with; none: it stays and answers what follows. */
  codes: readonly number[];
  /** The client goes away in the middle. */
  resets?: boolean;
  /** A good server may also hang up without a word. */
  mayBeCut?: boolean;
}

/** Every way to break it, by name. */
export const VIOLATIONS: Record<string, Violation> = {
  'bad opcode': {
    bytes: (random) => clientFrame({ opcode: random.pick([3, 4, 5, 6, 7, 11, 15]) }),
    codes: [1002],
  },
  unmasked: {
    bytes: () => clientFrame({ opcode: TEXT, payload: '{}', masked: false }),
    codes: [1002],
  },
  'reserved bits': {
    bytes: (random) => clientFrame({ opcode: TEXT, payload: '{}', rsv: random.between(1, 7) }),
    codes: [1002],
  },
  'bad UTF-8': {
    bytes: () => clientFrame({ opcode: TEXT, payload: Buffer.from([0x7b, 0xc3, 0x28, 0xff]) }),
    codes: [1007],
  },
  'close code 999': { bytes: () => closeWith(999), codes: [1002] },
  'close of one byte': {
    bytes: () => clientFrame({ opcode: CLOSE, payload: 'x' }),
    codes: [1002],
  },
  'close without reason': { bytes: () => clientFrame({ opcode: CLOSE }), codes: [1005, 1000] },
  'close with bad UTF-8': {
    bytes: () => clientFrame({ opcode: CLOSE, payload: Buffer.from([3, 232, 0xff, 0xfe]) }),
    codes: [1007],
  },
  'fragmented ping': { bytes: () => clientFrame({ opcode: PING, fin: false }), codes: [1002] },
  'long ping': {
    bytes: () => clientFrame({ opcode: PING, payload: 'p'.repeat(126) }),
    codes: [1002],
  },
  'continuation of nothing': {
    bytes: () => clientFrame({ opcode: CONTINUATION, payload: 'x' }),
    codes: [1002],
  },
  'text within a text': {
    bytes: () =>
      Buffer.concat([
        clientFrame({ opcode: TEXT, payload: '{', fin: false }),
        clientFrame({ opcode: TEXT, payload: '}' }),
      ]),
    codes: [1002],
  },
  'too long by its header': {
    bytes: (random) =>
      clientFrame({ opcode: TEXT, claimedLength: random.pick([9 * 2 ** 20, 2 ** 40]) }),
    codes: [1009],
  },
  'length beyond all numbers': {
    bytes: () => clientFrame({ opcode: TEXT, claimedLength: 2 ** 60 }),
    codes: [1009],
  },
  'storm of fragments': {
    bytes: () => {
      const empty = clientFrame({ opcode: CONTINUATION, fin: false });
      const first = clientFrame({ opcode: TEXT, payload: '{', fin: false });
      return Buffer.concat([first, ...Array<Buffer>(3000).fill(empty)]);
    },
    codes: [1008, 1009],
  },
  'flood of pings': {
    bytes: () =>
      Buffer.concat(Array<Buffer>(500).fill(clientFrame({ opcode: PING, payload: '?' }))),
    codes: [],
    // `ws` cuts off whoever lets too many pongs wait.
    mayBeCut: true,
  },
  'binary message': {
    bytes: () => clientFrame({ opcode: BINARY, payload: '{"type":"subscribe_list"}' }),
    codes: [],
  },
  'many fragments of one message': {
    bytes: () =>
      Buffer.concat([
        clientFrame({ opcode: TEXT, payload: '{"type":', fin: false }),
        ...Array<Buffer>(500).fill(clientFrame({ opcode: CONTINUATION, fin: false })),
        clientFrame({ opcode: CONTINUATION, payload: '7}' }),
      ]),
    codes: [],
  },
  'reset within a frame': {
    bytes: () => clientFrame({ opcode: TEXT, payload: '{"type":', claimedLength: 5000 }),
    codes: [],
    resets: true,
  },
  'reset within a header': { bytes: () => Buffer.from([0x81]), codes: [], resets: true },
};

const HANDSHAKE = (port: number): string =>
  `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

/** Said behind what a good server survives: its refusal shows that the connection does. */
const STILL_THERE = '{"type":"no_such_message","request_id":"still-there"}';

/**
 * Breaks the protocol once and looks how the server takes it.
 *
 * @returns what was not as it should be, or null
 */
export function violate(port: number, name: string, random: Random): Promise<string | null> {
  const { bytes, codes, resets = false, mayBeCut = false } = VIOLATIONS[name] as Violation;
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let received = Buffer.alloc(0);
    let isOpen = false;
    const done = (words: string | null): void => {
      socket.destroy();
      resolve(words && `${name}: ${words}`);
    };
    socket.setTimeout(15_000, () => done(`no answer, but ${received.length} bytes`));
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (!isOpen && received.includes('\r\n\r\n')) {
        isOpen = true;
        sendAll(socket, bytes(random), { resets, staysOpen: codes.length === 0 });
        if (resets) done(null);
      } else if (codes.length === 0 && received.includes('still-there')) done(null);
    });
    socket.once('close', () => {
      const code = closeCodeIn(received);
      const isRight = code === null ? mayBeCut : codes.includes(code);
      done(isRight ? null : `closed with ${code}, not ${codes.join(' or ') || 'at all'}`);
    });
    socket.write(HANDSHAKE(port));
  });
}

function sendAll(
  socket: Socket,
  bytes: Buffer,
  { resets, staysOpen }: { resets: boolean; staysOpen: boolean },
): void {
  socket.write(bytes);
  if (resets) socket.resetAndDestroy();
  else if (staysOpen) socket.write(clientFrame({ opcode: TEXT, payload: STILL_THERE }));
}

/** The code of the close frame at the end of what a server sent; 1005 for one without a code. */
function closeCodeIn(bytes: Buffer): number | null {
  const empty = bytes.subarray(-2);
  if (empty[0] === 0x88 && empty[1] === 0) return 1005;
  // A close frame is last and short: look where it could begin.
  for (let at = bytes.length - 4; at >= 0 && at >= bytes.length - 127; at--) {
    if (bytes[at] === 0x88 && bytes[at + 1] === bytes.length - at - 2)
      return bytes.readUInt16BE(at + 2);
  }
  return null;
}
