/**
 * Hooks overtake each other: the CLI runs them side by side. Whatever order they come in, each with the
 * moment it began, subscribers must end up with what is on disk, and content is never lost.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wsClient } from '../support/clients.ts';
import { differences } from '../support/compare.ts';
import { foldJournal } from '../support/database.ts';
import { startWatchedServer, type WatchedServer } from '../support/desktop/watched-server.ts';
import { type HookBody, recordedSequence } from '../support/fixtures.ts';
import { deliver, hookKey, scriptOf } from '../support/hooks.ts';
import { observe } from '../support/observer.ts';
import { createRandom, seedOfRun } from '../support/random.ts';

let server: WatchedServer;
beforeAll(async () => {
  server = await startWatchedServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** Gives each hook the key of its moment, then delivers them in another order. */
async function deliverInOrder(hooks: HookBody[], order: readonly number[]): Promise<void> {
  const keys = hooks.map(() => hookKey());
  for (const at of order) {
    await deliver(server.url, hooks[at] as HookBody, { key: keys[at] as string });
  }
}

describe('a tool’s end that comes after its turn’s', () => {
  it.each([
    ['the stop', [0, 1, 3, 2]],
    ['the next prompt', [0, 1, 3, 4, 2]],
    ['the end of the session', [0, 1, 3, 5, 2]],
  ])('and after %s still brings its output, live and on disk', async (after, order) => {
    const id = `late-${after.replaceAll(' ', '-')}`;
    const { prompt, toolStarts, toolEnds, stop, end } = scriptOf(id);
    const hooks = [prompt('Go'), toolStarts('t'), toolEnds('t'), stop(), prompt('More'), end()];
    await using observer = await observe(wsClient(server.url));
    await deliverInOrder(hooks, order.slice(0, 2));
    await observer.settle();
    await deliverInOrder(hooks, order.slice(2));
    expect(await differences(server.url, observer)).toEqual([]);
    const messages = [...(observer.model.sessions.get(id)?.messages.values() ?? [])];
    expect(messages.find(({ tool_name }) => tool_name)?.tool_output).toBe('ok');
  });
});

describe('an end that comes before all else of its session', () => {
  const hooksOf = (id: string) => {
    const { start, prompt, toolStarts, toolEnds, stop, end } = scriptOf(id);
    return [start(), prompt('Go'), toolStarts('t'), toolEnds('t'), stop('Done.'), end()];
  };

  it.each([
    ['all others in their order', [5, 0, 1, 2, 3, 4], false],
    ['all others backwards', [5, 4, 3, 2, 1, 0], false],
    ['the prompt only, behind the start', [0, 5, 1], false],
    ['the prompt only', [5, 1], false],
    ['all others, after a restart', [5, 1, 0, 2, 3, 4], true],
  ])('ends it once it is followed by %s', async (name, order, restarts) => {
    const id = `early-end-${name.replaceAll(/\W+/g, '-')}`;
    const hooks = hooksOf(id);
    const keys = hooks.map(() => hookKey());
    const send = (at: number) =>
      deliver(server.url, hooks[at] as HookBody, { key: keys[at] as string });
    await send(order[0] as number);
    if (restarts) await server.restart();
    for (const at of order.slice(1)) await send(at);
    expect(await statusOf(id)).toBe('ended');
  });

  it('does not end what a later process does with the session', async () => {
    const [, prompt, , , , end] = hooksOf('resumed') as [
      HookBody,
      HookBody,
      HookBody,
      HookBody,
      HookBody,
      HookBody,
    ];
    await deliver(server.url, end);
    await deliver(server.url, prompt);
    expect(await statusOf('resumed')).toBe('active');
  });

  it('is no session by itself, nor with its start', async () => {
    const [start, , , , , end] = hooksOf('nothing') as [
      HookBody,
      HookBody,
      HookBody,
      HookBody,
      HookBody,
      HookBody,
    ];
    await deliver(server.url, start);
    await deliver(server.url, end);
    expect(await statusOf('nothing')).toBe(null);
  });
});

/** Status of a session in the list; null when it is not there. */
async function statusOf(id: string): Promise<string | null> {
  await using client = await wsClient(server.url);
  client.send({ type: 'subscribe_list' });
  const list = await client.waitFor((frame) => frame.type === 'sessions_list');
  const { sessions } = list as unknown as { sessions: { id: string; status: string }[] };
  return sessions.find((session) => session.id === id)?.status ?? null;
}

it('ends up the same for subscribers and on disk in whatever order hooks come', async () => {
  const seed = seedOfRun();
  const random = createRandom(seed);
  await using observer = await observe(wsClient(server.url));
  for (const name of ['interactive-permissions', 'subagent', 'failures-then-success']) {
    for (let round = 0; round < 8; round++) {
      const session_id = `shuffled-${name}-${round}`;
      const hooks = recordedSequence(name).map((hook) => ({ ...hook, session_id }));
      // Each hook may be late by the time of a few others.
      const order = hooks
        .map((_, at) => ({ at, due: at + (random.chance(0.3) ? random.between(1, 6) : 0) }))
        .sort((a, b) => a.due - b.due)
        .map(({ at }) => at);
      await deliverInOrder(hooks, order);
      await observer.settle();
      expect(foldJournal(server.paths, session_id), `SEED=${seed}`).toEqual([]);
    }
  }
  expect(await differences(server.url, observer), `SEED=${seed}`).toEqual([]);
});

it('shows every text as a text that can be read, also one with half a character', async () => {
  await using observer = await observe(wsClient(server.url));
  const { prompt, toolStarts, toolEnds, stop } = scriptOf('halves');
  const atTheCut = `${'x'.repeat(199)}\u{1F4A5}`;
  await deliver(server.url, prompt(atTheCut));
  await observer.settle();
  await deliver(server.url, toolStarts('t', 'echo \uD83D'));
  await deliver(server.url, toolEnds('t', 'half \uDCA5 of it', 'echo \uD83D'));
  await deliver(server.url, stop(atTheCut));
  expect(await differences(server.url, observer)).toEqual([]);
  const said = JSON.stringify([...observer.client.messages]);
  expect(said.match(/\\ud[89a-f]/)).toBeNull();
});
