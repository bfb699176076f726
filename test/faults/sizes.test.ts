/**
 * A session that is too large for everybody: 10,000 messages, diffs of 5 MB, tool outputs of 2 MB. No
 * frame is longer than the app's platform takes, the newest part is there, and what was cut says so.
 */
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Message, SessionState } from '../../src/protocol/nouns.ts';
import { wsClient } from '../support/clients.ts';
import { snapshotOf } from '../support/compare.ts';
import { type Desktop, watchAsDesktop } from '../support/desktop/desktop.ts';
import { MAX_FRAME_BYTES } from '../support/desktop/frames.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { typedClient } from '../support/typed-client.ts';

const ID = 'huge';
const MESSAGES = 10_000;
const OUTPUT = '\u{1F4A5}o'.repeat(333_333);
const DIFF = `--- a\n+++ b\n${'+ line of a diff\n'.repeat(312_500)}`;

const script = scriptOf(ID);
let server: TestServer;
let desktop: Desktop;

beforeAll(async () => {
  server = await startTestServer();
  desktop = await watchAsDesktop(server.url);
  await deliver(server.url, script.prompt('The first'));
  // A line of producers: their order does not matter, their number does.
  const rounds = Array.from({ length: (MESSAGES - 1) / 2 }, (_, at) => at);
  const produce = async (): Promise<void> => {
    for (let at = rounds.pop(); at !== undefined; at = rounds.pop()) {
      await deliver(server.url, script.prompt(`Prompt ${at}`));
      await deliver(server.url, script.stop(`Reply ${at}`));
    }
  };
  await Promise.all(Array.from({ length: 16 }, produce));
}, 300_000);
afterAll(async () => {
  await desktop.close();
  await server[Symbol.asyncDispose]();
});

const longest = (texts: readonly string[]) => Math.max(...texts.map((t) => Buffer.byteLength(t)));

/** The reference's own way of storing what no hook brings: large diffs of many turns. */
function storeDiffs(): void {
  const database = new Database(server.paths.database);
  const insert = database.prepare(
    'INSERT INTO turn_diffs (session_id, turn_id, diff, changed_revision) VALUES (?, ?, ?, 1)',
  );
  for (let turn = 1; turn <= 5; turn++) insert.run(ID, `turn-${turn}`, DIFF);
  database.prepare('INSERT INTO papers (session_id, current_diff) VALUES (?, ?)').run(ID, DIFF);
  database.close();
}

it('follows all of it live, and shows it right', async () => {
  expect(await desktop.disagreements()).toEqual([]);
  expect(longest(desktop.texts)).toBeLessThan(MAX_FRAME_BYTES);
});

it('follows tool outputs of 2 MB and requests with 5 MB, cut and marked', async () => {
  for (let at = 0; at < 3; at++) {
    await deliver(server.url, script.toolStarts(`t${at}`, `cat file-${at}`));
    await deliver(server.url, script.toolEnds(`t${at}`, OUTPUT, `cat file-${at}`));
  }
  const edit = { file_path: '/p/a', old_string: 'a', new_string: DIFF };
  const base = { session_id: ID, cwd: '/p', tool_name: 'Edit', tool_input: edit };
  await deliver(server.url, { ...base, hook_event_name: 'PreToolUse', tool_use_id: 'e1' });
  await deliver(server.url, { ...base, hook_event_name: 'PermissionRequest' });
  expect(await desktop.disagreements()).toEqual([]);
  expect(longest(desktop.texts)).toBeLessThan(MAX_FRAME_BYTES);
  const shown = [...desktop.app.conversation(ID).messages.values()];
  const output = shown.find(({ tool_input }) => tool_input?.includes('file-2'))?.tool_output ?? '';
  expect(output).toMatch(/^\u{1F4A5}o/u);
  expect(output).toMatch(/\[truncated\]$/);
  // A request is cut as it comes in, what else is too long when it leaves.
  const cut = desktop.texts.filter((text) => /^{"type":"message_.*\[truncated\]"/.test(text));
  expect(cut.length).toBeGreaterThanOrEqual(3);
  for (const text of cut) expect(JSON.parse(text).truncated).toBe(true);
});

it('comes back to a snapshot that fits, holds the newest and reports what is missing', async () => {
  await server.stop();
  storeDiffs();
  await server.start();
  await using newcomer = await watchAsDesktop(server.url);
  await newcomer.rest();
  expect(newcomer.troubles).toEqual([]);
  expect(longest(newcomer.texts)).toBeLessThan(MAX_FRAME_BYTES);
  const { messages, turnDiffs } = newcomer.app.conversation(ID);
  expect([...messages.values()].some(({ tool_input }) => tool_input?.includes('file-2'))).toBe(
    true,
  );
  expect([...turnDiffs.keys()].at(-1)).toBe('turn-5');
  const snapshot = await received();
  expect(snapshot.message_count).toBeGreaterThan(MESSAGES);
  expect(snapshot.messages.length).toBeGreaterThan(50);
  expect(snapshot.truncated).toBe(true);
  expect(snapshot.current_diff).toMatch(/\[truncated\]$/);
  expect(cutOf(snapshot.messages)).toContainEqual({ tool_output: expect.any(Number) });
  expect(Math.max(...cutOf(snapshot.messages).map((cut) => cut.tool_output ?? 0))).toBeGreaterThan(
    300_000,
  );
});

it('shows the typed client the same', async () => {
  using client = typedClient(server.url);
  client.watch(ID);
  const view = await client.until(ID, () => true);
  expect(view.message_count).toBeGreaterThan(MESSAGES);
  expect(view.truncated).toBe(true);
});

async function received(): Promise<SessionState> {
  await using newcomer = await wsClient(server.url);
  return await snapshotOf(newcomer, ID);
}

function cutOf(messages: readonly Message[]): NonNullable<Message['truncated']>[] {
  return messages.flatMap(({ truncated }) => truncated ?? []);
}
