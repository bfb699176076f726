/**
 * The app-server that Codex terminals of one home share, and terminals on it. The daemon is begun directly, as a
 * terminal would begin it, but without the copy of the binary (411 MB) that a terminal makes first.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { findCodexBinary } from '../../src/providers/codex/engine/binary.ts';
import type { CodexHome, CodexHomeOptions } from './codex-home.ts';
import { type CodexSetup, openCodexSetup, type SteeredSession, steered } from './codex-setup.ts';
import { openTerminal, type Terminal } from './terminal.ts';

/** A daemon at work; disposing of it ends it and takes its socket away. */
export interface TestDaemon extends AsyncDisposable {
  readonly pid: number;
  /** Ends it as the user's own `stop` does. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL: its socket stays behind. */
  kill(): Promise<void>;
}

/**
 * Starts a daemon in a home and waits for its socket. In a new home start it before anything else that runs a Codex
 * there: of two processes that make the databases of a home at once one fails, and this is as likely the daemon.
 *
 * @throws Error with what it has said when it ends before
 */
export async function startDaemon(home: Pick<CodexHome, 'codexHome' | 'env' | 'project'>) {
  const link = join(home.codexHome, 'app-server-control', 'app-server-control.sock');
  rmSync(link, { force: true });
  const child = spawn(findCodexBinary().path, ['app-server', '--listen', 'unix://'], {
    env: { ...home.env },
    cwd: home.project,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    words = (words + chunk).slice(-2000);
  });
  const gone = once(child, 'close');
  while (!existsSync(link)) {
    if (!isAlive(child)) {
      await gone;
      const how = child.signalCode ?? `exit code ${child.exitCode}`;
      throw new Error(`The daemon ended before it listened (${how}): ${words}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const socket = readlinkSync(link);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (isAlive(child)) child.kill(signal);
    await gone;
  };
  const daemon: TestDaemon = {
    pid: child.pid as number,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    async [Symbol.asyncDispose]() {
      await end('SIGKILL');
      for (const path of [socket, `${socket}.lock`]) rmSync(path, { force: true });
    },
  };
  return daemon;
}

function isAlive({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

/** A Codex in a terminal. */
export interface CodexTerminal extends Terminal {
  /** Types a prompt, line by line, and sends it. */
  prompt(...lines: string[]): Promise<void>;
  /** Ends the program itself with SIGKILL. */
  kill(): Promise<void>;
}

/** What stands in the field for the next prompt, the last that has a `›`; a long line is broken there. */
function composerOf(screen: string): string {
  return bare(screen.slice(screen.lastIndexOf('\n›')));
}

function bare(text: string): string {
  return text.replace(/\s+/g, '');
}

/** Opens a terminal; `words` go to `codex`, such as `resume`. */
export async function openCodexTerminal(
  home: Pick<CodexHome, 'env' | 'project'>,
  words: readonly string[] = [],
): Promise<CodexTerminal> {
  const terminal = await openTerminal({
    command: [findCodexBinary().path, ...words],
    env: { ...home.env, TERM: 'xterm-256color' },
    cwd: home.project,
  });
  await terminal.waitFor(/Ask Codex|for shortcuts/);
  return {
    ...terminal,
    async prompt(...lines) {
      for (const [at, line] of lines.entries()) {
        if (at > 0) await terminal.press('C-j');
        await terminal.type(line);
        await terminal.waitFor((screen) => composerOf(screen).includes(bare(line)));
      }
      await terminal.press('Enter');
    },
    async kill() {
      process.kill(await terminal.pid(), 'SIGKILL');
      await terminal.waitForExit().catch(() => -1);
    },
  };
}

/** A dock whose home has a daemon from before the server started. */
export interface SharedDock extends CodexSetup {
  /** The newest: a test that ends it puts the next one here. */
  daemon: TestDaemon;
}

/** Starts one; disposing of it ends the daemon first. */
export async function openSharedDock(
  options: Omit<CodexHomeOptions, 'hasTerminals'> = {},
): Promise<SharedDock> {
  let first: TestDaemon | undefined;
  const dock = await openCodexSetup({ ...options, hasTerminals: true }, async (home) => {
    first = await startDaemon(home);
  });
  const shared: SharedDock = {
    ...dock,
    daemon: first as TestDaemon,
    async [Symbol.asyncDispose]() {
      await shared.daemon[Symbol.asyncDispose]();
      await dock[Symbol.asyncDispose]();
    },
  };
  return shared;
}

/** A terminal, and the session that it is, through a client of its own that has subscribed to it. */
export async function openJoined(dock: CodexSetup, words: readonly string[] = []) {
  const client = await dock.client();
  client.send({ type: 'subscribe_list' });
  await client.waitFor((frame) => frame.type === 'sessions_list');
  const terminal = await openCodexTerminal(dock.home, words);
  const created = await client.waitFor((frame) => frame.type === 'session_created');
  const session = steered(client, created.session.id);
  await session.snapshot();
  return { terminal, session, client };
}

/** The texts of a session's conversation, by who said them. */
export async function saidIn(session: SteeredSession): Promise<string[]> {
  const messages = await session.messages();
  return messages.map(({ message_type, content }) => `${message_type}: ${content}`);
}

/** Says words in a terminal one after the other, each when the one before is answered there and shown here. */
export async function talk(
  terminal: CodexTerminal,
  session: SteeredSession,
  all: readonly string[],
): Promise<void> {
  for (const words of all) {
    await terminal.prompt(words);
    await terminal.waitFor(new RegExp(`Done\\. last user: ${words}`));
    await expect
      .poll(async () => (await saidIn(session)).at(-1), { timeout: 20_000 })
      .toBe(`assistant: Done. last user: ${words}`);
  }
  await session.status('waiting');
}

/** What a conversation of plain words looks like. */
export function answered(...all: readonly string[]): string[] {
  return all.flatMap((words) => [`user: ${words}`, `assistant: Done. last user: ${words}`]);
}
