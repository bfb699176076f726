/**
 * Named tokens on a real server: what each scope may do at each endpoint, and that a token which is revoked, over or wrong
 * lets nobody in, also not on connections that it opened. Tokens are made and ended by the command line.
 */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { runCli } from '../../src/cli/index.ts';
import {
  MESSAGE_SCOPES,
  OPERATION_SCOPES,
  SCOPE_HOLDS,
  SCOPES,
  type Scope,
} from '../../src/protocol/scopes.ts';
import { CLIENT_MESSAGES } from '../support/client-messages.ts';
import { hookKey } from '../support/hooks.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
/** A token of each scope. */
const tokens = {} as Record<Scope, string>;
beforeAll(async () => {
  server = await startTestServer({ flags: { requireAuth: true, authToken: staticToken() } });
  for (const scope of SCOPES) tokens[scope] = await create(scope, scope);
});
afterAll(() => server[Symbol.asyncDispose]());

/** The owner's, made anew for each run. */
function staticToken(): string {
  return [...'abcdefghijklmnopqrstuvwxyz0123456789']
    .map((letter, at, all) => all[(at * 7 + 3) % all.length] ?? letter)
    .join('');
}

async function cli(...words: string[]): Promise<{ code: number; out: string }> {
  return cliOf(server, ...words);
}

async function cliOf(
  { paths }: TestServer,
  ...words: string[]
): Promise<{ code: number; out: string }> {
  let out = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      out += String(chunk);
      done();
    },
  });
  const argv = ['--data-dir', paths.dir, ...words];
  const code = await runCli(argv, {
    env: { HOME: paths.dir, PATH: process.env.PATH ?? '' },
    stdout: sink,
    stderr: sink,
  });
  return { code, out };
}

/** Makes a token; the server takes it as soon as the command has ended. */
async function create(name: string, scope: Scope, ...more: string[]): Promise<string> {
  const { code, out } = await cli('tokens', 'create', name, '--scope', scope, '-q', ...more);
  expect(code, out).toBe(0);
  const token = out.trim();
  expect(await status('GET', '/nothing', token)).not.toBe(401);
  return token;
}

const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });

async function status(
  method: string,
  path: string,
  token: string | null,
  body?: object,
): Promise<number> {
  const answer = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      ...(token !== null && bearer(token)),
      ...(body && { 'Content-Type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  await answer.arrayBuffer();
  // The same tests bring many wrong tokens from one address: then a wrong one is told to wait.
  return answer.status === 429 ? 401 : answer.status;
}

async function openWs(token: string): Promise<WebSocket> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/ws`, {
    headers: bearer(token),
  });
  socket.on('error', () => {});
  await once(socket, 'open');
  return socket;
}

/** Whether a namespace lets a token in; else the code of its refusal. */
function openIo(
  token: string,
  namespace = '',
  transports = ['websocket'],
): Promise<Socket | string> {
  const socket = io(`${server.url}${namespace}`, {
    ...{ transports, auth: { token }, reconnection: false, forceNew: true },
  });
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(socket));
    socket.once('connect_error', (error: Error & { data?: { code: string } }) =>
      resolve(error.data?.code?.replace('too_many_attempts', 'unauthorized') ?? error.message),
    );
  });
}

function ask(
  socket: WebSocket,
  message: { type: string },
): Promise<{ type: string; code?: string }> {
  const request_id = Math.random().toString(36).slice(2);
  return new Promise((resolve) => {
    socket.on('message', function onFrame(text) {
      const answer = JSON.parse(String(text)) as {
        type: string;
        code?: string;
        request_id?: string;
      };
      const own = (message as { request_id?: string }).request_id ?? request_id;
      if (answer.request_id !== own && answer.type !== 'error') return;
      socket.off('message', onFrame);
      resolve(answer);
    });
    socket.send(JSON.stringify({ request_id, ...message }));
  });
}

describe('what a scope may do', () => {
  it.each(SCOPES)('%s may send the messages that the table grants, and no other', async (scope) => {
    const socket = await openWs(tokens[scope]);
    const granted = new Set<string>(['known', ...SCOPE_HOLDS[scope]]);
    for (const [type, need] of Object.entries(MESSAGE_SCOPES)) {
      // Those that are granted are only tried where they change nothing.
      const isGranted = granted.has(need);
      if (isGranted && need !== 'observe' && need !== 'known') continue;
      const body = CLIENT_MESSAGES[type as keyof typeof CLIENT_MESSAGES];
      const answer = await ask(socket, { type, ...body });
      expect(`${type}: ${answer.code === 'forbidden'}`).toBe(`${type}: ${!isGranted}`);
    }
    socket.terminate();
  });

  it('the table holds over POST /api/messages, too', async () => {
    const say = (scope: Scope, type: string, more: object = {}) =>
      status('POST', '/api/messages', tokens[scope], { type, ...more });
    expect(await say('hook', 'get_sessions')).toBe(403);
    expect(await say('observe', 'get_sessions')).toBe(200);
    expect(await say('observe', 'execute_shell', { session_id: 's', command: 'id' })).toBe(403);
    expect(await say('control', 'execute_shell', { session_id: 's', command: 'id' })).toBe(404);
    expect(await say('control', 'codex_account_logout')).toBe(403);
    expect(await say('observe', 'claude_status_event', { session_id: 's' })).toBe(403);
  });

  it.each([
    ['GET', '/api/sessions', ['observe', 'control', 'admin']],
    ['GET', '/api/sessions/none', ['observe', 'control', 'admin']],
    ['GET', '/api/sessions/none/snapshot', ['observe', 'control', 'admin']],
    ['GET', '/api/approvals', ['observe', 'control', 'admin']],
    ['GET', `/images/${'0'.repeat(64)}`, ['observe', 'control', 'admin']],
    ['GET', '/metrics', ['observe', 'control', 'admin']],
    ['GET', '/api/openapi.json', ['hook', 'observe', 'control', 'admin']],
    ['GET', '/api/asyncapi.json', ['hook', 'observe', 'control', 'admin']],
    ['POST', '/api/sessions/none/message', ['control', 'admin']],
    ['POST', '/api/sessions/none/interrupt', ['control', 'admin']],
    ['POST', '/api/sessions/none/approve', ['control', 'admin']],
    ['POST', '/api/sessions/none/fork', ['control', 'admin']],
    ['POST', '/api/hook', ['hook', 'control', 'admin']],
  ])('%s %s is open to %s only', async (method, path, open) => {
    const body = method === 'POST' ? { content: 'x', decision: 'approved' } : undefined;
    for (const scope of SCOPES) {
      const isIn = (await status(method, path, tokens[scope], body)) !== 403;
      expect(`${scope}: ${isIn}`).toBe(`${scope}: ${open.includes(scope)}`);
    }
    expect(await status(method, path, null, body)).toBe(path === '/api/hook' ? 422 : 401);
  });

  it('every operation of the HTTP interface is refused to a token for hooks that reads or acts', async () => {
    const { OPERATIONS } = await import('../../src/protocol/api.ts');
    for (const [id, need] of Object.entries(OPERATION_SCOPES)) {
      if (need === 'known') continue;
      const { method, path } = OPERATIONS[id as keyof typeof OPERATIONS];
      const answered = await status(
        method.toUpperCase(),
        path.replace(':id', 'none'),
        tokens.hook,
        method === 'post' ? {} : undefined,
      );
      expect(`${id}: ${answered}`).toBe(`${id}: 403`);
    }
  });

  it('the namespace of inspection is closed to hooks, and sends events for control only', async () => {
    expect(await openIo(tokens.hook, '/inspect')).toBe('forbidden');
    const observer = (await openIo(tokens.observe, '/inspect')) as Socket;
    const sent = await observer.emitWithAck('send', {
      session: 's',
      event: { type: 'turn.aborted' },
    });
    expect(sent).toMatchObject({ ok: false, code: 'forbidden' });
    expect(await observer.emitWithAck('stats', {})).toMatchObject({ ok: true });
    observer.disconnect();
  });

  it('refuses a token that is wrong, and one that only looks like one, at every endpoint', async () => {
    const [id] = /od_.{12}/.exec(tokens.admin) ?? [];
    for (const wrong of [`${id}_${'A'.repeat(43)}`, `od_${'A'.repeat(12)}_${'A'.repeat(43)}`]) {
      expect(await status('GET', '/api/sessions', wrong)).toBe(401);
      expect(await status('POST', '/api/hook', wrong, { session_id: 's' })).toBe(401);
      expect(await openIo(wrong)).toBe('unauthorized');
      expect(await openIo(wrong, '/inspect')).toBe('unauthorized');
      await expect(openWs(wrong)).rejects.toThrow(/401|429/);
    }
  });
});

describe('a token that ends', () => {
  it('takes its /ws, socket.io, inspection and waiting hook with it within a second', async () => {
    const token = await create('lost phone', 'control');
    const ws = await openWs(token);
    const overIo = (await openIo(token)) as Socket;
    const polling = (await openIo(token, '', ['polling'])) as Socket;
    const inspect = (await openIo(token, '/inspect')) as Socket;
    const { path } = await inspect.emitWithAck('ticket', {});
    const stately = new WebSocket(`${server.url.replace('http', 'ws')}${path}`);
    await once(stately, 'open');
    const hook = waitingHook(token);
    await vi.waitFor(async () => expect(await openRequests()).toContain('asks-under-token'), 5000);

    const ended = [
      once(ws, 'close').then(([code]) => `ws ${code}`),
      new Promise((resolve) => overIo.once('disconnect', () => resolve('io'))),
      new Promise((resolve) => polling.once('disconnect', () => resolve('polling'))),
      new Promise((resolve) => inspect.once('disconnect', () => resolve('inspect'))),
      once(stately, 'close').then(([code]) => `stately ${code}`),
      hook.then(() => 'hook'),
    ];
    const beganAt = performance.now();
    const command = cli('tokens', 'revoke', 'lost phone');
    const all = await Promise.all(ended);
    expect(performance.now() - beganAt).toBeLessThan(1000);
    expect((await command).code).toBe(0);
    expect(all).toEqual(['ws 4401', 'io', 'polling', 'inspect', 'stately 4401', 'hook']);

    expect(await status('GET', '/api/sessions', token)).toBe(401);
    expect(await openIo(token)).toBe('unauthorized');
    await expect(openWs(token)).rejects.toThrow(/401|429/);
  });

  it('ends no connection that now serves somebody else', async () => {
    const token = await create('one of many', 'observe');
    // As a proxy keeps a connection to us, over which its clients come one after the other.
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (bearer: string) =>
      new Promise<{ status: number | undefined; port: number | undefined }>((resolve, reject) => {
        const headers = { Authorization: `Bearer ${bearer}` };
        const asked = get(`${server.url}/api/sessions`, { agent, headers }, (answer) => {
          answer.resume();
          const { localPort: port } = answer.socket;
          answer.once('end', () => resolve({ status: answer.statusCode, port }));
        });
        asked.once('error', reject);
      });
    const before = await ask(token);
    await cli('tokens', 'revoke', 'one of many');
    expect(await ask(tokens.observe)).toEqual({ status: 200, port: before.port });
    const after = await ask(token);
    expect([401, 429]).toContain(after.status);
    agent.destroy();
  });

  it('may not even finish what it has begun to say', async () => {
    const token = await create('mid-sentence', 'control');
    const ws = await openWs(token);
    const codes: unknown[] = [];
    ws.on('message', (text) => codes.push((JSON.parse(String(text)) as { code?: string }).code));
    const closed = once(ws, 'close');
    // Goes on sending until the connection is cut.
    const timer = setInterval(() => ws.send(JSON.stringify({ type: 'get_sessions' })), 25);
    await cli('tokens', 'revoke', 'mid-sentence');
    await closed;
    clearInterval(timer);
    expect(await status('POST', '/api/messages', token, { type: 'get_sessions' })).toBe(401);
  });

  it('ends by the calendar as by a command', async () => {
    const token = await create('short', 'observe', '--ttl', '2s');
    const ws = await openWs(token);
    const [code] = await once(ws, 'close');
    expect(code).toBe(4401);
    expect(await status('GET', '/api/sessions', token)).toBe(401);
    // Its name is free again.
    await create('short', 'observe');
  });

  it('is replaced by a rotation, with a grace or at once', async () => {
    const first = await create('script', 'observe');
    const second = (await cli('tokens', 'rotate', 'script', '--grace', '1h', '-q')).out.trim();
    expect(await status('GET', '/api/sessions', second)).toBe(200);
    expect(await status('GET', '/api/sessions', first)).toBe(200);
    const third = (await cli('tokens', 'rotate', 'script', '-q')).out.trim();
    expect(await status('GET', '/api/sessions', second)).toBe(401);
    expect(await status('GET', '/api/sessions', third)).toBe(200);
    expect(await status('GET', '/api/sessions', first)).toBe(200);
    // One word ends all that have the name.
    await cli('tokens', 'revoke', 'script');
    expect(await status('GET', '/api/sessions', first)).toBe(401);
    expect(await status('GET', '/api/sessions', third)).toBe(401);
  });
});

it('a backup brings no revoked token back', async () => {
  await using own = await startTestServer({
    flags: { requireAuth: true, authToken: staticToken() },
  });
  const of = async (name: string) =>
    (await cliOf(own, 'tokens', 'create', name, '--scope', 'observe', '-q')).out.trim();
  const enters = async (token: string) =>
    (await fetch(`${own.url}/api/sessions`, { headers: bearer(token) })).status;
  const [kept, lost] = [await of('kept'), await of('lost')];
  const backup = join(own.paths.dir, 'copy.db');
  expect((await cliOf(own, 'backup', backup)).code).toBe(0);
  await cliOf(own, 'tokens', 'revoke', 'lost');
  const later = await of('later');
  await own.stop();
  expect((await cliOf(own, 'restore', backup)).code).toBe(0);
  await own.start();
  expect([await enters(kept), await enters(later), await enters(lost)]).toEqual([200, 200, 401]);
});

it('the audit says who did what, and what became of tokens', async () => {
  const session_id = 'audited';
  await status('POST', '/api/hook', tokens.hook, {
    ...{ session_id, hook_event_name: 'UserPromptSubmit', cwd: '/x', prompt: 'Hi' },
  });
  const name = { session_id, name: 'A name' };
  await status('POST', '/api/messages', tokens.control, { type: 'rename_session', ...name });
  const { out } = await cli('audit', '--json', '--session', session_id);
  const rows = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({
    ...{ session: session_id, accepted: true },
    caller: { kind: 'token', holder: 'control', address: '127.0.0.1' },
  });
  expect((await cli('audit', '--who', 'control')).out).toContain(`control 127.0.0.1 http-`);
  expect((await cli('audit', '--who', 'observe')).out).toMatch(
    /command line {2}token\.created {2}- {2}token=observe/,
  );
  expect((await cli('audit', '--what', 'token.created', '--until', '1d')).out.trim()).toBe('');
  expect((await cli('audit', '--since', 'yesterday-ish')).code).toBe(64);
});

describe('the command line', () => {
  it('lists what there is, without a secret or its digest', async () => {
    const { out } = await cli('tokens', 'list', '--json');
    const { tokens: listed } = JSON.parse(out) as { tokens: Array<Record<string, unknown>> };
    expect(listed.find(({ name }) => name === 'observe')).toMatchObject({
      scopes: ['observe'],
      state: 'good',
    });
    expect(listed.every((row) => !('digest' in row))).toBe(true);
    expect((await cli('tokens')).out).toMatch(/NAME +ID +SCOPES +STATE +ENDS +LAST USED/);
  });

  it.each([
    [['tokens', 'create', 'x'], 64, 'Say with --scope'],
    [['tokens', 'create', 'x', '--scope', 'root'], 64, 'is no scope'],
    [['tokens', 'create', '-x', '--scope', 'hook'], 64, ''],
    [['tokens', 'create', 'a\nb', '--scope', 'hook'], 64, 'is no name'],
    [['tokens', 'create', 'x', '--scope', 'hook', '--ttl', '90'], 64, '--ttl is'],
    [['tokens', 'create', 'observe', '--scope', 'hook'], 64, 'already'],
    [['tokens', 'revoke', 'nobody'], 1, 'no good token'],
    [['tokens', 'rotate', 'nobody'], 1, 'no good token'],
  ])('%j is refused with %i', async (words, code, sentence) => {
    const said = await cli(...words);
    expect(said.code).toBe(code);
    expect(said.out).toContain(sentence);
  });

  it('keeps no secret anywhere', async () => {
    const files = readdirSync(server.paths.dir, { recursive: true, encoding: 'utf8' });
    for (const name of files) {
      const path = join(server.paths.dir, name);
      let bytes: Buffer;
      try {
        bytes = readFileSync(path);
      } catch {
        // Directories and sockets.
        continue;
      }
      for (const token of Object.values(tokens)) {
        expect(bytes.includes(token.slice(-43)), `${name} holds a secret`).toBe(false);
      }
    }
  });

  it('names the token in the log and the journal', async () => {
    await status('POST', '/api/messages', tokens.observe, { type: 'end_session', session_id: 'x' });
    await vi.waitFor(() =>
      expect(readFileSync(server.paths.log, 'utf8')).toMatch(
        /command\.refused.*"holder":"observe"/,
      ),
    );
  });
});

describe('pairing', () => {
  // Of its own, so that no wrong token came before.
  let own: TestServer;
  beforeAll(async () => {
    own = await startTestServer({ flags: { requireAuth: true, authToken: staticToken() } });
  });
  afterAll(() => own[Symbol.asyncDispose]());
  const enters = async (token: unknown): Promise<number> => {
    const answer = await fetch(`${own.url}/api/sessions`, { headers: bearer(String(token)) });
    return answer.status;
  };
  const link = async (...words: string[]): Promise<string> =>
    /#pair=(odp_[\w-]{43})/.exec((await cliOf(own, 'pair', '--no-qr', ...words)).out)?.[1] ?? '';
  const pair = async (code: string, device = 'iPhone Safari') => {
    const answer = await fetch(`${own.url}/api/pair`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ code, device }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };

  it('gives one device a token of its own, at once and once', async () => {
    const code = await link();
    const answers = await Promise.all([pair(code), pair(code), pair(code)]);
    const paired = answers.filter(({ status: each }) => each === 200);
    expect(paired).toHaveLength(1);
    const { token, name, scopes } = paired[0]?.body ?? {};
    expect({ name, scopes }).toEqual({ name: 'iPhone Safari', scopes: ['control'] });
    expect(await enters(token)).toBe(200);
    expect((await pair(code)).body).toMatchObject({ error: { code: 'pairing_refused' } });
    // Another one of the kind gets a name of its own.
    expect((await pair(await link())).body.name).toBe('iPhone Safari 2');
    await cliOf(own, 'tokens', 'revoke', 'iPhone Safari');
    expect(await enters(token)).toBe(401);
  });

  it('gives what was said and no more', async () => {
    const code = await link('--name', 'wall', '--scope', 'observe');
    const { body } = await pair(code, 'x'.repeat(500));
    expect(body).toMatchObject({ name: 'wall', scopes: ['observe'] });
    const answer = await fetch(`${own.url}/api/sessions/none/message`, {
      method: 'POST',
      headers: { ...bearer(String(body.token)), 'Content-Type': 'application/json' },
      body: JSON.stringify({ content: 'x' }),
    });
    expect(answer.status).toBe(403);
  });

  it('is asked of our own page only', async () => {
    const code = await link();
    const answer = await fetch(`${own.url}/api/pair`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Origin: 'https://evil.example' },
      body: JSON.stringify({ code }),
    });
    expect(answer.status).toBe(403);
    expect((await pair(code)).status).toBe(200);
  });

  it('shows a QR code that holds the link', async () => {
    const { out } = await cliOf(own, 'pair', '--url', 'https://dock.example');
    expect(out).toMatch(/https:\/\/dock\.example\/#pair=odp_/);
    expect(out).toMatch(/[▀▄█]{5}/);
  });

  it('slows down who guesses, and never who knows', async () => {
    const code = await link();
    const guesses = [];
    for (let at = 0; at < 15; at += 1) guesses.push((await pair(`odp_${'A'.repeat(43)}`)).status);
    expect(guesses).toContain(401);
    expect(guesses.at(-1)).toBe(429);
    expect((await pair(code)).status).toBe(200);
    expect(await enters(staticToken())).toBe(200);
  });

  it('needs a server that runs', async () => {
    await using other = await startTestServer();
    await other.stop();
    let said = '';
    const sink = new Writable({
      write(chunk, _encoding, done) {
        said += String(chunk);
        done();
      },
    });
    const argv = ['--data-dir', other.paths.dir, 'pair'];
    const env = { HOME: other.paths.dir };
    expect(await runCli(argv, { env, stdout: sink, stderr: sink })).toBe(3);
    expect(said).toContain('not running');
  });
});

/** The process of a hook that waits for an answer, let in by a token; settles when it is cut off or answered. */
async function waitingHook(token: string): Promise<unknown> {
  return fetch(`${server.url}/api/hook/answer`, {
    method: 'POST',
    headers: {
      ...bearer(token),
      'Content-Type': 'application/json',
      'X-OrbitDock-Awaits': '1',
      'Idempotency-Key': hookKey(),
    },
    body: JSON.stringify({
      ...{ session_id: 'asks-under-token', hook_event_name: 'PermissionRequest', cwd: '/x' },
      ...{ tool_name: 'Bash', tool_input: { command: 'ls' } },
    }),
  }).catch((error: unknown) => error);
}

/** Ids of the sessions that wait for an answer. */
async function openRequests(): Promise<string[]> {
  const answer = await fetch(`${server.url}/api/sessions`, { headers: bearer(tokens.observe) });
  const { sessions } = (await answer.json()) as {
    sessions: Array<{ id: string; work_status: string }>;
  };
  return sessions.filter(({ work_status }) => work_status === 'permission').map(({ id }) => id);
}
