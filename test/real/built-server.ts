/**
 * Our server as a user has it: the built program in a process of its own, with a data directory that nobody has
 * seen before, and its own `init` and `install-hooks` to put the hooks in place.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Listener } from './scenario.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** A server that has not stopped by then is stuck, ms; it promises 10 s. */
const STOP_WITHIN_MS = 12_000;

/** A running server. */
export interface BuiltServer extends Listener {
  /** Its http address, such as `http://127.0.0.1:41234`. */
  readonly url: string;
  /** Its data directory: hooks run in there. */
  readonly data: string;
  /** Stops it in order; what it stored stays. */
  down(): Promise<void>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again, at the same address. */
  up(): Promise<void>;
}

/** Starts a server on a free port of 127.0.0.1. It receives the hooks, and of the CLI nothing else. */
export async function startBuiltServer(): Promise<BuiltServer> {
  return await openDock(async () => {});
}

/** The same, but it also watches the home in which the CLI lives. */
export async function startWatchingServer(): Promise<BuiltServer> {
  return await openDock(({ own, home }) => symlink(join(home, '.claude'), join(own, '.claude')));
}

/** One that watches these Claude homes, in which the CLI lives by its `CLAUDE_CONFIG_DIR`, and has hooks in each. */
export async function startServerOfHomes(homes: readonly string[]): Promise<BuiltServer> {
  return await openDock(async () => {}, homes);
}

/** @param homes  none: the CLI lives in the home of its user, as without `CLAUDE_CONFIG_DIR` */
async function openDock(
  settle: (homes: { own: string; home: string }) => Promise<void>,
  homes: readonly string[] = [],
) {
  const folder = await mkdtemp(join(tmpdir(), 'odd-'));
  const data = join(folder, 'data');
  // Not the caller's environment: an ORBITDOCK_ variable of the machine would be obeyed.
  const env = { HOME: folder, PATH: `${dirname(process.execPath)}:/usr/bin:/bin` };
  const words = (...more: string[]): string[] => [PROGRAM, '--data-dir', data, ...more];
  const cli = async (...more: string[]): Promise<void> => {
    await promisify(execFile)(process.execPath, words(...more), { env });
  };
  const named = homes.flatMap((home) => ['--claude-home', home]);
  const start = (bind: string) => startServer(words('--bind', bind, ...named), env);
  let server = await start('127.0.0.1:0').catch(async (error) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  const { url } = server;
  return {
    url,
    data,
    down: () => server.stop(),
    kill: () => server.kill(),
    async up() {
      server = await start(url.slice('http://'.length));
    },
    async installIn({ home }: { home: string }) {
      await settle({ own: folder, home });
      await cli('init', '--server-url', url);
      for (const claude of homes.length > 0 ? homes : [join(home, '.claude')])
        await cli('install-hooks', '--settings-path', join(claude, 'settings.json'));
    },
    async [Symbol.asyncDispose]() {
      try {
        await server.stop();
      } finally {
        await rm(folder, { recursive: true, force: true, maxRetries: 3 });
      }
    },
  };
}

/** One life of the server. */
interface Life {
  url: string;
  /** @throws when it does not end well */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

async function startServer(words: string[], env: Record<string, string>): Promise<Life> {
  const server: ChildProcess = spawn(process.execPath, words, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let wasKilled = false;
  const url = await new Promise<string>((resolve, reject) => {
    const read = (text: string): void => {
      said += text;
      const found = /listening on (http:\S+)/.exec(said)?.[1];
      if (found) resolve(found);
    };
    server.stdout?.setEncoding('utf8').on('data', read);
    server.stderr?.setEncoding('utf8').on('data', read);
    server.once('exit', (code) => reject(new Error(`The server ended (${code}):\n${said}`)));
  });
  return {
    url,
    async kill() {
      const ended = once(server, 'exit');
      server.kill('SIGKILL');
      await ended;
      wasKilled = true;
    },
    async stop() {
      if (wasKilled) return;
      if (server.exitCode === null && server.signalCode === null) {
        const ended = once(server, 'exit');
        server.kill('SIGTERM');
        const impatience = setTimeout(() => server.kill('SIGKILL'), STOP_WITHIN_MS);
        await ended;
        clearTimeout(impatience);
      }
      if (server.exitCode !== 0) {
        throw new Error(`The server stopped with ${server.exitCode}:\n${said}`);
      }
    },
  };
}
