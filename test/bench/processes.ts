/**
 * The processes of a run: the built server, the floor beside it, and the one that loads both. Each is
 * started here, ended here, and never outlives its group.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { get } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { Answers, Command, Reply } from './load/commands.ts';

/** What does not serve by then never will, ms. */
const START_WITHIN_MS = 20_000;

/** Between two looks whether somebody serves, ms. */
const LOOK_EVERY_MS = 2;

/** The built program. */
export const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** Something that listens on a port of this machine. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  readonly child: ChildProcess;
}

/**
 * Starts the built server on a data directory and resolves when `/health` answers 200.
 *
 * @param flags  Node's own, in front of the program; `args` are the server's
 */
export async function startServer(
  directory: string,
  {
    flags = [],
    args = [],
    withChannel = false,
  }: { flags?: readonly string[]; args?: readonly string[]; withChannel?: boolean } = {},
): Promise<Running> {
  mkdirSync(directory, { recursive: true });
  const words = [
    ...flags,
    PROGRAM,
    '--data-dir',
    directory,
    'start',
    '--bind',
    '127.0.0.1:0',
    ...args,
  ];
  const child = spawn(process.execPath, words, {
    stdio: ['ignore', 'pipe', 'inherit', ...(withChannel ? (['ipc'] as const) : [])],
    env: { PATH: process.env.PATH, HOME: directory, ORBITDOCK_SERVER_LOG_FILTER: 'info' },
  });
  const port = await portFrom(child);
  await serving(port);
  return running(child, port);
}

/** V8's flags of the server (src/launch.ts), so that a program beside it is collected in the same way. */
const V8_FLAGS = ['--no-parallel-scavenge'];

/** Starts a TypeScript file of this folder that prints its port. */
export async function startScript(name: string, args: readonly string[]): Promise<Running> {
  const file = fileURLToPath(new URL(name, import.meta.url));
  const child = spawn(process.execPath, [...V8_FLAGS, '--import', 'tsx', file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return running(child, await portFrom(child));
}

/** The process that plays producers and subscribers. */
export interface Load extends AsyncDisposable {
  /** Has it do something; one thing at a time. */
  ask<C extends Command>(command: C): Promise<Answers[C['kind']]>;
}

export function startLoad(): Load {
  const file = fileURLToPath(new URL('./load/main.ts', import.meta.url));
  const child = fork(file, { execArgv: ['--import', 'tsx'], serialization: 'advanced' });
  return {
    async ask(command) {
      child.send(command);
      const [reply] = (await once(child, 'message')) as [Reply];
      if ('error' in reply) throw new Error(`The load failed: ${reply.error}`);
      return reply.answer as never;
    },
    [Symbol.asyncDispose]: () => ended(child),
  };
}

/** Resolves when `/health` of that port answers 200. */
export async function serving(port: number): Promise<void> {
  const deadline = performance.now() + START_WITHIN_MS;
  while (!(await isHealthy(port))) {
    if (performance.now() > deadline) throw new Error(`Nobody serves on port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

function isHealthy(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: '/health', agent: false }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode === 200));
    }).once('error', () => resolve(false));
  });
}

function running(child: ChildProcess, port: number): Running {
  const { pid } = child;
  if (pid === undefined) throw new Error('The process did not start');
  return { pid, port, child, [Symbol.asyncDispose]: () => ended(child) };
}

/** The port in the first line that names one. */
async function portFrom(child: ChildProcess): Promise<number> {
  let said = '';
  for await (const chunk of child.stdout ?? []) {
    said += String(chunk);
    const port = /127\.0\.0\.1:(\d+)/.exec(said)?.[1];
    if (port === undefined) continue;
    child.stdout?.resume();
    return Number(port);
  }
  throw new Error(`It ended without serving: ${said}`);
}

/** Ends a process in order. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
