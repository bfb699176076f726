/** hook.sh as a hook that waits: it prints what a client decided, or nothing, and never stays behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createToken } from '../../src/secrets.ts';
import { commandLinesIn } from '../support/processes.ts';
import { installHookScript, startTestServer, type TestServer } from '../support/server.ts';
import { Home, until } from './support.ts';

const TOKEN = createToken();
const ALLOWED = {
  hookSpecificOutput: { hookEventName: 'PermissionRequest', decision: { behavior: 'allow' } },
};
/** Words of a person, with all that a shell could take for its own. */
const LONG = `}"'\\\n$(date)\`%s*?[ā\u0081\u2028 ${'a\n'.repeat(200_000)}}`;
let home: Home;
let server: TestServer;

beforeEach(async () => {
  home = new Home();
  const env = { HOME: home.dir, CODEX_HOME: join(home.dir, 'codex'), CODEX_BIN: '/no-codex' };
  server = await startTestServer({ env: { ...env, ORBITDOCK_AUTH_TOKEN: TOKEN } });
  await installHookScript(server.paths, server.url);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  home.remove();
});

const asking = (more: object = {}): string =>
  JSON.stringify({
    ...{ session_id: 'asks-1', hook_event_name: 'PermissionRequest', cwd: '/x' },
    ...{ tool_name: 'Bash', tool_input: { command: 'ls' } },
    ...more,
  });

/** A hook that runs; `said` is all that it printed, once it has ended. */
interface Running {
  child: ChildProcess;
  ended: Promise<{ code: number | null; said: string }>;
}

function hook(script: string, env: Record<string, string> = {}, body = asking()): Running {
  const child = spawn('/bin/sh', [script, 'claude_tool_event', 'wait'], {
    env: { ...home.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (said += text));
  child.stdin?.end(body);
  const ended = new Promise<{ code: number | null; said: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, said })),
  );
  return { child, ended };
}

const isWaiting = (dir: string): boolean =>
  commandLinesIn(dir).some((line) => line.startsWith('curl') && line.includes('/api/hook/answer'));

const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${TOKEN}` };

async function pending(): Promise<string | null> {
  const answer = await fetch(`${server.url}/api/sessions`, { headers });
  const { sessions } = (await answer.json()) as {
    sessions: Array<{ pending_approval_id?: string | null }>;
  };
  return sessions[0]?.pending_approval_id ?? null;
}

async function decide(body: object): Promise<number> {
  const url = `${server.url}/api/sessions/asks-1/approve`;
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return answer.status;
}

async function asked(dir: string): Promise<void> {
  await until(() => isWaiting(dir));
  while ((await pending()) === null) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Somebody else who listens on a port. */
async function otherServer(listener: RequestListener): Promise<{ server: Server; url: string }> {
  const other = createServer(listener);
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  return { server: other, url: `http://127.0.0.1:${(other.address() as AddressInfo).port}` };
}

describe('a hook that waits', () => {
  it('prints the decision of a client, delivers its report, and leaves nothing behind', async () => {
    const { ended } = hook(server.paths.hookScript);
    await asked(server.paths.dir);
    expect(await decide({ decision: 'approved' })).toBe(200);
    const { code, said } = await ended;
    expect({ code, said: JSON.parse(said) }).toEqual({ code: 0, said: ALLOWED });
    await until(() => commandLinesIn(server.paths.dir).length === 0);
    expect(readdirSync(server.paths.spool).filter((name) => name !== 'quarantine')).toEqual([]);
  });

  it('prints a long answer soon, byte for byte', async () => {
    const { ended } = hook(server.paths.hookScript);
    await asked(server.paths.dir);
    expect(await decide({ decision: 'denied', message: LONG })).toBe(200);
    const { hookSpecificOutput } = JSON.parse((await ended).said);
    expect(hookSpecificOutput.decision.message === LONG).toBe(true);
  }, 20_000);

  it('can be answered the moment it is shown', async () => {
    for (let n = 0; n < 5; n++) {
      const { ended } = hook(
        server.paths.hookScript,
        {},
        asking({ tool_input: { command: `${n}` } }),
      );
      let status = 0;
      while (status !== 200) status = await decide({ decision: 'denied', message: 'no' });
      expect(JSON.parse((await ended).said).hookSpecificOutput.decision).toEqual({
        behavior: 'deny',
        message: 'no',
      });
      const batch = { tool_name: 'Bash', tool_input: { command: `${n}` }, tool_response: 'no' };
      const over = { hook_event_name: 'PostToolBatch', tool_name: null, tool_input: null };
      const body = asking({ ...over, tool_calls: [{ ...batch, tool_use_id: `t${n}` }] });
      await fetch(`${server.url}/api/hook`, { method: 'POST', headers, body });
    }
  });

  it('is let go without a word when the terminal has answered', async () => {
    const { ended } = hook(server.paths.hookScript);
    await asked(server.paths.dir);
    const body = asking({ hook_event_name: 'PostToolUse', tool_use_id: 't1', tool_response: 'x' });
    await fetch(`${server.url}/api/hook`, { method: 'POST', headers, body });
    expect(await ended).toEqual({ code: 0, said: '' });
    expect(await decide({ decision: 'approved', request_id: 'x' })).toBe(404);
  });

  it('ends at once, with all that it runs, when its CLI ends it', async () => {
    const { child, ended } = hook(server.paths.hookScript);
    await asked(server.paths.dir);
    child.kill('SIGTERM');
    expect(await ended).toEqual({ code: 0, said: '' });
    await until(() => commandLinesIn(server.paths.dir).length === 0);
    const gone = async () => (await decide({ decision: 'approved' })) === 409;
    while (!(await gone())) await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it('ends without a word when the server goes', async () => {
    const { ended } = hook(server.paths.hookScript);
    await asked(server.paths.dir);
    await server.stop();
    expect(await ended).toEqual({ code: 0, said: '' });
  });

  it.each([
    ['no server is there', null],
    ['the server is of before', 404],
    ['the server is out of order', 503],
  ])('goes on without a word where %s', async (_, status) => {
    await server.stop();
    const other = await otherServer((_request, response) =>
      response.writeHead(status ?? 500).end('{"error":"x"}'),
    );
    if (status === null) other.server.close();
    await installHookScript(home.paths, other.url);
    expect(await hook(home.paths.hookScript).ended).toEqual({ code: 0, said: '' });
    expect(readdirSync(home.paths.spool).some((name) => name.endsWith('.json'))).toBe(true);
    other.server.close();
  });

  it('does not wait where nobody sees a dialog', async () => {
    const { ended } = hook(server.paths.hookScript, { CLAUDE_CODE_ENTRYPOINT: 'sdk-cli' });
    expect(await ended).toEqual({ code: 0, said: '' });
    while ((await pending()) === null) await new Promise((resolve) => setTimeout(resolve, 20));
    // Only watched.
    expect(await decide({ decision: 'approved' })).toBe(409);
  });
});

describe('a hook that waits over a port', () => {
  beforeEach(async () => {
    await installHookScript(home.paths, server.url);
    copyFileSync(server.paths.hookSecret, home.paths.hookSecret);
  });

  it('prints what the server proves', async () => {
    const { ended } = hook(home.paths.hookScript);
    await asked(home.paths.dir);
    expect(await decide({ decision: 'approved' })).toBe(200);
    const { code, said } = await ended;
    expect({ code, said: JSON.parse(said) }).toEqual({ code: 0, said: ALLOWED });
  });

  it('prints a long answer that is proven soon', async () => {
    const { ended } = hook(home.paths.hookScript);
    await asked(home.paths.dir);
    expect(await decide({ decision: 'denied', message: LONG })).toBe(200);
    const { hookSpecificOutput } = JSON.parse((await ended).said);
    expect(hookSpecificOutput.decision.message === LONG).toBe(true);
  }, 20_000);

  it('ends where another program answers without an end', async () => {
    let isGone = false;
    const talker = await otherServer((request, response) => {
      if (request.url !== '/api/hook/answer') return void response.writeHead(204).end();
      response.once('close', () => (isGone = true));
      const more = (): void => {
        while (!isGone && response.write(Buffer.alloc(1_000_000, 'x')));
      };
      response.writeHead(200).on('drain', more);
      more();
    });
    await installHookScript(home.paths, talker.url);
    expect(await hook(home.paths.hookScript).ended).toEqual({ code: 0, said: '' });
    await until(() => isGone && commandLinesIn(home.paths.dir).length === 0);
    talker.server.closeAllConnections();
    talker.server.close();
  }, 20_000);

  it('believes no other server, and none that changes what the server says', async () => {
    const text = JSON.stringify(ALLOWED);
    const liar = await otherServer((_request, response) => response.writeHead(200).end(text));
    await installHookScript(home.paths, liar.url);
    expect(await hook(home.paths.hookScript).ended).toEqual({ code: 0, said: '' });
    liar.server.close();

    const between = await otherServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { host: _, connection: __, 'content-length': ___, ...sent } = request.headers;
      const body = Buffer.concat(chunks);
      const there = await fetch(`${server.url}${request.url}`, {
        ...{ method: 'POST', headers: sent as Record<string, string>, body },
      });
      const answered = (await there.text()).replace('"deny"', '"allow"');
      const proof = there.headers.get('x-orbitdock-answer');
      response.writeHead(there.status, proof === null ? {} : { 'X-OrbitDock-Answer': proof });
      response.end(answered === '' ? undefined : answered);
    });
    await installHookScript(home.paths, between.url);
    const { ended } = hook(home.paths.hookScript);
    await asked(home.paths.dir);
    expect(await decide({ decision: 'denied' })).toBe(200);
    expect(await ended).toEqual({ code: 0, said: '' });
    between.server.closeAllConnections();
    between.server.close();
  });

  it('asks nobody without a proof', async () => {
    const received: string[] = [];
    const receiver = await otherServer((request, response) => {
      received.push(request.url ?? '');
      response.writeHead(204).end();
    });
    await installHookScript(home.paths, receiver.url);
    writeFileSync(home.paths.hookSecret, 'no secret\n');
    expect(await hook(home.paths.hookScript).ended).toEqual({ code: 0, said: '' });
    await until(() => received.length > 0 && commandLinesIn(home.paths.dir).length === 0);
    expect(received).toEqual(['/api/hook']);
    receiver.server.close();
  });
});

describe('install-hooks', () => {
  const settings = () => JSON.parse(readFileSync(home.settings, 'utf8')).hooks;
  const command = (words: string) =>
    expect.stringMatching(new RegExp(`claude_tool_event${words}$`));

  it('lets sessions be answered, and leaves that out where it is not wanted', async () => {
    await home.run('init');
    await home.run('install-hooks');
    expect(settings().PermissionRequest).toEqual([
      { hooks: [{ type: 'command', command: command(' wait'), timeout: 86_400 }] },
    ]);
    const { stdout } = await home.run('install-hooks', '--no-answers');
    expect(stdout).toMatch(
      /Updated 2 hook\(s\):\n {4}~ hooks\.Stop\n {4}~ hooks\.PermissionRequest\n/,
    );
    expect(settings().PermissionRequest).toEqual([
      { hooks: [{ type: 'command', command: command('') }] },
    ]);
    expect((await home.run('install-hooks')).stdout).toContain('Updated 2 hook(s)');
    await home.run('uninstall-hooks');
    expect(existsSync(home.settings)).toBe(false);
  });
});
