/** Directories that clients name to work in. */
import { stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { systemCodeOf } from '../exit.ts';

/** A directory that is there, or why it cannot be worked in. */
export type WorkingDirectory = { path: string } | { refusal: string };

/** @param given absolute, or `~` for home and below it */
export async function workingDirectory(given: string, home: string): Promise<WorkingDirectory> {
  const path = given === '~' ? home : given.startsWith('~/') ? join(home, given.slice(2)) : given;
  if (!isAbsolute(path) || path.includes('\0')) {
    return { refusal: 'it is no absolute path (~ stands for your home)' };
  }
  try {
    return (await stat(path)).isDirectory() ? { path } : { refusal: 'it is no directory' };
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === null) throw error;
    return { refusal: code === 'ENOENT' ? 'it does not exist' : code };
  }
}
