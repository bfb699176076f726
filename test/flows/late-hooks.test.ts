/**
 * Hooks overtake each other: the CLI runs them side by side. Whatever order they come in, each with the
 * moment it began, subscribers must end up with what is on disk, and content is never lost.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { NO_RESULT } from '../../machines/session-facts.ts';
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

describe('a tool use of whose end nothing is reported', () => {
  /** The tool's message as a client that has followed everything shows it. */
  const toolIn = (observer: Awaited<ReturnType<typeof observe>>, id: string) =>
    [...(observer.model.sessions.get(id)?.messages.values() ?? [])].find(
      ({ tool_name }) => tool_name,
    );

  it('is said to have no result once the next prompt comes: Esc in its dialog has no hook', async () => {
    const id = 'denied-before';
    const { prompt, toolStarts, asks } = scriptOf(id);
    await using observer = await observe(wsClient(server.url));
    for (const hook of [prompt('Go', 'p1'), toolStarts('t'), asks()]) {
      await deliver(server.url, hook);
    }
    await observer.settle();
    expect(toolIn(observer, id)?.tool_output).toBeNull();
    await deliver(server.url, prompt('Something else', 'p2'));
    await observer.settle();
    expect(toolIn(observer, id)).toMatchObject({ tool_output: NO_RESULT, is_error: false });
    expect(await differences(server.url, observer)).toEqual([]);
    // Reported once: another prompt says nothing new of it.
    const received = observer.factsOf(id).length;
    await deliver(server.url, prompt('And more', 'p3'));
    await observer.settle();
    const later = observer.factsOf(id).slice(received);
    expect(later.filter(({ type }) => type === 'message_updated')).toEqual([]);
    expect(foldJournal(server.paths, id)).toEqual([]);
  });

  it('has the result that its transcript reported before, and the one that it reports later', async () => {
    const path = join(server.paths.dir, '.claude/projects/-home-dev-shop/told-by-file.jsonl');
    mkdirSync(dirname(path), { recursive: true });
    const { prompt, toolStarts } = scriptOf('told-by-file');
    const of = (hook: HookBody) => ({ ...hook, transcript_path: path });
    const results = (output: string | null, error: boolean) => async () => {
      await observer.settle();
      expect(toolIn(observer, 'told-by-file')).toMatchObject({
        ...{ tool_output: output, is_error: error },
      });
    };
    await using observer = await observe(wsClient(server.url));
    await deliver(server.url, of(prompt('Go', 'p1')));
    await deliver(server.url, of(toolStarts('t')));
    await deliver(server.url, of(prompt('Something else', 'p2')));
    await results(NO_RESULT, false)();
    const result = (uuid: string, content: string) => ({
      ...{ uuid, timestamp: new Date().toISOString(), type: 'user', toolUseResult: content },
      message: {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 't', content, is_error: true }],
      },
    });
    appendFileSync(path, `${JSON.stringify(result('u1', 'User rejected tool use'))}\n`);
    await vi.waitFor(results('User rejected tool use', true), { timeout: 15_000, interval: 20 });
    await deliver(server.url, of(prompt('And more', 'p3')));
    await results('User rejected tool use', true)();
    expect(await differences(server.url, observer)).toEqual([]);
  });

  it('keeps the result that its transcript reported before the prompt', async () => {
    const path = join(server.paths.dir, '.claude/projects/-home-dev-shop/told-first.jsonl');
    mkdirSync(dirname(path), { recursive: true });
    const { prompt, toolStarts } = scriptOf('told-first');
    const of = (hook: HookBody) => ({ ...hook, transcript_path: path });
    await using observer = await observe(wsClient(server.url));
    await deliver(server.url, of(prompt('Go', 'p1')));
    await deliver(server.url, of(toolStarts('t')));
    const row = {
      ...{ uuid: 'u1', timestamp: new Date().toISOString(), type: 'user' },
      message: {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 't', content: 'It ran.' }],
      },
    };
    appendFileSync(path, `${JSON.stringify(row)}\n`);
    const ran = async () => {
      await observer.settle();
      expect(toolIn(observer, 'told-first')?.tool_output).toBe('It ran.');
    };
    await vi.waitFor(ran, { timeout: 15_000, interval: 20 });
    await deliver(server.url, of(prompt('Something else', 'p2')));
    await ran();
    const updates = observer.factsOf('told-first').filter(({ type }) => type === 'message_updated');
    expect(updates).toHaveLength(1);
    expect(await differences(server.url, observer)).toEqual([]);
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
