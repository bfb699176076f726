/** Many clients subscribed to one session, which only count what they get. */
import { io, type Socket } from 'socket.io-client';
import type { Command, DeliveredAnswer } from './commands.ts';
import { RawWs } from './raw-ws.ts';
import { until } from './watcher.ts';

/** Nothing more is on its way when nothing came for so long, ms. */
const QUIET_MS = 30;

/** Connections opened at once; more would overrun the queue of a listening socket. */
const AT_ONCE = 50;

export interface Sinks {
  /** Waits until all clients have the same; then what they got since the last time, together. */
  settled(): Promise<DeliveredAnswer>;
  close(): Promise<void>;
}

/** A client as it is counted. */
interface Sink {
  readonly frames: number;
  readonly reads: number;
  readonly bytes: number;
  close(): void;
}

export async function createSinks(
  command: Extract<Command, { kind: 'subscribe' }>,
): Promise<Sinks> {
  const open = command.endpoint === 'ws' ? openWs : openSocketIo;
  const sinks: Sink[] = [];
  while (sinks.length < command.clients) {
    const more = Math.min(AT_ONCE, command.clients - sinks.length);
    sinks.push(...(await Promise.all(Array.from({ length: more }, () => open(command)))));
  }
  let before = await settledCounts(sinks);
  return {
    async settled() {
      const now = await settledCounts(sinks);
      const since = {
        frames: now.frames - before.frames,
        reads: now.reads - before.reads,
        bytes: now.bytes - before.bytes,
      };
      before = now;
      return since;
    },
    async close() {
      for (const sink of sinks) sink.close();
    },
  };
}

async function settledCounts(sinks: readonly Sink[]): Promise<DeliveredAnswer> {
  for (let last = -1; ; ) {
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    const sum = (figure: 'frames' | 'reads' | 'bytes') =>
      sinks.reduce((total, sink) => total + sink[figure], 0);
    const frames = sum('frames');
    if (frames === last) return { frames, reads: sum('reads'), bytes: sum('bytes') };
    last = frames;
  }
}

async function openWs({ port, session }: { port: number; session: string }): Promise<Sink> {
  const client = await RawWs.open(port);
  client.send({ type: 'subscribe_session', session_id: session });
  // The hello, then the snapshot.
  await until(() => client.frames >= 2, 'a snapshot');
  return client;
}

async function openSocketIo({ port, session }: { port: number; session: string }): Promise<Sink> {
  const socket: Socket = io(`http://127.0.0.1:${port}`, {
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
  });
  const sink = { frames: 0, reads: 0, bytes: 0, close: () => void socket.disconnect() };
  socket.on('message', () => {
    sink.frames++;
    sink.reads++;
  });
  socket.on('connect_error', (error) => {
    throw error;
  });
  await until(() => socket.connected, 'a socket.io connection');
  socket.emit('message', { type: 'subscribe_session', session_id: session });
  await until(() => sink.frames >= 2, 'a snapshot');
  return sink;
}
