/**
 * The program as users run it, built apart from `dist/`: whoever builds there meanwhile neither breaks a
 * running test nor is broken by one.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** What build.mjs reads, and what the built program needs beside it. */
const PARTS = ['src', 'machines', 'migrations', 'node_modules', 'package.json', 'code-cache.mjs'];

/** A build of its own; disposing of it removes it. */
export interface Build extends Disposable {
  /** The file to give to node. */
  readonly main: string;
}

/** Runs build.mjs in a folder of its own, in which everything else is a link into this one. */
export async function build(): Promise<Build> {
  const folder = mkdtempSync(join(tmpdir(), 'orbit-build-'));
  for (const part of PARTS) symlinkSync(join(ROOT, part), join(folder, part));
  const script = join(folder, 'build.mjs');
  for (const part of ['build.mjs', 'client-package.mjs'])
    cpSync(join(ROOT, part), join(folder, part));
  await promisify(execFile)(process.execPath, [script, '--server']);
  return {
    main: join(folder, 'dist', 'main.js'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
