import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import {
  afterThis,
  createLatch,
  frame,
  ManualClock,
  openTransports,
  raw,
  requestText,
  TOKEN,
  until,
} from './support.ts';

interface Client {
  socket: Socket;
  messages: { type: string; [key: string]: unknown }[];
}

/** A client that has asked to connect; closed after the test. */
function dial(port: number, options: Partial<ManagerOptions & SocketOptions> = {}): Client {
  const socket = io(`http://127.0.0.1:${port}`, {
    forceNew: true,
    reconnection: false,
    transports: ['websocket'],
    ...options,
  });
  afterThis(() => socket.disconnect());
  const messages: Client['messages'] = [];
  socket.on('message', (message) => messages.push(message));
  return { socket, messages };
}

async function openIo(port: number, options?: Parameters<typeof dial>[1]): Promise<Client> {
  const client = dial(port, options);
  await until(() => expect(client.messages[0]?.type).toBe('hello'));
  return client;
}

function refusalOf({ socket }: Client): Promise<{ code: string }> {
  return new Promise((resolve, reject) => {
    socket.once('connect', () => reject(new Error('was let in')));
    socket.once('connect_error', (error) => {
      resolve((error as Error & { data: { code: string } }).data);
    });
  });
}

describe.each(['polling', 'websocket'] as const)('over %s', (transport) => {
  const options = { transports: [transport] };

  it.each([1, 900_000])(
    'says why a message is not taken that is %i bytes over the limit',
    async (over) => {
      const { port, runtime } = await openTransports({ limits: { maxMessageBytes: 100_000 } });
      const client = await openIo(port, options);
      client.socket.emit('message', { text: 'x'.repeat(100_000 + over) });
      const received = expect.objectContaining({ type: 'error', code: 'too_large' });
      await until(() => expect(client.messages.slice(1)).toEqual([received]));
      expect(runtime.received).toEqual([]);
    },
  );

  it('lets nobody more in than there is room for', async () => {
    const { port } = await openTransports({ limits: { maxClients: 1 } });
    const first = await openIo(port, options);
    const second = dial(port, { ...options, reconnection: true, reconnectionDelay: 50 });
    await new Promise((resolve) => second.socket.once('connect_error', resolve));
    expect(second.socket.connected).toBe(false);
    first.socket.disconnect();
    await until(() => expect(second.messages[0]?.type).toBe('hello'));
  });

  it('a message is an object under the one event, acknowledged when it was dealt with', async () => {
    const { port, runtime } = await openTransports();
    const { socket, messages } = await openIo(port, options);
    const finish = createLatch();
    runtime.onReceive = () => finish.reached;
    let acknowledged = false;
    socket.emit('message', { type: 'a', n: 1 }, () => {
      acknowledged = true;
    });
    socket.emit('message', { type: 'b' });
    await until(() => expect(runtime.received).toEqual([{ type: 'a', n: 1 }]));
    expect(acknowledged).toBe(false);
    finish.open();
    await until(() => expect(acknowledged).toBe(true));
    await until(() => expect(runtime.received).toEqual([{ type: 'a', n: 1 }, { type: 'b' }]));
    runtime.connections[0]?.send(frame({ type: 'reply' }));
    await until(() => expect(messages.map(({ type }) => type)).toEqual(['hello', 'reply']));
  });

  it('another event name gets an error that names the right one, and its acknowledgement', async () => {
    const { port, runtime } = await openTransports();
    const { socket, messages } = await openIo(port, options);
    for (const args of [[{ type: 'c' }], ['text', 2], []]) {
      await new Promise<void>((resolve) => socket.emit('subscribe_session', ...args, resolve));
      expect(messages.at(-1)).toMatchObject({ type: 'error', code: 'bad_request' });
      expect(messages.at(-1)?.message).toContain('`message`');
    }
    expect(runtime.received).toEqual([]);
  });

  it('frames reach the members of a room, from join to leave exactly', async () => {
    const { port, runtime, rooms } = await openTransports();
    const [first, second] = [await openIo(port, options), await openIo(port, options)];
    const [one, two] = runtime.connections;
    rooms.publish('r', frame({ type: 'early' }));
    one?.join('r');
    rooms.publish('r', frame({ type: 'live' }));
    expect([...(one?.rooms ?? [])]).toEqual(['r']);
    one?.leave('r');
    rooms.publish('r', frame({ type: 'late' }));
    for (const connection of [one, two]) connection?.send(frame({ type: 'end' }));
    const types = (client: Client) => client.messages.map(({ type }) => type);
    await until(() => expect(types(first)).toEqual(['hello', 'live', 'end']));
    await until(() => expect(types(second)).toEqual(['hello', 'end']));
  });

  it('frames of a room keep their place among answers, before the acknowledgement of what caused them', async () => {
    const { port, runtime, rooms } = await openTransports();
    const { socket, messages } = await openIo(port, options);
    const [connection] = runtime.connections;
    connection?.join('r');
    runtime.onReceive = () => {
      rooms.publish('r', frame({ type: 'fact 1', text: 'é "quoted"' }));
      rooms.publish('r', frame({ type: 'fact 2' }));
      connection?.send(frame({ type: 'answer' }));
      rooms.publish('r', frame({ type: 'fact 3' }));
    };
    const seen = await new Promise<string[]>((resolve) =>
      socket.emit('message', { type: 'a' }, () => resolve(messages.map(({ type }) => type))),
    );
    expect(seen).toEqual(['hello', 'fact 1', 'fact 2', 'answer', 'fact 3']);
    expect(messages[1]).toEqual({ type: 'fact 1', text: 'é "quoted"' });
  });

  it('the token comes in CONNECT or as Bearer, never in the query', async () => {
    const config = { token: TOKEN, localTrust: false };
    const { port, runtime } = await openTransports({ config });
    await openIo(port, { ...options, auth: { token: TOKEN } });
    expect(runtime.connections[0]?.caller).toMatchObject({ kind: 'token', address: '127.0.0.1' });
    await openIo(port, { ...options, extraHeaders: { authorization: `Bearer ${TOKEN}` } });
    expect(runtime.connections).toHaveLength(2);
    const refused = [
      dial(port, options),
      dial(port, { ...options, query: { token: TOKEN } }),
      dial(port, { ...options, auth: { token: 'wrong' } }),
      dial(port, { ...options, auth: { token: '' } }),
      dial(port, { ...options, auth: { token: [TOKEN] } }),
    ];
    for (const client of refused) {
      expect(await refusalOf(client)).toEqual({ code: 'unauthorized' });
    }
    expect(runtime.connections).toHaveLength(2);
  });

  it('needs no token from a local caller, but judges one that is there', async () => {
    const { port, runtime } = await openTransports({ config: { token: TOKEN, localTrust: true } });
    await openIo(port, options);
    expect(runtime.connections[0]?.caller.kind).toBe('local');
    const wrong = dial(port, { ...options, auth: { token: 'wrong' } });
    expect(await refusalOf(wrong)).toEqual({ code: 'unauthorized' });
  });

  it('dangerous packets end their own connection before they are parsed', async () => {
    const { port, runtime } = await openTransports();
    const other = await openIo(port, options);
    const deep = JSON.parse(`${'['.repeat(100)}${']'.repeat(100)}`) as unknown;
    const bad = [
      deep,
      Array(201_000).fill(1),
      JSON.parse('{"__proto__":{"polluted":1}}') as unknown,
    ];
    for (const value of bad) {
      const client = await openIo(port, options);
      client.socket.emit('message', value);
      await until(() => expect(client.socket.connected).toBe(false));
    }
    other.socket.emit('message', { type: 'alive' });
    await until(() => expect(runtime.received).toEqual([{ type: 'alive' }]));
  });

  it('more than 200 messages at once are refused and the connection stays', async () => {
    const { port, runtime } = await openTransports({ clock: new ManualClock() });
    const client = await openIo(port, options);
    for (let n = 0; n < 250; n++) client.socket.emit('message', { n });
    await until(() => expect(client.messages).toHaveLength(51));
    expect(client.messages[50]).toMatchObject({ type: 'error', code: 'rate_limited' });
    expect(runtime.received).toHaveLength(200);
    expect(client.socket.connected).toBe(true);
  });

  it('a closed client comes back by itself', async () => {
    const { port, runtime } = await openTransports();
    const client = await openIo(port, { ...options, reconnection: true, reconnectionDelay: 5 });
    runtime.connections[0]?.join('r');
    runtime.connections[0]?.close(1013, 'reads too slowly');
    await until(() => expect(client.messages.map(({ type }) => type)).toEqual(['hello', 'hello']));
    expect(runtime.closedConnections).toEqual([runtime.connections[0]]);
  });
});

it('upgrades a polling client and keeps its rooms', async () => {
  const { port, runtime, rooms } = await openTransports();
  const client = await openIo(port, { transports: ['polling', 'websocket'] });
  runtime.connections[0]?.join('r');
  await until(() => expect(client.socket.io.engine.transport.name).toBe('websocket'));
  rooms.publish('r', frame({ type: 'x' }));
  await until(() => expect(client.messages.map(({ type }) => type)).toEqual(['hello', 'x']));
});

it('lets no web page use a session that it has learnt the id of', async () => {
  const { port } = await openTransports();
  const host = ['Host', `127.0.0.1:${port}`] as const;
  const path = '/socket.io/?EIO=4&transport=polling';
  const opened = await raw(port, requestText('GET', path, [host]));
  const { sid } = JSON.parse(opened.body.slice(opened.body.indexOf('{')));
  const evil = ['Origin', 'https://evil.example'] as const;
  const poll = await raw(port, requestText('GET', `${path}&sid=${sid}`, [host, evil]));
  expect(poll.status).toBe(403);
  const push = await raw(port, requestText('POST', `${path}&sid=${sid}`, [host, evil], '40'));
  expect(push.status).toBe(403);
});

it('drops who does not join in time', async () => {
  const { port, runtime } = await openTransports({ limits: { connectTimeoutMs: 50 } });
  const ws = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
  afterThis(() => ws.terminate());
  await new Promise((resolve) => ws.once('close', resolve));
  expect(runtime.connections).toEqual([]);
});

it('serves no client script, sets no cookie and offers no compression', async () => {
  const { port } = await openTransports();
  const host = ['Host', `127.0.0.1:${port}`] as const;
  const script = await raw(port, requestText('GET', '/socket.io/socket.io.js', [host]));
  expect(script.status).toBe(404);
  const path = '/socket.io/?EIO=4&transport=polling';
  const opened = await raw(port, requestText('GET', path, [host, ['Accept-Encoding', 'gzip']]));
  expect(opened.headers['set-cookie']).toBeUndefined();
  expect(opened.headers['content-encoding']).toBeUndefined();
  expect(opened.headers['x-content-type-options']).toBe('nosniff');
});

/** A polling body of one packet again and again. */
const manyOf = (packet: string, count: number): string =>
  Array.from({ length: count }, () => packet).join('\u001e');

it('what a room had just before the close still goes out', async () => {
  const { port, runtime, rooms } = await openTransports();
  const { messages } = await openIo(port);
  runtime.connections[0]?.join('r');
  rooms.publish('r', frame({ type: 'last' }));
  runtime.connections[0]?.close(1012, 'restart');
  await until(() => expect(runtime.closedConnections).toHaveLength(1));
  await until(() => expect(messages.map(({ type }) => type)).toEqual(['hello', 'last']));
});

describe('before a CONNECT is accepted', () => {
  const refusedConfig = { token: TOKEN, localTrust: false };

  it.each([
    ['a large body of tiny packets', manyOf('2', 1_000_000), 'body over the limit'],
    ['tiny packets in a small body', manyOf('3', 1000), 'too much before CONNECT'],
    ['a message without CONNECT', '42["message",{"type":"a"}]', 'no CONNECT'],
    ['a wrong token', '40{"token":"wrong"}', 'unauthorized'],
    ['many wrong tokens', manyOf('40{"token":"x"}', 90), 'too much before CONNECT'],
  ])(
    '%s ends the polling connection, with a line that names the address',
    async (_what, body, reason) => {
      const { port, runtime, log } = await openTransports({ config: refusedConfig });
      const url = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`;
      const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1)) as { sid: string };
      await fetch(`${url}&sid=${sid}`, { method: 'POST', body });
      await until(() => expect(JSON.stringify(log)).toContain(reason));
      expect(JSON.stringify(log)).toContain('127.0.0.1');
      expect(runtime.received).toEqual([]);
    },
  );

  it('a websocket that sends tiny packets, or a message first, is closed', async () => {
    const { port } = await openTransports({ config: refusedConfig });
    for (const packet of ['3', '42["message",{}]', '40{"token":"wrong"}']) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      await new Promise((resolve) => socket.once('open', resolve));
      for (let count = 0; count < 10; count += 1) socket.send(packet);
      await closed;
    }
  });

  it('a client that is in may send a body of any size up to the limit', async () => {
    const { port, runtime } = await openTransports();
    const { socket } = await openIo(port, { transports: ['polling'] });
    const text = 'x'.repeat(100_000);
    socket.emit('message', { type: 'a', text });
    await until(() => expect(runtime.received).toEqual([{ type: 'a', text }]));
  });
});
