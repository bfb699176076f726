/** The way in: which answers carry the id of the question, and what a bug in a handler comes to. */

import { describe, expect, it, vi } from 'vitest';
import { OWNER } from '../../src/access.ts';
import { OrbitError } from '../../src/errors.ts';
import { SILENT_LOGGER } from '../../src/log.ts';
import { decode } from '../../src/protocol/codec.ts';
import type { Hook } from '../../src/protocol/hook.ts';
import { createDispatch, createIntake } from '../../src/runtime/dispatch.ts';
import type { Connection } from '../../src/runtime/rooms/rooms.ts';
import { scriptOf } from '../support/hooks.ts';

type Handle = (message: { type: string }, asker: { reply(message: object): void }) => unknown;

/** Everything that was sent for one message, whose handler does just this. */
async function answersTo(
  message: object,
  handle: Handle = () => {},
  codec = () => import('../../src/protocol/codec.ts'),
): Promise<object[]> {
  const sent: object[] = [];
  const connection = {
    id: 'c-1',
    caller: { kind: 'local', address: '127.0.0.1', rights: OWNER },
    send: (frame: { message: object }) => sent.push(frame.message),
  } as unknown as Connection;
  const dispatch = createDispatch({
    codec,
    handlers: {
      subscribe_list: handle,
      get_sessions: handle,
      ping: handle,
      browse_directory: handle,
    } as never,
    log: SILENT_LOGGER,
  });
  await dispatch(connection, { value: { type: 'subscribe_list', ...message } });
  return sent;
}

describe('a message', () => {
  it('with an id is acknowledged under it, when nothing else answers', async () => {
    expect(await answersTo({ request_id: 'q1' })).toEqual([{ type: 'ack', request_id: 'q1' }]);
  });

  it('with an id is answered once', async () => {
    const answers = await answersTo({ request_id: 'q1' }, (_, asker) =>
      asker.reply({ type: 'sessions_list' }),
    );
    expect(answers).toEqual([{ type: 'sessions_list', request_id: 'q1' }]);
  });

  it('without an id is not acknowledged', async () => {
    expect(await answersTo({})).toEqual([]);
  });

  it('may have an id of 128 characters and no longer one', async () => {
    const id = 'x'.repeat(128);
    expect(await answersTo({ request_id: id })).toEqual([{ type: 'ack', request_id: id }]);
    for (const request_id of [`${id}x`, 7, null]) {
      for (const answer of await answersTo({ request_id })) {
        expect(answer).not.toHaveProperty('request_id');
      }
    }
  });

  it('whose handler has a bug is answered as an error that shows nothing of it', async () => {
    const answers = await answersTo({ request_id: 'q1' }, () => {
      throw new Error('the secret of the handler');
    });
    expect(answers).toMatchObject([{ type: 'error', code: 'internal_error', request_id: 'q1' }]);
    expect(JSON.stringify(answers)).not.toContain('secret');
  });
});

describe('a message that is nothing but its type', () => {
  const MISSING = 'the schemas are not there';
  const unloaded = () => Promise.reject(new OrbitError('bad_request', { reason: MISSING }));
  const handled: object[] = [];
  const handle: Handle = (message) => void handled.push(message);

  it.each(['subscribe_list', 'get_sessions', 'ping'])(
    '%s is handled before the schemas are loaded, and is what they would have taken',
    async (type) => {
      handled.length = 0;
      expect(await answersTo({ type }, handle, unloaded)).toEqual([]);
      expect(await answersTo({ type, request_id: 'q' }, handle, unloaded)).toEqual([
        { type: 'ack', request_id: 'q' },
      ]);
      expect(handled).toEqual([{ type }, { type, request_id: 'q' }]);
      expect(handled.map(decode)).toEqual(handled);
    },
  );

  it.each([
    { type: 'get_sessions', limit: 'all' },
    { type: 'subscribe_list', request_id: 'x'.repeat(129) },
    { type: 'ping', request_id: 7 },
    { type: 'browse_directory' },
  ])('%j has something to check, and waits for them', async (message) => {
    const answers = await answersTo(message, handle, unloaded);
    expect(JSON.stringify(answers)).toContain(MISSING);
  });

  it('has them loaded for the next one, once its answer is on the way', async () => {
    vi.useFakeTimers();
    try {
      const codec = vi.fn(unloaded);
      await answersTo({}, handle, codec);
      expect(codec).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1000);
      expect(codec).toHaveBeenCalledTimes(1);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a hook', () => {
  const taken: Hook[] = [];
  const intake = createIntake(async (hook) => void taken.push(hook));
  const take = async (body: object, type?: string) => {
    await intake.takeHook(body, { origin: 'hook', ...(type !== undefined && { type }) } as never);
    return taken.at(-1) as { type?: string } | undefined;
  };
  const prompt = scriptOf('s').prompt('Hi');

  it('that names its type keeps it, whatever its sender says', async () => {
    const own = await take({ ...prompt, type: 'claude_status_event' }, 'claude_tool_event');
    expect(own).toMatchObject({ type: 'claude_status_event', hook_event_name: 'UserPromptSubmit' });
  });

  it('that names none is taken by its event', async () => {
    expect(await take(prompt)).toMatchObject({ hook_event_name: 'UserPromptSubmit' });
  });

  it('is refused once the server drains', async () => {
    intake.drain();
    expect(intake.isDraining).toBe(true);
    await expect(take(prompt)).rejects.toMatchObject({ code: 'shutting_down' });
  });
});
