import { expect, it } from 'vitest';
import { hook, openHouse, type TestHouse } from './house.ts';

const NS = '1795343135638615082';

function take(
  { house }: TestHouse,
  id: string,
  name: string,
  more: object,
  n: number,
): Promise<void> {
  const key = `${BigInt(NS) + BigInt(n) * 1_000_000_000n}-${n}-4711`;
  return house.hall.takeHook(hook(id, name, more), { origin: 'hook', key });
}

it('links the session after /clear to the one before it, also when a restart lies between', async () => {
  const first = await openHouse();
  await take(first, 'before', 'UserPromptSubmit', { prompt: 'one' }, 1);
  await take(first, 'before', 'SessionEnd', { reason: 'clear' }, 2);
  await using second = await first.restart();
  await take(second, 'after', 'SessionStart', { source: 'clear' }, 3);
  await take(second, 'after', 'UserPromptSubmit', { prompt: 'two' }, 4);
  const { stored } = await second.writer.read({ kind: 'actor', sessionId: 'after' });
  expect(stored?.summary.forked_from_session_id).toBe('before');
});
