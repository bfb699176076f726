/** What the ledger says in the log of an event that could not be taken as it was. */
import { expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { hook, openTestRuntime, poison, type TestRuntime } from './test-runtime.ts';

const ID = 'session-1';
const AT = '2099-01-01T00:00:00.000000Z';

async function openWithLog() {
  const { log, lines } = recordedLog();
  const test = await openTestRuntime(undefined, { log });
  await test.runtime.api.takeHook(hook(ID, 'UserPromptSubmit', { prompt: 'go' }), {
    origin: 'hook',
  });
  return { test, lines };
}

function sendEvent(
  { runtime }: TestRuntime,
  event: SessionEvent,
  after?: Promise<unknown>,
): Promise<void> {
  const live = runtime.registry.peek(ID);
  if (!live) throw new Error('not live');
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null) => (error ? reject(error) : resolve());
    const more = after === undefined ? {} : { after };
    runtime.ledger.send(live, { event, origin: 'connector', key: null, settle, ...more });
  });
}

it('names the session whose event the disk refused, and why', async () => {
  const { test, lines } = await openWithLog();
  await using _ = test;
  await expect(sendEvent(test, poison(ID))).rejects.toMatchObject({
    code: 'quarantined',
    sessionId: ID,
  });
  const line = await lines.waitFor(({ event }) => event === 'persistence.command.failed');
  expect(line).toMatchObject({ level: 'error', fields: { session_id: ID } });
  expect(line.fields.error).toBeTruthy();
});

it('names the session whose chart met a bug, with its place', async () => {
  const { test, lines } = await openWithLog();
  await using _ = test;
  const bug = { type: 'tools.settled', at: AT, tools: null } as unknown as SessionEvent;
  await expect(sendEvent(test, bug)).rejects.toMatchObject({ code: 'quarantined', sessionId: ID });
  const line = await lines.waitFor(({ event }) => event === 'session.crashed');
  expect(line).toMatchObject({ level: 'error', fields: { session_id: ID } });
  expect(String(line.fields.error)).toContain('.ts:');
});

it('takes an event without an image that could not be stored, behind others that came before it', async () => {
  const { test, lines } = await openWithLog();
  await using _ = test;
  const stored = Promise.reject(new Error('no space for images'));
  const named = (name: string): SessionEvent => ({ type: 'name.updated', at: AT, name });
  await Promise.all([
    sendEvent(test, named('first')),
    sendEvent(test, named('second'), stored),
    sendEvent(test, named('third')),
  ]);
  const line = await lines.waitFor(({ event }) => event === 'image.not_stored');
  expect(line).toMatchObject({ level: 'error', fields: { session_id: ID } });
  expect(String(line.fields.error)).toContain('no space for images');
  const names = test.said.flatMap(({ room, message }) =>
    message.type === 'session_delta' && room.startsWith('session:') && message.changes.custom_name
      ? [message.changes.custom_name]
      : [],
  );
  expect([...new Set(names)]).toEqual(['first', 'second', 'third']);
});
