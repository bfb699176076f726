/** Looking at sessions from the command line: against a real server, over its own socket. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../src/cli/index.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { openTerminal } from '../support/terminal.ts';
import { Home, type Outcome } from './support.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const PROGRAM = [process.execPath, '--import', import.meta.resolve('tsx'), MAIN];
/** A change is printed within a moment, on a busy machine within some. */
const WITHIN = { timeout: 10_000 };

let server: TestServer;
let home: Home;

beforeAll(async () => {
  home = new Home();
  mkdirSync(home.paths.dir, { recursive: true });
  server = await startTestServer();
  await deliver(server.url, scriptOf('alpha-1').prompt('Move the water tables'));
  await deliver(server.url, scriptOf('alpha-2').prompt('Count the sheep'));
  await deliver(server.url, {
    ...{ session_id: 'alpha-2', cwd: '/home/dev/shop', hook_event_name: 'PermissionRequest' },
    ...{ tool_name: 'Bash', tool_input: { command: 'npm run count' } },
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  home.remove();
});

const run = (...words: string[]): Promise<Outcome> => home.run(...words, '--url', server.url);

const stateOf = ({ asks, work_status }: { asks: string | null; work_status: string }) =>
  asks ?? work_status;

describe('the command line', () => {
  it('lists what waits first, with what it asks, in plain text', async () => {
    const { exitCode, stdout } = await run('sessions');
    expect(exitCode).toBe(0);
    const [first, second] = stdout.split('\n');
    expect(first).toMatch(/^alpha-2 {2}waits .*Count the sheep {2}Run a command: npm run count$/);
    expect(second).toMatch(/^alpha-1 {2}works .*Move the water tables$/);
    expect(stdout).not.toContain('\u001b');
    expect((await run('sessions', '-q')).stdout).toBe('alpha-2\nalpha-1\n');
    expect(JSON.parse((await run('sessions', '--json')).stdout)[0]).toMatchObject({
      ...{ id: 'alpha-2', asks: 'Run a command: npm run count' },
    });
  });

  it('shows a session by the beginning of its id or by its title', async () => {
    expect((await run('show', 'sheep')).stdout).toContain('npm run count');
    const { stdout } = await run('show', 'Move the WATER tables');
    expect(stdout).toContain('alpha-1');
    expect(stdout).toContain('[user] Move the water tables');
  });

  it.each([
    ['several sessions', 'alpha', /means 2 sessions: .*alpha-1/],
    ['none', 'nobody', /Session nobody not found/],
  ])('exits with 65 for a name that means %s', async (_, name, reason) => {
    const outcome = await run('show', name);
    expect(outcome).toMatchObject({ exitCode: 65, stdout: '' });
    expect(outcome.stderr).toMatch(reason);
  });

  it('finds words, and says where', async () => {
    expect((await run('search', 'sheep')).stdout).toMatch(/^alpha-2 .*\n.*Count the sheep/);
    expect((await run('search', 'zebra')).stdout).toBe('Nothing found\n');
  });

  it('exports to stdout, and into a file that was not there', async () => {
    expect((await run('export', 'alpha-1')).stdout).toMatch(/^# Move the water tables\n/);
    const file = join(home.dir, 'water.html');
    expect(await run('export', 'alpha-1', '-o', file)).toMatchObject({ exitCode: 0 });
    expect(readFileSync(file, 'utf8')).toContain('<h1>Move the water tables</h1>');
    expect(await run('export', 'alpha-1', '-o', file)).toMatchObject({ exitCode: 65 });
    expect(await run('export', 'alpha-1', '--format', 'pdf')).toMatchObject({ exitCode: 64 });
  });

  it('prints the address of a session on the page', async () => {
    expect((await run('open', 'alpha-1')).stdout).toBe(`${server.url}/visualizer/s/alpha-1\n`);
  });

  it('follows a session until it ends', async () => {
    await deliver(server.url, scriptOf('brief').prompt('Say hello'));
    const watched = run('watch', 'brief');
    await deliver(server.url, {
      ...{ session_id: 'brief', cwd: '/home/dev/shop' },
      ...{ hook_event_name: 'SessionEnd', reason: 'other' },
    });
    const { exitCode, stdout } = await watched;
    expect(exitCode).toBe(0);
    expect(stdout).toContain('[user] Say hello');
    expect(stdout).toMatch(/\[ended\]\n$/);
  });

  it('prints what changes in the list, each change once, until nobody listens', async () => {
    const lines: string[] = [];
    const stdout = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(...chunk.toString().trimEnd().split('\n'));
        done();
      },
    });
    const argv = ['sessions', '--watch', '--json', '--url', server.url];
    const watching = runCli(argv, { env: home.env, stdout, stderr: stdout });
    const words = () =>
      lines
        .map((line) => JSON.parse(line))
        .filter(({ id }) => id === 'beta')
        .map(stateOf);
    await deliver(server.url, scriptOf('beta').prompt('Count the goats'));
    await vi.waitFor(() => expect(words()).toEqual(['working']), WITHIN);
    const about = { session_id: 'beta', cwd: '/home/dev/shop' };
    const asking = { hook_event_name: 'PermissionRequest', tool_name: 'Bash' };
    await deliver(server.url, { ...about, ...asking, tool_input: { command: 'ls' } });
    await vi.waitFor(() => expect(words()).toEqual(['working', 'Run a command: ls']), WITHIN);
    await deliver(server.url, { ...about, hook_event_name: 'SessionEnd', reason: 'other' });
    const all = ['working', 'Run a command: ls', 'ended'];
    await vi.waitFor(() => expect(words()).toEqual(all), WITHIN);
    stdout.destroy();
    expect(await watching).toBe(0);
  });

  it('draws the list anew in a terminal, as wide and as high as that is', async () => {
    const wide = '日本語の長い名前 '.repeat(8);
    await deliver(server.url, scriptOf('gamma').prompt(wide));
    await using terminal = await openTerminal({
      command: [...PROGRAM, 'sessions', '--watch', '--url', server.url],
      env: home.env,
      cwd: home.dir,
      columns: 60,
      rows: 6,
    });
    const first = await terminal.waitFor(/日本語.*…\n/);
    expect(first).toMatch(/^alpha-2 .*\n {2}Run a command: npm run count\n/);
    const own = first.split('\n').filter((line) => line.includes('日本語'));
    expect(own).toHaveLength(1);
    for (const name of ['d', 'e', 'f', 'g']) {
      await deliver(server.url, scriptOf(`delta-${name}`).prompt('Sort the apples'));
    }
    const second = await terminal.waitFor(/… and more, below/);
    expect(second).toMatch(/^alpha-2 .*\n {2}Run a command: npm run count\n/);
    for (const name of ['d', 'e', 'f', 'g']) {
      const end = { hook_event_name: 'SessionEnd', reason: 'other' };
      await deliver(server.url, { session_id: `delta-${name}`, cwd: '/home/dev/shop', ...end });
    }
    await terminal.waitFor((screen) => !screen.includes('apples'));
    await terminal.press('C-c');
    expect(await terminal.waitForExit()).toBe(0);
  });

  it('says no directory of this machine to a server elsewhere', async () => {
    expect(await run('new', 'go')).toMatchObject({ exitCode: 64 });
    expect(await run('worktrees', 'list')).toMatchObject({ exitCode: 64 });
  });
});

it('names in --help what each option takes, in columns', async () => {
  const { stdout } = await home.run('answer', '--help');
  expect(stdout).not.toContain('#0');
  expect(stdout).toMatch(/--token-file FILE +File with the token/);
  expect(stdout).toMatch(/--to QUESTION=ANSWER +QUESTION=ANSWER/);
  const columns = ['Server elsewhere', 'File with', "The server's answer", 'Id of the request'];
  const at = columns.map((words) =>
    stdout
      .split('\n')
      .find((l) => l.includes(words))
      ?.indexOf(words),
  );
  expect(new Set(at).size).toBe(1);
});
