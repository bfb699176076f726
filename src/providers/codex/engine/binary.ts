/**
 * Which `codex` is run: the one that the pinned `@openai/codex-sdk` brings (the native one, not the script that wraps
 * it), so that it is the version whose types we hold; where that optional package was not installed, the user's own
 * on PATH. The walk SDK -> `@openai/codex` -> platform package is the SDK's own.
 */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { OrbitError } from '../../../errors.ts';

/** What to run, and what it wants to find on its PATH. */
export interface CodexBinary {
  /** Absolute path of the native executable. */
  readonly path: string;
  /** Folder of the tools it ships (`rg`); null when it is not the SDK's. */
  readonly toolsDir: string | null;
}

/** Where the binary is looked for. */
export interface BinarySource {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly arch: string;
  /** The module whose `node_modules` are searched. */
  readonly from: string;
}

/** Rust's name of each platform the SDK ships a binary for; its package is named by Node's names. */
const TRIPLES: Readonly<Record<string, string>> = {
  'linux-x64': 'x86_64-unknown-linux-musl',
  'linux-arm64': 'aarch64-unknown-linux-musl',
  'darwin-x64': 'x86_64-apple-darwin',
  'darwin-arm64': 'aarch64-apple-darwin',
  'win32-x64': 'x86_64-pc-windows-msvc',
  'win32-arm64': 'aarch64-pc-windows-msvc',
};

/**
 * Finds the binary: what `CODEX_BIN` says, else the SDK's, else the first on PATH.
 *
 * @throws OrbitError `codex_error` naming what is missing and how to get it
 */
export function findCodexBinary(source: Partial<BinarySource> = {}): CodexBinary {
  const { env, platform, arch, from }: BinarySource = {
    env: process.env,
    platform: process.platform,
    arch: process.arch,
    from: import.meta.url,
    ...source,
  };
  if (env.CODEX_BIN) return overridden(env.CODEX_BIN);
  const name = `${platform === 'android' ? 'linux' : platform}-${arch}`;
  const triple = TRIPLES[name];
  const folder = triple === undefined ? null : platformPackage(name, from);
  if (triple === undefined || folder === null) {
    const own = onPath(env.PATH);
    if (own !== null) return { path: own, toolsDir: null };
    throw missing(
      '`codex` is not on PATH, and @openai/codex-sdk is not installed for this machine; run ' +
        '`npm install -g @openai/codex`, or set CODEX_BIN',
    );
  }
  const vendor = join(folder, 'vendor', triple);
  const path = join(vendor, 'bin', platform === 'win32' ? 'codex.exe' : 'codex');
  if (!existsSync(path)) throw missing(`${path} does not exist; run \`npm ci\` again`);
  return { path, toolsDir: join(vendor, 'codex-path') };
}

/** What a shell takes for PATH when there is none: commands must find `sh` and `ls` all the same. */
const USUAL_PATH = ['/usr/local/bin', '/usr/bin', '/bin'].join(delimiter);

/** PATH with the binary's own tools in front, as the SDK has it. */
export function pathWithTools({ toolsDir }: CodexBinary, path: string | undefined): string {
  return [toolsDir, path || USUAL_PATH].filter(Boolean).join(delimiter);
}

/** CODEX_HOME of an environment: what the engine will use when it is started with it. */
export function codexHomeOf(env: Readonly<Record<string, string | undefined>>): string {
  return env.CODEX_HOME || join(env.HOME ?? homedir(), '.codex');
}

function overridden(path: string): CodexBinary {
  if (!isAbsolute(path)) throw missing(`CODEX_BIN is ${path}; give an absolute path`);
  if (!existsSync(path)) throw missing(`CODEX_BIN names ${path}, which does not exist`);
  return { path, toolsDir: null };
}

/** Folder of the platform's package, an optional dependency two steps away from us; null when it is not there. */
function platformPackage(name: string, from: string): string | null {
  const sdk = packageFolder('@openai/codex-sdk', from);
  const codex = sdk && packageFolder('@openai/codex', join(sdk, 'index.js'));
  return codex && packageFolder(`@openai/codex-${name}`, join(codex, 'index.js'));
}

/** The first `codex` on PATH that may be run; a relative folder of PATH would be another one in each project. */
function onPath(path: string | undefined): string | null {
  const folders = (path || USUAL_PATH).split(delimiter).filter(isAbsolute);
  return folders.map((folder) => join(folder, 'codex')).find(mayRun) ?? null;
}

function mayRun(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // A file of that name that is no program: the next folder is looked into, as a shell does.
    return false;
  }
}

/** Like Node's own walk up the folders, for packages that export no path a `require` could resolve. */
function packageFolder(name: string, from: string): string | null {
  for (const folder of createRequire(from).resolve.paths(name) ?? []) {
    if (existsSync(join(folder, name, 'package.json'))) return join(folder, name);
  }
  return null;
}

function missing(why: string): OrbitError {
  return new OrbitError('codex_error', { reason: `the codex binary is missing: ${why}` });
}
