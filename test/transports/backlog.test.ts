import type { Socket } from 'node:net';
import { io } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { OWNER } from '../../src/access.ts';
import type { Connection, Frame } from '../../src/runtime/rooms/rooms.ts';
import {
  createBacklog,
  Membership,
  type ReadyConnection,
} from '../../src/transports/connection.ts';
import { DEFAULT_LIMITS } from '../../src/transports/limits.ts';
import {
  afterThis,
  createFakeLog,
  createLatch,
  FakeHall,
  frame,
  ManualClock,
  openTransports,
  openWs,
  until,
} from './support.ts';

const MIB = 1024 * 1024;

/** A line whose backlog the test sets, under a watch whose clock the test turns. */
function watchedLine() {
  const clock = new ManualClock();
  const runtime = new FakeHall();
  const { slowConsumer: limits } = DEFAULT_LIMITS;
  const backlog = createBacklog({ runtime, limits, clock, log: createFakeLog() });
  const members = new Set<string>();
  const membership = new Membership(
    (room) => void members.add(room),
    (room) => void members.delete(room),
  );
  const state = { bytes: 0, frames: 0, isStalled: false, dropped: 0, closed: [] as number[] };
  const connection: Connection = {
    id: 'x',
    caller: { kind: 'local', address: '', rights: OWNER },
    rooms: membership.rooms,
    send: () => {},
    join: (room) => membership.join(room),
    leave: (room) => membership.leave(room),
    get backlogBytes() {
      return state.bytes;
    },
    close: (code) => void state.closed.push(code),
  };
  const line: ReadyConnection = {
    connection,
    membership,
    get queuedFrames() {
      return state.frames;
    },
    get isStalled() {
      return state.isStalled;
    },
    dropRoomFrames: () => {
      state.dropped++;
      state.frames = 0;
    },
  };
  const unwatch = backlog.watch(line);
  connection.join('list');
  connection.join('session:1');
  /** One look, and whatever it started. */
  const sweep = async (ms = 250) => {
    clock.advance(ms);
    await Promise.resolve();
    await Promise.resolve();
  };
  return { clock, runtime, backlog, members, connection, state, line, unwatch, sweep };
}

describe('a connection that falls behind', () => {
  it('leaves its rooms, drains, and gets snapshots and its rooms back', async () => {
    const { runtime, members, state, sweep } = watchedLine();
    state.bytes = 4 * MIB;
    await sweep();
    expect(members.size).toBe(2);
    state.bytes = 4 * MIB + 1;
    await sweep();
    expect([members.size, state.dropped]).toEqual([0, 1]);
    state.bytes = 256 * 1024;
    await sweep();
    expect(runtime.resyncs).toEqual([]);
    state.bytes--;
    state.isStalled = true;
    await sweep();
    expect(runtime.resyncs).toEqual([]);
    state.isStalled = false;
    await sweep();
    expect(runtime.resyncs.map(({ rooms }) => rooms)).toEqual([['list', 'session:1']]);
    expect([...members]).toEqual(['list', 'session:1']);
    await sweep();
    expect([runtime.resyncs.length, state.closed.length]).toEqual([1, 0]);
  });

  it('may be behind by many frames as well as by many bytes', async () => {
    const { runtime, members, state, sweep } = watchedLine();
    state.frames = 1001;
    await sweep();
    expect([members.size, runtime.resyncs.length]).toEqual([0, 0]);
    await sweep();
    expect([members.size, runtime.resyncs.length]).toEqual([2, 1]);
  });

  it('gets back only what it still wants', async () => {
    const { runtime, members, connection, state, sweep } = watchedLine();
    state.bytes = 5 * MIB;
    await sweep();
    connection.leave('session:1');
    connection.join('session:2');
    expect([...members]).toEqual(['session:2']);
    state.bytes = 0;
    await sweep();
    expect(runtime.resyncs.map(({ rooms }) => rooms)).toEqual([['list']]);
    expect([...members]).toEqual(['session:2', 'list']);
  });

  it('is closed with 1013 when it is behind for more than 30 seconds', async () => {
    const { state, sweep } = watchedLine();
    state.bytes = 5 * MIB;
    await sweep();
    await sweep(30_000);
    expect(state.closed).toEqual([]);
    await sweep();
    expect(state.closed).toEqual([1013]);
    await sweep(60_000);
    expect(state.closed).toEqual([1013]);
  });

  it('is closed at once when more than 8 MiB wait', async () => {
    const { state, sweep } = watchedLine();
    state.bytes = 8 * MIB + 1;
    await sweep();
    expect(state.closed).toEqual([1013]);
  });

  it('stays behind when it cannot even take its snapshots, and the 30 seconds run on', async () => {
    const { runtime, members, state, sweep } = watchedLine();
    runtime.onResync = (connection, rooms) => {
      for (const room of rooms) connection.join(room);
      state.bytes = 5 * MIB;
    };
    state.bytes = 5 * MIB;
    for (let n = 0; n < 10; n++) {
      await sweep(2000);
      state.bytes = 0;
      await sweep(1000);
    }
    const gate = createLatch();
    runtime.onResync = () => gate.reached;
    await sweep(250);
    expect(members.size).toBe(0);
    await sweep(30_250);
    expect(state.closed).toEqual([1013]);
    gate.open();
  });

  it('is closed when the runtime cannot bring it up to date', async () => {
    const { runtime, state, sweep } = watchedLine();
    runtime.onResync = () => Promise.reject(new Error('no'));
    state.bytes = 5 * MIB;
    await sweep();
    state.bytes = 0;
    await sweep();
    await until(() => expect(state.closed).toEqual([1013]));
  });

  it('is forgotten when it goes', async () => {
    const { runtime, members, state, unwatch, sweep } = watchedLine();
    unwatch();
    state.bytes = 9 * MIB;
    await sweep();
    expect([members.size, runtime.resyncs.length, state.closed.length]).toEqual([2, 0, 0]);
  });
});

/** Room frames of 100 kB, one a tick, until the condition holds. */
async function publishUntil(
  rooms: { publish(room: string, message: Frame): void },
  isDone: () => boolean,
): Promise<number> {
  let count = 0;
  for (; !isDone() && count < 2000; count++) {
    rooms.publish('r', frame({ type: 'x', n: count, text: 'x'.repeat(100_000) }));
    await new Promise(setImmediate);
  }
  expect(isDone()).toBe(true);
  return count;
}

describe('a slow reader on a real socket', () => {
  const limits = { slowConsumer: { ...DEFAULT_LIMITS.slowConsumer, sweepMs: 10 } };

  it('of /ws holds at most 4 MiB and a batch, disturbs nobody, and converges', async () => {
    const { port, runtime, rooms } = await openTransports({ limits });
    const [slow, fast] = [await openWs(port), await openWs(port)];
    for (const connection of runtime.connections) connection.join('r');
    const [held] = runtime.connections;
    slow.ws.pause();
    let most = 0;
    const count = await publishUntil(rooms, () => {
      most = Math.max(most, held?.backlogBytes ?? 0);
      return held?.rooms.size === 0;
    });
    expect(most).toBeLessThan(5 * MIB);
    await until(() => expect(fast.messages).toHaveLength(1 + count));
    expect(runtime.connections[1]?.rooms.size).toBe(1);
    expect(runtime.resyncs).toEqual([]);
    runtime.onResync = (connection, names) => {
      connection.send(frame({ type: 'snapshot' }));
      for (const name of names) connection.join(name);
    };
    slow.ws.resume();
    await until(() => expect(held?.rooms.has('r')).toBe(true));
    rooms.publish('r', frame({ type: 'live' }));
    await until(() => expect(slow.messages.at(-1)?.type).toBe('live'));
    const types = slow.messages.map(({ type }) => type);
    expect(types.indexOf('snapshot')).toBe(types.length - 2);
    expect(types.lastIndexOf('x')).toBe(types.length - 3);
  });

  it('of /ws that asks and never reads is cut off', async () => {
    const { port, runtime } = await openTransports({ limits: { ...limits, closeGraceMs: 50 } });
    const slow = await openWs(port);
    runtime.onReceive = (connection) => {
      for (let n = 0; n < 20; n++)
        connection.send(frame({ type: 'y', n, text: 'y'.repeat(900_000) }));
    };
    slow.ws.pause();
    slow.send({});
    await until(() => expect(runtime.closedConnections).toHaveLength(1));
  });

  it('of socket.io is held to the same rule', async () => {
    const { port, runtime, rooms } = await openTransports({ limits });
    const client = io(`http://127.0.0.1:${port}`, {
      transports: ['websocket'],
      reconnection: false,
    });
    afterThis(() => client.disconnect());
    const types: string[] = [];
    client.on('message', ({ type }) => types.push(type));
    await until(() => expect(types).toEqual(['hello']));
    const [held] = runtime.connections;
    held?.join('r');
    const { ws } = client.io.engine.transport as unknown as { ws: { _socket: Socket } };
    ws._socket.pause();
    await publishUntil(rooms, () => held?.rooms.size === 0);
    ws._socket.resume();
    await until(() => expect(held?.rooms.has('r')).toBe(true));
    expect(runtime.resyncs.map((one) => one.rooms)).toEqual([['r']]);
    rooms.publish('r', frame({ type: 'live' }));
    await until(() => expect(types.at(-1)).toBe('live'));
  });
});
