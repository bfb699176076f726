/** Once before all tests of the page: there is a browser, and the page is built from what lies here. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findChromium } from './chromium.ts';

/** Called by vitest. */
export async function setup(): Promise<void> {
  await findChromium();
  await promisify(execFile)(process.execPath, ['build.mjs'], {
    cwd: new URL('../../..', import.meta.url),
  });
}
