/** A session in a worktree of its own: made with it, listed, merged back, and removed once the session is over. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SessionState } from '../../src/protocol/nouns.ts';
import { ask } from '../support/asking.ts';
import type { TestClient } from '../support/clients.ts';
import { type CodexSetup, openCodexSetup } from '../support/codex-setup.ts';

let dock: CodexSetup;
let client: TestClient;

const git = (directory: string, ...words: string[]) =>
  execFileSync('git', ['-c', 'user.name=Dev', '-c', 'user.email=dev@example.org', ...words], {
    cwd: directory,
    encoding: 'utf8',
  }).trim();

beforeAll(async () => {
  dock = await openCodexSetup();
  client = await dock.client();
  git(dock.home.project, 'init', '--quiet', '-b', 'main');
  git(dock.home.project, 'commit', '--quiet', '--allow-empty', '-m', 'Begin');
});
afterAll(() => dock[Symbol.asyncDispose]());

async function sessionInWorktree(): Promise<SessionState> {
  const { project: cwd } = dock.home;
  const created = await ask(client, {
    type: 'create_session',
    provider: 'codex',
    cwd,
    worktree: {},
  });
  if (created.type !== 'session_snapshot') throw new Error(JSON.stringify(created));
  return created.session;
}

it('is made beside the checkout, is merged back, and goes when its session is over', async () => {
  const session = await sessionInWorktree();
  const path = session.project_path;
  expect(path).not.toBe(dock.home.project);
  expect(session.git_branch).toMatch(/^orbitdock\//);
  expect(session.project_name).toBe(dock.home.project.split('/').at(-1));
  writeFileSync(join(path, 'new.txt'), 'new');
  mkdirSync(join(path, 'src'));
  writeFileSync(join(path, 'src', 'a.txt'), 'a');
  git(path, 'add', '.');
  git(path, 'commit', '--quiet', '-m', 'Add new.txt');

  const listed = await ask(client, { type: 'list_worktrees', path: dock.home.project });
  expect(listed).toMatchObject({
    worktrees: [{ path, base: 'main', uncommitted: 0, unmerged: 1 }],
  });
  expect(await ask(client, { type: 'merge_worktree', path })).toMatchObject({ into: 'main' });
  expect(existsSync(join(dock.home.project, 'new.txt'))).toBe(true);

  const inUse = await ask(client, { type: 'remove_worktree', path, keep_branch: false });
  expect(inUse).toMatchObject({ type: 'error', code: 'invalid_argument' });
  expect(JSON.stringify(inUse)).toContain(`Session ${session.id} goes on in`);
  // Also by the name of a directory in it.
  const below = await ask(client, { type: 'remove_worktree', path: join(path, 'src') });
  expect(JSON.stringify(below)).toContain(`Session ${session.id} goes on in ${path};`);
  await ask(client, { type: 'end_session', session_id: session.id });
  const removed = await ask(client, { type: 'remove_worktree', path, keep_branch: false });
  expect(removed).toMatchObject({ type: 'worktree_removed', keep_branch: false });
  expect(existsSync(path)).toBe(false);
});

it('is not left behind by a session that cannot be made', async () => {
  const { project: cwd } = dock.home;
  const request = { provider: 'codex', cwd, worktree: { branch: 'main' } };
  expect(await ask(client, { type: 'create_session', ...request })).toMatchObject({
    ...{ type: 'error', code: 'invalid_argument' },
    message: expect.stringContaining('The branch main is there already'),
  });
  expect(await ask(client, { type: 'list_worktrees', path: cwd })).toMatchObject({ worktrees: [] });
});
