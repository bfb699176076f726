/**
 * `stop`, `restart` and `logs`: what one does with a server that runs. Which process it is says
 * `server.json`; that it really is the server of this data directory is proved by the lock it holds.
 */
import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  statSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'clipanion';
import type { DataPaths } from '../config.ts';
import { EXIT, ExitError, systemCodeOf } from '../exit.ts';
import { readServerNote } from '../files.ts';
import { OrbitCommand, printable } from './command.ts';
import { isServiceActive, serviceManager } from './service-manager.ts';
import { StartCommand } from './start.ts';
import { isHeld } from './status.ts';

/** A server closes within 10 s; this leaves it time to be scheduled. */
const STOP_WITHIN_MS = 15_000;
const LOOK_EVERY_MS = 50;

/** Stops the server of the data directory. */
export class StopCommand extends OrbitCommand {
  static override paths = [['stop']];
  static override usage = OrbitCommand.Usage({
    description: 'Stop the running server',
    details: `
      Sends SIGTERM and waits until the server has committed what it took and let go of the data
      directory. Exits with 0 also when none was running.
    `,
    examples: [['Stop the server of ~/.orbitdock', '$0 stop']],
  });

  protected async run(): Promise<number> {
    const paths = this.directory();
    const manager = serviceManager(this.context.env, this.home(), this.directory().dir);
    if (manager !== null && isServiceActive(manager, paths.dir)) {
      // It would start again what ends by itself.
      manager.stop();
      this.printLine('  Service stopped');
      return EXIT.ok;
    }
    const pid = await stopServer(paths);
    this.printLine(pid === null ? '  Server is not running.' : `  Server stopped (pid ${pid})`);
    return EXIT.ok;
  }
}

/** Stops the server and starts it again: the service where it is one, else in this terminal. */
export class RestartCommand extends StartCommand {
  static override paths = [['restart']];
  static override usage = OrbitCommand.Usage({
    description: 'Stop the running server and start it again',
    details: `
      A server that runs as a service is restarted by its service manager, with the options of the
      service. Any other is stopped, and started in this terminal with the options given here: those
      of \`start\`.
    `,
    examples: [['Restart', '$0 restart']],
  });

  protected override async run(): Promise<number> {
    const manager = serviceManager(this.context.env, this.home(), this.directory().dir);
    if (manager !== null && isServiceActive(manager, this.directory().dir)) {
      manager.restart();
      this.printLine('  Service restarted');
      return EXIT.ok;
    }
    const pid = await stopServer(this.directory());
    if (pid !== null) this.printLine(`  Server stopped (pid ${pid})`);
    return await super.run();
  }
}

/**
 * Stops the server that runs on a data directory and waits until the directory is free.
 *
 * @returns its process id; null when none was running
 * @throws ExitError 1 when it is not known which process it is, when it is another user's, or when it has
 *   not stopped within 15 s
 */
async function stopServer(paths: DataPaths): Promise<number | null> {
  if (!(await isHeld(paths.lock))) return null;
  const pid = readServerNote(paths.server)?.pid;
  if (pid === undefined || !mayHold(pid, paths.lock)) {
    const reason = `${paths.dir} is in use, but ${paths.server} does not say by which process`;
    throw new ExitError(EXIT.failure, `${reason}; it may be starting: try again in a moment`);
  }
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if (systemCodeOf(error) === 'EPERM') {
      throw new ExitError(
        EXIT.failure,
        `Process ${pid} belongs to another user; stop it as that user`,
      );
    }
    if (systemCodeOf(error) !== 'ESRCH') throw error;
  }
  for (let waited = 0; await isHeld(paths.lock); waited += LOOK_EVERY_MS) {
    if (waited >= STOP_WITHIN_MS) {
      throw new ExitError(
        EXIT.failure,
        `Process ${pid} has not stopped within ${STOP_WITHIN_MS / 1000} s. \`kill -9 ${pid}\` ends it; what it has acknowledged is stored`,
      );
    }
    await sleep(LOOK_EVERY_MS);
  }
  return pid;
}

/** Whether a process has the lock file open, as Linux shows; elsewhere it is assumed to. */
function mayHold(pid: number, lock: string): boolean {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).some((fd) => linkOf(`${directory}/${fd}`) === lock);
  } catch (error) {
    // Not ours to look at (the signal will say so), or a system without /proc.
    return systemCodeOf(error) === 'EACCES' || process.platform !== 'linux';
  }
}

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch (error) {
    // A descriptor that has been closed since the listing.
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/*
 * `logs`: the newest lines of the server's log, and those to come. It reads the file that the server writes,
 * so it needs no journal of the system, and goes on over its rotation.
 */

const CHUNK_BYTES = 64 * 1024;
const READ_EVERY_MS = 200;

/** Prints the server's log. */
export class LogsCommand extends OrbitCommand {
  static override paths = [['logs']];
  static override usage = OrbitCommand.Usage({
    description: "Print the server's log",
    details: 'JSON lines, as the file has them; `--pretty` prints them for people.',
    examples: [
      ['The last 50 lines', '$0 logs'],
      ['Follow it, readable', '$0 logs -f --pretty'],
    ],
  });

  follow = Option.Boolean('-f,--follow', false, {
    description: 'Go on with what is written later',
  });
  pretty = Option.Boolean('--pretty', false, { description: 'For people instead of programs' });
  lines = Option.String('-n,--lines', '50', { description: 'How many of the newest lines' });

  protected async run(): Promise<number> {
    const count = /^\d{1,7}$/.test(this.lines) ? Number(this.lines) : null;
    if (count === null) throw new ExitError(EXIT.usage, '--lines takes a number');
    const { log } = this.directory();
    const { prettyLine } = await import('../log.ts');
    const show = (line: string) =>
      this.context.stdout.write(printable(this.pretty ? readable(prettyLine, line) : `${line}\n`));
    const reader = new LineReader(log);
    if (!reader.open()) {
      throw new ExitError(EXIT.failure, `There is no log at ${log} yet; no server has run there`);
    }
    try {
      for (const line of reader.newest(count)) show(line);
      while (this.follow && !this.context.stdout.destroyed) {
        await sleep(READ_EVERY_MS);
        for (const line of reader.added()) show(line);
      }
    } finally {
      reader.close();
    }
    return EXIT.ok;
  }
}

/** A line that is no JSON (a crash cut it, or it is pretty already) stays as it is. */
function readable(pretty: (line: string) => string, line: string): string {
  try {
    return pretty(line);
  } catch (error) {
    if (error instanceof SyntaxError) return `${line}\n`;
    throw error;
  }
}

/** Reads whole lines of a file that grows and is now and then replaced or emptied. */
class LineReader {
  readonly #path: string;
  #fd: number | null = null;
  #at = 0;
  /** Bytes of a line whose end has not been written yet. */
  #rest = Buffer.alloc(0);

  constructor(path: string) {
    this.#path = path;
  }

  /** @returns false when there is no such file */
  open(): boolean {
    try {
      this.#fd = openSync(this.#path, 'r');
      this.#at = 0;
      this.#rest = Buffer.alloc(0);
      return true;
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return false;
      throw error;
    }
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  /** The last lines, read from the end backwards; what follows is `added`. */
  newest(count: number): string[] {
    if (this.#fd === null) return [];
    const end = fstatSync(this.#fd).size;
    let text = Buffer.alloc(0);
    let from = end;
    // One line break more than lines are wanted, for the first may be cut.
    while (from > 0 && breaksIn(text) <= count) {
      const length = Math.min(CHUNK_BYTES, from);
      from -= length;
      const chunk = Buffer.alloc(length);
      readSync(this.#fd, chunk, 0, length, from);
      text = Buffer.concat([chunk, text]);
    }
    this.#at = end;
    const lines = this.#linesOf(text);
    return count === 0 ? [] : lines.slice(-count);
  }

  /** Lines that were written since the last call, also when the file was set aside meanwhile. */
  added(): string[] {
    const lines = this.#read();
    if (!this.#isReplaced()) return lines;
    this.close();
    return this.open() ? [...lines, ...this.#read()] : lines;
  }

  #read(): string[] {
    if (this.#fd === null) return [];
    const { size } = fstatSync(this.#fd);
    if (size < this.#at) this.#at = 0;
    const bytes = Buffer.alloc(size - this.#at);
    const length = readSync(this.#fd, bytes, 0, bytes.length, this.#at);
    this.#at += length;
    return this.#linesOf(bytes.subarray(0, length));
  }

  #linesOf(bytes: Buffer): string[] {
    const all = Buffer.concat([this.#rest, bytes]);
    const end = all.lastIndexOf(0x0a) + 1;
    this.#rest = all.subarray(end);
    return all.subarray(0, end).toString('utf8').split('\n').slice(0, -1);
  }

  #isReplaced(): boolean {
    const here = statSync(this.#path, { throwIfNoEntry: false });
    if (here === undefined) return false;
    return this.#fd === null || fstatSync(this.#fd).ino !== here.ino;
  }
}

function breaksIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) count++;
  return count;
}
