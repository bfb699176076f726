/**
 * Where log lines end: one file, written synchronously (cheaper than a worker on a local file, and
 * nothing is left to flush when the process dies), rotated by size. Logging must never be the reason
 * the server stops: a line that cannot be written is counted and dropped.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  writeSync,
} from 'node:fs';

/** Size at which a file is set aside: 10 MiB are some 50,000 lines, still handy for `jq`. */
const MAX_FILE_BYTES = 10 * 1024 * 1024;
/** Files kept, the current one included: 50 MiB in all. */
const KEPT_FILES = 5;
/** Pause after a failed open, so that a full disk does not cost a system call per line. */
const REOPEN_AFTER_MS = 1000;

/** What a log file may be told; the tests shrink the numbers. */
export interface LogFileOptions {
  truncate: boolean;
  maxFileBytes?: number;
  keptFiles?: number;
}

/** A rotating file of lines. No method ever throws. */
export class LogFile {
  readonly #path: string;
  readonly #maxFileBytes: number;
  readonly #keptFiles: number;
  #fd: number | null = null;
  #bytes = 0;
  #retryAtMs = 0;
  /** The last line went in only partly: the next one must start on a line of its own. */
  #isTorn = false;
  #dropped = 0;

  constructor(path: string, { truncate, maxFileBytes, keptFiles }: LogFileOptions) {
    this.#path = path;
    this.#maxFileBytes = maxFileBytes ?? MAX_FILE_BYTES;
    this.#keptFiles = keptFiles ?? KEPT_FILES;
    this.#open(truncate);
  }

  /** Lines lost since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @param line  with its newline */
  write(line: string): void {
    const buffer = Buffer.from(this.#isTorn ? `\n${line}` : line);
    if (this.#bytes > 0 && this.#bytes + buffer.length > this.#maxFileBytes) this.#rotate();
    if (this.#fd === null && performance.now() >= this.#retryAtMs) this.#open(false);
    if (this.#fd === null) {
      this.#dropped++;
      return;
    }
    let written = 0;
    try {
      while (written < buffer.length) written += writeSync(this.#fd, buffer, written);
      this.#isTorn = false;
    } catch {
      this.#dropped++;
      if (written > 0) this.#isTorn = true;
    }
    this.#bytes += written;
  }

  close(): void {
    if (this.#fd === null) return;
    try {
      closeSync(this.#fd);
    } catch {
      // It was closed behind our back, which is what we wanted anyway.
    }
    this.#fd = null;
    this.#retryAtMs = Number.POSITIVE_INFINITY;
  }

  #open(truncate: boolean): void {
    const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants;
    let fd: number | null = null;
    try {
      // Not blocking and only a regular file: a FIFO without a reader would hold the server for ever.
      fd = openSync(this.#path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o600);
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw new Error('not a regular file');
      if ((stat.mode & 0o077) !== 0) fchmodSync(fd, 0o600);
      if (truncate) ftruncateSync(fd);
      this.#bytes = truncate ? 0 : stat.size;
      this.#fd = fd;
    } catch {
      if (fd !== null) closeSync(fd);
      this.#retryAtMs = performance.now() + REOPEN_AFTER_MS;
    }
  }

  /** `server.log` becomes `server.log.1`, and so on; the oldest falls off. */
  #rotate(): void {
    for (let n = this.#keptFiles - 1; n >= 1; n--) {
      try {
        renameSync(n === 1 ? this.#path : `${this.#path}.${n - 1}`, `${this.#path}.${n}`);
      } catch {
        // A number that does not exist yet. If the file itself would not move, it simply grows on.
      }
    }
    this.close();
    this.#open(false);
  }
}
