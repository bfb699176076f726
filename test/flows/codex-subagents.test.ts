/**
 * Subagents of Codex: each is shown with the session it works for, with a conversation of its own, and is no session. In
 * a terminal that shares a daemon, and in a run that only its rollout reports.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openJoined, openSharedDock, type SharedDock, saidIn } from '../support/codex-daemon.ts';
import { codexExec } from '../support/codex-exec.ts';
import { MODELS } from '../support/codex-home.ts';
import { type SteeredSession, steered } from '../support/codex-setup.ts';
import { rowsOf } from '../support/database.ts';

let dock: SharedDock;
beforeAll(async () => {
  dock = await openSharedDock({ model: MODELS.code });
});
afterAll(() => dock?.[Symbol.asyncDispose]());

const PATIENT = { timeout: 20_000 };
const WAIT = '!tool collaboration::wait_agent {"timeout_ms":60000}';

function spawn(...lines: string[]): string {
  const task = { message: lines.join('\n'), fork_turns: 'none', task_name: 'helper' };
  return `!tool collaboration::spawn_agent ${JSON.stringify(task)}`;
}

const sessionIds = () =>
  rowsOf<{ id: string }>(dock.server.paths, 'SELECT id FROM sessions').map(({ id }) => id);

async function agentsOf(session: SteeredSession) {
  const { subagents = [] } = await session.snapshot();
  return subagents;
}

/** What a subagent did and said. */
async function branchOf(session: SteeredSession, subagent_id: string): Promise<string[]> {
  const answer = await session.ask('get_messages', { subagent_id });
  if (answer.type !== 'messages_page') throw new Error(JSON.stringify(answer));
  return answer.messages.map(({ message_type, content }) => `${message_type}: ${content}`);
}

describe('a subagent of a terminal', { timeout: 60_000 }, () => {
  it('works for its session while it runs, and has a conversation of its own', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await terminal.prompt('delegate', spawn('!exec echo sub', '!wait first'), WAIT);
    await expect.poll(() => agentsOf(session), PATIENT).toHaveLength(1);
    const [agent] = await agentsOf(session);
    expect(agent).toMatchObject({ agent_type: 'helper' });
    expect(agent).not.toHaveProperty('ended_at');
    dock.api.open('first');
    await terminal.waitFor(/Done\. last user: delegate/);
    await expect.poll(async () => (await session.snapshot()).work_status).toBe('waiting');
    expect(await agentsOf(session)).toEqual([{ ...agent, ended_at: expect.any(String) }]);
    expect(await branchOf(session, agent?.id ?? '')).toContain("tool: /bin/bash -lc 'echo sub'");
    expect((await saidIn(session)).slice(1)).toEqual([
      'tool: helper',
      'tool: wait',
      'assistant: Done. last user: delegate',
    ]);
    expect(sessionIds()).not.toContain(agent?.id);
  });

  it('asks in the name of its session, and a client answers', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    const path = join(dock.home.codexHome, 'by-a-subagent');
    await terminal.prompt('ask', spawn(`!esc touch ${path}`), WAIT);
    const request = await session.request();
    expect(request.command).toContain(path);
    expect(await session.settle(request.id, { decision: 'approved' })).toMatchObject({
      type: 'ack',
    });
    await terminal.waitFor(/Done\. last user: ask/);
    await expect.poll(async () => (await session.snapshot()).work_status).toBe('waiting');
    expect(existsSync(path)).toBe(true);
  });

  it('that goes on behind its turn keeps the session working until it is over', async () => {
    const { terminal, session } = await openJoined(dock);
    await using _ = terminal;
    await terminal.prompt('in the background', spawn('!wait behind', '!say told'));
    await terminal.waitFor(/Done\. last user: in the background/);
    await expect
      .poll(async () => (await saidIn(session)).at(-1), PATIENT)
      .toBe('assistant: Done. last user: in the background');
    expect((await session.snapshot()).work_status).toBe('working');
    dock.api.open('behind');
    await expect.poll(async () => (await session.snapshot()).work_status, PATIENT).toBe('waiting');
    expect(await agentsOf(session)).toMatchObject([{ ended_at: expect.any(String) }]);
  });
});

it('a subagent of a run that only its rollout reports is shown like any other', async () => {
  await using run = codexExec(dock.home, `run\n${spawn('!say received')}\n${WAIT}`);
  expect(await run.over).toBe(0);
  const row = () =>
    rowsOf<{ id: string; status: string }>(
      dock.server.paths,
      `SELECT id, status FROM sessions WHERE first_prompt LIKE 'run %'`,
    );
  await expect.poll(row, PATIENT).toMatchObject([{ status: 'ended' }]);
  const session = steered(await dock.client(), row()[0]?.id ?? '');
  const [agent] = await agentsOf(session);
  expect(agent).toMatchObject({ agent_type: 'helper', ended_at: expect.any(String) });
  expect(await branchOf(session, agent?.id ?? '')).toEqual(['assistant: received']);
  expect(sessionIds()).not.toContain(agent?.id);
});
