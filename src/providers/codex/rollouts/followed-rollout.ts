/**
 * One thread whose rollout is read as it grows. What was read is handed on together with the position behind it, and
 * nothing more is read before that is stored. A thread that is taken back goes on in another file.
 */
import { open } from 'node:fs/promises';
import type { RateLimit } from '../../../protocol/reply-nouns.ts';
import type { FollowedSession, TranscriptEvent } from '../../reports.ts';
import { FileTail, isStillAt, type TailPosition } from '../../shared/lines.ts';
import { lookAt, type RolloutFile, type RolloutFiles } from './rollout-files.ts';
import { type RolloutBatch, RolloutReader, turnsIn } from './rollout-reader.ts';
import type { ReadToEnd } from './running-threads.ts';

/** What a followed thread is read with. */
export interface FollowedDeps {
  files: RolloutFiles;
  offsetBefore: (path: string) => number | null;
  /** False when it is not stored: then it is read again. Never rejects. */
  take(sessionId: string, news: readonly TranscriptEvent[]): Promise<boolean>;
  /** It is still wanted. */
  isOurs(): boolean;
  /** Another process goes on with it, or did: a steered session is read only then. */
  goesOn(): boolean;
  /** It is to be read although nothing was written. */
  mustRead(): boolean;
  onWarning(path: string, reason: string): void;
  /** It is read from this file now. */
  onFile(path: string): void;
  onFailed(path: string, error: unknown): void;
  /** What the file says of the account's limits. */
  onLimits(limits: readonly RateLimit[]): void;
  /** Everything was read and stored that was there at that moment. */
  onRead(read: ReadToEnd): void;
}

/** A file so fresh may be written again within the same tick of its time. */
const FRESH_MS = 1000;

/** See the top of the file. */
export class FollowedRollout {
  looking: Promise<void> = Promise.resolve();
  readonly #deps: FollowedDeps;
  readonly #sessionId: string;
  readonly #hasHistory: boolean;
  readonly #steered: FollowedSession['steered'];
  #from: FollowedSession['from'];
  #reader: RolloutReader | null = null;
  /** What the file looked like before it was last read to its end; null when it is to be read. */
  #version: string | null = null;
  #isLooking = false;
  #isWanted = false;

  constructor(
    { sessionId, from, hasHistory = false, steered }: FollowedSession,
    deps: FollowedDeps,
  ) {
    this.#sessionId = sessionId;
    this.#steered = steered;
    this.#from = from;
    this.#hasHistory = hasHistory;
    this.#deps = deps;
  }

  /** The file that it is read from; null before it was found. */
  get path(): string | null {
    return this.#reader?.file.path ?? null;
  }

  /** Reads what is new; once more when that is asked meanwhile. */
  check(): void {
    this.#isWanted = true;
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.looking = this.#readUntilDone().finally(() => {
      this.#isLooking = false;
    });
  }

  async #readUntilDone(): Promise<void> {
    while (this.#isWanted && this.#deps.isOurs()) {
      this.#isWanted = false;
      const file = this.#deps.files.of(this.#steered?.threadId ?? this.#sessionId);
      if (file === null) return;
      if (this.#steered && this.#reader === null && !this.#deps.goesOn()) return;
      try {
        await this.#read(file);
      } catch (error) {
        this.#beginAgain();
        this.#deps.onFailed(file.path, error);
      }
    }
  }

  async #read(file: RolloutFile): Promise<void> {
    const startedAt = performance.now();
    const seen = await lookAt(file);
    if (seen === null) {
      // Archived or deleted: the next check of the folders finds where it is.
      this.#deps.files.forget(file);
      this.#beginAgain();
      return;
    }
    const isFresh = Date.now() - seen.mtimeMs < FRESH_MS;
    const version = `${file.path}:${seen.file}:${seen.size}:${seen.mtimeMs}`;
    if (version === this.#version) {
      const { size } = seen;
      if (this.#reader !== null)
        this.#deps.onRead({ startedAt, size, isBusy: this.#reader.isBusy });
      return;
    }
    if (this.#reader === null && !this.#deps.mustRead() && (await this.#isRead(file, seen))) {
      this.#version = version;
      return;
    }
    if (!(await this.#readToEnd(file, seen.file))) return;
    this.#version = isFresh ? null : version;
    const isBusy = this.#reader?.isBusy === true;
    this.#deps.onRead({ startedAt, size: seen.size, isBusy });
  }

  /** Nothing was written since it was stored. */
  async #isRead({ path }: RolloutFile, seen: { file: string; size: number }): Promise<boolean> {
    const from = this.#from;
    if (from === null || from.file !== seen.file || from.offset !== seen.size) return false;
    return await isStillAt(path, from);
  }

  /** @returns false when it is to be read again */
  async #readToEnd(file: RolloutFile, inode: string): Promise<boolean> {
    if (this.#reader?.file.path !== file.path && !(await this.#open(file, inode))) return false;
    const reader = this.#reader as RolloutReader;
    for (;;) {
      const batch = await reader.read();
      this.#warnOf(batch, file);
      this.#deps.onLimits(batch.limits);
      if (!this.#deps.isOurs()) return false;
      if (batch.news.length > 0 && !(await this.#deps.take(this.#sessionId, batch.news))) {
        this.#beginAgain();
        return false;
      }
      if (batch.position !== null) this.#from = { path: file.path, ...batch.position };
      if (!batch.more) return true;
    }
  }

  async #open(file: RolloutFile, inode: string): Promise<boolean> {
    const { files } = this.#deps;
    const from = await this.#positionIn(file, inode);
    const isOther = this.#from !== null && from === null;
    const reported = this.#steered ? await this.#reportedOf(this.#steered, file) : null;
    if (reported !== null && !(await this.#sendGone(file, reported.gone, reported.lastWords)))
      return false;
    if (reported === null && isOther && !(await this.#sendTakenBack(file))) return false;
    const known = { from, isPastKnown: isOther, reportedTurn: reported?.turn ?? null };
    this.#reader = new RolloutReader(file, this.#sessionId, known, files);
    this.#deps.onFile(file.path);
    return true;
  }

  /** What a connector has reported of a thread: its newest turn that still is in the file, and those that are not any more. */
  async #reportedOf({ turnIds }: NonNullable<FollowedSession['steered']>, file: RolloutFile) {
    const shown = await turnIds();
    const { turns, lastWords } = await turnsIn(file, this.#deps.files);
    const turn = turns.findLast((id) => shown.includes(id)) ?? null;
    // A thread that was taken back goes on in another file; elsewhere a turn that is missing was never written.
    const isCut = file.segmentId !== null && turn !== null;
    return { turn, lastWords, gone: isCut ? shown.filter((id) => !turns.includes(id)) : [] };
  }

  /** The stored position, when it is one of this file; it may have been moved to the archive. */
  async #positionIn({ path }: RolloutFile, inode: string): Promise<TailPosition | null> {
    const from = this.#from;
    if (from !== null) return from.path === path || from.file === inode ? from : null;
    const offset = this.#hasHistory ? this.#deps.offsetBefore(path) : null;
    return offset === null ? null : await positionAt(path, offset);
  }

  /** The thread goes on in another file: turns that it does not have any more are gone. */
  async #sendTakenBack(file: RolloutFile): Promise<boolean> {
    const { files } = this.#deps;
    const before = files.at(this.#from?.path ?? '');
    const had = this.#reader?.turns ?? (before ? (await turnsIn(before, files)).turns : []);
    const { turns, lastWords } = await turnsIn(file, files);
    const gone = had.filter((turn) => !turns.includes(turn));
    return await this.#sendGone(file, gone, lastWords);
  }

  async #sendGone(
    file: RolloutFile,
    turnIds: string[],
    lastWords: string | null,
  ): Promise<boolean> {
    if (turnIds.length === 0) return true;
    const about = { turns: turnIds.length, turnIds, lastMessage: lastWords };
    const key = `rollout:${this.#sessionId}:reverted:${file.segmentId ?? file.time}`;
    const stamp = (await lookAt(file))?.mtimeMs ?? Date.now();
    const event: TranscriptEvent['event'] = ({ at }) => ({
      ...{ type: 'thread.rolledBack', at, witness: 'transcript' },
      ...about,
    });
    return await this.#deps.take(this.#sessionId, [{ stamp, key, event }]);
  }

  /** What was read is not stored: the next check begins where the last stored one ended. */
  #beginAgain(): void {
    this.#reader = null;
    this.#version = null;
  }

  #warnOf({ skipped, junk }: RolloutBatch, { path }: RolloutFile): void {
    const [first] = skipped;
    if (first) {
      this.#deps.onWarning(path, `has a line of ${first.bytes} bytes, which is passed over`);
    }
    if (junk > 0) {
      this.#deps.onWarning(path, 'has lines that cannot be read, which are passed over');
    }
  }
}

/** The position behind the last whole line before this offset, as a tail would have stored it. */
async function positionAt(path: string, offset: number): Promise<TailPosition | null> {
  const handle = await open(path, 'r');
  const { size } = await handle.stat().finally(() => handle.close());
  const tail = new FileTail(path);
  const until = Math.min(offset, size);
  let batch: Awaited<ReturnType<FileTail['read']>>;
  do batch = await tail.read(until);
  while (batch.more);
  return batch.position;
}
