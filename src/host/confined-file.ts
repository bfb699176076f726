/**
 * Files that somebody else names: opened only when they lie below a root, as regular files, and read no
 * further than allowed. A FIFO or a device never holds us up (reliability.md T14, T35).
 */
import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';

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
