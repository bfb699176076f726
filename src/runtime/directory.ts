/** The directory a client means: absolute, there, and a directory. */
import { stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { OrbitError } from '../errors.ts';

/**
 * The directory's path, `~` and `~/…` below the home of this user.
 *
 * @param sessionId the session that the refusal is about, if there is one
 * @throws OrbitError `invalid_argument` for what is relative, missing or no directory
 */
export async function directoryOf(
  given: string,
  home: string,
  sessionId?: string,
): Promise<string> {
  const invalid = (what: string): OrbitError => {
    const reason = `Directory ${JSON.stringify(given.slice(0, 500))} ${what}`;
    return new OrbitError('invalid_argument', { reason }, sessionId ? { sessionId } : {});
  };
  const path = given === '~' || given.startsWith('~/') ? join(home, given.slice(1)) : given;
  if (!isAbsolute(path)) throw invalid('is not absolute; give a full path or one below ~');
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const word = error.code === 'ENOENT' ? 'does not exist' : `cannot be read (${error.code})`;
    throw invalid(`${word}; choose another directory`);
  });
  if (!found.isDirectory()) throw invalid('is no directory; choose the one around it');
  return resolve(path);
}
