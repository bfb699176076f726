/** Rooms: joined once however often one asks, left when one says so, and left and regained when too slow. */
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ioClient, type Received, type TestClient, wsClient } from '../support/clients.ts';
import { sessionDifferences, snapshotOf } from '../support/compare.ts';
import { startWatchedServer, type WatchedServer } from '../support/desktop/watched-server.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { createInbox, type Inbox } from '../support/inbox.ts';
import { createModel } from '../support/model.ts';
import { barrier } from '../support/observer.ts';

let server: WatchedServer;
let id = '';
let script = scriptOf(id);
let sessions = 0;

beforeAll(async () => {
  server = await startWatchedServer();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  sessions++;
  id = `watched-${sessions}`;
  script = scriptOf(id);
});

const factsFrom = (client: TestClient, from: number) =>
  client.messages.slice(from).filter(({ type, revision }) => type !== 'error' && revision);

for (const [endpoint, connect] of [
  ['/ws', wsClient],
  ['socket.io', ioClient],
] as const) {
  it(`receives every fact once on ${endpoint} after subscribing a thousand times`, async () => {
    await deliver(server.url, script.prompt('Go'));
    await using client = await connect(server.url);
    for (let i = 0; i < 1000; i++) client.send({ type: 'subscribe_session', session_id: id });
    // What is too much for the limit of messages is refused, one answer each: nothing is lost in silence.
    await client.waitFor(() => client.messages.length >= 1001);
    const from = client.messages.length;
    await deliver(server.url, script.stop());
    await client.waitFor((frame) => frame.type === 'session_delta');
    await using other = await connect(server.url);
    await barrier(other);
    const revisions = factsFrom(client, from).map(({ revision }) => revision);
    expect(new Set(revisions).size).toBe(revisions.length);
  });

  it(`keeps a subscription on ${endpoint} for a session that does not exist yet`, async () => {
    await using client = await connect(server.url);
    await using gone = await connect(server.url);
    for (const each of [client, gone]) each.send({ type: 'subscribe_session', session_id: id });
    gone.send({ type: 'unsubscribe_session', session_id: id });
    for (const each of [client, gone]) await barrier(each);
    expect(client.messages.find(({ type }) => type === 'error')).toMatchObject({
      code: 'not_found',
    });
    await deliver(server.url, script.prompt('Go'));
    const first = await client.waitFor((frame) => frame.type === 'session_snapshot');
    expect(first).toMatchObject({ session: { id } });
    await deliver(server.url, script.stop());
    await client.waitFor((frame) => frame.type === 'session_delta' && frame.session_id === id);
    await barrier(gone);
    expect(gone.messages.filter(({ type }) => type === 'session_snapshot')).toEqual([]);
  });

  it(`receives nothing of a session on ${endpoint} after unsubscribing`, async () => {
    await deliver(server.url, script.prompt('Go'));
    await using client = await connect(server.url);
    client.send({ type: 'subscribe_session', session_id: id });
    client.send({ type: 'unsubscribe_session', session_id: id });
    await barrier(client);
    const from = client.messages.length;
    await deliver(server.url, script.stop());
    await barrier(client);
    expect(factsFrom(client, from)).toEqual([]);
  });
}

describe.each(['/ws', 'socket.io'] as const)('a reader on %s that fell behind', (endpoint) => {
  it('is brought up to date, and its neighbour never notices', async () => {
    await deliver(server.url, script.prompt('Go'));
    await using slow = await openReader(endpoint);
    slow.say({ type: 'subscribe_session', session_id: id });
    await slow.inbox.waitFor(({ type }) => type === 'session_snapshot');
    await using neighbour = await wsClient(server.url);
    neighbour.send({ type: 'subscribe_session', session_id: id });
    await barrier(neighbour);
    slow.socket.pause();
    await sayMoreThanBuffersHold();
    await barrier(neighbour);
    slow.socket.resume();
    await slow.inbox.waitFor((frame) => {
      if (frame.type !== 'session_snapshot') return false;
      return frame.session.messages.some(({ content }) => content === 'At last');
    });
    await deliver(server.url, script.prompt('And on'));
    await slow.inbox.waitFor(
      (frame) => frame.type === 'message_appended' && frame.message.content === 'And on',
    );
    await barrier(neighbour);
    await using other = await wsClient(server.url);
    const snapshot = await snapshotOf(other, id);
    for (const frames of [slow.inbox.items, neighbour.messages]) {
      const model = createModel();
      for (const frame of frames) model.take(frame);
      expect(model.complaints).toEqual([]);
      expect(sessionDifferences(model, snapshot)).toEqual([]);
    }
    const snapshots = neighbour.messages.filter(({ type }) => type === 'session_snapshot');
    expect(snapshots).toHaveLength(1);
  });
});

/** More than the buffers of the system and the limit of a connection take together. */
async function sayMoreThanBuffersHold(): Promise<void> {
  const output = 'x'.repeat(600_000);
  for (let i = 0; i < 40; i++) {
    await deliver(server.url, script.toolStarts(`${id}-t${i}`));
    await deliver(server.url, script.toolEnds(`${id}-t${i}`, output));
  }
  await deliver(server.url, script.stop('At last'));
}

interface Reader extends AsyncDisposable {
  inbox: Inbox<Received>;
  /** To pause and resume reading. */
  socket: WebSocket;
  say(message: object): void;
}

/** A client on a bare WebSocket, which can stop reading; it implements just enough of socket.io. */
async function openReader(endpoint: '/ws' | 'socket.io'): Promise<Reader> {
  const isRaw = endpoint === '/ws';
  const path = isRaw ? '/ws' : '/socket.io/?EIO=4&transport=websocket';
  const inbox = createInbox<Received>(`slow reader on ${endpoint}`);
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`);
  socket.on('message', (bytes) => {
    const text = String(bytes);
    if (isRaw) inbox.add(JSON.parse(text));
    else if (text.startsWith('42')) inbox.add(JSON.parse(text.slice(2))[1]);
  });
  await once(socket, 'open');
  if (!isRaw) socket.send('40');
  await inbox.waitFor(({ type }) => type === 'hello');
  return {
    inbox,
    socket,
    say: (message) =>
      socket.send(isRaw ? JSON.stringify(message) : `42${JSON.stringify(['message', message])}`),
    async [Symbol.asyncDispose]() {
      socket.terminate();
    },
  };
}

it('keeps each frame below what the desktop app can read', async () => {
  await deliver(server.url, script.prompt('p'.repeat(1_500_000)));
  await using client = await wsClient(server.url);
  client.send({ type: 'subscribe_list' });
  client.send({ type: 'subscribe_session', session_id: id });
  await barrier(client);
  const output = '\u{1F4A5}'.repeat(700_000);
  await deliver(server.url, script.toolStarts('t1', 'c'.repeat(2_000_000)));
  await deliver(server.url, script.asks('c'.repeat(2_000_000)));
  await deliver(server.url, script.toolEnds('t1', output, 'c'.repeat(2_000_000)));
  await deliver(server.url, script.stop('s'.repeat(3_000_000)));
  await barrier(client);
  const model = createModel();
  for (const frame of client.messages) model.take(frame);
  expect(model.complaints).toEqual([]);
  await using other = await wsClient(server.url);
  expect(sessionDifferences(model, await snapshotOf(other, id))).toEqual([]);
});
