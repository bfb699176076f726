/** hook.sh where there is no unix socket: it proves what it knows, and believes only who proves the same. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createToken, type HookClaim, proofOfRequest, readHookSecret } from '../../src/secrets.ts';
import { rowsOf } from '../support/database.ts';
import { commandLinesIn } from '../support/processes.ts';
import { installHookScript, startTestServer, type TestServer } from '../support/server.ts';
import { Home, openReceiver, type Receiver, until } from './support.ts';

const TOKEN = createToken();
const BODY =
  '{"hook_event_name":"UserPromptSubmit","session_id":"tcp-1","cwd":"/x","prompt":"hello"}';
let server: TestServer;
/** Another machine, one of whose ports leads to the server. */
let remote: Home;

beforeEach(async () => {
  remote = new Home();
  const env = { HOME: remote.dir, CODEX_HOME: join(remote.dir, 'codex'), CODEX_BIN: '/no-codex' };
  // Local callers are not trusted: what comes in, comes in by its proof.
  server = await startTestServer({ env: { ...env, ORBITDOCK_AUTH_TOKEN: TOKEN } });
  await installHookScript(server.paths, server.url);
  await installHookScript(remote.paths, server.url);
  copyFileSync(server.paths.hookSecret, remote.paths.hookSecret);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  remote.remove();
});

async function hook(body = BODY, env: Record<string, string> = {}): Promise<void> {
  const child = spawn('/bin/sh', [remote.paths.hookScript, 'claude_status_event'], {
    env: { ...remote.env, ...env },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.end(body);
  await new Promise((resolve) => child.once('close', resolve));
}

const spooled = (): string[] =>
  readdirSync(remote.paths.spool).filter((name) => name.endsWith('.json'));
const prompts = (): number =>
  rowsOf(server.paths, "SELECT 1 FROM messages WHERE content = 'hello'").length;

/** Whether what delivers a hook still runs: it works in the remote data directory. */
const isRunning = (): boolean => commandLinesIn(remote.paths.dir).length > 0;

async function refusedBy(receiver: Receiver): Promise<void> {
  await installHookScript(remote.paths, receiver.url);
  await hook();
  await until(() => receiver.received.length === 1);
  await until(() => !isRunning());
}

it('delivers to a server that asks everybody else for a token, once however often it is asked', async () => {
  await hook();
  await until(() => spooled().length === 0);
  expect(prompts()).toBe(1);
});

it.each(['sha256sum', 'shasum', 'openssl'])(
  'proves itself where only %s is installed',
  async (tool) => {
    const bin = join(remote.dir, 'bin');
    mkdirSync(bin);
    const tools = ['sh', 'cat', 'mv', 'rm', 'mkdir', 'curl', 'date', 'perl', 'timeout', tool];
    for (const name of tools) {
      const path = (process.env.PATH ?? '')
        .split(':')
        .map((dir) => join(dir, name))
        .find(existsSync);
      if (path !== undefined) symlinkSync(path, join(bin, name));
    }
    if (!existsSync(join(bin, tool))) return;
    await hook(BODY, { PATH: bin });
    await until(() => spooled().length === 0);
    expect(prompts()).toBe(1);
  },
);

it('shows a squatter nothing that he could use, and keeps the hook when he says it is stored', async () => {
  const secret = readFileSync(server.paths.hookSecret, 'utf8').trim();
  const squatter = await openReceiver(204);
  await refusedBy(squatter);
  const [seen] = squatter.received;
  expect(JSON.stringify(seen)).not.toContain(secret);
  expect(JSON.stringify(seen)).not.toContain(TOKEN);
  expect(seen?.headers.authorization).toMatch(/^OrbitDock-Hook [0-9a-f]{64}$/);
  expect(spooled()).toHaveLength(1);
  // What he can do is hand in this very hook, which then is in effect once.
  const { host: _, ...headers } = seen?.headers ?? {};
  const replay = { method: 'POST', path: '/api/hook', headers };
  expect(await ask(replay, seen?.body)).toBe(204);
  expect(await ask(replay, seen?.body)).toBe(204);
  expect(prompts()).toBe(1);
  expect(await ask(replay, seen?.body.replace('hello', 'rm -f'))).toBe(400);
  for (const [name, value] of [
    ['idempotency-key', '1700000000000000000-1-1'],
    ['x-orbitdock-hook', 'claude_tool_event'],
    ['x-orbitdock-digest', sha256('{}')],
    ['x-orbitdock-sent', '1700000000000000000'],
  ] as const) {
    const changed = { ...replay, headers: { ...headers, [name]: value } };
    expect([name, await ask(changed, seen?.body)]).toEqual([name, 401]);
  }
  await squatter.close();
});

it('believes nobody who sends its own proof back', async () => {
  const squatter = await openReceiver(204);
  squatter.server.prependListener('request', (from, answer) => {
    answer.setHeader('X-OrbitDock-Stored', String(from.headers.authorization).split(' ')[1] ?? '');
  });
  await refusedBy(squatter);
  expect(spooled()).toHaveLength(1);
  await squatter.close();
});

it('keeps the hook when its secret is not the one of the server', async () => {
  writeFileSync(remote.paths.hookSecret, `${randomBytes(32).toString('hex')}\n`);
  await hook();
  await until(() => !isRunning());
  expect(spooled()).toHaveLength(1);
  expect(prompts()).toBe(0);
});

it('lets in nobody whose request is older than a day, or when others can read the secret', async () => {
  const at = (days: number) => `${Date.now() + days * 86_400_000}000000`;
  expect(await ask(proven({ sentNs: at(0) }), '{}')).not.toBe(401);
  for (const days of [-1.1, 1.1]) {
    expect(await ask(proven({ sentNs: at(days) }), '{}')).toBe(401);
  }
  chmodSync(server.paths.hookSecret, 0o644);
  expect(await ask(proven({ sentNs: at(0) }, remote.paths.hookSecret), '{}')).toBe(401);
});

it('opens no other endpoint with the proof, and none with the secret itself', async () => {
  const secret = readFileSync(server.paths.hookSecret, 'utf8').trim();
  const upgrade = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const { headers } = proven({});
  const endpoints = [
    ['GET', '/health', {}],
    ['GET', '/', {}],
    ['GET', '/api/sessions', {}],
    ['POST', '/api/sessions', {}],
    ['POST', '/api/hook/', {}],
    ['GET', '/ws', upgrade],
    ['GET', '/inspect/stately', upgrade],
    ['GET', '/socket.io/?EIO=4&transport=websocket', upgrade],
    ['GET', '/socket.io/?EIO=4&transport=polling', {}],
  ] as const;
  for (const [method, path, more] of endpoints) {
    const status = await ask({ method, path, headers: { ...headers, ...more } }, '');
    expect([path, status]).toEqual([path, 403]);
    const bearer = { Authorization: `Bearer ${secret}`, ...more };
    expect([path, await ask({ method, path, headers: bearer }, '')]).toEqual([path, 401]);
  }
  expect(await ask({ ...proven({}), method: 'GET' }, '')).toBe(405);
});

it('has a secret from `init` and from `install-hooks`, for its owner only, and keeps it', async () => {
  const mode = () => statSync(remote.paths.hookSecret).mode & 0o777;
  const before = readFileSync(remote.paths.hookSecret, 'utf8');
  await remote.run('init');
  expect(readFileSync(remote.paths.hookSecret, 'utf8')).toBe(before);
  rmSync(remote.paths.hookSecret);
  await remote.run('install-hooks');
  expect(mode()).toBe(0o600);
  expect(readHookSecret(remote.paths.hookSecret)).toHaveLength(32);
  expect(readFileSync(remote.paths.hookSecret, 'utf8')).not.toBe(before);
});

it('never shows the secret in an argument', async () => {
  const secret = readFileSync(remote.paths.hookSecret, 'utf8').trim();
  const lines = new Set<string>();
  for (let n = 0; n < 5; n++) {
    await hook();
    await until(() => {
      for (const line of commandLinesIn(remote.paths.dir)) lines.add(line);
      return spooled().length === 0;
    });
  }
  expect([...lines].some((line) => line.includes('/api/hook'))).toBe(true);
  expect([...lines].filter((line) => line.includes(secret) || line.includes('\\0'))).toEqual([]);
});

interface Asked {
  method: string;
  path: string;
  headers: Record<string, string | string[] | undefined>;
}

/** A request whose proof is right. */
function proven(claim: Partial<HookClaim>, secretFile = server.paths.hookSecret): Asked {
  const secret = readHookSecret(secretFile);
  if (secret === null) throw new Error(`no secret in ${secretFile}`);
  const all = {
    key: 'k1',
    sentNs: `${Date.now()}000000`,
    type: '',
    digest: sha256('{}'),
    ...claim,
  };
  const headers = {
    Authorization: `OrbitDock-Hook ${proofOfRequest(secret, all)}`,
    'Content-Type': 'application/json',
    'Idempotency-Key': all.key,
    'X-OrbitDock-Sent': all.sentNs,
    'X-OrbitDock-Digest': all.digest,
  };
  return { method: 'POST', path: '/api/hook', headers };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function ask({ method, path, headers }: Asked, body = ''): Promise<number> {
  return new Promise((resolve, reject) => {
    const { port } = server;
    const asked = request({ port, host: '127.0.0.1', method, path, headers }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode ?? 0));
    });
    asked.once('upgrade', (_, socket) => {
      socket.destroy();
      resolve(101);
    });
    asked.once('error', reject);
    asked.end(body);
  });
}
