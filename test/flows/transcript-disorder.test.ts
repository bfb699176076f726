/**
 * Hooks and transcript of the same session in every order: what is shown in the end is the same, and it is all that
 * the transcript holds. Both are recordings of the real CLI.
 */
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { rowsOf } from '../support/database.ts';
import { startWatchedServer, type WatchedServer } from '../support/desktop/watched-server.ts';
import { type HookBody, recordedSequence } from '../support/fixtures.ts';
import { deliver } from '../support/hooks.ts';

const SESSIONS = [
  'interactive-permissions',
  'tools-and-tasks',
  'failures-then-success',
  'permission-then-elicitation',
] as const;

const FIXTURES = new URL('../fixtures/claude-transcripts/', import.meta.url);

let server: WatchedServer;
beforeAll(async () => {
  server = await startWatchedServer();
});
afterAll(() => server[Symbol.asyncDispose]());

interface Row {
  id: string;
  type: string;
  content: string;
  tool_name: string | null;
  tool_output: string | null;
  is_error: number;
  tool_duration: number | null;
}

/** What is shown of a session, in its order and without its own id. */
function shown(id: string, { durations = true } = {}) {
  const rows = rowsOf<Row>(
    server.paths,
    `SELECT id, type, content, tool_name, tool_output, is_error, tool_duration
     FROM messages WHERE session_id = ? ORDER BY sequence`,
    id,
  );
  const messages = rows.map(({ tool_duration, ...row }) => ({
    ...{ ...row, id: row.id.replace(`${id}:`, '') },
    ...(durations && { tool_duration }),
  }));
  const session = rowsOf<object>(
    server.paths,
    `SELECT input_tokens, output_tokens, cached_tokens, context_window, model, last_message,
       message_count FROM sessions WHERE id = ?`,
    id,
  );
  return { messages, session };
}

interface Recorded {
  id: string;
  path: string;
  bytes: Buffer;
  hooks: StampedHook[];
}

/** A hook with the key that hook.sh gives it when it runs, whenever it arrives. */
type StampedHook = HookBody & { readonly [KEY]: string };
const KEY = Symbol('key');

let count = 0;
/** The recording as another session of this server, as if it had gone on until now, and faster. */
function recorded(name: string): Recorded {
  count += 1;
  const id = `${name}-${count}`;
  const path = join(server.paths.dir, '.claude/projects/-home-dev-proj', `${id}.jsonl`);
  mkdirSync(dirname(path), { recursive: true });
  const text = readFileSync(new URL(`${name}.jsonl`, FIXTURES), 'utf8');
  const times = recordedTimes(name);
  const [begin = 0, end = 0] = [times[0], times.at(-1)];
  const now = Date.now();
  const moved = (ms: number) => now - Math.floor((end - ms) * Math.min(1, 9000 / (end - begin)));
  const lines = text.replace(
    /"timestamp":"([^"]+)"/g,
    (_, time) => `"timestamp":"${new Date(moved(Date.parse(time))).toISOString()}"`,
  );
  const own = { session_id: id, transcript_path: path };
  const hooks = recordedSequence(name).map((hook, n) => ({
    ...{ ...hook, ...own },
    [KEY]: `${moved(times[n] as number)}000000-7-${count}`,
  }));
  return { id, path, bytes: Buffer.from(lines), hooks };
}

/** When each hook of the recording ran, in milliseconds. */
function recordedTimes(name: string): number[] {
  const file = new URL(`../fixtures/claude-hook-sequences/${name}.jsonl`, import.meta.url);
  const found = readFileSync(file, 'utf8').matchAll(/"at_ns":\s*"?(\d+)/g);
  return [...found].map(([, ns]) => Number(ns) / 1e6);
}

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

/** What the lines hold, counted without our parser. */
function countRaw(text: string) {
  const lines = text
    .trimEnd()
    .split('\n')
    .map((row) => JSON.parse(row));
  const blocks = (type: string, kind: string) =>
    lines
      .filter((row) => row.type === type && Array.isArray(row.message?.content))
      .flatMap((row) =>
        row.message.content.filter((block: { type: string }) => block.type === kind),
      );
  const answers = new Map<string, { output_tokens: number }>();
  for (const row of lines) if (row.message?.usage) answers.set(row.message.id, row.message.usage);
  const prompts = lines.filter(
    (row) =>
      row.type === 'user' &&
      typeof row.message.content === 'string' &&
      !row.isMeta &&
      !row.isCompactSummary &&
      !/^<(task|local|command|system)-/.test(row.message.content),
  );
  return {
    prompts: prompts.map((row) => row.message.content as string),
    texts: blocks('assistant', 'text').map((block) => block.text as string),
    thoughts: blocks('assistant', 'thinking').map((block) => block.thinking as string),
    tools: blocks('assistant', 'tool_use').map((block) => block.id as string),
    results: blocks('user', 'tool_result').map((block) => block.tool_use_id as string),
    outputTokens: [...answers.values()].reduce((sum, { output_tokens }) => sum + output_tokens, 0),
  };
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
