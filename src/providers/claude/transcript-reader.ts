/** Follows one transcript on disk: its tail and its parser, from the position that was stored. */
import type { TranscriptReport } from '../reports.ts';
import { FileTail, type TailBatch, type TailPosition } from '../shared/lines.ts';
import { TranscriptParser } from './transcript-parser.ts';

/** What one check of a transcript brought; `position` is to be stored in the transaction of the reports. */
export interface TranscriptBatch extends Omit<TailBatch, 'lines'> {
  reports: TranscriptReport[];
  /** Lines of this batch that were no JSON objects. */
  junk: number;
  /** Kinds of lines and blocks that were passed over, as far as this file has brought them. */
  unknown: ReadonlySet<string>;
}

/**
 * Reads a transcript as it grows. Calls of `read` must not overlap. After a restart of the server the first
 * `read` parses what was stored already once more, without reporting it, because branches and tokens need
 * what came before; that costs the size of the file, once.
 */
export class TranscriptReader {
  readonly #sessionId: string;
  readonly #agent: string | null;
  readonly #tail: FileTail;
  readonly #onReplayed: (reports: TranscriptReport[]) => void;
  #parser: TranscriptParser;
  #from: TailPosition | null;

  /**
   * @param path  a path that homes.ts allowed
   * @param agent  the subagent whose file it is; null for the main one
   * @param from  the stored position; null for a file that was never read
   * @param onReplayed  receives what was stored already, when the file is first read; void once `read` says that
   *   the file was cut or replaced
   */
  constructor(
    path: string,
    sessionId: string,
    agent: string | null = null,
    from: TailPosition | null = null,
    onReplayed: (reports: TranscriptReport[]) => void = () => {},
  ) {
    this.#onReplayed = onReplayed;
    this.#sessionId = sessionId;
    this.#agent = agent;
    this.#tail = new FileTail(path);
    this.#parser = new TranscriptParser(sessionId, agent);
    this.#from = from;
  }

  /**
   * The reports of what was appended, up to the batch limit of a tail. When the file was cut or
   * replaced it is read from its start: keys of reports that came before are the same again.
   *
   * @throws TailError when the path is no regular file
   */
  async read(): Promise<TranscriptBatch> {
    const wasReplaced = await this.#replay();
    const before = this.#parser.junk;
    const { lines, restarted: cut, ...rest } = await this.#tail.read();
    const restarted = cut ?? wasReplaced;
    if (cut !== null) this.#parser = new TranscriptParser(this.#sessionId, this.#agent);
    const reports = lines.flatMap((line) => this.#parser.line(line));
    const junk = this.#parser.junk - (cut === null ? before : 0);
    return { ...rest, restarted, reports, junk, unknown: this.#parser.unknown };
  }

  /** Feeds the lines before the stored position; reports when that position is not of this file any more. */
  async #replay(): Promise<TailBatch['restarted']> {
    const from = this.#from;
    if (from === null) return null;
    let batch: TailBatch;
    do {
      batch = await this.#tail.read(from.offset);
      for (const line of batch.lines) this.#onReplayed(this.#parser.line(line));
    } while (batch.more);
    const { position } = batch;
    // The file is not there at the moment: the next check asks again.
    if (position === null) return null;
    this.#from = null;
    if (position.offset === from.offset && position.mark === from.mark) {
      return position.file === from.file ? null : this.#beginAgain('replaced');
    }
    return this.#beginAgain(position.file === from.file ? 'cut' : 'replaced');
  }

  #beginAgain(why: TailBatch['restarted']): TailBatch['restarted'] {
    this.#tail.rewind();
    this.#parser = new TranscriptParser(this.#sessionId, this.#agent);
    return why;
  }
}
