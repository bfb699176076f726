/**
 * `logs`: the newest lines of the server's log, and those to come. It reads the file that the server writes,
 * so it needs no journal of the system, and goes on over its rotation.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'clipanion';
import { EXIT, ExitError, systemCodeOf } from '../exit.ts';
import { OrbitCommand, printable } from './command.ts';

const CHUNK_BYTES = 64 * 1024;
const LOOK_EVERY_MS = 200;

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
        await sleep(LOOK_EVERY_MS);
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
