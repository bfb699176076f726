/**
 * `demo`: a server in a data directory that is thrown away, recorded sessions of the real CLI played to it over HTTP,
 * and sessions that a visitor steers and answers. It shows the page alive before anything is installed. The server is
 * a process of its own, because one of these sessions offers to kill it: then it is started again, as a service is.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Option } from 'clipanion';
import { type Config, resolveConfig } from '../config.ts';
import { EXIT, ExitError } from '../exit.ts';
import { isStandalone, keepAddonIn } from '../standalone.ts';
import { OrbitCommand } from './command.ts';
import { ownRecordings, play } from './demo-player.ts';
import { urlOfServer } from './hook-files.ts';
import { closeOnSignal, exitOnCrash } from './start.ts';

const DEFAULT_BIND = '127.0.0.1:4000';
const ANY_PORT = '127.0.0.1:0';
/** While the server is started again, what is played to it waits, ms. */
const RETRY_MS = 250;
const RETRIES = 80;

/** What the server's process says to the one that started it. */
type Word = { port: number } | { failed: string; code: ExitError['exitCode'] };

/** Shows the page alive; nothing of it stays. */
export class DemoCommand extends OrbitCommand {
  static override paths = [['demo']];
  static override usage = OrbitCommand.Usage({
    description: 'Show the page alive: sessions to watch, to answer and to steer; nothing stays',
    details: `
      Starts a server on 127.0.0.1:4000 (or a free port when that is taken) in a data directory that
      goes away with it. Recorded sessions of the real CLI play once, at human speed; four more wait
      for you in the browser, and one of them offers to kill the server. No model runs and no command.
      Your own data directory, hooks and settings are not touched. Ctrl-C ends it.
    `,
    examples: [
      ['Open the address it prints', '$0 demo'],
      ['Five times as fast', '$0 demo --speed 5'],
    ],
  });

  speed = Option.String('--speed', '1', { description: 'Times faster than a person, 0.1 to 1000' });
  bind = Option.String('--bind', { description: 'IP:port or localhost:port, loopback only' });
  /** Set in the server's own process. */
  directoryOfServer = Option.String('--server-in', { hidden: true });

  /** Those that a visitor answers, in the order of their stories. */
  readonly #sessions: string[] = [];

  protected async run(): Promise<number> {
    const speed = Number(this.speed);
    if (!(speed >= 0.1 && speed <= 1000)) {
      throw new ExitError(EXIT.usage, '--speed is a number from 0.1 to 1000');
    }
    process.umask(0o077);
    const { directoryOfServer: served } = this;
    if (served !== undefined) return await this.#serve(served, speed);
    const dataDir = mkdtempSync(join(tmpdir(), 'orbitdock-demo-'));
    try {
      return await this.#show(dataDir, speed);
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  }

  /** The process that a person started: keeps the server running, and plays to it. */
  async #show(dataDir: string, speed: number): Promise<number> {
    const end = new AbortController();
    const supervisor = keepRunning({
      words: (bind) => ['demo', '--server-in', dataDir, '--bind', bind, '--speed', String(speed)],
      bind: this.bind,
      onRestart: (port) => {
        this.printLine(
          '  The server was killed, and runs again with all that it had acknowledged.',
        );
        const url = urlOfServer({ host: configFor(dataDir, this.bind).bind.host, port });
        // The one that killed it goes on by itself; in the others a person connects again.
        const session_id = this.#sessions.at(-1);
        if (session_id === undefined) return;
        void post(`${url}/api/messages`, { type: 'resume_session', session_id }, end.signal).catch(
          (error: Error) => this.warn(`orbitdock-server: ${error.message}`),
        );
      },
    });
    const port = await supervisor.port;
    const url = urlOfServer({ host: configFor(dataDir, this.bind).bind.host, port });
    this.printLine(
      `Open ${url}/`,
      '  Four sessions wait for you, recorded ones are playing. Ctrl-C ends the demo; nothing stays.',
    );
    const playing = this.#play({ url, dataDir, speed, signal: end.signal }).catch(
      (error: Error) => {
        if (!end.signal.aborted)
          this.warn(`orbitdock-server: the play broke off: ${error.message}`);
      },
    );
    const close = async (): Promise<void> => {
      end.abort();
      await playing;
      await supervisor.stop();
    };
    const surroundings = {
      events: process,
      exit: (code: number) => process.exit(code),
      warn: (line: string) => this.warn(line),
    };
    return await closeOnSignal(Promise.resolve({ close }), surroundings);
  }

  async #play({ url, dataDir, speed, signal }: PlayDeps): Promise<void> {
    const deliver = (path: string, body: object | string) => post(url + path, body, signal);
    const { DEMO_STORIES } = await import('../providers/all.ts');
    for (const { name, project, prompt } of DEMO_STORIES) {
      const cwd = join(dataDir, 'projects', project);
      mkdirSync(cwd, { recursive: true });
      const created = (await deliver('/api/messages', {
        ...{ type: 'create_session', provider: 'codex', cwd },
      })) as { session: { id: string } };
      const session_id = created.session.id;
      this.#sessions.push(session_id);
      await deliver('/api/messages', { type: 'rename_session', session_id, name });
      await deliver('/api/messages', { type: 'send_message', session_id, content: prompt });
    }
    await play({
      recordings: ownRecordings(),
      speed,
      pause: (ms) => wait(ms, undefined, { signal }),
      post: async (body) => void (await deliver('/api/hook', body)),
    });
  }

  /** The server's own process. */
  async #serve(dataDir: string, speed: number): Promise<number> {
    keepAddonIn(dataDir);
    const surroundings = {
      events: process,
      exit: (code: number) => process.exit(code),
      warn: (line: string) => this.warn(line),
    };
    const config = configFor(dataDir, this.bind);
    exitOnCrash(config, surroundings);
    // Its parent is gone: nothing else would stop it.
    process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
    const { startServer } = await import('../server.ts');
    const { openDemoProviders } = await import('../providers/all.ts');
    try {
      const server = await startServer(config, { openProviders: () => openDemoProviders(speed) });
      process.send?.({ port: server.port } satisfies Word);
      return await closeOnSignal(Promise.resolve(server), surroundings);
    } catch (error) {
      if (!(error instanceof ExitError)) throw error;
      process.send?.({ failed: error.message, code: error.exitCode } satisfies Word);
      return error.exitCode;
    }
  }
}

interface PlayDeps {
  url: string;
  dataDir: string;
  speed: number;
  signal: AbortSignal;
}

/** Not of the environment: a token or a directory of the user's has no place in a demo. */
function configFor(dataDir: string, bind: string = DEFAULT_BIND): Config {
  const config = resolveConfig({ flags: { dataDir, bind }, env: {}, home: dataDir });
  if (config.bind.isLoopback) return config;
  throw new ExitError(EXIT.usage, 'A demo binds loopback only, such as 127.0.0.1:4000');
}

interface ServerSupervisor {
  /** Settles when it serves. @throws ExitError why it cannot */
  port: Promise<number>;
  stop(): Promise<void>;
}

interface ServerSupervisorDeps {
  /** The words of the server's process, with where it shall listen. */
  words: (bind: string) => string[];
  /** Where a person wants it; the usual port, or any when that is taken, unless said. */
  bind: string | undefined;
  /** It was started again. */
  onRestart: (port: number) => void;
}

/** Runs the server's process, and starts it again at the same port whenever a signal has ended it. */
function keepRunning({ words, bind, onRestart }: ServerSupervisorDeps): ServerSupervisor {
  let child: ChildProcess | null = null;
  let isOver = false;
  let hasServed = false;
  const port = new Promise<number>((resolve, reject) => {
    const start = (at: string, isFirst: boolean): void => {
      const started = spawnSelf(words(at));
      child = started;
      started.once('message', (word: Word) => {
        if ('port' in word) {
          started.once('exit', () => {
            if (!isOver) start(at.replace(/:\d+$/, `:${word.port}`), false);
          });
          if (hasServed) onRestart(word.port);
          hasServed = true;
          resolve(word.port);
        } else if (word.code === EXIT.busy && isFirst && bind === undefined) start(ANY_PORT, false);
        else reject(new ExitError(word.code, word.failed));
      });
      started.once('error', reject);
    };
    start(bind ?? DEFAULT_BIND, true);
  });
  return {
    port,
    stop: async () => {
      isOver = true;
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child?.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** This program once more, as it was started. */
function spawnSelf(words: readonly string[]): ChildProcess {
  const program = isStandalone() ? [] : [...process.execArgv, process.argv[1] ?? ''];
  const child = spawn(process.execPath, [...program, ...words], {
    // Not `ignore`, which needs /dev/null: the one executable also runs where there is none.
    stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
    // Ctrl-C reaches the whole group: the parent stops it in order.
    detached: true,
  });
  child.stdin?.end();
  child.stdout?.resume();
  return child;
}

/** @returns what the server answered; null for an empty answer */
async function post(url: string, given: object | string, signal: AbortSignal): Promise<unknown> {
  const body = typeof given === 'string' ? given : JSON.stringify(given);
  const headers = { 'Content-Type': 'application/json' };
  for (let tries = 0; ; tries += 1) {
    try {
      const answer = await fetch(url, { method: 'POST', body, headers, signal });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`the server answered ${answer.status}: ${text}`);
      return text === '' ? null : JSON.parse(text);
    } catch (cause) {
      // `fetch failed` is a TypeError: nothing listens on the port, because the server is being started again.
      if (!(cause instanceof TypeError) || tries >= RETRIES) throw cause;
      await wait(RETRY_MS, undefined, { signal });
    }
  }
}
