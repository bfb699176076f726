/**
 * The server as a process that can be stopped, killed and frozen, and started again in the same data
 * directory on the same port. What it writes to its terminal is kept for the error of a failing test.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { DataPaths } from '../../src/config.ts';
import { temporaryDataPaths } from './server.ts';

/** How a process ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface SpawnedServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly paths: DataPaths;
  readonly pid: number;
  /** All it ever wrote to stdout and stderr, over all starts. */
  readonly output: string;
  /** Settles when the server serves: at once, or after its next start. */
  whenUp(): Promise<void>;
  /** Starts it; settles when it serves. @throws when it ends before that */
  start(): Promise<void>;
  /** Sends a signal. */
  signal(name: NodeJS.Signals): void;
  /** Sends a signal and waits until the process is gone. */
  kill(name: NodeJS.Signals): Promise<Exit>;
  /** Settles when the process is gone. */
  readonly exit: Promise<Exit>;
}

/** How to run it, where the defaults do not do. */
export interface SpawnOptions {
  /** Words before node's, such as a shell with limits; `exec` must hand the process over. */
  wrapper?: readonly string[];
  /** Words for node itself. */
  nodeFlags?: readonly string[];
  /** Options of `start`. */
  words?: readonly string[];
  paths?: DataPaths;
  /** Environment of the server and its agents, beside `HOME` and `PATH`. */
  env?: Readonly<Record<string, string>>;
}

/** Starts a built server. @param main see `build` */
export async function spawnServer(
  main: string,
  {
    wrapper = [],
    nodeFlags = [],
    words = [],
    paths = temporaryDataPaths(),
    env = {},
  }: SpawnOptions = {},
): Promise<SpawnedServer> {
  const command = [...wrapper, process.execPath, ...nodeFlags, main];
  const server = new Process({ command, more: words, paths, env, port: await freePort() });
  await server.start();
  return server;
}

class Process implements SpawnedServer {
  readonly url: string;
  readonly port: number;
  readonly paths: DataPaths;
  readonly #command: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;
  #exit: Promise<Exit> = Promise.resolve({ code: 0, signal: null });
  #output = '';
  #isUp = false;
  #waiting: (() => void)[] = [];

  constructor(deps: {
    command: readonly string[];
    more: readonly string[];
    paths: DataPaths;
    env: Readonly<Record<string, string>>;
    port: number;
  }) {
    const { command, paths, port } = deps;
    this.#env = { PATH: process.env.PATH ?? '', HOME: paths.dir, ...deps.env };
    this.port = port;
    this.paths = paths;
    this.url = `http://127.0.0.1:${port}`;
    const words = ['--data-dir', paths.dir, 'start', '--bind', `127.0.0.1:${port}`, ...deps.more];
    this.#command = [...command, ...words];
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get output(): string {
    return this.#output;
  }

  get exit(): Promise<Exit> {
    return this.#exit;
  }

  whenUp(): Promise<void> {
    if (this.#isUp) return Promise.resolve();
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  async start(): Promise<void> {
    const [program = '', ...words] = this.#command;
    const env = this.#env;
    const child = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#exit = once(child, 'exit').then(([code, signal]) => {
      this.#isUp = false;
      return { code, signal };
    });
    const from = this.#output.length;
    const greeted = new Promise<true>((resolve) => {
      const listen = (chunk: Buffer): void => {
        this.#output += chunk.toString();
        if (this.#output.includes('listening on http', from)) resolve(true);
      };
      child.stdout?.on('data', listen);
      child.stderr?.on('data', listen);
    });
    const first = await Promise.race([greeted, this.#exit]);
    if (first !== true) throw new Error(`ended with ${first.code}: ${this.#output.slice(from)}`);
    this.#isUp = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  kill(name: NodeJS.Signals): Promise<Exit> {
    this.#isUp = false;
    this.signal(name);
    return this.#exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A frozen process takes no other signal.
    this.signal('SIGCONT');
    await this.kill('SIGKILL');
    rmSync(this.paths.dir, { recursive: true, force: true });
  }
}

/**
 * A port nobody listens on, below those that outgoing connections use: a client that keeps trying while
 * the server is down could otherwise be given the server's own port and meet itself there.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}
