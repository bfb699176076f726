/** What frames of before cannot sendEvent, whoever comes back later reads from the rows. */
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/session-events.ts';
import { visit } from './client.ts';
import { hook, openTestRuntime, type TestRuntime } from './test-runtime.ts';

const ID = 'session-1';
const AT = '2099-01-01T00:00:00.000000Z';

function sendEvent({ runtime }: TestRuntime, event: SessionEvent): Promise<void> {
  const live = runtime.registry.peek(ID);
  if (!live) throw new Error('not live');
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null) => (error ? reject(error) : resolve());
    runtime.ledger.send(live, { event, origin: 'connector', key: null, settle });
  });
}

/** The types of the frames of the session that somebody gets who was away since that revision. */
async function caughtUp(
  { runtime, writer }: TestRuntime,
  since_revision: number,
): Promise<string[]> {
  const visitor = visit(runtime.api);
  const { epoch } = writer.opened;
  await visitor.ask({ type: 'subscribe_session', session_id: ID, since_revision, epoch });
  return visitor.received.items.map(({ type }) => type).filter((type) => type !== 'ack');
}

async function revisionOf({ writer }: TestRuntime): Promise<number> {
  const { stored } = await writer.read({ kind: 'actor', sessionId: ID });
  return stored?.revision ?? Number.NaN;
}

describe('who was away', () => {
  it('gets the frames of what was published meanwhile', async () => {
    await using test = await openTestRuntime();
    await test.runtime.api.takeHook(hook(ID, 'UserPromptSubmit', { prompt: 'go' }), {
      origin: 'hook',
    });
    const before = await revisionOf(test);
    await sendEvent(test, { type: 'name.updated', at: AT, name: 'shop' });
    expect(await caughtUp(test, before)).not.toContain('session_snapshot');
  });

  it('gets the session whole when turns were taken back meanwhile', async () => {
    await using test = await openTestRuntime();
    await test.runtime.api.takeHook(hook(ID, 'UserPromptSubmit', { prompt: 'go' }), {
      origin: 'hook',
    });
    const before = await revisionOf(test);
    await sendEvent(test, {
      type: 'thread.rolledBack',
      at: AT,
      turns: 1,
      turnIds: [],
      lastMessage: null,
    });
    expect(await caughtUp(test, before)).toContain('session_snapshot');
  });

  it('gets the text that its row holds of one that was cut off while it was streamed', async () => {
    await using test = await openTestRuntime();
    await test.runtime.api.takeHook(hook(ID, 'UserPromptSubmit', { prompt: 'go' }), {
      origin: 'hook',
    });
    const message = {
      ...{ id: 'm1', session_id: ID, message_type: 'assistant' as const, content: 'Half' },
      ...{ tool_name: null, tool_input: null, tool_output: null, is_error: false },
      ...{ timestamp: '2099-01-01T00:00:00.000Z', duration_ms: null },
    };
    await sendEvent(test, { type: 'message.added', at: AT, message, isOpen: true });
    const before = await revisionOf(test);
    const checkpoint = { kind: 'checkpoint', sessionId: ID, key: null, at: AT } as const;
    await new Promise<unknown>((resolve) =>
      test.writer.submit({ ...checkpoint, messageId: 'm1', content: 'Half a sentence' }, resolve),
    );
    const update = { messageId: 'm1', changes: {} };
    await sendEvent(test, { type: 'message.changed', at: AT, update });
    const visitor = visit(test.runtime.api);
    const { epoch } = test.writer.opened;
    await visitor.ask({ type: 'subscribe_session', session_id: ID, since_revision: before, epoch });
    expect(JSON.stringify(visitor.received.items)).toContain('Half a sentence');
  });
});
