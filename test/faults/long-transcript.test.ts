/** A session with a long past appears: while its transcript is read first, nobody else is kept waiting by that. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Build, build } from '../support/build.ts';
import { rowsOf } from '../support/database.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { createRandom, seedOfRun } from '../support/random.ts';
import { spawnServer } from '../support/spawned.ts';

const BYTES = Number(process.env.TRANSCRIPT_MB ?? 25) * 1e6;
/** No turn of the server's main thread may take longer, ms of processor time. */
const LONGEST_TURN_MS = 25;
const PROBE = fileURLToPath(new URL('../support/loop-turns.mjs', import.meta.url));

let program: Build;
beforeAll(async () => {
  program = await build();
});
afterAll(() => program[Symbol.dispose]());

/** Turns of eight tools each: short and long results, and what the CLI notes for itself between them. */
function longTranscript(): { text: string; texts: number } {
  const random = createRandom(seedOfRun());
  const pool = Array.from({ length: 100_000 }, () => random.between(1e6, 1e9).toString(36)).join(
    ' ',
  );
  const some = (from: number, to: number) => pool.slice(0, random.between(from, to));
  const begin = Date.now() - 3_600_000;
  const lines: string[] = [];
  let bytes = 0;
  let texts = 0;
  const put = (row: object): void => {
    const n = lines.length;
    const base = { uuid: `u${n}`, parentUuid: n === 0 ? null : `u${n - 1}`, sessionId: 'long' };
    const line = JSON.stringify({ ...base, timestamp: new Date(begin + n).toISOString(), ...row });
    bytes += line.length;
    lines.push(line);
  };
  const says = (content: object) => {
    const usage = { input_tokens: 10, output_tokens: 5 };
    const message = { id: `m${lines.length}`, model: 'claude-sonnet-5', content: [content], usage };
    put({ type: 'assistant', message });
  };
  while (bytes < BYTES) {
    put({
      ...{ type: 'user', promptId: `p${lines.length}` },
      message: { role: 'user', content: some(20, 200) },
    });
    for (let tool = 0; tool < 8; tool++) {
      const id = `toolu_${lines.length}`;
      texts += 1;
      says({ type: 'text', text: some(100, 600) });
      says({ type: 'tool_use', id, name: 'Bash', input: { command: some(20, 200) } });
      const content = random.chance(0.02) ? some(200_000, 400_000) : some(100, 20_000);
      put({
        ...{ type: 'user', toolUseResult: { stdout: content, stderr: '' } },
        message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content }] },
      });
      put({ type: 'attachment', attachment: { type: 'prompt_snapshot', text: some(1, 20_000) } });
    }
  }
  says({ type: 'text', text: 'That was all.' });
  return { text: `${lines.join('\n')}\n`, texts: texts + 1 };
}

it('reads a long transcript in short turns', async () => {
  const turns = join(dirname(program.main), 'turns');
  await using server = await spawnServer(program.main, {
    env: { CODEX_BIN: '/nowhere', LOOP_TURNS: turns },
    nodeFlags: ['--import', PROBE],
  });
  const path = join(server.paths.dir, '.claude/projects/-home-dev-shop/long.jsonl');
  mkdirSync(dirname(path), { recursive: true });
  const { text, texts } = longTranscript();
  writeFileSync(path, text);
  const longest = () => Number(readFileSync(turns, 'utf8'));
  // Before the probe counts, the program is still being loaded.
  await vi.waitFor(() => expect(longest()).toBeGreaterThan(0), 20_000);
  const prompt = scriptOf('long').prompt('Go on', 'last');
  await deliver(server.url, { ...prompt, transcript_path: path } as never);
  const sql = `SELECT count(*) AS n FROM messages WHERE session_id = 'long' AND type = 'assistant'`;
  const isRead = () => expect(rowsOf(server.paths, sql)).toEqual([{ n: texts }]);
  await vi.waitFor(isRead, { timeout: 150_000, interval: 200 });
  expect(longest()).toBeLessThan(LONGEST_TURN_MS);
}, 200_000);
