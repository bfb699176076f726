/**
 * Folders that Codex's sandbox leaves behind. A sandboxed command that is ended from outside leaves empty
 * mount points in its directory (codex.md 6), and an empty `.git` makes every tool believe in a repository
 * that is none. Only what was not there before, and is empty, is taken away.
 */
import { lstat, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

const NAMES = ['.git', '.codex', '.agents', '.aws'] as const;

export interface MountPoints {
  /** Takes away what has appeared since, as far as it is an empty folder. */
  sweep(): Promise<void>;
}

/** Looks at what is there now; nothing of that is ever touched. */
export async function noteMountPoints(cwd: string): Promise<MountPoints> {
  const paths = NAMES.map((name) => join(cwd, name));
  const isThere = await Promise.all(paths.map(exists));
  const absent = paths.filter((_, at) => !isThere[at]);
  return {
    async sweep() {
      await Promise.all(absent.map(removeEmpty));
    },
  };
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    // What cannot be looked at is treated as being there: it stays.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

/** `rmdir` takes empty folders only; whatever else it meets is somebody's. */
async function removeEmpty(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['ENOENT', 'ENOTEMPTY', 'ENOTDIR', 'EEXIST', 'EBUSY', 'EACCES', 'EPERM', 'EROFS'].includes(code))
      throw error;
  }
}
