/** What a directory has checked out, as real `git` leaves it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { isRepository, readBranch } from '../../src/host/directory.ts';

let repository = '';

function git(...args: string[]): void {
  const author = ['-c', 'user.name=a', '-c', 'user.email=a@b'];
  const env = { PATH: process.env.PATH, HOME: repository, GIT_CONFIG_NOSYSTEM: '1' };
  execFileSync('git', [...author, ...args], { cwd: repository, env, stdio: 'pipe' });
}

beforeEach(() => {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'orbit-git-')));
  onTestFinished(() => rmSync(top, { recursive: true, force: true }));
  repository = join(top, 'shop');
  mkdirSync(join(repository, 'deep'), { recursive: true });
  git('init', '-q', '-b', 'main');
  git('commit', '-q', '--allow-empty', '-m', 'first');
});

it('names the branch, also from below and in a worktree', async () => {
  git('worktree', 'add', '-q', '-b', 'feature/über-fix', '../tree');
  expect(await readBranch(repository)).toBe('main');
  expect(await readBranch(join(repository, 'deep'))).toBe('main');
  expect(await readBranch(join(repository, '../tree'))).toBe('feature/über-fix');
});

it('says that there is no branch where a commit is checked out by itself', async () => {
  git('worktree', 'add', '-q', '--detach', '../tree');
  expect(await readBranch(join(repository, '../tree'))).toBe('');
  git('checkout', '-q', '--detach');
  expect(await readBranch(join(repository, 'deep'))).toBe('');
});

it('passes over a .git that is none, as git itself does', async () => {
  mkdirSync(join(repository, 'deep/.git'));
  expect(await isRepository(join(repository, 'deep'))).toBe(false);
  expect(await readBranch(join(repository, 'deep'))).toBe('main');
  writeFileSync(join(repository, 'deep/.git/HEAD'), 'nonsense');
  expect(await readBranch(join(repository, 'deep'))).toBe('main');
  rmSync(join(repository, '.git'), { recursive: true });
  expect(await readBranch(repository)).toBeNull();
});

it('knows a repository by what it has checked out, not by a folder of that name', async () => {
  git('worktree', 'add', '-q', '--detach', '../tree');
  expect(await isRepository(repository)).toBe(true);
  expect(await isRepository(join(repository, '../tree'))).toBe(true);
  expect(await isRepository(join(repository, 'deep'))).toBe(false);
});
