/** Sessions that are begun in worktrees from the command line: with the real Codex. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CodexDock, openCodexDock } from '../support/codex-dock.ts';
import { Home } from './support.ts';

let dock: CodexDock;
let home: Home;

const git = (...words: string[]) =>
  execFileSync('git', ['-c', 'user.name=Dev', '-c', 'user.email=dev@example.org', ...words], {
    cwd: dock.home.project,
  });

beforeAll(async () => {
  home = new Home();
  dock = await openCodexDock();
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
