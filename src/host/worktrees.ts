/**
 * Git worktrees for sessions: each agent changes files of its own, on a branch of its own, beside the checkout that
 * it was made from. Nothing that is not committed, and no commit that only a removed branch has, is ever lost: what
 * would lose it is refused with the list. What git ignores in a worktree goes with it, as its builds do; in the checkout
 * that is merged into it stays. Worktrees that others made are not touched.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, realpath } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import { OrbitError } from '../errors.ts';
import { systemCodeOf } from '../exit.ts';
import type { Worktree } from '../protocol/reply-nouns.ts';

/** A large checkout on a slow disk takes a while, ms. */
const GIT_MS = 120_000;
/** Most text of one answer of git. */
const MAX_OUTPUT = 16 * 1024 * 1024;
/** Names in the words of a refusal. */
const NAMED = 5;

/**
 * What is asked of git on behalf of a client must not run what the repository says, wait for a person at a terminal,
 * or ask for a key.
 */
const SAFE = [
  ...['core.hooksPath=/dev/null', 'core.fsmonitor=false', 'commit.gpgSign=false'],
  'core.quotePath=false',
].flatMap((setting) => ['-c', setting]);

/** Worktrees below one directory. */
export interface Worktrees {
  /**
   * Makes a branch from what is checked out around `cwd`, and a worktree of it.
   *
   * @returns the same directory in the new worktree, and what it was made from
   * @throws OrbitError `invalid_argument` outside a repository, in one without a commit, for a branch that is there
   */
  add(cwd: string, branch: string | null): Promise<AddedWorktree>;
  /** Those made here from the repository around `cwd`. @throws OrbitError `invalid_argument` outside one */
  list(cwd: string): Promise<Worktree[]>;
  /** The directory of the whole worktree around `path`. @throws OrbitError `invalid_argument` for any other place */
  topOf(path: string): Promise<string>;
  /**
   * Merges its branch into the one it was made from, where that is checked out.
   *
   * @returns the branch that has everything now
   * @throws OrbitError `invalid_argument` when something is not committed on either side, or both changed the same;
   *   then nothing is changed
   */
  merge(path: string): Promise<string>;
  /**
   * Takes the directory away, and the branch unless it is kept.
   *
   * @throws OrbitError `invalid_argument` with what would be lost; then nothing is changed
   */
  remove(path: string, keepBranch: boolean): Promise<void>;
}

/** A worktree that was made a moment ago. */
interface AddedWorktree {
  /** Where an agent works in it. */
  cwd: string;
  branch: string;
  /** Name of the repository. */
  project: string;
}

/** @param root  directory of all worktrees; made when it is needed, for this user alone */
export function createWorktrees(root: string): Worktrees {
  /** Only what is below our directory is ours. */
  async function own(path: string): Promise<Worktree & { main: string; head: string }> {
    const known = await realpath(path).catch(() => null);
    const home = await realpath(root).catch(() => null);
    if (known === null || home === null || !known.startsWith(home + sep)) {
      throw invalid(`${JSON.stringify(path.slice(0, 500))} is no worktree that was made here`);
    }
    const top = await git(known, 'rev-parse', '--show-toplevel');
    const found = (await listOf(top, home)).find((each) => each.path === top);
    if (!found) throw invalid(`${JSON.stringify(top)} is no worktree that was made here`);
    const [main = top] = await pathsOf(top);
    return { ...found, main, head: await git(top, 'rev-parse', 'HEAD') };
  }

  return {
    async add(cwd, asked) {
      const { top, prefix } = await repositoryOf(cwd);
      const [main = top] = await pathsOf(top);
      const base = await baseOf(top);
      const plain = basename(main)
        .replace(/[^A-Za-z0-9_-]+/g, '-')
        .replace(/^-+/, '');
      const name = `${plain || 'work'}-${randomBytes(3).toString('hex')}`;
      const branch = asked ?? `orbitdock/${name}`;
      await checkName(top, branch);
      await mkdir(root, { recursive: true, mode: 0o700 });
      const path = join(await realpath(root), name);
      await git(top, 'worktree', 'add', '--quiet', '-b', branch, path, 'HEAD');
      // Git takes it away together with the branch.
      await git(top, 'config', `branch.${branch}.orbitdock-base`, base);
      return { cwd: join(path, prefix), branch, project: basename(main) };
    },

    async list(cwd) {
      const { top } = await repositoryOf(cwd);
      const home = await realpath(root).catch(() => null);
      return home === null ? [] : await listOf(top, home);
    },

    async topOf(path) {
      return (await own(path)).path;
    },

    async merge(path) {
      const { branch, base, main, ...tree } = await own(path);
      if (branch === null) throw invalid('The worktree is on no branch; check one out in it first');
      if (base === null)
        throw invalid(`The branch that ${branch} was made from is not known or gone`);
      refuseUncommitted(tree.path, await changesIn(tree.path));
      const target = await checkoutOf(main, base);
      refuseUncommitted(target, await changesIn(target));
      await refuseIgnored(target, branch);
      await mergeInto(target, branch);
      return base;
    },

    async remove(path, keepBranch) {
      const tree = await own(path);
      refuseUncommitted(tree.path, await changesIn(tree.path));
      await refuseLost(tree, keepBranch);
      // Git looks again at what is not committed, in the same moment in which it deletes.
      await git(tree.main, 'worktree', 'remove', tree.path);
      if (keepBranch || tree.branch === null) return;
      await git(tree.main, 'update-ref', '-d', `refs/heads/${tree.branch}`, tree.head);
      // It may be gone already, with nothing else in it.
      await git(tree.main, 'config', '--remove-section', `branch.${tree.branch}`).catch(() => '');
    },
  };
}

async function repositoryOf(cwd: string): Promise<{ top: string; prefix: string }> {
  const [top = '', prefix = ''] = await git(cwd, 'rev-parse', '--show-toplevel', '--show-prefix')
    .then((text) => text.split('\n'))
    .catch((error: unknown) => {
      if (!(error instanceof OrbitError)) throw error;
      throw invalid(`${JSON.stringify(cwd)} is in no git repository, so it can have no worktree`);
    });
  return { top, prefix };
}

/** The branch that is checked out, or the commit where none is. */
async function baseOf(top: string): Promise<string> {
  const commit = await git(top, 'rev-parse', '--verify', '--quiet', 'HEAD').catch(() => '');
  if (commit === '') throw invalid('The repository has no commit yet; commit something first');
  return await git(top, 'symbolic-ref', '--quiet', '--short', 'HEAD').catch(() => commit);
}

async function checkName(top: string, branch: string): Promise<void> {
  const isName = await git(top, 'check-ref-format', '--branch', branch).then(
    (name) => name === branch,
    () => false,
  );
  if (!isName) throw invalid(`${JSON.stringify(branch.slice(0, 200))} is no name for a branch`);
  if (await has(top, `refs/heads/${branch}`)) {
    throw invalid(`The branch ${branch} is there already; choose another name`);
  }
}

async function has(top: string, ref: string): Promise<boolean> {
  return await git(top, 'rev-parse', '--verify', '--quiet', ref).then(
    () => true,
    () => false,
  );
}

/** Directories of all worktrees, the main one first. */
async function pathsOf(top: string): Promise<string[]> {
  return (await treesOf(top)).map(({ path }) => path);
}

async function treesOf(top: string): Promise<{ path: string; branch: string | null }[]> {
  const text = await git(top, 'worktree', 'list', '--porcelain', '-z');
  return (
    text
      .split('\0\0')
      // What a person removed by hand is still registered in git until git looks again.
      .filter((block) => block.startsWith('worktree ') && !block.includes('\0prunable '))
      .map((block) => {
        const lines = block.split('\0');
        const ref = lines.find((line) => line.startsWith('branch refs/heads/'));
        const branch = ref?.slice('branch refs/heads/'.length) ?? null;
        return { path: (lines[0] ?? '').slice('worktree '.length), branch };
      })
  );
}

async function listOf(top: string, home: string): Promise<Worktree[]> {
  const ours = (await treesOf(top)).filter(({ path }) => path.startsWith(home + sep));
  const all: Worktree[] = [];
  // One after the other: a repository with many would start as many processes at once.
  for (const { path, branch } of ours) {
    const base =
      branch && (await git(top, 'config', `branch.${branch}.orbitdock-base`).catch(() => ''));
    const isKnown = base ? await has(top, base) : false;
    const changes = await changesIn(path).catch(() => []);
    all.push({
      path,
      branch,
      base: base && isKnown ? base : null,
      uncommitted: changes.length,
      unmerged: isKnown
        ? Number(await git(top, 'rev-list', '--count', `${base}..refs/heads/${branch}`))
        : 0,
    });
  }
  return all;
}

/** Names of files that are changed, new or in conflict; a merge without an end may have none. */
async function changesIn(path: string): Promise<string[]> {
  const text = await git(
    path,
    'status',
    '--porcelain=v1',
    '-z',
    '--untracked-files=all',
    '--no-renames',
  );
  const files = text
    .split('\0')
    .filter(Boolean)
    .map((line) => line.slice(3));
  return files.length === 0 && (await has(path, 'MERGE_HEAD')) ? ['a merge that was begun'] : files;
}

/** Git takes ignored files for worthless, and writes over them. @throws OrbitError when a merge would */
async function refuseIgnored(target: string, branch: string): Promise<void> {
  const onlyNew = ['--name-only', '--no-renames', '--diff-filter=A', '-z'];
  const text = await git(target, 'diff', ...onlyNew, 'HEAD', `refs/heads/${branch}`);
  const inTheWay = new Set<string>();
  for (const file of text.split('\0').filter(Boolean)) {
    const steps = file.split('/');
    for (let count = 1; count <= steps.length; count++) {
      const name = steps.slice(0, count).join('/');
      const found = await lstat(join(target, name)).catch(() => null);
      if (found === null) break;
      if (count === steps.length || !found.isDirectory()) inTheWay.add(name);
    }
  }
  if (inTheWay.size === 0) return;
  throw invalid(
    `${branch} brings ${named([...inTheWay])}, which git ignores in ${target}; move yours away first`,
  );
}

function refuseUncommitted(path: string, changes: readonly string[]): void {
  if (changes.length === 0) return;
  throw invalid(`${path} has changes that are not committed: ${named(changes)}; commit them first`);
}

/** @throws OrbitError when commits would be on no branch any more */
async function refuseLost(
  { main, head, branch, path }: Worktree & { main: string; head: string },
  keepBranch: boolean,
): Promise<void> {
  const format = '--format=%(refname)';
  const holders = (await git(main, 'for-each-ref', format, `--contains=${head}`, 'refs'))
    .split('\n')
    .filter((ref) => ref !== '' && (keepBranch || ref !== `refs/heads/${branch}`));
  if (holders.length > 0) return;
  const own = branch === null || keepBranch ? [] : [`--exclude=${branch}`];
  const others = ['--not', ...own, '--branches', '--remotes'];
  const commits = await git(path, 'log', '--format=%h %s', '-n', '20', head, ...others);
  throw invalid(
    `Its commits are on no other branch: ${named(commits.split('\n'))}; merge them, or keep the branch`,
  );
}

/** Where a branch is checked out. */
async function checkoutOf(main: string, branch: string): Promise<string> {
  const found = (await treesOf(main)).find((tree) => tree.branch === branch);
  if (found) return found.path;
  throw invalid(`${branch} is checked out nowhere; check it out in ${main} to merge into it`);
}

async function mergeInto(target: string, branch: string): Promise<void> {
  try {
    await git(target, 'merge', '--no-edit', '--quiet', `refs/heads/${branch}`);
  } catch (error) {
    const conflicts = await git(target, 'diff', '--name-only', '--diff-filter=U', '-z');
    // Not begun, or begun and in conflict: either way it is as it was afterwards.
    await git(target, 'merge', '--abort').catch(() => '');
    if (conflicts === '') throw error;
    const files = conflicts.split('\0').filter(Boolean);
    throw invalid(`Both sides changed ${named(files)}; merge ${branch} by hand in ${target}`);
  }
}

function named(names: readonly string[]): string {
  const rest = names.length - NAMED;
  const shown = names.slice(0, NAMED).map((name) => name.slice(0, 120));
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ');
}

function invalid(reason: string): OrbitError {
  return new OrbitError('invalid_argument', { reason });
}

/** Runs git in a directory. @throws OrbitError `invalid_argument` with git's own words */
function git(directory: string, ...words: string[]): Promise<string> {
  const { GIT_DIR: _, GIT_WORK_TREE: __, GIT_INDEX_FILE: ___, ...env } = process.env;
  const options = {
    cwd: directory,
    env: { ...env, GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C', GIT_EDITOR: 'true' },
    ...{ timeout: GIT_MS, maxBuffer: MAX_OUTPUT },
  };
  return new Promise((resolve, reject) => {
    execFile('git', [...SAFE, ...words], options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout.replace(/\n$/, ''));
      if (systemCodeOf(error) === 'ENOENT') {
        return reject(invalid('git was not found; install it to work with worktrees'));
      }
      const [line = error.message] = stderr.trim().split('\n').slice(-1);
      reject(invalid(`git ${words[0]}: ${(line || error.message).slice(0, 300)}`));
    });
  });
}
