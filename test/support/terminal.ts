/**
 * An interactive program in a real terminal, typed at and read like a person would: `tmux` holds the pty, so
 * no native npm module is needed. Each terminal is a tmux server of its own on a private socket; closing it
 * ends that server and the program, and nothing else.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Between two looks at the screen, ms: a look costs a process of about 5 ms. */
const LOOK_EVERY_MS = 60;
/** A condition that has not come true by then never will, ms; generous for a busy machine. */
const GIVE_UP_AFTER_MS = 30_000;

/** What runs in the terminal; `env` is the program's whole environment. */
export interface TerminalOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly columns?: number;
  readonly rows?: number;
}

/** A program at work in a terminal. */
export interface Terminal extends AsyncDisposable {
  /** Types characters as they are. Wait for them on the screen before Enter: a burst counts as a paste. */
  type(text: string): Promise<void>;
  /** Presses one key by its tmux name: `Enter`, `Escape`, `Down`, `C-c`. */
  press(key: string): Promise<void>;
  /** The visible screen, a line per row without trailing blanks. */
  screen(): Promise<string>;
  /** Looks until the screen satisfies; the error of a wait in vain shows the screen. */
  waitFor(wanted: RegExp | ((screen: string) => boolean), withinMs?: number): Promise<string>;
  /** Waits until the program has ended by itself; its exit status. */
  waitForExit(withinMs?: number): Promise<number>;
  /** The process id of the program. */
  pid(): Promise<number>;
  /** Closes the terminal as a window is closed: the program gets SIGHUP and a moment to end. */
  close(): Promise<void>;
}

/** Some programs draw with it where a reader sees a blank. */
const NO_BREAK_SPACE = '\u00a0';

/** How long a program may take to end when its terminal goes away, ms; it may have hooks to run. */
const HANG_UP_WITHIN_MS = 5_000;
/** Not the caller's environment: inside a tmux, TMUX would name the caller's own server. */
const TMUX_ENV = { PATH: process.env.PATH, LANG: 'C.UTF-8', TERM: 'xterm-256color' };

const run = promisify(execFile);

/**
 * Starts a program in a terminal.
 *
 * @throws when tmux is missing, with the remedy; a test must not skip itself.
 */
export async function openTerminal(options: TerminalOptions): Promise<Terminal> {
  const folder = await mkdtemp(join(tmpdir(), 'odt-'));
  const prefix = ['-S', join(folder, 'socket'), '-f', '/dev/null'];
  const tmux = async (...words: string[]): Promise<string> => {
    const { stdout } = await run('tmux', [...prefix, ...words], { env: TMUX_ENV });
    return stdout;
  };
  const endServer = (): void => {
    spawnSync('tmux', [...prefix, 'kill-server'], { env: TMUX_ENV, stdio: 'ignore' });
  };
  try {
    await tmux(...startWords(options));
  } catch (cause) {
    await rm(folder, { recursive: true, force: true });
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const remedy = isMissing ? 'tmux is missing: apt-get install tmux' : 'see the cause';
    throw new Error(`No terminal could be opened (${remedy})`, { cause });
  }
  // A runner that gives up half-way must not leave a program behind.
  process.once('exit', endServer);

  const ask = (format: string): Promise<string> => tmux('display-message', '-p', format);
  const screen = async (): Promise<string> =>
    (await tmux('capture-pane', '-p')).replaceAll(NO_BREAK_SPACE, ' ');
  const until = async <T>(look: () => Promise<T | null>, what: string, ms: number): Promise<T> => {
    const giveUpAt = Date.now() + ms;
    for (;;) {
      const seen = await look();
      if (seen !== null) return seen;
      if (Date.now() > giveUpAt) throw new Error(`No ${what} on:\n${await screen()}`);
      await pause(LOOK_EVERY_MS);
    }
  };
  const ended = async (): Promise<number | null> => {
    const [isDead, status] = (await ask('#{pane_dead} #{pane_dead_status}')).split(' ');
    return isDead === '1' ? Number(status) : null;
  };
  const end = async (): Promise<void> => {
    if ((await ended()) !== null) return;
    const program = Number(await ask('#{pane_pid}'));
    process.kill(program, 'SIGHUP');
    // Waited for: a program that is still saving would write into a home that is being removed.
    await until(ended, 'end after SIGHUP', HANG_UP_WITHIN_MS).catch(() =>
      process.kill(program, 'SIGKILL'),
    );
  };
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= end().finally(() => {
      endServer();
      process.off('exit', endServer);
      return rm(folder, { recursive: true, force: true });
    });
    return closing;
  };

  return {
    screen,
    pid: async () => Number(await ask('#{pane_pid}')),
    close,
    [Symbol.asyncDispose]: close,
    type: async (text) => void (await tmux('send-keys', '-l', '--', text)),
    press: async (key) => void (await tmux('send-keys', key)),
    waitFor(wanted, withinMs = GIVE_UP_AFTER_MS) {
      const fits = typeof wanted === 'function' ? wanted : (text: string) => wanted.test(text);
      const look = async (): Promise<string | null> => {
        const text = await screen();
        return fits(text) ? text : null;
      };
      return until(look, String(wanted), withinMs);
    },
    waitForExit: (withinMs = GIVE_UP_AFTER_MS) => until(ended, 'end of the program', withinMs),
  };
}

/**
 * One tmux command line: `remain-on-exit` must stand before the program starts, or a quick end takes the
 * screen and the exit status along.
 */
function startWords({ command, env, cwd, columns = 120, rows = 50 }: TerminalOptions): string[] {
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const size = ['-x', String(columns), '-y', String(rows)];
  return [
    ...['start-server', ';', 'set-option', '-g', 'remain-on-exit', 'on', ';'],
    ...['new-session', '-d', ...size, '-c', cwd, '--', 'env', '-i', ...assignments, ...command],
  ];
}
