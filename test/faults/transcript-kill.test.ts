/** The server is killed while a transcript grows: in the end all of it is shown, and nothing twice. */
import { appendFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Build, build } from '../support/build.ts';
import { deliver } from '../support/hooks.ts';
import { createRandom, seedOfRun } from '../support/random.ts';
import { spawnServer } from '../support/spawned.ts';
import { conversationOf, countRaw, KEY, recordedSession } from '../support/transcripts.ts';
import { aWhile } from './crowd.ts';

const KILLS = 12;
const SOON = { interval: 20, timeout: 30_000 };

let program: Build;
beforeAll(async () => {
  program = await build();
});
afterAll(() => program[Symbol.dispose]());

it(`loses nothing and doubles nothing of a transcript over ${KILLS} kills`, async () => {
  const random = createRandom(seedOfRun());
  await using server = await spawnServer(program.main);
  const of = recordedSession(server.paths.dir, 'interactive-permissions');
  const whole = recordedSession(server.paths.dir, 'interactive-permissions');
  const send = (hook: (typeof of.hooks)[number]) =>
    deliver(server.url, hook, { key: hook[KEY], sent: `${Date.now()}000000` });
  let [hooks, at] = [0, 0];
  for (let kill = 1; kill <= KILLS; kill++) {
    for (; hooks < (of.hooks.length * kill) / KILLS; hooks++) {
      await send(of.hooks[hooks] as (typeof of.hooks)[number]);
    }
    const until = Math.floor((of.bytes.length * kill) / KILLS);
    while (at < until) {
      const next = Math.min(until, at + random.between(1, 400));
      appendFileSync(of.path, of.bytes.subarray(at, next));
      at = next;
    }
    await aWhile(random, 0, 400);
    await server.kill('SIGKILL');
    await server.start();
  }
  const raw = countRaw(of.bytes.toString('utf8'));
  for (const hook of whole.hooks) await send(hook);
  appendFileSync(whole.path, whole.bytes);
  const texts = (id: string) =>
    conversationOf(server.paths, id)
      .messages.filter(({ type }) => type === 'assistant')
      .map(({ content }) => content);
  // The kills take longer than a live hook may be under way, so that its place is another one.
  const unordered = (id: string) =>
    conversationOf(server.paths, id).messages.toSorted((one, other) =>
      one.id < other.id ? -1 : 1,
    );
  const isSame = () => {
    expect(texts(whole.id).toSorted()).toEqual(raw.texts.toSorted());
    expect(unordered(of.id)).toEqual(unordered(whole.id));
    expect(conversationOf(server.paths, of.id).session).toMatchObject([
      { output_tokens: raw.outputTokens, message_count: unordered(whole.id).length },
    ]);
  };
  await vi.waitFor(isSame, SOON);
});
