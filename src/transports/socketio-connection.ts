/**
 * One socket.io client as the runtime sees it, on either transport. Packets are those of socket.io's main namespace,
 * made of the text that `/ws` sends; what rooms have for a client within a tick leaves together. Also here: how
 * much is waiting, dropping it, closing with a code, and taking in what the client sends.
 */
import type { Socket } from 'socket.io';
import { OrbitError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Caller, Connection, Frame } from '../runtime/rooms/rooms.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import {
  createInbox,
  errorFrame,
  Membership,
  nextConnectionId,
  type ReadyConnection,
} from './connection.ts';
import { type Clock, createBucket, errorFrom } from './dependencies.ts';
import { createEncoder, joined, type Shared } from './fan-out.ts';
import type { TransportLimits } from './limits.ts';

/** The parts of an engine.io connection that its types hide; looked at, and in one place shortened. */
interface Engine {
  /** Packets that the transport has not taken yet. */
  writeBuffer: { data?: string; options?: PacketOptions }[];
  transport: {
    /** `polling` may become `websocket`, never the other way. */
    name: string;
    /** For a WebSocket: the last packets are with the system. For polling: a poll waits. */
    writable: boolean;
    /** The WebSocket of that transport; polling has none. */
    socket?: {
      bufferedAmount: number;
      close(code: number, reason: string): void;
      terminate(): void;
    };
  };
  write(data: string, options?: PacketOptions): void;
  close(discard: boolean): void;
}

/** How the engine sends a packet. */
interface PacketOptions {
  /** What a WebSocket sends in its place, made for all clients: how socket.io's own rooms send. */
  wsPreEncodedFrame?: readonly Buffer[];
  /** Messages in it. */
  count?: number;
}

/** Bytes queued for a client and not yet taken by it. */
export function backlogOf(socket: { readonly conn: unknown }): number {
  const { writeBuffer, transport } = socket.conn as Engine;
  let bytes = transport.socket?.bufferedAmount ?? 0;
  for (const { data, options } of writeBuffer) {
    bytes += options?.wsPreEncodedFrame?.[0]?.length ?? data?.length ?? 0;
  }
  return bytes;
}

/** An event packet of the main namespace, as socket.io's parser writes it. */
function packetOf({ text }: Frame): string {
  return `2["message",${text}]`;
}

/** The same on a WebSocket, with the engine's type in front of it. */
const bytesOf = createEncoder((frame) => `4${packetOf(frame)}`);

/** One packet of the engine for all that a WebSocket gets at once. */
export function batchOf(frames: readonly Frame[]): PacketOptions {
  return { wsPreEncodedFrame: [joined(frames.map(bytesOf))], count: frames.length };
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
  /** Asks for a `flush` at the end of the tick. */
  schedule: (connection: SocketIoConnection) => void;
  /** What `batchOf` makes, for all that get the same. */
  batches: Shared<Frame, PacketOptions>;
}

/** See the top of the file. */
export class SocketIoConnection implements Connection, ReadyConnection {
  readonly id = nextConnectionId('sio');
  readonly caller: Caller;
  readonly membership: Membership;
  readonly #deps: SocketIoConnectionDeps;
  /** What rooms have for it in this tick. */
  #queue: Frame[] = [];
  #isClosing = false;
  #cancelCut: () => void = () => {};

  constructor(deps: SocketIoConnectionDeps) {
    this.#deps = deps;
    this.caller = deps.caller;
    const { socket } = deps;
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
    const { writeBuffer } = this.#engine;
    return writeBuffer.reduce((sum, { options }) => sum + (options?.count ?? 1), 0);
  }

  get backlogBytes(): number {
    return backlogOf(this.#deps.socket);
  }

  get isStalled(): boolean {
    const { transport } = this.#engine;
    // Between two polls nothing can be said about a client; engine.io's pings find those that are gone.
    return transport.socket !== undefined && !transport.writable;
  }

  send(frame: Frame): void {
    if (this.#isClosing) return;
    this.flush();
    this.#engine.write(packetOf(frame));
  }

  /** Queues a frame of a room. */
  push(frame: Frame): void {
    if (this.#isClosing) return;
    this.#queue.push(frame);
    this.#deps.schedule(this);
  }

  /** Hands on what has gathered: at the end of a tick, and before anything else is sent. */
  flush(): void {
    const frames = this.#queue;
    if (frames.length === 0) return;
    this.#queue = [];
    const engine = this.#engine;
    if (engine.transport.name === 'websocket') engine.write('', this.#deps.batches.of(frames));
    // A poll takes texts. What waits for it may yet leave by the WebSocket that it becomes.
    else for (const frame of frames) engine.write(packetOf(frame), batchOf([frame]));
  }

  join(room: string): void {
    this.membership.join(room);
  }

  leave(room: string): void {
    this.membership.leave(room);
  }

  dropRoomFrames(): void {
    this.#queue = [];
    const { writeBuffer } = this.#engine;
    // Only what comes from rooms is encoded ahead. Shortened in place: engine.io holds on to the array.
    const kept = writeBuffer.filter(({ options }) => options?.wsPreEncodedFrame === undefined);
    writeBuffer.splice(0, writeBuffer.length, ...kept);
  }

  close(code: number, reason: string): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const { socket, clock, closeGraceMs } = this.#deps;
    this.flush();
    closeEngine(socket, code, reason);
    const engine = this.#engine;
    this.#cancelCut = clock.after(closeGraceMs, () => {
      engine.transport.socket?.terminate();
      engine.close(true);
    });
  }

  /** The socket is gone. */
  closed(): void {
    this.#isClosing = true;
    this.#queue = [];
    this.#cancelCut();
    this.membership.close();
  }

  get #engine(): Engine {
    return this.#deps.socket.conn as unknown as Engine;
  }
}

/* What the client sends. */

/** What its messages are taken with. */
interface ListenDeps {
  runtime: Pick<RuntimeApi, 'receive'>;
  limits: TransportLimits;
  clock: Clock;
  log: Logger;
}

/** Takes the messages of one client; every other event name gets an error and its acknowledgement. */
export function listen(
  socket: Socket,
  connection: SocketIoConnection,
  { runtime, limits, clock, log }: ListenDeps,
): { close(): void } {
  const { messageRate: perSecond, messageBurst: burst } = limits;
  const mayTake = createBucket({ perSecond, burst, clock });
  const inbox = createInbox<{ value: unknown; acknowledge: () => void }>({
    async take({ value, acknowledge }) {
      try {
        await runtime.receive(connection, { value });
        // What the message has caused comes before it.
        connection.flush();
        acknowledge();
      } catch (error) {
        log.error('sio.receive_failed', { connection_id: connection.id, error: errorFrom(error) });
      }
    },
    maxItems: limits.inboxMessages,
    maxBytes: Number.POSITIVE_INFINITY,
    hasRoom: () => {},
  });
  socket.use(([event, value, ...rest]: unknown[]) => {
    const last = rest.at(-1) ?? value;
    const acknowledge = isCallback(last) ? last : () => {};
    const refusal = !mayTake()
      ? new OrbitError('rate_limited', { limit: perSecond })
      : inbox.isFull
        ? // This transport cannot stop reading one client.
          new OrbitError('server_busy')
        : event !== 'message'
          ? new OrbitError('bad_request', { reason: WRONG_EVENT })
          : null;
    if (!refusal) {
      inbox.push({ value, acknowledge }, 0);
      return;
    }
    connection.send(errorFrame(refusal));
    acknowledge();
  });
  return inbox;
}

/** Does not repeat the name that came: it may hold anything. */
const WRONG_EVENT =
  'there is one event, `message`; send the object with its `type` as the argument of that event';

function isCallback(value: unknown): value is () => void {
  return typeof value === 'function';
}
