/**
 * The hook script and the two files it reads: `hook.conf` (where to send) and `hook-headers` (the
 * Authorization header, for curl). The script is the same text for everybody: values are read as data,
 * never written into shell code, so no URL or path can become a command.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { formatAddress, parseBind } from '../address.ts';
import { type ConfigSources, type DataPaths, DEFAULT_BIND } from '../config.ts';
import { EXIT, ExitError } from '../exit.ts';
import { writeFileAtomically } from '../files.ts';
import { createHookSecret, readHookSecret } from '../hook-secret.ts';
import { readTokenFile } from '../token.ts';

declare const __HOOK_SH__: string | undefined;

const DEFAULT_SERVER_URL = `http://${DEFAULT_BIND}`;

/** URL of a server on this machine; its group is the address to bind. */
export const LOCAL_URL = /^http:\/\/((?:127\.0\.0\.1|\[::1\]):\d+)$/;

/** Text of hook.sh: embedded by the build, read beside this file when run from the sources. */
export function hookScriptText(): string {
  if (typeof __HOOK_SH__ === 'string') return __HOOK_SH__;
  return readFileSync(new URL('./hook.sh', import.meta.url), 'utf8');
}

/**
 * Writes script, address and headers. Running it again changes nothing but what is out of date; a hook
 * that runs meanwhile sees the old files or the new ones.
 */
export function writeHookFiles(paths: DataPaths, serverUrl: string): void {
  writeFileAtomically(paths.hookConfig, `url=${serverUrl}\n`, { mode: 0o600 });
  writeHookHeaders(paths);
  writeHookSecret(paths);
  writeFileAtomically(paths.hookScript, hookScriptText(), { mode: 0o700 });
}

/**
 * Makes the secret that hooks prove themselves with where there is no unix socket; one that is there stays,
 * also one that was copied from the server's machine.
 */
export function writeHookSecret(paths: DataPaths): void {
  if (readHookSecret(paths.hookSecret) !== null) return;
  writeFileAtomically(paths.hookSecret, createHookSecret(), { mode: 0o600 });
}

/** Brings the header file in line with the token file: written where there is a token, else removed. */
export function writeHookHeaders(paths: DataPaths): void {
  const token = readTokenFile(paths.token);
  if (token === null) rmSync(paths.hookHeaders, { force: true });
  else writeFileAtomically(paths.hookHeaders, headerLine(token), { mode: 0o600 });
}

/** Whether the installed hooks can pass a server that asks everybody for this token. */
export function hooksCarry(paths: DataPaths, token: string): boolean {
  try {
    return readFileSync(paths.hookHeaders, 'utf8') === headerLine(token);
  } catch {
    return false;
  }
}

const headerLine = (token: string): string => `Authorization: Bearer ${token}\n`;

/** True once `init` has been here. */
export function hasHookScript(paths: DataPaths): boolean {
  return existsSync(paths.hookScript);
}

/**
 * Where hooks shall be sent: what was asked for, else where the environment lets the server listen,
 * else what an earlier `init` wrote, else the default.
 *
 * @throws ExitError 64 when the wish is not an http(s) URL
 */
export function chooseServerUrl(
  wish: string | undefined,
  paths: DataPaths,
  env: ConfigSources['env'],
): string {
  if (wish !== undefined) return parseServerUrl(wish);
  if (env.ORBITDOCK_BIND_ADDR) return urlOfServer(parseBind(env.ORBITDOCK_BIND_ADDR));
  return hookUrl(paths) ?? DEFAULT_SERVER_URL;
}

/** URL under which a server on this machine is reached; a wildcard listens on loopback as well. */
export function urlOfServer({ host, port }: { host: string; port: number }): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${formatAddress({ host: reachable, port })}`;
}

function parseServerUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && !/[?#\s]/.test(text);
  if (isPlain && url.username === '' && url.password === '') {
    return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  }
  throw new ExitError(
    EXIT.usage,
    `--server-url ${JSON.stringify(text)} is not a URL such as ${DEFAULT_SERVER_URL}`,
  );
}

/** Where the installed hooks are sent; null before `init`. */
export function hookUrl(paths: DataPaths): string | null {
  if (!existsSync(paths.hookConfig)) return null;
  return /^url=(.+)$/m.exec(readFileSync(paths.hookConfig, 'utf8'))?.[1] ?? null;
}
