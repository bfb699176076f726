/** A subscription to a session that does not exist yet: kept while its connection is open, and no longer. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { OWNER } from '../../src/access.ts';
import type { Connection, Frame } from '../../src/runtime/rooms/rooms.ts';
import { Membership } from '../../src/transports/connection.ts';
import { hook, openTestRuntime, type TestRuntime } from './test-runtime.ts';

const ID = 'comes-later';

/** A connection with the rooms of a real one, that remembers what was sent. */
function connect(runtime: TestRuntime) {
  const membership = new Membership(
    () => {},
    () => {},
  );
  const sent: Frame[] = [];
  const connection: Connection = {
    id: 'c',
    caller: { kind: 'local', address: '127.0.0.1', rights: OWNER },
    rooms: membership.rooms,
    send: (frame) => void sent.push(frame),
    join: (room) => membership.join(room),
    leave: (room) => membership.leave(room),
    backlogBytes: 0,
    close: () => {},
  };
  const { api } = runtime.runtime;
  return {
    membership,
    connection,
    types: () => sent.map(({ message }) => message.type),
    say: (value: object) => api.receive(connection, { value: { session_id: ID, ...value } }),
    /** As a transport does when the socket has closed. */
    close() {
      membership.close();
      api.closed(connection);
    },
  };
}

const begin = ({ runtime }: TestRuntime, id = ID) =>
  runtime.api.takeHook(hook(id, 'UserPromptSubmit', { prompt: 'go' }), { origin: 'hook' });

/** Collects garbage: what only weak references lead to is gone afterwards. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

it('lets a closed connection go, whatever it waited for', async () => {
  await using test = await openTestRuntime();
  const asked = async (): Promise<WeakRef<Connection>> => {
    const { connection, say, close } = connect(test);
    await say({ type: 'subscribe_session' });
    close();
    return new WeakRef(connection);
  };
  const closed = await asked();
  // A weak reference holds on until the turn of the loop in which it was made is over.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  expect(closed.deref()).toBeUndefined();
});

it('keeps no wish of a connection that closed while the database was read', async () => {
  await using test = await openTestRuntime();
  const client = connect(test);
  const asked = client.say({ type: 'subscribe_session' });
  client.close();
  await asked;
  const before = client.types().length;
  await begin(test);
  expect(client.types().slice(before)).toEqual([]);
});

it('sends the session when it begins also to a connection that has fallen behind meanwhile', async () => {
  await using test = await openTestRuntime();
  const client = connect(test);
  await client.say({ type: 'subscribe_session' });
  client.membership.suspend();
  await begin(test);
  await test.runtime.api.resync(client.connection, client.membership.takeOwed());
  const snapshots = () => client.types().filter((type) => type === 'session_snapshot');
  await expect.poll(snapshots).toEqual(['session_snapshot']);
  expect([...client.membership.rooms]).toEqual([`session:${ID}`]);
});

it('sends each of several that it waits for when that one begins, and none that it wants no more', async () => {
  await using test = await openTestRuntime();
  const client = connect(test);
  const ids = ['first', 'unwanted', 'second'];
  for (const session_id of ids) await client.say({ type: 'subscribe_session', session_id });
  await client.say({ type: 'unsubscribe_session', session_id: 'unwanted' });
  for (const id of ids) await begin(test, id);
  const rooms = () => [...client.membership.rooms];
  await expect.poll(rooms).toEqual(['session:first', 'session:second']);
});
