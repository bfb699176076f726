import { Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { OrbitError } from '../../src/errors.ts';
import {
  afterThis,
  createLatch,
  ENDPOINTS,
  frame,
  ManualClock,
  openTransports,
  openWs,
  probe,
  raw,
  rawSocket,
  requestText,
  UPGRADE_HEADERS,
  until,
} from './support.ts';

/** Shakes hands by hand, writes bytes, and reads until the server closes. */
async function closeCodeFor(port: number, bytes: Buffer): Promise<number | null> {
  const socket = rawSocket(port);
  let received = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
  });
  socket.write(requestText('GET', '/ws', [['Host', `127.0.0.1:${port}`], ...UPGRADE_HEADERS]));
  await until(() => expect(received.toString('latin1')).toContain('"hello"'));
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  let at = received.indexOf('\r\n\r\n') + 4;
  while (at < received.length) {
    const opcode = (received[at] ?? 0) & 0x0f;
    const short = received[at + 1] ?? 0;
    const length = short === 126 ? received.readUInt16BE(at + 2) : short;
    const body = at + (short === 126 ? 4 : 2);
    if (opcode === 8) return received.readUInt16BE(body);
    at = body + length;
  }
  return null;
}

/** A client frame with a mask of zeros, which leaves the payload readable. */
function masked(first: number, payload: Buffer | string = ''): Buffer {
  const body = Buffer.from(payload);
  const size =
    body.length < 126 ? [0x80 | body.length] : [0x80 | 126, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([first, ...size, 0, 0, 0, 0]), body]);
}

describe('frames', () => {
  it('carry one JSON object each way, of every length that RFC 6455 writes differently', async () => {
    const { port, runtime, rooms } = await openTransports();
    const client = await openWs(port);
    await until(() => expect(client.messages).toHaveLength(1));
    runtime.connections[0]?.join('r');
    const lengths = [0, 60, 125, 126, 200, 65_535, 65_536, 1_000_000];
    for (const length of lengths) {
      rooms.publish('r', frame({ type: 'x', text: 'ä'.repeat(length / 2) }));
    }
    await until(() => expect(client.messages).toHaveLength(1 + lengths.length));
    expect(client.messages.slice(1).map(({ text }) => String(text).length)).toEqual(
      lengths.map((length) => Math.floor(length / 2)),
    );
    client.send({ type: 'subscribe_list', text: 'x'.repeat(100_000) });
    await until(() => expect(runtime.received).toHaveLength(1));
  });

  it('of one tick leave in one write per client, glued together once for all', async () => {
    const { port, runtime, rooms } = await openTransports();
    const clients = await Promise.all([openWs(port), openWs(port), openWs(port)]);
    await until(() => expect(clients.every(({ messages }) => messages.length === 1)).toBe(true));
    for (const connection of runtime.connections) connection.join('r');
    const write = vi.spyOn(Socket.prototype, 'write');
    afterThis(() => write.mockRestore());
    for (let n = 0; n < 10; n++) rooms.publish('r', frame({ type: 'x', n }));
    runtime.connections[2]?.send(frame({ type: 'y' }));
    await until(() => expect(clients.every(({ messages }) => messages.length >= 11)).toBe(true));
    const calls = write.mock.calls.filter((_, at) => {
      return (write.mock.contexts[at] as Socket).localPort === port;
    });
    expect(calls).toHaveLength(3);
    expect(calls[0]?.[0]).toBe(calls[1]?.[0]);
    expect(clients[2]?.messages.at(-1)).toEqual({ type: 'y' });
    expect(clients[0]?.messages.slice(1).map(({ n }) => n)).toEqual([...Array(10).keys()]);
  });

  it('reach members only, from join to leave exactly', async () => {
    const { port, runtime, rooms } = await openTransports();
    const client = await openWs(port);
    const [connection] = runtime.connections;
    rooms.publish('r', frame({ type: 'early' }));
    connection?.join('r');
    connection?.join('r');
    rooms.publish('r', frame({ type: 'live' }));
    connection?.leave('r');
    rooms.publish('r', frame({ type: 'late' }));
    connection?.send(frame({ type: 'end' }));
    await until(() => expect(client.messages.at(-1)?.type).toBe('end'));
    expect(client.messages.map(({ type }) => type)).toEqual(['hello', 'live', 'end']);
  });

  it('of a mebibyte or more are never sent; who misses one gets snapshots instead', async () => {
    const { port, runtime, rooms, log } = await openTransports();
    const client = await openWs(port);
    runtime.connections[0]?.join('r');
    rooms.publish('r', frame({ type: 'x', text: 'x'.repeat(1024 * 1024) }));
    await until(() => expect(runtime.resyncs.map((one) => one.rooms)).toEqual([['r']]));
    runtime.connections[0]?.send(frame({ type: 'x', text: 'x'.repeat(1024 * 1024) }));
    rooms.publish('r', frame({ type: 'next' }));
    await until(() => expect(client.messages.map(({ type }) => type)).toEqual(['hello', 'next']));
    expect(log.lines.filter(({ event }) => event === 'ws.frame_too_long')).toHaveLength(2);
  });
});

describe('messages', () => {
  it('are worked on one after the other while pings are answered at once', async () => {
    const { port, runtime } = await openTransports();
    const client = await openWs(port);
    const finish = [createLatch(), createLatch(), createLatch()];
    runtime.onReceive = (_, message) => finish[(message as { n: number }).n - 1]?.reached;
    for (const n of [1, 2, 3]) client.send({ n });
    await until(() => expect(runtime.received).toEqual([{ n: 1 }]));
    const pong = new Promise((resolve) =>
      client.ws.once('pong', (data) => resolve(data.toString())),
    );
    client.ws.ping('still there?');
    expect(await pong).toBe('still there?');
    expect(runtime.received).toEqual([{ n: 1 }]);
    finish[0]?.open();
    await until(() => expect(runtime.received).toEqual([{ n: 1 }, { n: 2 }]));
    finish[1]?.open();
    await until(() => expect(runtime.received).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]));
  });

  it('that nobody takes stop the reading of that socket only, and none is lost', async () => {
    const { port, runtime } = await openTransports({
      limits: { inboxMessages: 10, messageBurst: 5000 },
    });
    const [eager, other] = [await openWs(port), await openWs(port)];
    const finish = createLatch();
    runtime.onReceive = (_, message) => (message === 0 ? finish.reached : undefined);
    const pad = 'x'.repeat(2000);
    for (let n = 0; n < 2000; n++) eager.ws.send(n === 0 ? '0' : JSON.stringify({ n, pad }));
    await until(() => expect(runtime.received).toEqual([0]));
    other.send('other');
    await until(() => expect(runtime.received).toEqual([0, 'other']));
    finish.open();
    await until(() => expect(runtime.received).toHaveLength(2001));
    expect(runtime.received.slice(2)).toEqual(
      Array.from({ length: 1999 }, (_, n) => ({ n: n + 1, pad })),
    );
  });

  it('beyond 200 at once are refused, the connection stays, and time brings them back', async () => {
    const clock = new ManualClock();
    const { port, runtime } = await openTransports({ clock });
    const client = await openWs(port);
    for (let n = 0; n < 250; n++) client.send({ n });
    await until(() => expect(client.messages).toHaveLength(51));
    expect(runtime.received).toHaveLength(200);
    expect(client.messages[50]).toMatchObject({
      type: 'error',
      code: 'rate_limited',
      session_id: null,
    });
    clock.advance(1000);
    for (let n = 0; n < 60; n++) client.send({ n });
    await until(() => expect(client.messages).toHaveLength(61));
    expect(runtime.received).toHaveLength(250);
  });

  it('that are dangerous to parse are refused and the connection stays', async () => {
    const { port, runtime } = await openTransports();
    const client = await openWs(port);
    const bad = ['['.repeat(1_000_000), `[${'1,'.repeat(201_000)}1]`, '{"a":{"__proto__":1}}'];
    for (const text of bad) client.ws.send(text);
    await until(() => expect(client.messages).toHaveLength(4));
    expect(runtime.received).toEqual([]);
    for (const message of client.messages.slice(1)) {
      expect(message).toMatchObject({ type: 'error', code: 'parse_error', session_id: null });
    }
    client.ws.send(Buffer.from('{"binary":true}'));
    client.send({ good: true });
    await until(() => expect(runtime.received).toEqual([{ good: true }]));
  });
});

describe('garbage', () => {
  const tooLong = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
  const cases: [name: string, bytes: Buffer, code: number][] = [
    ['opcode 3', masked(0x83), 1002],
    ['opcode 11', masked(0x8b), 1002],
    ['an unmasked frame', Buffer.from([0x81, 0x02, 0x7b, 0x7d]), 1002],
    ['RSV1', masked(0xc1, '{}'), 1002],
    ['RSV2 and 3', masked(0xb1, '{}'), 1002],
    ['a continuation of nothing', masked(0x80, '{}'), 1002],
    ['a text within a text', Buffer.concat([masked(0x01, '{'), masked(0x81, '}')]), 1002],
    ['a fragmented ping', masked(0x09), 1002],
    ['a ping of 126 bytes', masked(0x89, 'x'.repeat(126)), 1002],
    ['close code 999', masked(0x88, Buffer.from([0x03, 0xe7])), 1002],
    ['a close of one byte', masked(0x88, 'x'), 1002],
    ['invalid UTF-8', masked(0x81, Buffer.from([0xc3, 0x28])), 1007],
    ['16 MiB', tooLong, 1009],
    ['2^63 bytes', Buffer.from([0x81, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255]), 1009],
    [
      '2,000 fragments',
      Buffer.concat([masked(0x01), ...Array<Buffer>(2000).fill(masked(0x00))]),
      1008,
    ],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), 1002],
  ];

  it.each(cases)('%s closes that connection with a code, and no other', async (_, bytes, code) => {
    const { port, runtime } = await openTransports();
    const other = await openWs(port);
    expect(await closeCodeFor(port, bytes)).toBe(code);
    await until(() => expect(runtime.closedConnections).toHaveLength(1));
    other.send({ alive: true });
    await until(() => expect(runtime.received).toEqual([{ alive: true }]));
  });

  it.each([1, 5_000, 70_000])(
    'says why before it closes for a message %i bytes over the limit',
    async (over) => {
      const { port, runtime } = await openTransports({ limits: { maxMessageBytes: 100_000 } });
      const client = await openWs(port);
      const { code, message } = errorOf('too_large', { limit: 100_000 });
      client.ws.send('x'.repeat(100_000 + over));
      expect((await client.closed).code).toBe(1009);
      expect(client.messages.slice(1)).toEqual([
        expect.objectContaining({ type: 'error', code, message }),
      ]);
      expect(runtime.received).toEqual([]);
    },
  );

  it('says why also when the pieces of a message are too much together, and of bytes', async () => {
    const { port } = await openTransports({ limits: { maxMessageBytes: 100_000 } });
    const pieces = await openWs(port);
    for (const fin of [false, false, true]) pieces.ws.send('x'.repeat(40_000), { fin });
    const bytes = await openWs(port);
    bytes.ws.send(Buffer.alloc(100_001));
    for (const client of [pieces, bytes]) {
      expect((await client.closed).code).toBe(1009);
      expect(client.messages.at(-1)).toMatchObject({ type: 'error', code: 'too_large' });
    }
  });

  it('survives a reset in the middle of a frame', async () => {
    const { port, runtime } = await openTransports();
    for (let n = 0; n < 20; n++) {
      const client = await openWs(port);
      client.ws.send('x'.repeat(n * 5000));
      (client.ws as unknown as { _socket: Socket })._socket.resetAndDestroy();
    }
    await until(() => expect(runtime.closedConnections).toHaveLength(20));
    const client = await openWs(port);
    await until(() => expect(client.messages).toHaveLength(1));
  });

  it('survives handshakes that are none', async () => {
    const { port } = await openTransports();
    const host = ['Host', `127.0.0.1:${port}`] as const;
    const without = (name: string) => UPGRADE_HEADERS.filter(([header]) => header !== name);
    for (const headers of [without('Sec-WebSocket-Key'), without('Sec-WebSocket-Version')]) {
      const { status } = await raw(port, requestText('GET', '/ws', [host, ...headers]));
      expect([400, 426]).toContain(status);
    }
    expect((await raw(port, requestText('POST', '/ws', [host, ...UPGRADE_HEADERS]))).status).toBe(
      405,
    );
  });
});

describe('a connection', () => {
  it('that answers no ping is cut after two, one that answers stays', async () => {
    const clock = new ManualClock();
    const { port, runtime } = await openTransports({ clock });
    const alive = await openWs(port);
    const dead = rawSocket(port);
    let seen = '';
    dead.on('data', (chunk) => {
      seen += chunk.toString('latin1');
    });
    dead.write(requestText('GET', '/ws', [['Host', `127.0.0.1:${port}`], ...UPGRADE_HEADERS]));
    await until(() => expect(runtime.connections).toHaveLength(2));
    for (let n = 1; n <= 3; n++) {
      const pinged = new Promise((resolve) => alive.ws.once('ping', resolve));
      clock.advance(20_000);
      await pinged;
      // The pong is on its way; one more message behind it shows when it has arrived.
      alive.send({ n });
      await until(() => expect(runtime.received).toHaveLength(n));
    }
    await until(() => expect(runtime.closedConnections).toEqual([runtime.connections[1]]));
    expect(seen.split('\x89\x00')).toHaveLength(3);
  });

  it('is reported to the runtime once when it goes, and can do nothing afterwards', async () => {
    const { port, runtime, rooms } = await openTransports();
    const client = await openWs(port);
    const [connection] = runtime.connections;
    connection?.join('r');
    client.ws.close(1000);
    await until(() => expect(runtime.closedConnections).toEqual([connection]));
    connection?.join('r');
    connection?.send(frame({ type: 'x' }));
    rooms.publish('r', frame({ type: 'x' }));
    connection?.close(1000, 'again');
    expect([...(connection?.rooms ?? [])]).toEqual([]);
    expect(connection?.backlogBytes).toBe(0);
    expect(await client.closed).toMatchObject({ code: 1000 });
  });

  it('gets the answer that was queued before its close, then the close code', async () => {
    const { port, runtime } = await openTransports();
    const client = await openWs(port);
    runtime.connections[0]?.send(frame({ type: 'last words' }));
    runtime.connections[0]?.close(4000, 'bye');
    runtime.connections[0]?.send(frame({ type: 'too late' }));
    expect(await client.closed).toEqual({ code: 4000, reason: 'bye' });
    expect(client.messages.map(({ type }) => type)).toEqual(['hello', 'last words']);
  });

  it('whose greeting fails is closed with 1011', async () => {
    const { port, runtime } = await openTransports();
    runtime.opened = () => {
      throw new Error('no hello today');
    };
    expect(await (await openWs(port)).closed).toMatchObject({ code: 1011 });
  });
});

/** The error as clients see it. */
function errorOf(...given: ConstructorParameters<typeof OrbitError>): OrbitError {
  return new OrbitError(...given);
}

describe('more clients than there is room for', () => {
  const limits = { maxConnections: 40, maxClients: 3 };

  it('are refused with a sentence, while hooks and requests are answered', async () => {
    const { port, log } = await openTransports({ limits });
    const inside = [await openWs(port), await openWs(port), await openWs(port)];
    for (let n = 0; n < 3; n++) {
      const refused = await probe(port, ENDPOINTS[2], []);
      expect(refused.status).toBe(503);
      expect(refused.headers['retry-after']).toBe('5');
      expect(JSON.parse(refused.body).error).toMatchObject({ code: 'too_many_clients' });
      expect((await probe(port, ENDPOINTS[0], [])).status).toBe(200);
      expect((await probe(port, ENDPOINTS[1], [])).status).toBe(204);
    }
    const lines = log.lines.filter(({ event }) => event === 'server.too_many_clients');
    expect(lines).toHaveLength(1);
    inside[0]?.ws.close();
    await inside[0]?.closed;
    await until(async () => expect((await probe(port, ENDPOINTS[2], [])).status).toBe(101));
  });
});
