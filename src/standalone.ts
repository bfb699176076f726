/**
 * The program as one executable: what is inside it, and how the one part that only the system itself can load, the
 * SQLite addon, comes to lie in the data directory. A leaf: any layer may call it.
 */
import { existsSync, lstatSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { getAsset, getRawAsset, isSea } from 'node:sea';
import { runInThisContext } from 'node:vm';
import { EXIT, ExitError, systemCodeOf } from './exit.ts';
import { makeDirectory, replaceFile } from './files.ts';

/** Whether this process runs out of the one executable; nothing else in this file may be called elsewhere. */
export function isStandalone(): boolean {
  return isSea();
}

/** A file of the executable as text. */
export function insideText(name: string): string {
  return getAsset(name, 'utf8');
}

/** A file of the executable, not copied: its bytes must not be changed. */
export function insideBytes(name: string): Buffer {
  const bytes = getRawAsset(name);
  return typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes);
}

/** `require` for a program that has no file: what Node brings, and the packages that are inside. */
export function requireInside(): NodeJS.Require {
  const outside = createRequire(process.execPath);
  const loaded = new Map<string, unknown>();
  const inside = (name: string): unknown => {
    const file = `packages/${name}.js`;
    if (name !== 'better-sqlite3') return outside(name);
    if (!loaded.has(name)) loaded.set(name, run(insideText(file), file, outside));
    return loaded.get(name);
  };
  return Object.assign(inside, outside) as NodeJS.Require;
}

function run(text: string, filename: string, require: NodeJS.Require): unknown {
  const module = { exports: {} };
  const wrapped = `(function (module, exports, require, __filename) {${text}\n})`;
  runInThisContext(wrapped, { filename })(module, module.exports, require, process.execPath);
  return module.exports;
}

let home: string | null = null;

/** Says in which data directory the addon is kept; does nothing but in the one executable. */
export function keepAddonIn(dataDir: string): void {
  home = dataDir;
}

/** File of the addon, checked once by each thread. */
let written: string | null = null;

/**
 * Where the addon is to be loaded from; undefined where it is installed as a package.
 *
 * @throws ExitError 78 when it cannot be written to the data directory
 */
export function addonPath(): string | undefined {
  if (!isStandalone()) return undefined;
  if (home === null) throw new Error('No folder was given for the addon');
  written ??= keepAddon(home);
  return written;
}

function keepAddon(dataDir: string): string {
  const folder = join(dataDir, 'lib');
  const path = join(folder, `${insideText('addon.sha256')}.node`);
  try {
    const bytes = insideBytes('addon.node');
    makeDirectory(dataDir);
    refuseOtherOwner(dataDir);
    makeDirectory(folder);
    refuseOtherOwner(folder);
    if (!isWhole(path, bytes)) replaceFile(path, 0o600, (fd) => writeFileSync(fd, bytes));
    return path;
  } catch (error) {
    if (systemCodeOf(error) === null) throw error;
    throw new ExitError(
      EXIT.configuration,
      `Cannot write the SQLite addon to ${folder}: ${(error as Error).message}. The program needs a data ` +
        'directory that it may write to and load code from; choose one with --data-dir',
      { cause: error },
    );
  }
}

/** Code is loaded from nowhere where another user could put his own. */
function refuseOtherOwner(folder: string): void {
  const { uid, mode } = statSync(folder);
  const own = process.getuid?.();
  if (own !== undefined && uid !== own) {
    const who = `belongs to user ${uid}, not to us (${own})`;
    throw new ExitError(EXIT.configuration, `${folder} ${who}; run this as its owner`);
  }
  if ((mode & 0o022) !== 0) {
    const sentence = `Other users may write to ${folder}; run \`chmod go-w\` on it`;
    throw new ExitError(EXIT.configuration, sentence);
  }
}

function isWhole(path: string, bytes: Buffer): boolean {
  if (!existsSync(path) || !lstatSync(path).isFile()) return false;
  return readFileSync(path).equals(bytes);
}

/** The refusal that follows when the system does not load the addon from where it was put; else null. */
export function addonRefusal(error: unknown): ExitError | null {
  const { code, message = '' } = (error ?? {}) as { code?: unknown; message?: string };
  if (!isStandalone() || code !== 'ERR_DLOPEN_FAILED' || written === null) return null;
  const [reason = ''] = message.split('\n');
  const isForbidden = /failed to map segment|Operation not permitted/.test(reason);
  const why = isForbidden
    ? `no code may be run from ${dirname(written)}, as on a file system that is mounted noexec; ` +
      'choose a data directory elsewhere with --data-dir'
    : 'the C library here may be older than that of the machine where this executable was built';
  const sentence = `The SQLite addon cannot be loaded (${reason}): ${why}`;
  return new ExitError(EXIT.configuration, sentence, { cause: error });
}
