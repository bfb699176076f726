import { constants, type FileHandle, lstat, open, realpath } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';
import { systemCodeOf } from '../exit.ts';

/** Why a file is not opened, in words; or the file, which its reader closes. */
export type Confined = { file: FileHandle; path: string; bytes: number } | { refusal: string };

/**
 * Opens a file below one of the roots, wherever links lead.
 *
 * @param path absolute
 * @returns the file with its size, or a refusal that quotes nothing of it
 */
export async function openConfined(
  path: string,
  { roots, maxBytes }: { roots: readonly string[]; maxBytes: number },
): Promise<Confined> {
  if (!isAbsolute(path) || path.includes('\0')) return { refusal: 'it is no absolute path' };
  const real = await realpath(path).catch(() => null);
  if (real === null) return { refusal: 'it does not exist' };
  if (!(await isBelow(real, roots))) return { refusal: 'it lies outside the places allowed' };
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(real, flags).catch(() => null);
  if (file === null) return { refusal: 'it cannot be opened' };
  const stat = await file.stat();
  if (stat.isFile() && stat.size <= maxBytes) return { file, path: real, bytes: stat.size };
  await file.close();
  const reason = stat.isFile() ? `it has more than ${maxBytes} bytes` : 'it is no regular file';
  return { refusal: reason };
}

async function isBelow(real: string, roots: readonly string[]): Promise<boolean> {
  for (const root of roots) {
    // A root that is not there holds no file.
    const realRoot = await realpath(root).catch(() => null);
    if (realRoot === null) continue;
    const below = relative(realRoot, real);
    if (below !== '' && below !== '..' && !below.startsWith(`..${sep}`)) return true;
  }
  return false;
}

/** A file as it was read. */
export interface SmallFile {
  text: string;
  /** When it was written, in milliseconds since 1970. */
  changedAt: number;
}

const MAX_BYTES = 256 * 1024;

/** Reads a small file. Null when there is none; a text says why it is not read. */
export async function readSmallFile(path: string): Promise<SmallFile | string | null> {
  let handle: FileHandle | null = null;
  try {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    handle = await open(path, flags);
    const stat = await handle.stat();
    if (!stat.isFile()) return 'is no regular file';
    if (stat.size > MAX_BYTES) return `is larger than ${MAX_BYTES} bytes`;
    return { text: await handle.readFile('utf8'), changedAt: stat.mtimeMs };
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'ENOENT') return null;
    if (code === 'ELOOP') return 'is a link';
    return `cannot be read (${code ?? error})`;
  } finally {
    await handle?.close();
  }
}

/** Null when there is no such file or folder; why it cannot be read is said by who reads it. */
export async function inodeOf(path: string): Promise<number | null> {
  // No file has such a name, and Node takes the question for a mistake of the program.
  if (path.includes('\0')) return null;
  try {
    return (await lstat(path)).ino;
  } catch (error) {
    if (systemCodeOf(error) === null) throw error;
    return null;
  }
}
