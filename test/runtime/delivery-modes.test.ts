/** How a connection receives a session's streamed text: chosen when it subscribes, kept when it falls behind. */

import { describe, expect, it } from 'vitest';
import { OWNER } from '../../src/access.ts';
import type { Connection, Frame } from '../../src/runtime/rooms/rooms.ts';
import { hook, openTestRuntime, type TestRuntime } from './test-runtime.ts';

const ID = 'session-1';

/** A connection that remembers its rooms and what was sent. */
function connect() {
  const rooms = new Set<string>();
  const sent: Frame[] = [];
  const connection: Connection = {
    id: 'c',
    caller: { kind: 'local', address: '127.0.0.1', rights: OWNER },
    rooms,
    send: (frame) => void sent.push(frame),
    join: (room) => void rooms.add(room),
    leave: (room) => void rooms.delete(room),
    backlogBytes: 0,
    close: () => {},
  };
  return { connection, rooms, types: () => sent.map(({ message }) => message.type) };
}

async function openWithSession(): Promise<TestRuntime> {
  const test = await openTestRuntime();
  await test.runtime.api.takeHook(hook(ID, 'UserPromptSubmit', { prompt: 'go' }), {
    origin: 'hook',
  });
  return test;
}

describe('a subscriber', () => {
  it('is in one room of a session, the one it asked for last', async () => {
    await using test = await openWithSession();
    const { connection, rooms } = connect();
    const say = (value: object) =>
      test.runtime.api.receive(connection, { value: { session_id: ID, ...value } });
    await say({ type: 'subscribe_session' });
    expect([...rooms]).toEqual([`session:${ID}`]);
    await say({ type: 'subscribe_session', deltas: true });
    expect([...rooms]).toEqual([`deltas:${ID}`]);
    await say({ type: 'subscribe_session', deltas: true, since_revision: 1 });
    expect([...rooms]).toEqual([`deltas:${ID}`]);
    await say({ type: 'unsubscribe_session' });
    expect([...rooms]).toEqual([]);
  });

  it('that fell behind comes back to the room it was in, behind a fresh snapshot', async () => {
    await using test = await openWithSession();
    for (const room of [`session:${ID}`, `deltas:${ID}`]) {
      const { connection, rooms, types } = connect();
      await test.runtime.api.resync(connection, new Set([room]));
      expect(types()).toEqual(['session_snapshot']);
      expect([...rooms]).toEqual([room]);
    }
  });

  it('receives every fact in either room, once', async () => {
    await using test = await openWithSession();
    test.said.length = 0;
    await test.runtime.api.takeHook(hook(ID, 'Stop', { last_assistant_message: 'done' }), {
      origin: 'hook',
    });
    const received = (room: string) =>
      test.said.flatMap((one) => (one.room === room ? [one.message.revision] : []));
    expect(received(`session:${ID}`)).toEqual(received(`deltas:${ID}`));
    expect(received(`session:${ID}`).length).toBeGreaterThan(1);
  });
});
