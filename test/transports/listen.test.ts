import { EventEmitter } from 'node:events';
import { connect } from 'node:net';
import { io } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { createThrottle } from '../../src/transports/admission/credential.ts';
import { createCaps } from '../../src/transports/bounded-server.ts';
import {
  afterThis,
  createLatch,
  frame,
  ManualClock,
  openTransports,
  openWs,
  raw,
  rawSocket,
  requestText,
  until,
} from './support.ts';

const health = (port: number) =>
  raw(port, requestText('GET', '/health', [['Host', `127.0.0.1:${port}`]]));

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
    socket.once('connect', () => socket.destroy());
  });
}

describe('listening', () => {
  it('says which address is taken, with exit code 75', async () => {
    const { port } = await openTransports();
    const bind = { host: '127.0.0.1', port, isLoopback: true };
    const second = openTransports({ config: { bind } });
    await expect(second).rejects.toMatchObject({
      exitCode: 75,
      message: expect.stringContaining(`127.0.0.1:${port} is already in use`),
    });
  });

  it('says which address cannot be had, with exit code 78', async () => {
    const bind = { host: '192.0.2.1', port: 0, isLoopback: false };
    await expect(openTransports({ config: { bind } })).rejects.toMatchObject({ exitCode: 78 });
  });

  it('serves IPv6 loopback as local', async () => {
    const { port } = await openTransports({
      config: { bind: { host: '::1', port: 0, isLoopback: true } },
    });
    const text = requestText('GET', '/health', [['Host', `[::1]:${port}`]]);
    expect(JSON.parse((await raw(port, text, { host: '::1' })).body)).toHaveProperty('version');
  });
});

describe('closing', () => {
  it('sends every client away with 1012 and frees the port', async () => {
    const { port, runtime, transports } = await openTransports();
    const clients = [await openWs(port), await openWs(port)];
    const reasons: string[] = [];
    const sio = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnection: false });
    afterThis(() => sio.disconnect());
    sio.on('disconnect', (reason) => reasons.push(reason));
    const poller = io(`http://127.0.0.1:${port}`, {
      transports: ['polling'],
      reconnection: false,
      forceNew: true,
    });
    afterThis(() => poller.disconnect());
    poller.on('disconnect', (reason) => reasons.push(reason));
    await until(() => expect(runtime.connections).toHaveLength(4));
    await Promise.all([transports.close(), transports.close()]);
    for (const client of clients) {
      expect(await client.closed).toEqual({
        code: 1012,
        reason: 'restarting, come back within 500 ms',
      });
    }
    // These reasons, unlike a farewell, make socket.io clients come back.
    await until(() => expect(reasons).toHaveLength(2));
    for (const reason of reasons) expect(['transport close', 'transport error']).toContain(reason);
    expect(runtime.closedConnections).toHaveLength(4);
    expect(await isRefused(port)).toBe(true);
  });

  it('lets a hook under way finish, takes no new one, and ends kept connections', async () => {
    const { port, runtime, transports } = await openTransports();
    const [arrival, commit] = [createLatch(), createLatch()];
    runtime.onHook = () => {
      arrival.open();
      return commit.reached;
    };
    const text = requestText(
      'POST',
      '/api/hook',
      [
        ['Host', `127.0.0.1:${port}`],
        ['Content-Type', 'application/json'],
      ],
      '{"session_id":"s"}',
    );
    const idle = rawSocket(port);
    idle.write(requestText('GET', '/health', [['Host', `127.0.0.1:${port}`]]));
    await new Promise((resolve) => idle.once('data', resolve));
    const answer = raw(port, text);
    await arrival.reached;
    let isClosed = false;
    const closed = transports.close().then(() => {
      isClosed = true;
    });
    await until(async () => expect(await isRefused(port)).toBe(true));
    expect(isClosed).toBe(false);
    commit.open();
    expect(await answer).toMatchObject({ status: 204, headers: { connection: 'close' } });
    await closed;
    expect(runtime.hooks).toHaveLength(1);
  });

  it('cuts off what does not end within its budget', async () => {
    const clock = new ManualClock();
    const { port, runtime, transports } = await openTransports({ clock });
    const client = await openWs(port);
    client.ws.pause();
    const slow = rawSocket(port);
    slow.write('GET /health HTTP/1.1\r\nX-Slow: ');
    await until(() => expect(runtime.connections).toHaveLength(1));
    expect((await health(port)).status).toBe(200);
    const closed = transports.close();
    clock.advance(2000);
    await until(() => expect(runtime.closedConnections).toHaveLength(1));
    clock.advance(3000);
    await closed;
    expect(await isRefused(port)).toBe(true);
  });

  it('is quick when nothing was ever opened', async () => {
    const { transports } = await openTransports();
    await transports.close();
  });
});

describe('floods', () => {
  it('of connections are refused beyond the total, and the others go on', async () => {
    const { port, runtime, rooms, log } = await openTransports({ limits: { maxConnections: 20 } });
    const client = await openWs(port);
    runtime.connections[0]?.join('r');
    let refused = 0;
    for (let n = 0; n < 50; n++) {
      rawSocket(port)
        .once('close', () => refused++)
        .resume();
    }
    await until(() => expect(refused).toBe(31));
    rooms.publish('r', frame({ type: 'x' }));
    await until(() => expect(client.messages.at(-1)?.type).toBe('x'));
    expect(log.lines.filter(({ event }) => event === 'server.full')).toHaveLength(1);
  });

  /** A socket from somewhere, as far as the caps can see. */
  class Peer extends EventEmitter {
    remoteAddress: string;
    destroyed = false;

    constructor(remoteAddress: string) {
      super();
      this.remoteAddress = remoteAddress;
    }

    destroy(): this {
      this.destroyed = true;
      this.emit('close');
      return this;
    }
  }

  it('from one address are capped, and this machine is not counted', () => {
    const caps = createCaps({ maxPerAddress: 3, maxUnauthenticated: 100 });
    const open = (address: string) => {
      const peer = new Peer(address);
      caps.opened(peer as never);
      return peer;
    };
    const local = Array.from({ length: 50 }, () => open('::ffff:127.0.0.1'));
    expect(local.some(({ destroyed }) => destroyed)).toBe(false);
    const peers = ['192.0.2.7', '::ffff:192.0.2.7', '192.0.2.7', '192.0.2.7'].map(open);
    expect(peers.map(({ destroyed }) => destroyed)).toEqual([false, false, false, true]);
    expect(open('192.0.2.8').destroyed).toBe(false);
    peers[0]?.destroy();
    expect(open('192.0.2.7').destroyed).toBe(false);
    expect(open('192.0.2.7').destroyed).toBe(true);
  });

  it('of clients without access push out the one that has waited longest, never one that got in', () => {
    const caps = createCaps({ maxPerAddress: 100, maxUnauthenticated: 2 });
    const peers = [1, 2, 3, 4].map((n) => new Peer(`192.0.2.${n}`));
    for (const peer of peers) {
      caps.opened(peer as never);
      if (peer === peers[0]) caps.admitted(peer as never);
    }
    expect(peers.map(({ destroyed }) => destroyed)).toEqual([false, true, false, false]);
  });

  it('of guesses fill a table of fixed size, IPv6 by network', () => {
    const throttle = createThrottle({ clock: new ManualClock(), maxAddresses: 3 });
    for (let n = 0; n < 10; n++) expect(throttle.failed(`2001:db8:0:1::${n}`)).toBe(0);
    expect(throttle.failed('2001:db8::1:0:0:0:ff')).toBe(60);
    expect(throttle.failed('2001:db8:0:2::1')).toBe(0);
    for (let n = 0; n < 1000; n++) throttle.failed(`192.0.2.${n}`);
    expect(throttle.failed('2001:db8:0:1::1')).toBe(0);
  });
});
