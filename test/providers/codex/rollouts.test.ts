/** Codex sessions that run elsewhere, told from their rollouts: the real binary writes, the real server reads. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CodexDock, openCodexDock } from '../../support/codex-dock.ts';
import { codexExec, rolloutsOf, threadOfRollout } from '../../support/codex-exec.ts';
import { rowsOf } from '../../support/database.ts';

interface SessionRow {
  id: string;
  status: string;
  work_status: string;
  end_reason: string | null;
  model: string | null;
  first_prompt: string | null;
  turn_count: number;
  input_tokens: number;
}

let dock: CodexDock;
beforeAll(async () => {
  dock = await openCodexDock();
});
afterAll(() => dock[Symbol.asyncDispose]());

const sessions = () =>
  rowsOf<SessionRow>(
    dock.server.paths,
    `SELECT id, status, work_status, end_reason, model, first_prompt, turn_count, input_tokens FROM sessions`,
  );
const session = (id: string) => sessions().find((row) => row.id === id);
const messages = (id: string) =>
  rowsOf<{ type: string; content: string; id: string; tool_output: string | null }>(
    dock.server.paths,
    'SELECT id, type, content, tool_output FROM messages WHERE session_id = ? ORDER BY sequence',
    id,
  );

describe('codex exec', () => {
  it('is a session with its conversation, and over when it has ended', async () => {
    await using run = codexExec(dock.home, '!exec echo hi\n!patch {"add":"a.txt"}');
    expect(await run.over).toBe(0);
    const id = threadOfRollout(rolloutsOf(dock.home).at(-1) as string);
    await expect.poll(() => session(id)).toMatchObject({ status: 'ended', end_reason: 'exited' });
    expect(session(id)).toMatchObject({ model: 'gpt-5.5', turn_count: 1, input_tokens: 1000 });
    expect(messages(id).map(({ type, content }) => `${type}: ${content.split('\n')[0]}`)).toEqual([
      'user: !exec echo hi',
      "tool: /bin/bash -lc 'echo hi'",
      `tool: ${dock.home.project}/a.txt`,
      'assistant: Done. last user: !exec echo hi',
    ]);
  });
});
