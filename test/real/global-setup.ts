/**
 * Once for all real tests, before the clock of any test runs: the CLI is installed and the server is built from
 * the sources as they are now.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { installClaude } from '../support/real-claude.ts';

/** Called by vitest. */
export async function setup(): Promise<void> {
  await installClaude();
  await promisify(execFile)(process.execPath, ['build.mjs', '--server'], {
    cwd: new URL('../..', import.meta.url),
  });
}
