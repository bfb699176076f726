/**
 * Hooks and transcript of the same session in every order: what is shown in the end is the same, and it is all that
 * the transcript holds. Both are recordings of the real CLI.
 */
import { appendFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startWatchedServer, type WatchedServer } from '../support/desktop/watched-server.ts';
import type { HookBody } from '../support/fixtures.ts';
import { deliver } from '../support/hooks.ts';
import {
  conversationOf,
  countRaw,
  KEY,
  type Recorded,
  recordedSession,
  type StampedHook,
} from '../support/transcripts.ts';

const SESSIONS = [
  'interactive-permissions',
  'tools-and-tasks',
  'failures-then-success',
  'permission-then-elicitation',
] as const;

let server: WatchedServer;
beforeAll(async () => {
  server = await startWatchedServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const recorded = (name: string) => recordedSession(server.paths.dir, name);
const shown = (id: string) => conversationOf(server.paths, id);

/** Sends them in this order. */
async function send(hooks: readonly StampedHook[]): Promise<void> {
  for (const hook of hooks) {
    await deliver(server.url, hook, { key: hook[KEY], sent: `${Date.now()}000000` });
  }
}

/** The same from a second registration of the hooks. */
const again = (hooks: readonly StampedHook[]): StampedHook[] =>
  hooks.map((hook) => ({ ...hook, [KEY]: hook[KEY].replace('-7-', '-8-') }));

/** Waits until the file is read to its last line that says something. */
async function isRead({ id, bytes }: Recorded): Promise<void> {
  const raw = countRaw(bytes.toString('utf8'));
  const look = () => {
    const types = shown(id).messages.map(({ type }) => type);
    expect(types.filter((type) => type === 'assistant')).toHaveLength(raw.texts.length);
    expect(types.filter((type) => type === 'tool').length).toBeGreaterThanOrEqual(raw.tools.length);
  };
  await vi.waitFor(look, { timeout: 20_000, interval: 20 });
}

const isEnd = ({ hook_event_name: name }: HookBody) => name === 'SessionEnd';

/** Everything of the recording in one of many orders. */
const ORDERS: Record<string, (of: Recorded) => Promise<void>> = {
  'the transcript before the hooks': async (of) => {
    appendFileSync(of.path, of.bytes);
    await send(of.hooks);
  },
  'the hooks before the transcript': async (of) => {
    await send(of.hooks);
    appendFileSync(of.path, of.bytes);
  },
  'both side by side, the transcript a byte at a time': async (of) => {
    let at = 0;
    for (const [n, hook] of of.hooks.entries()) {
      await send([hook]);
      const until = Math.floor(((n + 1) * of.bytes.length) / of.hooks.length);
      for (; at < until; at += 1) appendFileSync(of.path, of.bytes.subarray(at, at + 1));
    }
  },
  'every hook twice, the second time after the transcript': async (of) => {
    const live = of.hooks.filter((hook) => !isEnd(hook));
    await send(live);
    appendFileSync(of.path, of.bytes);
    await isRead(of);
    await send(again(of.hooks));
  },
  'hooks that overtake each other': async (of) => {
    appendFileSync(of.path, of.bytes.subarray(0, of.bytes.length / 2));
    const swapped = of.hooks.map((hook, n) => of.hooks[n % 2 === 0 ? n + 1 : n - 1] ?? hook);
    await send(swapped);
    appendFileSync(of.path, of.bytes.subarray(of.bytes.length / 2));
  },
  'a transcript that is cut off and written again': async (of) => {
    await send(of.hooks.slice(0, 3));
    appendFileSync(of.path, of.bytes);
    await isRead(of);
    truncateSync(of.path, Math.floor(of.bytes.length / 3));
    await send(of.hooks.slice(3));
    appendFileSync(of.path, of.bytes.subarray(Math.floor(of.bytes.length / 3)));
  },
  'a transcript that is replaced': async (of) => {
    await send(of.hooks);
    appendFileSync(of.path, of.bytes.subarray(0, of.bytes.length - 400));
    writeFileSync(`${of.path}.new`, of.bytes);
    renameSync(`${of.path}.new`, of.path);
  },
};

describe.each(SESSIONS)('the recorded session %s', (name) => {
  it('shows all prompts, texts, thoughts, tool uses, results and tokens of its transcript', async () => {
    const of = recorded(name);
    await send(of.hooks);
    appendFileSync(of.path, of.bytes);
    const raw = countRaw(of.bytes.toString('utf8'));
    const contents = (type: string) =>
      shown(of.id)
        .messages.filter((row) => row.type === type)
        .map(({ content }) => content);
    const readWhole = () => {
      expect(contents('user')).toEqual(expect.arrayContaining(raw.prompts));
      expect(contents('assistant').toSorted()).toEqual(raw.texts.toSorted());
      expect(shown(of.id).session).toMatchObject([{ output_tokens: raw.outputTokens }]);
    };
    await vi.waitFor(readWhole, { timeout: 20_000, interval: 20 });
    const { messages } = shown(of.id);
    expect(contents('thinking').toSorted()).toEqual(raw.thoughts.toSorted());
    const tools = new Map(messages.map((row) => [row.id, row]));
    for (const id of raw.tools) expect(tools.get(id)).toMatchObject({ type: 'tool' });
    for (const id of raw.results) expect(tools.get(id)?.tool_output).toEqual(expect.any(String));
  });

  it.each(Object.entries(ORDERS))(
    'is the same in the end with %s',
    async (_, bring) => {
      const plain = recorded(name);
      await send(plain.hooks);
      appendFileSync(plain.path, plain.bytes);
      await isRead(plain);
      const of = recorded(name);
      await bring(of);
      await isRead(of);
      const same = () => expect(shown(of.id)).toEqual(shown(plain.id));
      await vi.waitFor(same, { timeout: 20_000, interval: 50 });
    },
    60_000,
  );
});
