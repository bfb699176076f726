/**
 * One raw WebSocket as the runtime sees it. `ws` reads, answers pings and closes; the frames we send do not
 * pass through it: they are gathered for a tick and given to the socket in one write, and there is never
 * more than one write under way. What the peer does not take therefore stays in our own queue, where it
 * can still be dropped.
 */
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { Logger } from '../log.ts';
import type { Caller, Connection, Frame } from '../runtime/rooms/rooms.ts';
import { Membership, nextConnectionId, type ReadyConnection } from './connection.ts';
import type { Clock } from './dependencies.ts';
import { createEncoder, joined, type Shared } from './fan-out.ts';
import type { TransportLimits } from './limits.ts';

/** Most that goes into one write: what is with the socket cannot be dropped any more. */
const MAX_BATCH_BYTES = 256 * 1024;

const bytesOf = createEncoder(({ text }) => text);

/** The bytes of a frame on the wire; null when its text is longer than `maxBytes`. */
export function encodeFrame(frame: Frame, maxBytes: number): Buffer | null {
  return Buffer.byteLength(frame.text) > maxBytes ? null : bytesOf(frame);
}

/** What a raw connection is made of. */
export interface WsConnectionDeps {
  ws: WebSocket;
  /** The socket under `ws`, which the upgrade gave us. */
  socket: Duplex;
  caller: Caller;
  limits: Pick<TransportLimits, 'maxFrameBytes' | 'missedPings' | 'closeGraceMs'>;
  clock: Clock;
  log: Logger;
  enter: (room: string, connection: WsConnection) => void;
  exit: (room: string, connection: WsConnection) => void;
  /** Asks for a `flush` at the end of the tick. */
  schedule: (connection: WsConnection) => void;
  /** A tick ended while the peer had not yet taken the write before. */
  stalled: (connection: WsConnection) => void;
}

/** See the top of the file. Nothing in here throws, and after `close` everything is without effect. */
export class WsConnection implements Connection, ReadyConnection {
  readonly id = nextConnectionId('ws');
  readonly caller: Caller;
  readonly membership: Membership;
  readonly #deps: WsConnectionDeps;
  #queue: Buffer[] = [];
  /** Beside `#queue`: whether the frame came from a room. */
  #fromRoom: boolean[] = [];
  #queuedBytes = 0;
  #isWriting = false;
  #isClosing = false;
  #missedPings = 0;
  #cancelTerminate: () => void = () => {};

  constructor(deps: WsConnectionDeps) {
    this.#deps = deps;
    this.caller = deps.caller;
    this.membership = new Membership(
      (room) => deps.enter(room, this),
      (room) => deps.exit(room, this),
    );
  }

  get connection(): Connection {
    return this;
  }

  get rooms(): ReadonlySet<string> {
    return this.membership.rooms;
  }

  get backlogBytes(): number {
    return this.#queuedBytes + this.#deps.socket.writableLength;
  }

  get queuedFrames(): number {
    return this.#queue.length;
  }

  get isStalled(): boolean {
    return this.#isWriting;
  }

  send(frame: Frame): void {
    const bytes = encodeFrame(frame, this.#deps.limits.maxFrameBytes);
    if (bytes) this.push(bytes, false);
    else this.#deps.log.error('ws.frame_too_long', { connection_id: this.id });
  }

  join(room: string): void {
    this.membership.join(room);
  }

  leave(room: string): void {
    this.membership.leave(room);
  }

  /** Queues a finished frame. */
  push(bytes: Buffer, fromRoom: boolean): void {
    if (this.#isClosing || !this.#isOpen) return;
    this.#queue.push(bytes);
    this.#fromRoom.push(fromRoom);
    this.#queuedBytes += bytes.length;
    this.#deps.schedule(this);
  }

  /** End of a tick: writes what has gathered, unless the peer has not taken the last write yet. */
  flush(batches: Shared<Buffer, Buffer>): void {
    if (this.#queue.length === 0 || !this.#isOpen) return;
    if (this.#isWriting) {
      this.#deps.stalled(this);
      return;
    }
    const frames = this.#takeBatch();
    this.#isWriting = true;
    this.#deps.socket.write(batches.of(frames), this.#written);
  }

  dropRoomFrames(): void {
    const kept = this.#queue.filter((_, at) => !this.#fromRoom[at]);
    this.#queue = kept;
    this.#fromRoom = kept.map(() => false);
    this.#queuedBytes = kept.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  /** Anything from the peer shows that it is alive. */
  received(): void {
    this.#missedPings = 0;
  }

  /** Pings, or cuts the connection when the last ones went unanswered. */
  ping(): void {
    // While its inbox is full the socket is not read: the pongs are on our side of the wire.
    if (!this.#isOpen || this.#deps.ws.isPaused) return;
    if (this.#missedPings >= this.#deps.limits.missedPings) {
      this.#deps.log.info('ws.connection.dead', { connection_id: this.id });
      this.#deps.ws.terminate();
      return;
    }
    this.#missedPings++;
    this.#deps.ws.ping();
  }

  close(code: number, reason: string): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const { ws, socket, clock, limits } = this.#deps;
    if (this.#isOpen && !this.#isWriting && this.#queue.length > 0) {
      // An answer given just before the close still goes out.
      socket.write(joined(this.#takeBatch()));
    }
    this.#queue = [];
    this.#fromRoom = [];
    this.#queuedBytes = 0;
    this.#cancelTerminate = clock.after(limits.closeGraceMs, () => ws.terminate());
    // A paused socket would never see the peer's answer.
    ws.resume();
    ws.close(code, reason);
  }

  /** The socket is gone. */
  closed(): void {
    this.#isClosing = true;
    this.#cancelTerminate();
    this.membership.close();
    this.#queue = [];
    this.#fromRoom = [];
    this.#queuedBytes = 0;
  }

  /** Also false once the peer's close frame came: nothing may follow our answer to it. */
  get #isOpen(): boolean {
    return this.#deps.ws.readyState === WebSocket.OPEN;
  }

  /** As many queued frames as fit one write, at least one. */
  #takeBatch(): Buffer[] {
    let count = 0;
    let bytes = 0;
    for (const frame of this.#queue) {
      if (count > 0 && bytes + frame.length > MAX_BATCH_BYTES) break;
      bytes += frame.length;
      count++;
    }
    this.#queuedBytes -= bytes;
    this.#fromRoom.splice(0, count);
    return this.#queue.splice(0, count);
  }

  readonly #written = (): void => {
    this.#isWriting = false;
    if (this.#queue.length > 0) this.#deps.schedule(this);
  };
}
