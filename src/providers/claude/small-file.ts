/** Files that the CLI keeps beside others which are none of ours: only small regular ones are read. */
import { constants, type FileHandle, lstat, open } from 'node:fs/promises';
import { systemCodeOf } from '../../exit.ts';

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
  try {
    return (await lstat(path)).ino;
  } catch (error) {
    if (systemCodeOf(error) === null) throw error;
    return null;
  }
}
