/**
 * The browser that the tests of the page run in: named in the environment, or the system's, or installed
 * where that is ours to do (Debian, as root). Otherwise it says what to do: page tests are never skipped.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

/** Where systems keep it. */
const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

const REMEDY =
  'The tests of the page need Chromium or Chrome and found none. Install it (Debian: apt-get install ' +
  'chromium; macOS: brew install --cask chromium), or name one: CHROMIUM=/path/to/chrome npm test';

/** What the search depends on; tests replace it. */
export interface System {
  named: string | undefined;
  exists(path: string): boolean;
  /** Installs it; null where that is not ours to do. */
  install: (() => Promise<void>) | null;
}

/** This machine. */
const THIS_SYSTEM: System = {
  named: process.env.CHROMIUM,
  exists: existsSync,
  install: existsSync('/usr/bin/apt-get') && process.getuid?.() === 0 ? installByApt : null,
};

/**
 * Path of a browser that is there, after installing it if need be.
 *
 * @throws Error that says what to do
 */
export async function findChromium({ named, exists, install } = THIS_SYSTEM): Promise<string> {
  if (named !== undefined) {
    if (exists(named)) return named;
    throw new Error(`CHROMIUM names ${named}, which does not exist. ${REMEDY}`);
  }
  const found = PLACES.find(exists);
  if (found !== undefined) return found;
  if (install === null) throw new Error(REMEDY);
  try {
    await install();
  } catch (cause) {
    throw new Error(REMEDY, { cause });
  }
  const fresh = PLACES.find(exists);
  if (fresh === undefined) throw new Error(REMEDY);
  return fresh;
}

async function installByApt(): Promise<void> {
  process.stderr.write('Installing chromium for the tests of the page…\n');
  const run = promisify(execFile);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-q'], { env });
  await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'chromium'], { env });
}
