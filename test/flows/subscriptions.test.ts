/** Rooms: joined once however often one asks, left when one says so, and left and regained when too slow. */
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ioClient, type Received, type TestClient, wsClient } from '../support/clients.ts';
import { sessionDifferences, snapshotOf } from '../support/compare.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { createInbox } from '../support/inbox.ts';
import { createModel } from '../support/model.ts';
import { barrier } from '../support/observer.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let id = '';
let script = scriptOf(id);
let sessions = 0;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  sessions++;
  id = `watched-${sessions}`;
  script = scriptOf(id);
});

const factsFrom = (client: TestClient, from: number) =>
  client.messages.slice(from).filter(({ type, revision }) => type !== 'error' && revision);

for (const [door, connect] of [
  ['/ws', wsClient],
  ['socket.io', ioClient],
] as const) {
  it(`hears every fact once on ${door} after subscribing a thousand times`, async () => {
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

  it(`hears nothing of a session on ${door} after unsubscribing`, async () => {
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

it('brings a reader that fell behind up to date, and its neighbours never notice', async () => {
  await deliver(server.url, script.prompt('Go'));
  const inbox = createInbox<Received>('slow reader');
  const slow = new WebSocket(`ws://127.0.0.1:${server.port}/ws`);
  slow.on('message', (frame) => inbox.add(JSON.parse(String(frame))));
  await once(slow, 'open');
  slow.send(JSON.stringify({ type: 'subscribe_session', session_id: id }));
  await inbox.waitFor(({ type }) => type === 'session_snapshot');
  await using neighbour = await wsClient(server.url);
  neighbour.send({ type: 'subscribe_session', session_id: id });
  await barrier(neighbour);
  slow.pause();
  const output = 'x'.repeat(600_000);
  // More than the buffers of the system and the limit of the connection take together.
  for (let i = 0; i < 40; i++) {
    await deliver(server.url, script.toolStarts(`t${i}`));
    await deliver(server.url, script.toolEnds(`t${i}`, output));
  }
  await deliver(server.url, script.stop('At last'));
  await barrier(neighbour);
  slow.resume();
  await inbox.waitFor((frame) => {
    if (frame.type !== 'session_snapshot') return false;
    return frame.session.messages.some(({ content }) => content === 'At last');
  });
  await deliver(server.url, script.prompt('And on'));
  await inbox.waitFor(
    (frame) => frame.type === 'message_appended' && frame.message.content === 'And on',
  );
  const models = { slow: createModel('slow'), neighbour: createModel('neighbour') };
  await barrier(neighbour);
  for (const frame of inbox.items) models.slow.take(frame);
  for (const frame of neighbour.messages) models.neighbour.take(frame);
  await using other = await wsClient(server.url);
  const snapshot = await snapshotOf(other, id);
  for (const model of Object.values(models)) {
    expect(model.complaints).toEqual([]);
    expect(sessionDifferences(model, snapshot)).toEqual([]);
  }
  const ofNeighbour = neighbour.messages.filter(({ type }) => type === 'session_snapshot');
  expect(ofNeighbour).toHaveLength(1);
  slow.terminate();
});

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
