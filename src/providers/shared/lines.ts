/**
 * Text in lines: one line after the other from a stream or from a file that grows.
 */
import { createHash } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';

/** A line, or what is known of one that was too long. */
export type Line = { text: string } | { tooLong: true; bytes: number; head: string };

/** Takes chunks as they come and gives the lines they complete. */
export interface LineSplitter {
  push(chunk: Buffer): Line[];
}

const NEWLINE = 0x0a;
/** Enough of a line that was skipped to see what it answers. */
const HEAD_BYTES = 256;

/** A splitter that holds at most `capBytes` of an unfinished line. */
export function createLineSplitter(capBytes: number): LineSplitter {
  let parts: Buffer[] = [];
  let bytes = 0;
  let head: string | null = null;

  function take(part: Buffer): void {
    bytes += part.length;
    if (head !== null) return;
    parts.push(part);
    if (bytes <= capBytes) return;
    head = Buffer.concat(parts, Math.min(bytes, HEAD_BYTES)).toString('utf8');
    parts = [];
  }

  function finish(): Line {
    const line: Line =
      head === null
        ? { text: Buffer.concat(parts, bytes).toString('utf8') }
        : { tooLong: true, bytes, head };
    parts = [];
    bytes = 0;
    head = null;
    return line;
  }

  return {
    push(chunk) {
      const lines: Line[] = [];
      let from = 0;
      for (let to = chunk.indexOf(NEWLINE); to !== -1; to = chunk.indexOf(NEWLINE, from)) {
        take(chunk.subarray(from, to));
        lines.push(finish());
        from = to + 1;
      }
      if (from < chunk.length) take(chunk.subarray(from));
      return lines;
    },
  };
}

/** Where a tail stands, to be stored together with what its lines brought. */
export interface TailPosition {
  /** Device and inode of the file. */
  file: string;
  /** Bytes before the first line that was not given yet. */
  offset: number;
  /** Digest of the last bytes before the offset: detects a file that was written anew in place. */
  mark: string;
}

/** What one check brought. A check that brings nothing has no lines and the old position. */
export interface TailBatch {
  /** Whole lines without their line feed, in the order of the file. */
  lines: string[];
  /** Where to go on; null while the file does not exist. */
  position: TailPosition | null;
  /**
   * Why the file is read from its start again: earlier lines may come a second time, and those that did not
   * may be gone. Null: it goes on where it stopped.
   */
  restarted: 'cut' | 'replaced' | null;
  /** Lines over the limit that were passed over. */
  skipped: { offset: number; bytes: number }[];
  /** More can be read at once. */
  more: boolean;
}

/** Limits of a tail, in bytes. */
export interface TailLimits {
  /** Longer lines are passed over. */
  line: number;
  /** A batch ends after about so many; also the size of one read. */
  batch: number;
}

/** A batch is parsed, taken and handed to the writer in one turn: more would keep hooks and clients waiting. */
const DEFAULT_LIMITS: TailLimits = { line: 8 * 1024 * 1024, batch: 64 * 1024 };
const LINE_FEED = 10;
/** Bytes that the mark covers. */
const MARK_BYTES = 64;

/** A file that cannot be followed: no regular file, or a link. The message names the path. */
export class TailError extends Error {
  override readonly name = 'TailError';
}

/** Follows one file. Calls of `read` must not overlap. */
export class FileTail {
  readonly #path: string;
  readonly #limits: TailLimits;
  #position: TailPosition | null;
  /** Bytes of the unfinished line that were read already; dropped once it is too long. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  /** @param from  the stored position; null to begin at the start */
  constructor(path: string, from: TailPosition | null = null, limits: Partial<TailLimits> = {}) {
    this.#path = path;
    this.#position = from;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** The path that is followed. */
  get path(): string {
    return this.#path;
  }

  /** Reads from the start of the file again. */
  rewind(): void {
    this.#position = null;
    this.#forgetPending();
  }

  /**
   * Reads on, up to the batch limit. A file that does not exist (yet) gives an empty batch.
   *
   * @param until  stop at this offset, the end of a line, to read again what was read before
   * @throws TailError when the path is a link, a FIFO, a device or a directory; it is never read then
   */
  async read(until = Number.POSITIVE_INFINITY): Promise<TailBatch> {
    const handle = await this.#open();
    if (handle === null) {
      return { lines: [], position: this.#position, restarted: null, skipped: [], more: false };
    }
    try {
      return await this.#readFrom(handle, until);
    } finally {
      await handle.close();
    }
  }

  async #open(): Promise<FileHandle | null> {
    // A FIFO would otherwise make the open wait for a writer, and a link could lead anywhere.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    try {
      return await open(this.#path, flags);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return null;
      if (code === 'ELOOP') throw new TailError(`${this.#path} is a link; it is not followed`);
      throw error;
    }
  }

  async #readFrom(handle: FileHandle, until: number): Promise<TailBatch> {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new TailError(`${this.#path} is no regular file; it is not read`);
    const file = `${stat.dev}:${stat.ino}`;
    const restarted = await this.#reasonToRestart(handle, file, stat.size);
    if (this.#position === null || restarted !== null) {
      this.#position = { file, offset: 0, mark: markOf(Buffer.alloc(0)) };
      this.#forgetPending();
    }
    const start = this.#position.offset + this.#pendingBytes;
    const end = Math.min(stat.size, until);
    const wanted = Math.min(this.#limits.batch, end - start);
    if (wanted <= 0) {
      return { lines: [], position: this.#position, restarted, skipped: [], more: false };
    }
    const buffer = Buffer.allocUnsafe(wanted);
    const { bytesRead } = await handle.read(buffer, 0, wanted, start);
    const { lines, skipped } = this.#split(buffer.subarray(0, bytesRead));
    if (lines.length > 0 || skipped.length > 0) await this.#remark(handle);
    const more = bytesRead === wanted && start + bytesRead < end;
    return { lines, position: this.#position, restarted, skipped, more };
  }

  async #reasonToRestart(
    handle: FileHandle,
    file: string,
    size: number,
  ): Promise<TailBatch['restarted']> {
    const position = this.#position;
    if (position === null) return null;
    if (position.file !== file) return 'replaced';
    if (size < position.offset + this.#pendingBytes) return 'cut';
    const isSame = (await readMark(handle, position.offset)) === position.mark;
    return isSame ? null : 'cut';
  }

  /** Gives the whole lines of the new bytes; what follows the last line feed waits for the rest. */
  #split(bytes: Buffer): Pick<TailBatch, 'lines' | 'skipped'> {
    const lines: string[] = [];
    const skipped: TailBatch['skipped'] = [];
    let from = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, from)) {
      const length = this.#pendingBytes + end - from;
      const position = this.#position as TailPosition;
      if (length > this.#limits.line) skipped.push({ offset: position.offset, bytes: length });
      else
        lines.push(Buffer.concat([...this.#pending, bytes.subarray(from, end)]).toString('utf8'));
      this.#position = { ...position, offset: position.offset + length + 1 };
      this.#forgetPending();
      from = end + 1;
    }
    this.#keep(bytes.subarray(from));
    return { lines, skipped };
  }

  #keep(rest: Buffer): void {
    this.#pendingBytes += rest.length;
    if (this.#pendingBytes > this.#limits.line) this.#pending = [];
    else if (rest.length > 0) this.#pending.push(Buffer.from(rest));
  }

  #forgetPending(): void {
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  async #remark(handle: FileHandle): Promise<void> {
    const position = this.#position as TailPosition;
    this.#position = { ...position, mark: await readMark(handle, position.offset) };
  }
}

/** Whether what is before a position in the file at `path` is still what was read; false without such a file. */
export async function isStillAt(path: string, { offset, mark }: TailPosition): Promise<boolean> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch(() => null);
  if (handle === null) return false;
  try {
    return (await handle.stat()).isFile() && (await readMark(handle, offset)) === mark;
  } finally {
    await handle.close();
  }
}

async function readMark(handle: FileHandle, offset: number): Promise<string> {
  const length = Math.min(MARK_BYTES, offset);
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, offset - length);
  return markOf(buffer.subarray(0, bytesRead));
}

function markOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
}
