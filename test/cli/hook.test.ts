/** hook.sh for real: run by /bin/sh, sent by curl, from a directory whose name is an attack. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { shellQuote, writeHookFiles } from '../../src/cli/hook-files.ts';
import { openDataDirectory, writeFileAtomically } from '../../src/files.ts';
import { createToken } from '../../src/secrets.ts';
import { commandLinesIn } from '../support/processes.ts';
import { Home, openReceiver, type Receiver, until } from './support.ts';

const BODY = '{"hook_event_name":"Stop","session_id":"s1","cwd":"/x"}';
let home: Home;
let receiver: Receiver;
const socketPath = (): string => join(home.paths.dir, 'orbitdock.sock');

beforeEach(async () => {
  home = new Home();
  receiver = await openReceiver();
  openDataDirectory(home.paths);
  await receiver.listenAt(socketPath());
  writeHookFiles(home.paths, receiver.url);
});
afterEach(async () => {
  await receiver.close();
  home.remove();
});

interface HookRun {
  exitCode: number | null;
  output: string;
}

function startHook(type: string, env: Record<string, string> = {}): ChildProcess {
  const command = `${shellQuote(home.paths.hookScript)} ${type}`;
  // In a process group of its own, as Claude Code runs them.
  return spawn('/bin/sh', ['-c', command], {
    env: { ...home.env, ...env },
    cwd: home.dir,
    detached: true,
  });
}

async function hook(type: string, body = BODY, env: Record<string, string> = {}): Promise<HookRun> {
  const child = startHook(type, env);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (output += text));
  child.stdin?.on('error', () => {}); // it may leave without reading
  child.stdin?.end(body);
  // `close` comes only when nobody holds the pipes any more: Claude Code waits for that, too.
  return new Promise((resolve) => child.on('close', (exitCode) => resolve({ exitCode, output })));
}

const spooled = (): string[] =>
  readdirSync(home.paths.spool).filter((name) => name !== 'quarantine');
const hasDelivered = (count: number) =>
  receiver.received.length === count && spooled().length === 0;

it('delivers the body as it came, with its key and its type, and leaves nothing behind', async () => {
  expect(await hook('claude_status_event')).toEqual({ exitCode: 0, output: '' });
  await until(() => hasDelivered(1));
  const [got] = receiver.received;
  expect(got).toMatchObject({ path: '/api/hook', body: BODY });
  expect(got?.headers['content-type']).toBe('application/json');
  expect(got?.headers['x-orbitdock-hook']).toBe('claude_status_event');
  expect(got?.headers['idempotency-key']).toMatch(/^\d{19}-\d+-0$/);
  expect(got?.headers.authorization).toBeUndefined();
});

it('names the file after time, itself and Claude, and keeps it while nobody listens', async () => {
  await receiver.close();
  const before = BigInt(Date.now()) * 1_000_000n;
  await hook('claude_tool_event', BODY, { CLAUDE_PID: '4711' });
  expect(spooled()).toHaveLength(1);
  const [, ns] = /^(\d{19})-\d+-4711\.claude_tool_event\.json$/.exec(spooled()[0] ?? '') ?? [];
  expect(BigInt(ns ?? 0) >= before).toBe(true);
  const path = join(home.paths.spool, spooled()[0] ?? '');
  expect(readFileSync(path, 'utf8')).toBe(BODY);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('says at a session’s start in which terminal it runs, and only what is plain', async () => {
  const terminal = { TERM_PROGRAM: 'iTerm.app', ITERM_SESSION_ID: 'w0t1p0:8A-5' };
  await hook('claude_session_start', BODY, terminal);
  await until(() => hasDelivered(1));
  expect(JSON.parse(receiver.received[0]?.body ?? '')).toEqual({
    terminal_session_id: 'w0t1p0:8A-5',
    terminal_app: 'iTerm.app',
    ...JSON.parse(BODY),
  });
  await hook('claude_session_start', BODY, { TERM_PROGRAM: '","session_id":"other' });
  await until(() => hasDelivered(2));
  expect(receiver.received[1]?.body).toBe(BODY);
  await hook('claude_status_event', BODY, terminal);
  await until(() => hasDelivered(3));
  expect(receiver.received[2]?.body).toBe(BODY);
});

it.each([
  ['a byte order mark', `\uFEFF${BODY}`],
  ['a byte order mark on a line of its own', `\uFEFF\n${BODY}`],
  ['blank lines', `\n \t\n${BODY}`],
  ['line feeds of Windows', `\r\n${BODY}\r\n`],
  ['a brace on a line of its own', BODY.replace('{', '\n{\n')],
  ['many lines', JSON.stringify(JSON.parse(BODY), null, 2)],
])('says in which terminal it runs also when the body begins with %s', async (_, body) => {
  await hook('claude_session_start', body, { TERM_PROGRAM: 'vscode' });
  await until(() => hasDelivered(1));
  expect(JSON.parse(receiver.received[0]?.body ?? '')).toEqual({
    terminal_app: 'vscode',
    ...JSON.parse(BODY),
  });
});

it('sends a body that is no object as it is', async () => {
  await hook('claude_session_start', 'nonsense\n{}', { TERM_PROGRAM: 'vscode' });
  await until(() => hasDelivered(1));
  expect(receiver.received[0]?.body.trim()).toBe('nonsense\n{}');
});

it('sorts by name in the order of time', async () => {
  receiver.answer = 503;
  for (let n = 0; n < 5; n++) await hook('claude_status_event', `{"n":${n}}`);
  const bodies = spooled()
    .sort()
    .map((name) => readFileSync(join(home.paths.spool, name), 'utf8'));
  expect(bodies).toEqual([0, 1, 2, 3, 4].map((n) => `{"n":${n}}`));
  await until(() => receiver.received.length === 5);
});

it.each([401, 413, 500, 503, 302])('keeps the file when the answer is %i', async (status) => {
  receiver.answer = status;
  await hook('claude_status_event');
  await until(() => receiver.received.length === 1);
  await until(() => !isRunning());
  expect(spooled()).toHaveLength(1);
});

it('sends 200 KB and 2 MB straight through', async () => {
  for (const size of [200_000, 2_000_000]) {
    const body = JSON.stringify({ tool_response: 'x'.repeat(size) });
    await hook('claude_tool_event', body);
    await until(() => spooled().length === 0);
    expect(receiver.received.at(-1)?.body).toBe(body);
  }
});

it('returns at once although the server stays silent', async () => {
  receiver.answer = null;
  await hook('claude_session_end');
  // What delivers it still waits for the answer.
  expect(isRunning()).toBe(true);
  await until(() => receiver.received.length === 1);
  expect(spooled()).toHaveLength(1);
});

it('says nothing, sends nothing and exits with 0 for a session of our own', async () => {
  const run = await hook('claude_status_event', BODY, { ORBITDOCK_SESSION: 's1' });
  expect(run).toEqual({ exitCode: 0, output: '' });
  expect(spooled()).toEqual([]);
  expect(receiver.received).toEqual([]);
});

it('ends by itself, leaving nothing, when its input never ends', { timeout: 20_000 }, async () => {
  for (const env of [{}, { ORBITDOCK_SESSION: 's1' }]) {
    const child = startHook('claude_tool_event', env);
    child.stdin?.write(BODY);
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    child.stdin?.destroy();
    expect(spooled()).toEqual([]);
  }
  expect(receiver.received).toEqual([]);
});

it('takes no notice of an empty input, a strange type or a strange process id', async () => {
  await hook('claude_status_event', '');
  expect(spooled()).toEqual([]);
  await hook("'../../evil type'", BODY, { CLAUDE_PID: '1; touch PWNED' });
  await hook('');
  await until(() => hasDelivered(2));
  expect(receiver.received.map(({ headers }) => headers['x-orbitdock-hook'])).toEqual([
    undefined,
    undefined,
  ]);
  expect(receiver.received[0]?.headers['idempotency-key']).toMatch(/-0$/);
});

it('runs nothing that stands in its path or its configuration', async () => {
  writeFileSync(
    home.paths.hookConfig,
    `junk\nurl=http://elsewhere.localhost:${receiver.port}/$(>PWNED)\`>PWNED\`\n`,
  );
  await hook('claude_status_event');
  await until(() => receiver.received.length === 1);
  for (const dir of [home.dir, home.paths.dir, process.cwd()]) {
    expect(existsSync(join(dir, 'PWNED'))).toBe(false);
  }
  expect(receiver.received[0]?.path).toContain('PWNED');
});

it('carries the token to another machine, in a header that no process list shows', async () => {
  const token = createToken();
  writeFileAtomically(home.paths.token, token, { mode: 0o600 });
  // A name of this machine that hook.sh takes for another machine.
  writeHookFiles(home.paths, `http://elsewhere.localhost:${receiver.port}`);
  expect(readFileSync(home.paths.hookScript, 'utf8')).not.toContain(token);
  const seen = new Set<string>();
  for (let n = 0; n < 10; n++) {
    const run = hook('claude_tool_event', BODY, { SECRET_OF_PARENT: 'canary' });
    await until(() => {
      for (const line of commandLinesIn(home.paths.dir)) seen.add(line);
      return hasDelivered(n + 1);
    });
    await run;
  }
  expect([...seen].some((line) => line.includes('/api/hook'))).toBe(true);
  expect([...seen].filter((line) => line.includes(token))).toEqual([]);
  for (const { headers, body } of receiver.received) {
    expect(headers.authorization).toBe(`Bearer ${token}`);
    expect(JSON.stringify({ headers, body })).not.toContain('canary');
  }
});

it('sends no token to a loopback address, and believes nobody there who says that the hook is stored', async () => {
  writeFileAtomically(home.paths.token, createToken(), { mode: 0o600 });
  rmSync(socketPath());
  for (const host of ['127.0.0.1', 'localhost']) {
    writeHookFiles(home.paths, `http://${host}:${receiver.port}`);
    const already = receiver.received.length;
    await hook('claude_status_event');
    await until(() => receiver.received.length === already + 1);
    await until(() => !isRunning());
    expect(receiver.received.at(-1)?.headers.authorization).not.toContain('Bearer');
    expect(spooled()).toHaveLength(already + 1);
  }
});

it('goes through the unix socket only, with its token, also when another program has the port', async () => {
  writeFileAtomically(home.paths.token, createToken(), { mode: 0o600 });
  const stranger = await openReceiver();
  writeHookFiles(home.paths, stranger.url);
  await hook('claude_status_event');
  await until(() => hasDelivered(1));
  expect(receiver.received[0]?.headers.authorization).toMatch(/^Bearer od_/);
  expect(stranger.received).toEqual([]);
  await stranger.close();
});

it('keeps the file when the server behind the socket has ended, and asks nobody else', async () => {
  const stranger = await openReceiver();
  writeHookFiles(home.paths, stranger.url);
  rmSync(socketPath());
  const leaveSocket = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  const dying = spawn(process.execPath, ['-e', leaveSocket, socketPath()]);
  await new Promise((resolve) => dying.once('close', resolve));
  expect(statSync(socketPath()).isSocket()).toBe(true);
  await hook('claude_status_event');
  await until(() => !isRunning());
  expect(spooled()).toHaveLength(1);
  expect(stranger.received).toEqual([]);
  await stranger.close();
});

it('neither goes through a proxy nor obeys a .curlrc', async () => {
  writeFileSync(join(home.dir, '.curlrc'), 'header = "X-Evil: 1"\n');
  const proxy = 'http://127.0.0.1:9';
  await hook('claude_status_event', BODY, { http_proxy: proxy, ALL_PROXY: proxy });
  await until(() => hasDelivered(1));
  expect(receiver.received[0]?.headers['x-evil']).toBeUndefined();
});

it('loses nothing when its process group gets SIGTERM, whenever that is', async () => {
  for (let delayMs = 0; delayMs < 40; delayMs += 2) {
    const already = receiver.received.length;
    const child = startHook('claude_session_end');
    const gone = new Promise((resolve) => child.on('close', resolve));
    const timer = setTimeout(() => killGroup(child, 'SIGTERM'), delayMs);
    child.stdin?.on('error', () => {});
    child.stdin?.end(BODY);
    await gone;
    clearTimeout(timer);
    await until(() => !isRunning());
    const isDelivered = receiver.received.length > already;
    const kept = spooled().filter((name) => name.endsWith('.json'));
    // A signal in the first instants, before the script ignores it, is like never having run.
    if (child.signalCode === null) expect(isDelivered || kept.length === 1).toBe(true);
    for (const name of spooled()) rmSync(join(home.paths.spool, name));
  }
});

it('survives SIGKILL of its group once the file is written: delivered or kept, one of both', async () => {
  for (let n = 0; n < 10; n++) {
    const already = receiver.received.length;
    const child = startHook('claude_tool_event');
    child.stdin?.end(BODY);
    await until(
      () => spooled().some((name) => name.endsWith('.json')) || receiver.received.length > already,
    );
    killGroup(child, 'SIGKILL');
    await until(() => !isRunning());
    expect(receiver.received.length > already || spooled().length === 1).toBe(true);
    for (const name of spooled()) rmSync(join(home.paths.spool, name));
  }
});

it('works without `setsid` and with a `date` that knows no nanoseconds', async () => {
  const bin = join(home.dir, 'bin');
  const links = ['sh', 'cat', 'mv', 'rm', 'mkdir', 'curl']
    .map((tool) => `ln -s "$(command -v ${tool})" '${bin}/${tool}'`)
    .join(' && ');
  const fakeDate = `#!/bin/sh\ncase $1 in +%s) exec /bin/date +%s ;; *) echo 1700000000N ;; esac\n`;
  await new Promise((resolve) =>
    spawn('/bin/sh', ['-c', `mkdir '${bin}' && ${links}`]).on('close', resolve),
  );
  writeFileSync(join(bin, 'date'), fakeDate, { mode: 0o755 });
  await hook('claude_status_event', BODY, { PATH: bin });
  await until(() => hasDelivered(1));
  expect(receiver.received[0]?.headers['idempotency-key']).toMatch(/^\d{10}0{9}-\d+-0$/);
});

/** Whether anything of our hook still runs: all of it works in the data directory. */
const isRunning = (): boolean => commandLinesIn(home.paths.dir).length > 0;

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-(child.pid as number), signal);
  } catch {
    // Already gone.
  }
}
