/**
 * Our server as a user has it: the built program in a process of its own, with a data directory that nobody has
 * seen before, and its own `init` and `install-hooks` to put the hooks in place.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Listener } from './stage.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** A server that has not stopped by then is stuck, ms; it promises 10 s. */
const STOP_WITHIN_MS = 12_000;

/** A running server. */
export interface Dock extends Listener {
  /** Its http address, such as `http://127.0.0.1:41234`. */
  readonly url: string;
}

/** Starts a server on a free port of 127.0.0.1. */
export async function startDock(): Promise<Dock> {
  const folder = await mkdtemp(join(tmpdir(), 'odd-'));
  const data = join(folder, 'data');
  // Not the caller's environment: an ORBITDOCK_ variable of the machine would be obeyed.
  const env = { HOME: folder, PATH: `${dirname(process.execPath)}:/usr/bin:/bin` };
  const words = (...more: string[]): string[] => [PROGRAM, '--data-dir', data, ...more];
  const cli = async (...more: string[]): Promise<void> => {
    await promisify(execFile)(process.execPath, words(...more), { env });
  };
  const server = spawn(process.execPath, words('--bind', '127.0.0.1:0'), {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const address = new Promise<string>((resolve, reject) => {
    const read = (text: string): void => {
      said += text;
      const url = /listening on (http:\S+)/.exec(said)?.[1];
      if (url) resolve(url);
    };
    server.stdout.setEncoding('utf8').on('data', read);
    server.stderr.setEncoding('utf8').on('data', read);
    server.once('exit', (code) => reject(new Error(`The server ended (${code}):\n${said}`)));
  });
  const close = async (): Promise<void> => {
    if (server.exitCode === null && server.signalCode === null) {
      const ended = once(server, 'exit');
      server.kill('SIGTERM');
      const impatience = setTimeout(() => server.kill('SIGKILL'), STOP_WITHIN_MS);
      await ended;
      clearTimeout(impatience);
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    if (server.exitCode !== 0)
      throw new Error(`The server stopped with ${server.exitCode}:\n${said}`);
  };
  const url = await address.catch(async (error) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  return {
    url,
    async installIn({ home }) {
      await cli('init', '--server-url', url);
      await cli('install-hooks', '--settings-path', join(home, '.claude', 'settings.json'));
    },
    [Symbol.asyncDispose]: close,
  };
}
