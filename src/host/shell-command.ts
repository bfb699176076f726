/**
 * One command of a client: `sh -c` in a process group of its own, which ends whole, by itself, by a clock,
 * on request, or because we are gone. What a command leaves behind in its group ends with it; who wants a
 * daemon says `setsid`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { ShellOutcome, ShellOutput } from '../protocol/server.ts';
import { createOutput, type Output } from './shell-output.ts';

/** What to run. */
export interface CommandSpec {
  readonly command: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
}

/** Which of a command's outputs. */
type Stream = 'stdout' | 'stderr';

/** A command that runs, or has run. */
export interface Command {
  readonly output: Readonly<Record<Stream, Output>>;
  /** Settles when its whole group is gone; never rejects. */
  readonly done: Promise<ShellOutput>;
  /** Ends it: TERM now, KILL a moment later. Again is once. */
  end(why: 'cancelled' | 'interrupted'): void;
  /** Reads on after it wrote too much at once; to be called again and again. */
  resumeReading(): void;
}

/** From TERM to KILL. */
const TERM_MS = 2_000;
/** A pipe that a process outside the group keeps open is not waited for. */
const PIPE_WAIT_MS = 1_000;
/** Bytes read before the pipe is paused: a command that floods does not get a whole core of ours. */
const PAUSE_AFTER_BYTES = 2 * 1024 * 1024;

/**
 * The command itself is our child, so that its end by a signal is known as such and no wrapping shell adds
 * words of its own. It waits for a line on descriptor 3, which comes when the guard knows its group; the end
 * of descriptor 3 before that means that we are gone, and nothing is run.
 */
const COMMAND = 'read -r _ <&3 || exit 1; exec 3<&-; exec sh -c "$1"';
/**
 * The guard reads the group's number and then waits for the end of its stdin, which only we hold open: when
 * we are gone, by whatever cause, it kills the group.
 */
const GUARD = `trap '' TERM HUP INT; read -r group || exit 0; read -r _; kill -s KILL -- "-$group"`;

/** Starts a command; one that cannot even be started is `failed` in `done`. */
export function startCommand(spec: CommandSpec): Command {
  const startedAt = performance.now();
  const output = { stdout: createOutput(), stderr: createOutput() };
  let outcome: ShellOutcome = 'finished';
  const child = spawn('/bin/sh', ['-c', COMMAND, 'sh', spec.command], {
    cwd: spec.cwd,
    env: { ...spec.env, PWD: spec.cwd },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const guard = guardOf(child);
  const readers = [readInto(child.stdout, output.stdout), readInto(child.stderr, output.stderr)];
  let killTimer: NodeJS.Timeout | undefined;

  function end(why: ShellOutcome): void {
    if (outcome !== 'finished' || child.pid === undefined || isOver(child)) return;
    outcome = why;
    const { pid } = child;
    signalGroup(pid, 'SIGTERM');
    killTimer = setTimeout(() => signalGroup(pid, 'SIGKILL'), TERM_MS);
  }

  const clock = setTimeout(() => end('timed_out'), spec.timeoutMs);
  const done = overOf(child, guard).then((how): ShellOutput => {
    clearTimeout(clock);
    clearTimeout(killTimer);
    for (const each of Object.values(output)) each.end();
    if ('error' in how) outcome = 'failed';
    const code = 'error' in how ? null : how.code;
    const words = lastWords(outcome, spec, 'error' in how ? how.error : null);
    const isCut = output.stdout.isCut || output.stderr.isCut;
    return {
      stdout: output.stdout.text(),
      stderr: [output.stderr.text(), words].filter(Boolean).join('\n'),
      exit_code: outcome === 'finished' ? code : null,
      duration_ms: Math.round(performance.now() - startedAt),
      outcome,
      ...(isCut && { truncated: true }),
    };
  });
  const breathe = () => {
    for (const reader of readers) reader.breathe();
  };
  return { output, done, end, resumeReading: breathe };
}

function isOver({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** @param stream is missing when there was no descriptor left for it: then `error` follows */
function readInto(stream: Readable | null | undefined, output: Output): { breathe(): void } {
  let bytes = 0;
  if (!stream) return { breathe: () => {} };
  stream.on('data', (chunk: Buffer) => {
    output.push(chunk);
    bytes += chunk.length;
    if (bytes > PAUSE_AFTER_BYTES) stream.pause();
  });
  stream.on('error', () => {
    // A pipe that breaks says no more than its end.
  });
  return {
    breathe() {
      bytes = 0;
      if (stream.isPaused()) stream.resume();
    },
  };
}

interface Guard {
  readonly process: ChildProcess;
  /** Why it could not be started; the command has then not run either. */
  error: Error | null;
}

/** Starts the guard of a command and lets the command begin; none for one that could not be started. */
function guardOf(child: ChildProcess): Guard | null {
  const start = child.stdio[3] as Socket | undefined;
  start?.on('error', () => {
    // The other end is gone; the exit of the process is what counts.
  });
  if (child.pid === undefined) {
    start?.destroy();
    return null;
  }
  const stdio = ['pipe', 'ignore', 'ignore'] as const;
  const process = spawn('/bin/sh', ['-c', GUARD], { stdio: [...stdio], env: {}, detached: true });
  const guard: Guard = { process, error: null };
  const fail = (error: Error): void => {
    guard.error = error;
    start?.destroy();
  };
  process.on('error', fail);
  process.stdin.on('error', fail);
  process.stdin.write(`${child.pid}\n`, (error) => {
    if (!error) start?.end('\n');
  });
  return guard;
}

/** How it ended: -1 for a signal. Reported when its group is gone and its pipes are read to the end. */
function overOf(
  child: ChildProcess,
  guard: Guard | null,
): Promise<{ code: number } | { error: Error }> {
  return new Promise((resolve) => {
    child.on('error', (error) => {
      if (child.pid === undefined) resolve({ error });
    });
    child.once('exit', (code) => {
      // The guard goes first: once the group is gone its number may belong to others.
      guard?.process.kill('SIGKILL');
      signalGroup(child.pid as number, 'SIGKILL');
      const settle = (): void => {
        clearTimeout(late);
        resolve(guard?.error ? { error: guard.error } : { code: code ?? -1 });
      };
      const late = setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
        settle();
      }, PIPE_WAIT_MS);
      child.once('close', settle);
    });
  });
}

/** What is below the command's own words when it did not end by itself. */
function lastWords(
  outcome: ShellOutcome,
  { timeoutMs }: CommandSpec,
  error: Error | null,
): string | null {
  switch (outcome) {
    case 'finished':
      return null;
    case 'timed_out':
      return `Command timed out after ${timeoutMs / 1000}s`;
    case 'failed':
      return failedWords(error?.message ?? 'unknown reason');
    case 'cancelled':
      return 'Command cancelled';
    case 'interrupted':
      return INTERRUPTED_WORDS;
  }
}

function failedWords(reason: string): string {
  return `Failed to execute command: ${reason}`;
}

/** The outcome of a command that could not be run, with the reason in its stderr. */
export function failedOutput(reason: string): ShellOutput {
  const stderr = failedWords(reason);
  return { stdout: '', stderr, exit_code: null, duration_ms: 0, outcome: 'failed' };
}

/** What is said about a command that the end of the server ended. */
export const INTERRUPTED_WORDS = 'Command interrupted: the server stopped while it ran';

/* What a client's command inherits of our environment. */

/** Ours: address, token, data directory, and whatever else begins like them. */
const OUR_NAME = /^ORBITDOCK_/;

/**
 * The environment of a command: ours without what configures this server, and without its token under
 * whatever name.
 */
export function commandEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  token: string | null,
): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined &&
      !OUR_NAME.test(entry[0]) &&
      (token === null || !entry[1].includes(token)),
  );
  return Object.fromEntries(kept);
}

/* Signals to a process and everything it has started in its group. */

/** Sends a signal to the group that `pid` leads. A group without a process is what was wanted. */
export function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
