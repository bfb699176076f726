import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../../src/providers/codex/engine/engine.ts';
import { type CodexHome, createCodexHome, MODELS, startEngine } from '../../support/codex-home.ts';
import { startThread, type TestThread } from '../../support/codex-thread.ts';
import { type FakeResponsesApi, startFakeResponsesApi } from '../../support/fake-responses-api.ts';

let api: FakeResponsesApi;
let home: CodexHome;
let engine: Engine;

beforeAll(async () => {
  api = await startFakeResponsesApi();
  home = await createCodexHome(api, { model: MODELS.code });
  engine = startEngine(home);
});

afterAll(async () => {
  await engine.close();
  await home[Symbol.asyncDispose]();
  await api.close();
});

/** Has the model hand a script to a subagent, and then do the rest itself. */
async function delegate(task: string, ...rest: string[]): Promise<TestThread> {
  const thread = await startThread(engine, { cwd: home.project });
  const spawn = { message: task, fork_turns: 'none', task_name: 'helper', agent_type: 'default' };
  await thread.say(`!tool collaboration::spawn_agent ${JSON.stringify(spawn)}`, ...rest);
  return thread;
}

const outside = (name: string) => join(home.env.HOME as string, name);

describe('what a subagent asks', () => {
  it('is put to the session it works for, and answered there', async () => {
    const wait = '!tool collaboration::wait_agent {"timeout_ms":60000}';
    const thread = await delegate(`!esc touch ${outside('asked')}`, wait);
    const question = await thread.questions.waitFor(() => true);
    expect(question.params).toMatchObject({ command: expect.stringContaining('touch') });
    expect(question.params).not.toMatchObject({ threadId: thread.id });
    engine.respond(question.id, { decision: 'accept' });
    await thread.turnOver();
    expect(existsSync(outside('asked'))).toBe(true);
    // Its listener learns that it is settled, and nothing of what else the subagent does.
    const resolved = thread.reports.items.flatMap((report) =>
      report.method === 'serverRequest/resolved' ? [report.params.requestId] : [],
    );
    expect(resolved).toEqual([question.id]);
    expect(thread.items('commandExecution')).toEqual([]);
  });

  it('is refused when the turn that began it is over: nobody could see it any more', async () => {
    const received: string[] = [];
    const settled = new Promise<void>((resolve) => {
      engine.onReport((report) => {
        received.push(report.method);
        if (report.method === 'turn/completed') resolve();
      });
    });
    const thread = await delegate(`!esc touch ${outside('late')}`, '!wait asked');
    const question = await thread.questions.waitFor(() => true);
    api.open('asked');
    await thread.turnOver();
    await settled;
    await thread.reports.waitFor(
      (report) =>
        report.method === 'serverRequest/resolved' && report.params.requestId === question.id,
    );
    engine.respond(question.id, { decision: 'accept' });
    expect(existsSync(outside('late'))).toBe(false);
    expect(received).toContain('item/completed');
  });
});
