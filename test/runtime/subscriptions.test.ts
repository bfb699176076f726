/** How many sessions one connection may see at a time, and what counts. */
import { expect, it } from 'vitest';
import { OWNER } from '../../src/access.ts';
import type { Connection, Frame } from '../../src/runtime/rooms/rooms.ts';
import { hook, openTestRuntime, type TestRuntime } from './test-runtime.ts';

/** A connection in so many rooms of other sessions. */
function connectionIn(rooms: number) {
  const names = new Set(Array.from({ length: rooms }, (_, n) => `session:other-${n}`));
  const sent: Frame['message'][] = [];
  const connection: Connection = {
    ...{ id: 'c', caller: { kind: 'local', address: '127.0.0.1', rights: OWNER } },
    ...{ rooms: names, backlogBytes: 0, close: () => {} },
    send: ({ message }) => void sent.push(message),
    join: (room) => void names.add(room),
    leave: (room) => void names.delete(room),
  };
  return { connection, sent, names };
}

const MOST = 2000;
const REFUSED = {
  ...{ type: 'error', code: 'too_many_subscriptions' },
  message: expect.stringContaining('More than 2000 subscriptions'),
};

async function begun(): Promise<TestRuntime> {
  const test = await openTestRuntime();
  const prompt = hook('s', 'UserPromptSubmit', { prompt: 'go' });
  await test.runtime.api.takeHook(prompt, { origin: 'hook' });
  return test;
}

it('the two thousandth session is shown to a connection, and one more refused', async () => {
  await using test = await begun();
  const ask = async (rooms: number) => {
    const client = connectionIn(rooms);
    await test.runtime.api.receive(client.connection, {
      value: { type: 'subscribe_session', session_id: 's' },
    });
    return client;
  };
  const last = await ask(MOST - 1);
  expect(last.sent).toMatchObject([{ type: 'session_snapshot' }]);
  const oneMore = await ask(MOST);
  expect(oneMore.sent).toMatchObject([REFUSED]);
  expect(oneMore.names.has('session:s')).toBe(false);
});

it('a session that the connection sees already is shown again, however many it sees', async () => {
  await using test = await begun();
  const { connection, sent } = connectionIn(MOST - 1);
  const ask = { value: { type: 'subscribe_session', session_id: 's' } };
  await test.runtime.api.receive(connection, ask);
  await test.runtime.api.receive(connection, ask);
  expect(sent.map(({ type }) => type)).toEqual(['session_snapshot', 'session_snapshot']);
});
