/** Taking part from the command line: against a real server, and without one. */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createToken } from '../../src/secrets.ts';
import { hookKey } from '../support/hooks.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { Home, type Outcome } from './support.ts';

const TOKEN = createToken();
let server: TestServer;
let home: Home;

beforeAll(async () => {
  home = new Home();
  server = await startTestServer({ env: { ORBITDOCK_AUTH_TOKEN: TOKEN } });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  home.remove();
});

function run(...words: string[]): Promise<Outcome> {
  home.env.ORBITDOCK_AUTH_TOKEN = TOKEN;
  return home.run(...words, '--url', server.url);
}

const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${TOKEN}` };

/** A hook that waits; what it gets to print. */
function waits(session_id: string, body: object): Promise<string> {
  const asked = fetch(`${server.url}/api/hook/answer`, {
    method: 'POST',
    headers: { ...headers, 'Idempotency-Key': hookKey(process.pid), 'X-OrbitDock-Awaits': '1' },
    body: JSON.stringify({ session_id, cwd: '/x', ...body }),
  });
  return asked.then((answer) => answer.text());
}

const asks = (session_id: string, tool_name: string, tool_input: object, more: object = {}) =>
  waits(session_id, { hook_event_name: 'PermissionRequest', tool_name, tool_input, ...more });

/** Runs it until the request is there. */
async function decided(...words: string[]): Promise<Outcome> {
  for (;;) {
    const outcome = await run(...words);
    if (!/asks nothing|not found/.test(outcome.stderr)) return outcome;
  }
}

const decisionIn = (text: string) => JSON.parse(text).hookSpecificOutput.decision;

describe('the command line', () => {
  it('allows what a session asks: once, changed, and by a rule that was suggested', async () => {
    const once = asks('once', 'Bash', { command: 'ls' });
    expect(await decided('approve', 'once')).toMatchObject({ exitCode: 0 });
    expect(decisionIn(await once)).toEqual({ behavior: 'allow' });

    const changed = asks('changed', 'Bash', { command: 'ls' });
    await decided('approve', 'changed', '--input', '{"command":"pwd"}');
    expect(decisionIn(await changed)).toEqual({
      behavior: 'allow',
      updatedInput: { command: 'pwd' },
    });

    const rules = ['a', 'b'].map((toolName) => ({ type: 'addRules', rules: [{ toolName }] }));
    const always = asks('always', 'Bash', { command: 'ls' }, { permission_suggestions: rules });
    await decided('approve', 'always', '--always', '--rule', '1');
    expect(decisionIn(await always)).toMatchObject({ updatedPermissions: [rules[1]] });
  });

  it('denies with words, and answers several questions', async () => {
    const denied = asks('denied', 'Bash', { command: 'ls' });
    await decided('deny', 'denied', 'use pwd', '--stop');
    expect(decisionIn(await denied)).toEqual({
      behavior: 'deny',
      message: 'use pwd',
      interrupt: true,
    });
    const questions = ['Which one?', 'a=b?'].map((question) => ({ question, options: [] }));
    const asked = asks('asked', 'AskUserQuestion', { questions });
    await decided('answer', 'asked', '--to', 'Which one?=this', '--to', 'a=b?=yes');
    expect(decisionIn(await asked).updatedInput.answers).toEqual({
      'Which one?': 'this',
      'a=b?': 'yes',
    });
  });

  it('writes to a session in a terminal, which reads it at the end of its turn', async () => {
    await waits('told', { hook_event_name: 'UserPromptSubmit', prompt: 'go on' });
    const sent = await run('send', 'told', 'mind the tests', '--json');
    expect(JSON.parse(sent.stdout)).toMatchObject({ type: 'ack', id: expect.any(String) });
    const text = await waits('told', { hook_event_name: 'Stop', prompt_id: 'p1' });
    expect(JSON.parse(text).hookSpecificOutput.additionalContext).toBe('mind the tests');
  });

  it('lists and prints conversations of before', async () => {
    const folder = join(server.paths.dir, '.claude/projects/-home-dev-shop');
    const fixtures = new URL('../fixtures/claude-transcripts/', import.meta.url).pathname;
    mkdirSync(folder, { recursive: true });
    cpSync(`${fixtures}tools-and-tasks.jsonl`, join(folder, 'of-before.jsonl'));
    expect((await run('past')).stdout).toContain('claude  of-before');
    expect((await run('past', 'of-before')).stdout).toContain('[user]');
  });

  it.each([
    ['65 and the reason', ['approve', 'nobody', '--request', 'r'], 65, /not found/],
    ['65 where it is only watched', ['interrupt', 'told'], 65, /only watched/],
    ['64 for a line that says nothing', ['answer', 'told'], 64, /Say the answer/],
    ['64 for an input that is no JSON', ['approve', 'told', '--input', '{'], 64, /no JSON/],
  ])('exits with %s', async (_, words, exitCode, reason) => {
    const outcome = await run(...words);
    expect(outcome).toMatchObject({ exitCode, stdout: '' });
    expect(outcome.stderr).toMatch(reason);
  });

  it('exits with 77 without a good token, and with 3 without a server', async () => {
    home.env.ORBITDOCK_AUTH_TOKEN = createToken();
    expect((await home.run('past', '--url', server.url)).exitCode).toBe(77);
    expect((await home.run('past')).exitCode).toBe(3);
    expect((await home.run('past', '--url', 'http://127.0.0.1:9')).exitCode).toBe(3);
  });
});
