/**
 * One `codex app-server` as a process that cannot outlive us: in a group of its own, with the kernel's
 * promise to kill it when we end (Linux) and its own habit of leaving when stdin ends (everywhere).
 * What it says on stderr goes to our log, without secrets, at debug, a little at a time.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { promisify, stripVTControlCharacters } from 'node:util';
import { OrbitError } from '../../../errors.ts';
import { signalGroup } from '../../../host/shell-command.ts';
import type { Logger } from '../../../log.ts';
import { withoutSecrets } from '../../../secrets.ts';
import { createLineSplitter } from '../../shared/lines.ts';
import { type CodexBinary, pathWithTools } from './binary.ts';

/** What to run and where. */
export interface ChildSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A process that runs, or has run. */
export interface Child {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  /**
   * Settles when it is gone with all it had started, and its last words were read: one sentence that says
   * how it ended.
   */
  readonly exited: Promise<string>;
  /** Asks it to leave, makes it after `TERM_MS`, and takes its group along. */
  end(): Promise<void>;
  /** Kills it and its group now. @param why what `exited` says of it, such as that it hung */
  kill(why?: string): void;
}

/** How long a process may take to leave by itself. */
const TERM_MS = 5000;
/** Pipes that a grandchild keeps open after the end are not waited for. */
const LAST_WORDS_MS = 1000;
const STDERR_LINE_BYTES = 8 * 1024;
const STDERR_LINES_PER_WINDOW = 100;
const STDERR_WINDOW_MS = 10_000;
const WORDS_CHARS = 300;
/** What was said longer before the end says nothing of its cause. */
const LAST_WORDS_AGE_MS = 2000;
/** A message and the line behind it: a panic says where, then what. */
const LAST_LINES = 2;
/** Lines that never say why a process ended: warnings, and advice about backtraces. */
const BESIDE_THE_POINT = /\b(?:WARN|INFO|DEBUG|TRACE)\b|^warning:|^note:/i;
/** Signals by which others end a process: what it said before is not why. */
const FROM_OUTSIDE = new Set<NodeJS.Signals>(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']);

/**
 * Starts a process. Call from the main thread: the death signal follows the thread that forks.
 *
 * @throws OrbitError `codex_error` when the system refuses to run it
 */
export async function startChild(spec: ChildSpec, log: Logger): Promise<Child> {
  const [command, ...args] = [...(await deathSignal()), spec.command, ...spec.args] as [
    string,
    ...string[],
  ];
  const run = randomUUID();
  const child = spawn(command, args, {
    cwd: spec.cwd,
    env: { ...spec.env, [MARK]: run },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  await spawned(child, spec, log);
  const { pid, stdin, stdout, stderr } = child as Required<ChildProcess> & {
    pid: number;
    stdin: Writable;
    stdout: Readable;
    stderr: Readable;
  };
  const guard = startGuard(run, log);
  const words = listenTo(stderr, log);
  // A process that has just died breaks the pipe; its exit is what counts.
  stdin.on('error', (error) => log.debug('codex.stdin_closed', { error }));
  const killGroup = (signal: 'SIGTERM' | 'SIGKILL') => signalGroup(pid, signal);
  let killedBecause: string | null = null;
  const exited = exitOf(child, () => killGroup('SIGKILL')).then(async (end) => {
    await guard.end();
    const name = basename(spec.command);
    if (killedBecause !== null) return `${name} was ended by this server: ${killedBecause}`;
    return [`${name} ${end.how}`, end.isOwn ? words(end.at) : ''].filter(Boolean).join(': ');
  });
  return {
    pid,
    stdin,
    stdout,
    exited,
    async end() {
      stdin.end();
      killGroup('SIGTERM');
      const late = setTimeout(() => killGroup('SIGKILL'), TERM_MS);
      await exited;
      clearTimeout(late);
    },
    kill(why) {
      killedBecause ??= why ?? null;
      killGroup('SIGKILL');
    },
  };
}

/** Ours alone: a child has no use for our token, and its shells must not show it. */
const PRIVATE_ENV = /^ORBITDOCK_/;

/** The environment of everything below a binary: the given one, without what is only for us. */
export function environmentOf(
  env: Readonly<Record<string, string | undefined>>,
  binary: CodexBinary,
): Record<string, string> {
  const kept: Record<string, string> = { RUST_LOG: 'warn' };
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !PRIVATE_ENV.test(name)) kept[name] = value;
  }
  return { ...kept, PATH: pathWithTools(binary, env.PATH) };
}

let probed: Promise<readonly string[]> | null = null;

/** Where util-linux puts it; the PATH of the child may be anything. */
const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv', '/usr/local/bin/setpriv'];

/** The words in front of a command that tie its life to ours; none where the system cannot. */
export function deathSignal(): Promise<readonly string[]> {
  probed ??= (async () => {
    const setpriv = SETPRIV.find((path) => existsSync(path));
    if (process.platform !== 'linux' || setpriv === undefined) return [];
    const options = ['--pdeathsig', 'KILL', '--'];
    try {
      await promisify(execFile)(setpriv, [...options, 'true']);
      return [setpriv, ...options];
    } catch {
      // One that cannot (BusyBox): the process then ends because its stdin ends.
      return [];
    }
  })();
  return probed;
}

/** The system says ENOENT of a missing program and of a missing directory alike; the reason names which. */
function spawned(child: ChildProcess, { command, cwd }: ChildSpec, log: Logger): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause: NodeJS.ErrnoException) => {
      // The whole path is for the log: clients do not learn where the server is installed.
      log.error('codex.not_started', { command, cwd, error: cause });
      const name = basename(command);
      const reason = existsSync(cwd)
        ? `${name} cannot be run (${cause.code ?? 'unknown error'}); the log names its file`
        : `${name} cannot be run: its working directory ${cwd} does not exist`;
      reject(new OrbitError('codex_error', { reason }, { cause }));
    });
  });
}

/** How and when a process ended; `isOwn` unless a signal from outside ended it. */
interface End {
  readonly how: string;
  readonly isOwn: boolean;
  /** Of `performance.now()`. */
  readonly at: number;
}

/** How the process ended, reported once its pipes are read to the end. */
function exitOf(child: ChildProcess, killRest: () => void): Promise<End> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      killRest();
      const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
      const isOwn = signal === null || !FROM_OUTSIDE.has(signal);
      const end = { how, isOwn, at: performance.now() };
      const done = (): void => {
        clearTimeout(late);
        resolve(end);
      };
      const late = setTimeout(done, LAST_WORDS_MS);
      child.once('close', done);
    });
  });
}

/** Logs stderr within bounds. Returns how to ask for its last words before an end. */
function listenTo(stderr: Readable, log: Logger): (endedAt: number) => string {
  const splitter = createLineSplitter(STDERR_LINE_BYTES);
  let last: { words: string; at: number }[] = [];
  let windowFrom = performance.now();
  let lines = 0;
  stderr.on('data', (chunk: Buffer) => {
    for (const line of splitter.push(chunk)) {
      const text = 'text' in line ? line.text : line.head;
      const words = withoutSecrets(stripVTControlCharacters(text)).trim();
      if (words === '') continue;
      if (!BESIDE_THE_POINT.test(words))
        last = [...last, { words, at: performance.now() }].slice(-LAST_LINES);
      if (performance.now() - windowFrom > STDERR_WINDOW_MS) {
        if (lines > STDERR_LINES_PER_WINDOW) {
          log.debug('codex.stderr_skipped', { lines: lines - STDERR_LINES_PER_WINDOW });
        }
        windowFrom = performance.now();
        lines = 0;
      }
      lines += 1;
      if (lines <= STDERR_LINES_PER_WINDOW) log.debug('codex.stderr', { words });
    }
  });
  return (endedAt) =>
    last
      .filter(({ at }) => at > endedAt - LAST_WORDS_AGE_MS)
      .map(({ words }) => words)
      .join(' ')
      .slice(0, WORDS_CHARS);
}

/*
 * Nothing that the engine started outlives it, whatever kills whom. The kernel's death signal and the
 * end of stdin reach the app-server and nearly everything below it, but not a sandbox that is just being
 * set up: `bwrap` asks to be killed with its parent a moment after it began, and not at all when the parent is
 * gone by then. So a shell waits beside it for the end, ours or its, and then kills whatever carries the
 * run's mark in its environment. Linux only: elsewhere there is no such sandbox (and no /proc).
 */

/** Who waits for the end of one run. */
interface Guard {
  /** The run is over: settles when nothing of it is left, within 3 s. */
  end(): Promise<void>;
}

/** The variable that everything below the engine inherits. */
const MARK = 'DOCK_ENGINE_RUN';

/**
 * `cat` ends when the last writer of its pipe is gone, which no signal can prevent. A check that finds
 * nothing counts only the second time: a process may start while `/proc` is read. (What grep finds
 * counts, not how it ends: a file that is gone meanwhile is an error to it.)
 */
const SCRIPT = `
cat >/dev/null
round=0 quiet=0
while [ $quiet -lt 2 ] && [ $round -lt 20 ]; do
  quiet=$((quiet + 1)) round=$((round + 1))
  for file in $(grep -lsF "$1" /proc/[0-9]*/environ); do
    quiet=0 pid=\${file#/proc/}
    kill -9 "\${pid%/environ}"
  done
  sleep 0.05
done
`;

/** Starts a guard for what carries `run` as its mark. */
function startGuard(run: string, log: Logger): Guard {
  if (process.platform !== 'linux') return { end: async () => {} };
  // Its own environment must not hold the mark; its group is its own, so that ours may be killed.
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'guard', run], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
  });
  shell.on('error', (error) => log.warn('codex.guard_failed', { error }));
  shell.stdin.on('error', (error) => log.debug('codex.guard_closed', { error }));
  const gone = once(shell, 'close').catch(() => {
    // It could not be started, which was logged.
  });
  return {
    async end() {
      shell.stdin.end();
      await gone;
    },
  };
}
