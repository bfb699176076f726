/**
 * Directories of this machine: the names in one, for a picker on another machine (below the allowed roots, without
 * hidden names, without following links, bounded in time), and the git branch of one, read from `.git/HEAD` itself,
 * because `git` would run what the configuration of that directory says.
 */
import { constants } from 'node:fs';
import { open, opendir, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { OrbitError } from '../errors.ts';
import { systemCodeOf } from '../exit.ts';
import type { DirectoryEntry } from '../protocol/reply-nouns.ts';

/** Most names of an answer; directories go before files. */
const MAX_ENTRIES = 2_000;
/** Most text of an answer, so that it fits a frame however its names are spelled. */
const MAX_ENTRIES_BYTES = 800 * 1024;
/** Most names that are even looked at. */
const MAX_LOOKED_AT = 200_000;
/** A disk that is slower than this is given up. */
const LOOK_MS = 2_000;
/** Directories whose `.git` is read together. */
const GIT_LOOKS = 32;
/** A disk that hangs keeps its threads: no more than this many checks at once. */
const MAX_LOOKS = 2;

/** What is in a directory. */
interface Listing {
  /** The directory itself, links resolved. */
  path: string;
  entries: DirectoryEntry[];
  truncated: boolean;
}

/**
 * Looks into a directory: null and '' mean home, `~` stands for it, a relative path begins there.
 *
 * @throws OrbitError `browse_error` for what cannot or may not be looked at, `server_busy`
 */
export type Browse = (path: string | null) => Promise<Listing>;

/** @param deps.roots directories that may be looked at, with all below them */
export function createBrowse({ home, roots }: { home: string; roots: readonly string[] }): Browse {
  let looks = 0;
  return async function browse(given) {
    if (looks >= MAX_LOOKS) throw new OrbitError('server_busy');
    const asked = given || '~';
    const path = expand(asked, home);
    looks++;
    const look = lookInto(path, roots, performance.now() + LOOK_MS).finally(() => {
      looks--;
    });
    return await within(LOOK_MS + 500, look, asked);
  };
}

function expand(asked: string, home: string): string {
  if (asked.includes('\0')) throw refused(asked, 'a path has no NUL');
  if (asked === '~') return home;
  if (asked.startsWith('~/')) return resolve(home, asked.slice(2));
  if (asked.startsWith('~')) throw refused(asked, "say the whole path of another user's home");
  return resolve(home, asked);
}

/** Gives up on a disk that does not answer at all; the check itself cannot be called off. */
async function within(limitMs: number, look: Promise<Listing>, asked: string): Promise<Listing> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(refused(asked, 'the disk does not answer')), limitMs);
  });
  try {
    return await Promise.race([look, limit]);
  } finally {
    clearTimeout(timer);
  }
}

async function lookInto(
  asked: string,
  roots: readonly string[],
  deadline: number,
): Promise<Listing> {
  try {
    const places = await withLinksResolved(roots);
    refuseOutside(asked, asked, places);
    const path = await realpath(asked);
    refuseOutside(path, asked, places);
    const names = await namesIn(path, deadline);
    const entries = fitting(names.entries.sort(byKindAndName).slice(0, MAX_ENTRIES));
    const isMarked = await markRepositories(path, entries, deadline);
    const isWhole = names.isWhole && isMarked && entries.length === names.entries.length;
    return { path, entries, truncated: !isWhole };
  } catch (error) {
    throw error instanceof OrbitError ? error : refused(asked, reasonOf(error), error);
  }
}

async function withLinksResolved(roots: readonly string[]): Promise<string[]> {
  // A root that is not there, an unmounted disk, has only its name.
  const real = await Promise.all(roots.map((root) => realpath(root).catch(() => root)));
  return [...roots, ...real];
}

/**
 * Below a root, and not through a hidden name there: `~/.ssh` is no project. Asked of the path as it
 * is written too, so that no caller learns what exists elsewhere.
 */
function refuseOutside(path: string, asked: string, roots: readonly string[]): void {
  for (const root of roots) {
    const below = relative(root, path);
    if (below === '') return;
    if (below === '..' || below.startsWith(`..${sep}`)) continue;
    if (!below.split(sep).some((name) => name.startsWith('.'))) return;
  }
  throw refused(asked, 'it is hidden or outside what may be looked at; --browse-root adds a place');
}

/** Its visible names; a link is no directory here, wherever it leads. */
async function namesIn(
  path: string,
  deadline: number,
): Promise<{ entries: DirectoryEntry[]; isWhole: boolean }> {
  const entries: DirectoryEntry[] = [];
  let seen = 0;
  // Leaving the loop closes the directory.
  for await (const entry of await opendir(path, { bufferSize: 256 })) {
    seen++;
    if (seen > MAX_LOOKED_AT || performance.now() > deadline) return { entries, isWhole: false };
    if (entry.name.startsWith('.')) continue;
    entries.push({ name: entry.name, is_dir: entry.isDirectory(), is_git: false });
  }
  return { entries, isWhole: true };
}

function byKindAndName(a: DirectoryEntry, b: DirectoryEntry): number {
  if (a.is_dir !== b.is_dir) return a.is_dir ? -1 : 1;
  const one = a.name.toLowerCase();
  const other = b.name.toLowerCase();
  if (one !== other) return one < other ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

/** As many as fit: a name of 255 control characters is six times as long in JSON. */
function fitting(entries: DirectoryEntry[]): DirectoryEntry[] {
  let room = MAX_ENTRIES_BYTES;
  const end = entries.findIndex((entry) => {
    room -= Buffer.byteLength(JSON.stringify(entry)) + 1;
    return room < 0;
  });
  return end === -1 ? entries : entries.slice(0, end);
}

/** Marks directories with a `.git`. @returns false when time ran out */
async function markRepositories(
  path: string,
  entries: DirectoryEntry[],
  deadline: number,
): Promise<boolean> {
  const directories = entries.filter((entry) => entry.is_dir);
  for (let at = 0; at < directories.length; at += GIT_LOOKS) {
    if (performance.now() > deadline) return false;
    const some = directories.slice(at, at + GIT_LOOKS);
    await Promise.all(
      some.map(async (entry) => {
        entry.is_git = await isRepository(join(path, entry.name));
      }),
    );
  }
  return true;
}

function reasonOf(error: unknown): string {
  const code = systemCodeOf(error);
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'ENOTDIR') return 'it is no directory';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  if (code === 'ELOOP') return 'its links lead in a circle';
  if (code === null) throw error;
  return code;
}

function refused(path: string, reason: string, cause?: unknown): OrbitError {
  return new OrbitError('browse_error', { path: path.slice(0, 300), reason }, { cause });
}

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

/** Text of HEAD; a worktree's `.git` is a file that says where its own is. */
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
    // A file that cannot be read names no branch; the session does without one.
    return null;
  } finally {
    await file.close();
  }
}
