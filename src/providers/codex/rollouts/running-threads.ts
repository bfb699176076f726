/**
 * Which threads go on in other processes, as their files and locks show it: each is reported once, with the process that
 * holds it, and reported as over when none does and its file is read to its end. A thread that a connector of ours
 * holds is not reported from here.
 */
import type { WatchPort, WatchReport } from '../../reports.ts';
import type { ThreadNames, WriterLock } from './names-and-locks.ts';
import { firstLineOf, lookAt, type RolloutFile, type RolloutFiles } from './rollout-files.ts';

/** What is needed to report threads. */
export interface RunningThreadsDeps extends Pick<WatchPort, 'known' | 'ownerOf'> {
  files: Pick<RolloutFiles, 'of'>;
  /** The locks as they are now; null where that cannot be known. */
  readLocks(): Promise<ReadonlyMap<string, WriterLock> | null>;
  names: ThreadNames;
  /** A connector of ours holds the thread: it reports more, and sooner. */
  isHeldByUs(threadId: string): boolean;
  report(report: WatchReport): void;
  warn(path: string, reason: string): void;
}

/** A thread that was shown to be going on. */
interface Shown {
  /** The session that it is. */
  sessionId: string;
  pid: number | null;
  /** When it was first found that no process holds it; null while one does, or that cannot be known. */
  freeAt: number | null;
  isOver: boolean;
  /** Why it is over then; null where only the process says it. */
  words: string | null;
  /** Bytes of its file when it was reported as over. */
  size: number | null;
}

/** How a file was read to its end. */
export interface ReadToEnd {
  /** When the reading began, monotonic ms. */
  startedAt: number;
  /** Bytes of the file at that moment. */
  size: number;
  /** A turn has begun and not ended. */
  isBusy: boolean;
}

const HELD = { pid: null, freeAt: null, words: null, size: null };
/** A thread of our own client's name may be one that is just being opened: looked at again, ms. */
const OWN_AFTER_MS = 1_500;
/** What our engine calls itself. */
const OWN_NAME = 'orbitdock';

/** See the top of the file. */
export class RunningThreads {
  readonly #deps: RunningThreadsDeps;
  readonly #shown = new Map<string, Shown>();
  /** Files that are no thread to show, by what they looked like. */
  readonly #passed = new Map<string, string>();
  /** Files under our own name, and when each was first seen, monotonic ms. */
  readonly #own = new Map<string, number>();
  /** Threads that were going on before the server started, or in a daemon that is gone: over unless they are held. */
  readonly #expected = new Map<string, { sessionId: string | null; words: string | null }>();

  constructor(deps: RunningThreadsDeps) {
    this.#deps = deps;
    for (const { sessionId, threadId } of deps.known) {
      this.#expected.set(threadId ?? sessionId, { sessionId, words: null });
    }
  }

  /** It was shown, and no connector of ours has taken it since. */
  has(threadId: string): boolean {
    return this.#shown.has(threadId);
  }

  /** A thread that was going on elsewhere: it is reported as over when no process holds it. */
  expect(threadId: string, words: string): void {
    this.#expected.set(threadId, { sessionId: null, words });
  }

  /** A connector reports some of them now: what is shown of them here is older. */
  forgetHeld(): void {
    for (const threadId of this.#shown.keys()) {
      if (this.#deps.isHeldByUs(threadId)) this.#shown.delete(threadId);
    }
  }

  /** Reports a thread that may go on. @param lock  of the process that holds it */
  async show(file: RolloutFile, lock: WriterLock | null): Promise<void> {
    const { isHeldByUs, ownerOf, names, report } = this.#deps;
    const { threadId, path } = file;
    if (isHeldByUs(threadId)) return;
    const shown = this.#shown.get(threadId);
    const isBack = shown?.isOver === true;
    if (shown !== undefined && !(isBack && lock !== null)) return;
    const meta = await this.#metaOf(file);
    if (meta === null) return;
    const sessionId = await ownerOf(threadId);
    if (isHeldByUs(threadId)) return;
    this.#shown.set(threadId, { sessionId, ...HELD, isOver: false });
    const stamp = lock?.since ?? meta.startedAt;
    report({
      ...{ witness: 'process', what: 'session.found', sessionId, stamp },
      key: `rollout:${threadId}:found:${Math.floor(stamp)}`,
      ...{ path, isBack: lock !== null, ...meta },
      name: names.of(threadId),
    });
  }

  /** What the first line of a file says; null for one that is no thread to show, now or at all. */
  async #metaOf(file: RolloutFile) {
    const { threadId, path } = file;
    const seen = await lookAt(file);
    const version = `${seen?.file}:${seen?.size}`;
    if (seen === null || this.#passed.get(path) === version) return null;
    const meta = await firstLineOf(file);
    if (meta?.originator === OWN_NAME && !this.#isSettled(path)) return null;
    if (meta !== null && !meta.isSubagent && meta.threadId === threadId) return meta;
    // The first line may still be on its way, or the thread works for another one.
    if (meta?.isSubagent !== true && seen.size > 0) {
      this.#deps.warn(path, 'has no first line of its thread; it is not read');
    }
    this.#passed.set(path, version);
    return null;
  }

  /** A file under our own name was seen for a while: a session that we are making would have reported it. */
  #isSettled(path: string): boolean {
    const first = this.#own.get(path) ?? performance.now();
    this.#own.set(path, first);
    return performance.now() - first >= OWN_AFTER_MS;
  }

  /** Which process holds what is shown, and what no process holds any more. */
  async reportHolders(locks: ReadonlyMap<string, WriterLock>): Promise<void> {
    for (const [threadId, shown] of this.#shown) {
      const lock = locks.get(threadId);
      if (lock === undefined) {
        shown.freeAt ??= performance.now();
        continue;
      }
      shown.freeAt = null;
      if (shown.pid === lock.pid) continue;
      shown.pid = lock.pid;
      const processes = [{ pid: lock.pid, start: null }];
      const key = `rollout:${threadId}:holder:${lock.pid}:${Math.floor(lock.since)}`;
      const of = {
        witness: 'process',
        sessionId: shown.sessionId,
        stamp: Date.now(),
        key,
      } as const;
      this.#deps.report({ ...of, what: 'process.seen', processes });
    }
    const { ownerOf, isHeldByUs } = this.#deps;
    for (const [threadId, { sessionId, words }] of this.#expected) {
      const shown = this.#shown.get(threadId);
      if (shown === undefined && locks.has(threadId)) continue;
      this.#expected.delete(threadId);
      if (shown !== undefined && locks.has(threadId)) continue;
      const owner = sessionId ?? (await ownerOf(threadId));
      if (isHeldByUs(threadId)) continue;
      const freeAt = performance.now();
      const free = { ...HELD, sessionId: owner, freeAt, isOver: false, words };
      this.#shown.set(threadId, free);
      // Without a file nothing was said that could be read first.
      if (this.#deps.files.of(threadId) === null) this.#reportOver(threadId, free, false);
    }
  }

  /** A rollout that no process holds is read although it is unchanged: only its end shows how its turn ended. */
  mustRead(threadId: string): boolean {
    const shown = this.#shown.get(threadId);
    return shown !== undefined && !shown.isOver && shown.freeAt !== null;
  }

  /**
   * The file was read to its end: if that was since no process holds the thread, it is over. A process that has taken it
   * since the last check, and may have left it again, is not overlooked.
   *
   * @returns false when it is to be read once more
   */
  async settle(threadId: string, { startedAt, size, isBusy }: ReadToEnd): Promise<boolean> {
    const shown = this.#shown.get(threadId);
    if (shown?.isOver) return this.#rests(shown, size);
    if (shown === undefined || shown.freeAt === null) return true;
    if (startedAt < shown.freeAt) return false;
    const locks = await this.#deps.readLocks();
    const file = this.#deps.files.of(threadId);
    const now = file && (await lookAt(file));
    if (this.#shown.get(threadId) !== shown || shown.isOver) return true;
    if (locks?.has(threadId)) shown.freeAt = null;
    else if (now !== null && now.size !== size) return false;
    else {
      shown.size = size;
      this.#reportOver(threadId, shown, isBusy);
    }
    return true;
  }

  /** A process may come and go between two checks: then the file of a thread that was over has grown. */
  #rests(shown: Shown, size: number): boolean {
    if (shown.size === null || size === shown.size) return true;
    Object.assign(shown, { isOver: false, freeAt: performance.now(), words: null });
    return false;
  }

  #reportOver(threadId: string, shown: Shown, isBusy: boolean): void {
    shown.isOver = true;
    shown.pid = null;
    const stamp = Date.now();
    const { sessionId, words } = shown;
    const of = { witness: 'process', sessionId, stamp, what: 'process.gone' } as const;
    const key = `rollout:${threadId}:gone:${stamp}`;
    const reason = isBusy ? 'killed' : 'exited';
    this.#deps.report({ ...of, key, reason, pids: [], ...(words !== null && { words }) });
  }

  /** Names that people gave to threads since the last check. */
  reportNames(): void {
    const { names, isHeldByUs, report } = this.#deps;
    for (const { threadId, name, at } of names.changed()) {
      const shown = this.#shown.get(threadId);
      if (shown === undefined || isHeldByUs(threadId)) continue;
      const { sessionId } = shown;
      const of = { witness: 'process', sessionId, stamp: at } as const;
      report({ ...of, key: `rollout:${threadId}:name:${at}`, what: 'session.named', name });
    }
  }
}
