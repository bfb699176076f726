/**
 * The branch of a directory, read from `.git/HEAD` itself: running `git` in a directory that a hook
 * names would run whatever its configuration says (reliability.md T16).
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';

const MAX_HEAD_BYTES = 1024;
const MAX_LEVELS = 64;

/**
 * What a directory has checked out: the name of its branch, `''` for a commit without a branch (a detached
 * HEAD), or null when that cannot be said: not a repository, or unreadable. Reads at most 1 KiB of regular
 * files and follows no symbolic link at the end of a path.
 */
export async function readBranch(directory: string): Promise<string | null> {
  if (!isAbsolute(directory)) return null;
  let at = resolve(directory);
  for (let level = 0; level < MAX_LEVELS; level++) {
    const branch = branchIn(await readHead(join(at, '.git')));
    if (branch !== null) return branch;
    const parent = dirname(at);
    if (parent === at) return null;
    at = parent;
  }
  return null;
}

/**
 * True when the directory itself is the top of a repository or of a worktree: its `.git` says what is
 * checked out. An empty `.git`, which sandboxes leave behind, is none.
 */
export async function isRepository(directory: string): Promise<boolean> {
  return branchIn(await readHead(join(directory, '.git'))) !== null;
}

function branchIn(head: string | null): string | null {
  if (head === null) return null;
  const branch = /^ref: refs\/heads\/(\S.*)$/m.exec(head)?.[1];
  if (branch !== undefined) return branch;
  // A commit's number, or a reference that is no branch.
  return /^(ref: \S|[0-9a-f]{40,64}\s*$)/.test(head) ? '' : null;
}

/** Text of HEAD; a worktree's `.git` is a file that says where its own lies. */
async function readHead(git: string): Promise<string | null> {
  const inside = await readSmall(join(git, 'HEAD'));
  if (inside !== null) return inside;
  const pointer = await readSmall(git);
  const target = pointer && /^gitdir: (.+)$/m.exec(pointer)?.[1];
  return target ? readSmall(join(resolve(dirname(git), target.trim()), 'HEAD')) : null;
}

async function readSmall(path: string): Promise<string | null> {
  const file = await open(
    path,
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  ).catch(() => null);
  if (!file) return null;
  try {
    if (!(await file.stat()).isFile()) return null;
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(MAX_HEAD_BYTES),
      0,
      MAX_HEAD_BYTES,
      0,
    );
    return buffer.toString('utf8', 0, bytesRead);
  } catch {
    // A file that cannot be read tells no branch; the session does without one.
    return null;
  } finally {
    await file.close();
  }
}
