/** Recorded sessions of the real CLI, hooks and transcript, and what a server has made of them. */
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DataPaths } from '../../src/config.ts';
import { rowsOf } from './database.ts';
import { type HookBody, recordedSequence } from './fixtures.ts';

const FIXTURES = new URL('../fixtures/claude-transcripts/', import.meta.url);

export interface MessageRow {
  id: string;
  type: string;
  content: string;
  tool_name: string | null;
  tool_output: string | null;
  is_error: number;
  tool_duration: number | null;
}

/** What is shown of a session, in its order and without its own id. */
export function conversationOf(
  paths: Pick<DataPaths, 'database'>,
  id: string,
  { durations = true } = {},
) {
  const rows = rowsOf<MessageRow>(
    paths,
    `SELECT id, type, content, tool_name, tool_output, is_error, tool_duration
     FROM messages WHERE session_id = ? ORDER BY sequence`,
    id,
  );
  const messages = rows.map(({ tool_duration, ...row }) => ({
    ...{ ...row, id: row.id.replace(`${id}:`, '') },
    ...(durations && { tool_duration }),
  }));
  const session = rowsOf<object>(
    paths,
    `SELECT input_tokens, output_tokens, cached_tokens, context_window, model, last_message,
       message_count FROM sessions WHERE id = ?`,
    id,
  );
  return { messages, session };
}

/** A recorded session as another session of a server. */
export interface Recorded {
  id: string;
  path: string;
  bytes: Buffer;
  hooks: StampedHook[];
}

/** A hook with the key that hook.sh gives it when it runs, whenever it arrives. */
export type StampedHook = HookBody & { readonly [KEY]: string };
export const KEY = Symbol('key');

let count = 0;
/**
 * The recording as another session, as if it had gone on until now, and faster.
 *
 * @param home  the home directory of the server
 */
export function recordedSession(home: string, name: string): Recorded {
  count += 1;
  const id = `${name}-${count}`;
  const path = join(home, '.claude/projects/-home-dev-proj', `${id}.jsonl`);
  mkdirSync(dirname(path), { recursive: true });
  const text = readFileSync(new URL(`${name}.jsonl`, FIXTURES), 'utf8');
  const times = recordedTimes(name);
  const [begin = 0, end = 0] = [times[0], times.at(-1)];
  const now = Date.now();
  const moved = (ms: number) => now - Math.floor((end - ms) * Math.min(1, 9000 / (end - begin)));
  const lines = text
    .replace(
      /"timestamp":"([^"]+)"/g,
      (_, time) => `"timestamp":"${new Date(moved(Date.parse(time))).toISOString()}"`,
    )
    // What the fake API was to do stood in the task of a subagent; the recorded hooks were kept without it.
    .replace(/("prompt":"[^"@]*) @@[\w+/=]+@@"/g, '$1"');
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

/** What the lines hold, counted without our parser. */
export function countRaw(text: string) {
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
