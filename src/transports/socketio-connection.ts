/**
 * One socket.io client as the runtime sees it, on either transport. Rooms are socket.io's own; this file
 * only adds what it lacks: how much is waiting, dropping it, and closing with a code.
 */
import type { Socket } from 'socket.io';
import type { Caller, Connection, Frame } from '../runtime/rooms/rooms.ts';
import type { ReadyConnection } from './connection.ts';
import { Membership, nextConnectionId } from './connection.ts';
import type { Clock } from './ports.ts';

/** The parts of an engine.io connection that its types hide; looked at, and in one place shortened. */
interface Engine {
  /** Packets that the transport has not taken yet. */
  writeBuffer: { data?: string; options?: { wsPreEncodedFrame?: unknown } }[];
  transport: {
    /** For a WebSocket: the last packets are with the system. For polling: a poll waits. */
    writable: boolean;
    /** The WebSocket of that transport; polling has none. */
    socket?: {
      bufferedAmount: number;
      close(code: number, reason: string): void;
      terminate(): void;
    };
  };
  close(discard: boolean): void;
}

/** Bytes queued for a client and not yet taken by it. */
export function backlogOf(socket: { readonly conn: unknown }): number {
  const { writeBuffer, transport } = socket.conn as Engine;
  let bytes = transport.socket?.bufferedAmount ?? 0;
  for (const { data } of writeBuffer) bytes += data?.length ?? 0;
  return bytes;
}

/**
 * Ends a client's connection with all its namespaces. Not `socket.disconnect()`: its client would take that for a
 * farewell and never come back. Not waiting for the next poll: when the server closes it would be refused.
 */
export function closeEngine(
  socket: { readonly conn: unknown },
  code: number,
  reason: string,
): void {
  const engine = socket.conn as Engine;
  if (engine.transport.socket) engine.transport.socket.close(code, reason);
  else engine.close(true);
}

/** What a socket.io connection is made of. */
export interface SocketIoConnectionDeps {
  socket: Socket;
  caller: Caller;
  closeGraceMs: number;
  clock: Clock;
}

/** See the top of the file. */
export class SocketIoConnection implements Connection, ReadyConnection {
  readonly id = nextConnectionId('sio');
  readonly caller: Caller;
  readonly membership: Membership;
  readonly #socket: Socket;
  readonly #closeGraceMs: number;
  readonly #clock: Clock;
  #isClosing = false;
  #cancelCut: () => void = () => {};

  constructor({ socket, caller, closeGraceMs, clock }: SocketIoConnectionDeps) {
    this.caller = caller;
    this.#socket = socket;
    this.#closeGraceMs = closeGraceMs;
    this.#clock = clock;
    // The in-memory adapter joins and leaves synchronously and returns no promise.
    this.membership = new Membership(
      (room) => void socket.join(room),
      (room) => void socket.leave(room),
    );
  }

  get connection(): Connection {
    return this;
  }

  get rooms(): ReadonlySet<string> {
    return this.membership.rooms;
  }

  get queuedFrames(): number {
    return this.#engine.writeBuffer.length;
  }

  get backlogBytes(): number {
    return backlogOf(this.#socket);
  }

  get isStalled(): boolean {
    const { transport } = this.#engine;
    // Between two polls nothing can be said about a client; engine.io's pings find the dead ones.
    return transport.socket !== undefined && !transport.writable;
  }

  send(frame: Frame): void {
    if (!this.#isClosing) this.#socket.emit('message', frame.message);
  }

  join(room: string): void {
    this.membership.join(room);
  }

  leave(room: string): void {
    this.membership.leave(room);
  }

  dropRoomFrames(): void {
    const { writeBuffer } = this.#engine;
    // Only broadcasts are encoded ahead. Shortened in place: engine.io holds on to the array.
    const kept = writeBuffer.filter(({ options }) => options?.wsPreEncodedFrame === undefined);
    writeBuffer.splice(0, writeBuffer.length, ...kept);
  }

  close(code: number, reason: string): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    closeEngine(this.#socket, code, reason);
    const engine = this.#engine;
    this.#cancelCut = this.#clock.after(this.#closeGraceMs, () => {
      engine.transport.socket?.terminate();
      engine.close(true);
    });
  }

  /** The socket is gone. */
  closed(): void {
    this.#isClosing = true;
    this.#cancelCut();
    this.membership.close();
  }

  get #engine(): Engine {
    return this.#socket.conn as unknown as Engine;
  }
}
