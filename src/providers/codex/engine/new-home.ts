/**
 * The first start of a Codex in a home. Each process makes the databases of its home that it finds missing, and of
 * two that make them at the same moment one ends with an error: in a new home we wait until somebody else's are made,
 * and try again when ours was the one that ended.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { systemCodeOf } from '../../../exit.ts';

/** Databases of this age are made, ms: it takes a tenth of it on an idle machine. */
const MADE_AFTER_MS = 1500;
const ATTEMPTS = 3;
const DATABASE = /^\w+\.sqlite$/;
/** What the process that lost says last. */
const LOST = /failed to initialize sqlite|another Codex process is using its local data/;

/** Starts what makes the databases of this home if they are missing; rejects as `start` does. */
export async function startInHome<Started>(
  home: string,
  start: () => Promise<Started>,
): Promise<Started> {
  for (let attempt = 1; ; attempt++) {
    await databasesMade(home);
    try {
      return await start();
    } catch (error) {
      if (attempt === ATTEMPTS || !LOST.test((error as Error).message)) throw error;
    }
  }
}

/** Settles at once where there are none, or old ones; never later than they can be made. */
async function databasesMade(home: string): Promise<void> {
  const wait = (await youngestDatabase(home)) + MADE_AFTER_MS - Date.now();
  // Of a time that is yet to come nothing follows: somebody has set the clock.
  if (wait > 0 && wait <= MADE_AFTER_MS) await pause(wait);
}

/** When it was made, milliseconds since 1970; 0 when there is none, or the file system does not know. */
async function youngestDatabase(home: string): Promise<number> {
  const names = await unlessMissing(readdir(home), []);
  const made = names
    .filter((name) => DATABASE.test(name))
    .map(async (name) => (await unlessMissing(stat(join(home, name)), null))?.birthtimeMs ?? 0);
  return Math.max(0, ...(await Promise.all(made)));
}

/** What cannot be read is said by the process that needs it. */
async function unlessMissing<Found>(found: Promise<Found>, otherwise: Found): Promise<Found> {
  try {
    return await found;
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error;
    return otherwise;
  }
}
