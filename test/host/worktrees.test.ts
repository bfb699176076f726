/** Worktrees over a real git: made, listed, merged back and removed, and nothing uncommitted or unmerged is lost. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createWorktrees } from '../../src/host/worktrees.ts';

const AUTHOR = ['-c', 'user.name=Dev', '-c', 'user.email=dev@example.org'];

function run(directory: string, ...words: string[]): string {
  return execFileSync('git', [...AUTHOR, ...words], { cwd: directory, encoding: 'utf8' }).trim();
}

function write(directory: string, name: string, text: string): void {
  mkdirSync(join(directory, name, '..'), { recursive: true });
  writeFileSync(join(directory, name), text);
}

function commit(directory: string, name: string, text: string): void {
  write(directory, name, text);
  run(directory, 'add', '.');
  run(directory, 'commit', '--quiet', '-m', `Change ${name}`);
}

/** A repository with one commit, and where worktrees of it go. */
function repository() {
  const dir = mkdtempSync(join(tmpdir(), 'orbitdock-worktrees-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const main = join(dir, 'my shop');
  mkdirSync(main);
  run(main, 'init', '--quiet', '-b', 'main');
  run(main, 'config', 'user.name', 'Dev');
  run(main, 'config', 'user.email', 'dev@example.org');
  commit(main, 'src/a.txt', 'one\n');
  return { dir, main, worktrees: createWorktrees(join(dir, 'data', 'worktrees')) };
}

test('an agent works in the same directory of a worktree, on a branch of its own', async () => {
  const { main, worktrees } = repository();
  const added = await worktrees.add(join(main, 'src'), null);
  expect(added.project).toBe('my shop');
  expect(readFileSync(join(added.cwd, 'a.txt'), 'utf8')).toBe('one\n');
  expect(run(added.cwd, 'branch', '--show-current')).toBe(added.branch);
  expect(run(main, 'branch', '--show-current')).toBe('main');
});

test('the list says what is not committed and what is not merged, and leaves out what others made', async () => {
  const { dir, main, worktrees } = repository();
  run(main, 'worktree', 'add', '--quiet', join(dir, 'by-hand'));
  const { cwd } = await worktrees.add(main, 'fix/login');
  commit(cwd, 'b.txt', 'two\n');
  write(cwd, 'draft.txt', '');
  write(cwd, 'src/a.txt', 'changed\n');
  const expected = { path: cwd, branch: 'fix/login', base: 'main', uncommitted: 2, unmerged: 1 };
  expect(await worktrees.list(main)).toEqual([expected]);
  expect(await worktrees.list(cwd)).toEqual([expected]);
});

test('is merged into the branch it was made from, and can be removed then with its branch', async () => {
  const { main, worktrees } = repository();
  const { cwd, branch } = await worktrees.add(main, null);
  commit(cwd, 'b.txt', 'two\n');
  expect(await worktrees.merge(cwd)).toBe('main');
  expect(readFileSync(join(main, 'b.txt'), 'utf8')).toBe('two\n');
  await worktrees.remove(cwd, false);
  expect(existsSync(cwd)).toBe(false);
  expect(run(main, 'branch', '--list', branch)).toBe('');
  expect(run(main, 'config', '--list')).not.toContain('orbitdock-base');
});

test('nothing that is not committed is removed or merged', async () => {
  const { main, worktrees } = repository();
  const { cwd } = await worktrees.add(main, null);
  write(cwd, 'notes/draft.txt', 'mine');
  await expect(worktrees.remove(cwd, true)).rejects.toThrow(/not committed: notes\/draft.txt/);
  await expect(worktrees.merge(cwd)).rejects.toThrow(/not committed: notes\/draft.txt/);
  expect(readFileSync(join(cwd, 'notes/draft.txt'), 'utf8')).toBe('mine');
});

test('a branch with commits of its own stays, or the removal is refused with their names', async () => {
  const { main, worktrees } = repository();
  const { cwd, branch } = await worktrees.add(main, null);
  commit(cwd, 'b.txt', 'two\n');
  await expect(worktrees.remove(cwd, false)).rejects.toThrow(/Change b.txt; merge them, or keep/);
  expect(existsSync(cwd)).toBe(true);
  await worktrees.remove(cwd, true);
  expect(existsSync(cwd)).toBe(false);
  expect(run(main, 'show', `${branch}:b.txt`)).toBe('two');
});

test('commits that are on no branch at all keep their worktree', async () => {
  const { main, worktrees } = repository();
  const { cwd } = await worktrees.add(main, null);
  run(cwd, 'checkout', '--quiet', '--detach');
  commit(cwd, 'lost.txt', 'two\n');
  await expect(worktrees.remove(cwd, true)).rejects.toThrow(/Change lost.txt/);
  expect(existsSync(cwd)).toBe(true);
});

test('what both sides changed is left as it was on both', async () => {
  const { main, worktrees } = repository();
  const { cwd } = await worktrees.add(main, null);
  commit(cwd, 'src/a.txt', 'theirs\n');
  commit(main, 'src/a.txt', 'ours\n');
  await expect(worktrees.merge(cwd)).rejects.toThrow(/Both sides changed src\/a.txt/);
  expect(run(main, 'status', '--porcelain')).toBe('');
  expect(readFileSync(join(main, 'src/a.txt'), 'utf8')).toBe('ours\n');
});

test('changes in the checkout that is merged into are not mixed with it', async () => {
  const { main, worktrees } = repository();
  const { cwd } = await worktrees.add(main, null);
  commit(cwd, 'b.txt', 'two\n');
  write(main, 'src/a.txt', 'not committed\n');
  await expect(worktrees.merge(cwd)).rejects.toThrow(/not committed: src\/a.txt/);
  expect(readFileSync(join(main, 'src/a.txt'), 'utf8')).toBe('not committed\n');
});

test('a file that git ignores in the checkout is not written over by a merge', async () => {
  const { main, worktrees } = repository();
  commit(main, '.gitignore', '.env\nbuild\n');
  const { cwd } = await worktrees.add(main, null);
  write(cwd, '.env', 'theirs\n');
  write(cwd, 'build/out.txt', 'theirs\n');
  run(cwd, 'add', '--force', '.env', 'build');
  run(cwd, 'commit', '--quiet', '-m', 'Add settings');
  write(main, '.env', 'mine\n');
  write(main, 'build', 'mine\n');
  await expect(worktrees.merge(cwd)).rejects.toThrow(/brings .env, build, which git ignores/);
  expect(readFileSync(join(main, '.env'), 'utf8')).toBe('mine\n');
  rmSync(join(main, '.env'));
  rmSync(join(main, 'build'));
  expect(await worktrees.merge(cwd)).toBe('main');
});

test('a merge that somebody has begun in the checkout is left to them', async () => {
  const { main, worktrees } = repository();
  run(main, 'branch', 'other');
  const { cwd } = await worktrees.add(main, null);
  commit(cwd, 'b.txt', 'two\n');
  run(main, 'checkout', '--quiet', 'other');
  commit(main, 'c.txt', 'three\n');
  run(main, 'checkout', '--quiet', 'main');
  commit(main, 'd.txt', 'four\n');
  run(main, 'merge', '--strategy', 'ours', '--no-commit', 'other');
  await expect(worktrees.merge(cwd)).rejects.toThrow(/not committed: a merge that was begun/);
  expect(run(main, 'rev-parse', 'MERGE_HEAD')).toBe(run(main, 'rev-parse', 'other'));
});

test.each(['v1', '@'])('a branch called %s is meant, whatever else has its name', async (name) => {
  const { main, worktrees } = repository();
  run(main, 'tag', 'v1');
  const { cwd } = await worktrees.add(main, name);
  commit(cwd, 'b.txt', 'two\n');
  expect(await worktrees.list(main)).toMatchObject([{ branch: name, unmerged: 1 }]);
  await worktrees.merge(cwd);
  expect(readFileSync(join(main, 'b.txt'), 'utf8')).toBe('two\n');
  await worktrees.remove(cwd, false);
});

test('a worktree that was removed by hand is not listed', async () => {
  const { main, worktrees } = repository();
  const { cwd } = await worktrees.add(main, null);
  rmSync(cwd, { recursive: true });
  expect(await worktrees.list(main)).toEqual([]);
});

test('hooks and helpers of the repository are not run', async () => {
  const { dir, main, worktrees } = repository();
  const mark = join(dir, 'ran');
  write(main, '.git/hooks/post-checkout', `#!/bin/sh\ntouch '${mark}'\n`);
  execFileSync('chmod', ['+x', join(main, '.git/hooks/post-checkout')]);
  run(main, 'config', 'core.fsmonitor', `touch '${mark}'`);
  const { cwd } = await worktrees.add(main, null);
  await worktrees.list(cwd);
  expect(existsSync(mark)).toBe(false);
});

test.each(['main', 'a..b', '-x', 'refs/heads/', 'with space', '@{-1}'])(
  'a branch called %j is refused',
  async (branch) => {
    const { main, worktrees } = repository();
    await expect(worktrees.add(main, branch)).rejects.toThrow(/branch/);
    expect(await worktrees.list(main)).toEqual([]);
  },
);

test('a directory outside a repository, one without a commit, and what others made are refused', async () => {
  const { dir, main, worktrees } = repository();
  await expect(worktrees.add(dir, null)).rejects.toThrow(/in no git repository/);
  const empty = join(dir, 'empty');
  mkdirSync(empty);
  run(empty, 'init', '--quiet');
  await expect(worktrees.add(empty, null)).rejects.toThrow(/no commit yet/);
  await expect(worktrees.remove(main, true)).rejects.toThrow(/no worktree that was made here/);
  await expect(worktrees.merge(join(dir, 'nowhere'))).rejects.toThrow(/no worktree/);
});
