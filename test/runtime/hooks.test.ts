import { expect, it } from 'vitest';
import { PNG } from '../support/pictures.ts';
import { hook, openTestRuntime, type TestRuntime } from './test-runtime.ts';

const NS = '1795343135638615082';

function take(
  { runtime }: TestRuntime,
  id: string,
  name: string,
  more: object,
  n: number,
): Promise<void> {
  const key = `${BigInt(NS) + BigInt(n) * 1_000_000_000n}-${n}-4711`;
  return runtime.api.takeHook(hook(id, name, more), { origin: 'hook', key });
}

it('links the session after /clear to the one before it, also when a restart lies between', async () => {
  const first = await openTestRuntime();
  await take(first, 'before', 'UserPromptSubmit', { prompt: 'one' }, 1);
  await take(first, 'before', 'SessionEnd', { reason: 'clear' }, 2);
  await using second = await first.restart();
  await take(second, 'after', 'SessionStart', { source: 'clear' }, 3);
  await take(second, 'after', 'UserPromptSubmit', { prompt: 'two' }, 4);
  const { stored } = await second.writer.read({ kind: 'actor', sessionId: 'after' });
  expect(stored?.summary.forked_from_session_id).toBe('before');
});

it('shows the model of the session before it, which goes on in the same process and says it no more', async () => {
  await using test = await openTestRuntime();
  await take(test, 'before', 'SessionStart', { source: 'startup', model: 'opus' }, 1);
  await take(test, 'before', 'UserPromptSubmit', { prompt: 'one' }, 2);
  await take(test, 'before', 'SessionEnd', { reason: 'clear' }, 3);
  await take(test, 'after', 'SessionStart', { source: 'clear' }, 4);
  await take(test, 'after', 'UserPromptSubmit', { prompt: 'two' }, 5);
  const { stored } = await test.writer.read({ kind: 'actor', sessionId: 'after' });
  expect(stored?.summary).toMatchObject({ forked_from_session_id: 'before', model: 'opus' });
});

it('commits a message after the images it names are on disk, and what follows behind it', async () => {
  let store: (error?: Error) => void = () => {};
  const image = { input_type: 'path', value: '/images/1.png', url: '/images/1' };
  const stored = new Promise<void>((resolve, reject) => {
    store = (error) => (error ? reject(error) : resolve());
  });
  const images = { take: async () => [], find: async () => null, keep: () => ({ image, stored }) };
  await using place = await openTestRuntime(undefined, { images });
  await take(place, 's', 'UserPromptSubmit', { prompt: 'one' }, 1);
  const tool = { tool_name: 'Read', tool_input: {}, tool_use_id: 't1' };
  const block = { type: 'image', data: PNG.toString('base64'), mimeType: 'image/png' };
  const before = place.said.length;
  const taken = [
    take(place, 's', 'PostToolUse', { ...tool, tool_response: [block] }, 2),
    take(place, 's', 'Stop', { last_assistant_message: 'Seen.' }, 3),
    take(place, 's', 'UserPromptSubmit', { prompt: 'two' }, 4),
  ];
  await take(place, 'other', 'UserPromptSubmit', { prompt: 'meanwhile' }, 5);
  const saidOf = () =>
    place.said.slice(before).flatMap(({ room, message }) => {
      if (!room.endsWith('s') || message.type !== 'message_appended') return [];
      return message.session_id === 's' ? [message.message.content || message.message.images] : [];
    });
  expect(saidOf()).toEqual([]);
  store(new Error('no space left'));
  await Promise.all(taken);
  expect([...new Set(saidOf())]).toEqual([[image], 'Seen.', 'two']);
});
