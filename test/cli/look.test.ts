/** Looking at sessions from the command line: against a real server, over its own socket. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deliver, scriptOf } from '../support/hooks.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { Home, type Outcome } from './support.ts';

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
