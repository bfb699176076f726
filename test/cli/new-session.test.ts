/** Sessions that are begun in worktrees from the command line: with the real Codex. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { runCli } from '../../src/cli/index.ts';
import { type CodexSetup, openCodexSetup } from '../support/codex-setup.ts';
import { Home } from './support.ts';

/** A turn takes a second, on a busy machine some. */
const WITHIN = { timeout: 20_000 };

let dock: CodexSetup;
let home: Home;

const git = (...words: string[]) =>
  execFileSync('git', ['-c', 'user.name=Dev', '-c', 'user.email=dev@example.org', ...words], {
    cwd: dock.home.project,
  });

beforeAll(async () => {
  home = new Home();
  dock = await openCodexSetup();
  git('init', '--quiet', '-b', 'main');
  git('commit', '--quiet', '--allow-empty', '-m', 'Begin');
});
afterAll(async () => {
  await dock[Symbol.asyncDispose]();
  home.remove();
});

/** What a command says, without the end of its line. */
async function said(...words: string[]): Promise<string> {
  const outcome = await home.run(...words, '--url', dock.server.url);
  expect(outcome).toMatchObject({ exitCode: 0, stderr: '' });
  return outcome.stdout.trimEnd();
}

it('begins a session in a worktree, merges it, and removes the worktree when it is over', async () => {
  const { project } = dock.home;
  const id = await said('new', 'Say hello', '--dir', project, '--branch', 'hello');
  expect(await said('show', id)).toContain('[user] Say hello');
  const [path = ''] = (await said('worktrees', 'list', '--dir', project)).split('  ');
  expect(existsSync(path)).toBe(true);
  expect(await said('worktrees', 'merge', path)).toBe('Merged into main');

  const client = await dock.client();
  await client.waitFor(({ type }) => type === 'hello');
  client.send({ type: 'end_session', session_id: id, request_id: 'end' });
  await client.waitFor((frame) => 'request_id' in frame && frame.request_id === 'end');
  expect(await said('worktrees', 'remove', path)).toBe('Removed; its branch stays');
  expect(existsSync(path)).toBe(false);
  expect(await said('worktrees', 'list', '--dir', project)).toBe('No worktrees');
}, 60_000);

it('copies a session, whole or up to one of its prompts', async () => {
  const { project } = dock.home;
  const id = await said('new', 'Say one', '--dir', project, '--mode', 'never');
  await vi.waitFor(async () => expect(await said('show', id)).toContain('[assistant]'), WITHIN);
  expect(JSON.parse(await said('show', id, '--json'))).toMatchObject({ approval_policy: 'never' });
  const copy = await said('fork', id);
  expect(await said('show', copy)).toContain('[user] Say one');
  const answer = JSON.parse(await said('fork', id, '--at', '0', '--json'));
  expect(answer).toMatchObject({ type: 'session_forked', source_session_id: id });
  expect(await said('show', answer.new_session_id)).not.toContain('[user]');
  const refused = await home.run('fork', id, '--at', '7', '--url', dock.server.url);
  expect(refused).toMatchObject({ exitCode: 65, stdout: '' });
  expect(refused.stderr).toContain('there is no message 7');
}, 60_000);

it('reads the prompt from stdin, and begins nothing when it is empty', async () => {
  const { url } = dock.server;
  const argv = ['new', '-', '--dir', dock.home.project, '--url', url];
  const before = await said('sessions', '-q');
  const run = async (prompt: string) => {
    const stdin = Readable.from([prompt]);
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
    return await runCli(argv, { env: home.env, stdin, stdout: silent, stderr: silent });
  };
  expect(await run('  \n')).toBe(64);
  expect(await said('sessions', '-q')).toBe(before);
  expect(await run('Count the\nsheep\n')).toBe(0);
  expect(await said('search', 'sheep')).toContain('Count the sheep');
}, 60_000);

it('says that Claude Code begins in a terminal, and asks no server', async () => {
  // Nobody listens there.
  const refused = await home.run(
    'new',
    'Hi',
    '--provider',
    'claude',
    '--url',
    'http://127.0.0.1:9',
  );
  expect(refused).toMatchObject({ exitCode: 64, stdout: '' });
  expect(refused.stderr).toContain('begins in a terminal');
});
