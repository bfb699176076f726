/**
 * Watches the rollouts of Codex: which threads go on somewhere, what they say as they grow, and when no process holds them
 * any more. Nothing of an old rollout is read: a thread shows itself by its lock, by a file that is new, or by one that
 * grows. What connectors of ours tell of a thread is not told from here.
 */
import { join } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { systemCodeOf } from '../../../exit.ts';
import type { RateLimit } from '../../../protocol/server.ts';
import type {
  FollowedSession,
  TranscriptPort,
  Transcripts,
  WatchPort,
  WatchReport,
} from '../../reports.ts';
import { TailError } from '../../shared/lines.ts';
import { FollowedRollout } from './followed.ts';
import {
  firstLineOf,
  lookAt,
  type RolloutFile,
  RolloutFiles,
  readOffsetsBefore,
} from './rollout-files.ts';
import { ThreadNames } from './thread-names.ts';
import { readWriterLocks, type WriterLock } from './writer-locks.ts';

/** What rollouts are watched with. */
export interface RolloutWatchOptions extends WatchPort {
  /** Codex homes; nothing outside their `sessions` and `archived_sessions` is read. */
  homes: readonly string[];
  /** A connector of ours holds the thread: it tells more, and sooner. */
  isHeldByUs: (threadId: string) => boolean;
  names: ThreadNames;
  /** Takes what rollouts say of the account's limits. */
  onLimits: (limits: readonly RateLimit[]) => void;
  /** Where a server of before stood in a file, for sessions that it left. */
  offsetBefore: (path: string) => number | null;
  /** Milliseconds between two looks without a notification. */
  everyMs?: number;
  /** The system's list of locks. */
  locksPath?: string;
}

/** A thread that was shown to be going on. */
interface Shown {
  file: RolloutFile;
  pid: number | null;
  /** When it was first found that no process holds it; null while one does, or that cannot be known. */
  freeAt: number | null;
  isOver: boolean;
}

const EVERY_MS = 2000;
/** After a notification: what comes with it is seen in one look. */
const SOON_MS = 60;
/** Every so many looks all folders are read. */
const WHOLE_EVERY = 30;
/** Files whose age is looked at in one look, beside the newest. */
const AGES_A_LOOK = 100;
const NEWEST = 32;
/** Where locks cannot be read: a file that was written so long ago at the start may still go on, ms. */
const RECENT_MS = 15 * 60_000;
/** A thread of our own client's name may be one that is just being opened: looked at again, ms. */
const OWN_AFTER_MS = 1_500;
/** What our engine calls itself. */
const OWN_NAME = 'orbitdock';
/** The server itself takes about so long to start, ms. */
const START_MS = 5_000;
/** Paths that were warned of and are remembered. */
const MAX_WARNED = 1_000;

/** Watches until it is closed. */
export class RolloutWatch implements Transcripts {
  readonly #options: RolloutWatchOptions;
  readonly #files: RolloutFiles;
  readonly #shown = new Map<string, Shown>();
  readonly #followed = new Map<string, FollowedRollout>();
  /** Files that are no thread to show, by what they looked like. */
  readonly #passed = new Map<string, string>();
  /** Files under our own name, and when each was first seen, monotonic ms. */
  readonly #own = new Map<string, number>();
  readonly #warned = new Set<string>();
  readonly #watched = new Set<string>();
  /** What was written since then is shown. */
  readonly #startedAt = Date.now() - START_MS;
  /** Sessions that had not ended when the server stopped. */
  readonly #known: ReadonlySet<string>;
  #port: TranscriptPort | null = null;
  #watcher: FSWatcher | null = null;
  #timer: NodeJS.Timeout | null = null;
  #soon: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #looks = 0;
  #oldest = 0;
  #closed = false;

  constructor(options: RolloutWatchOptions) {
    this.#options = options;
    this.#files = new RolloutFiles(options.homes, (path, reason) => this.#warn(path, reason));
    this.#known = new Set(options.known.map(({ sessionId }) => sessionId));
  }

  /** Takes the first look; what is old is only counted. */
  async start(): Promise<void> {
    try {
      this.#watcher = watch([], { depth: 0, followSymlinks: false, ignoreInitial: true });
      this.#watcher.on('all', (_, path) => this.#noticed(path));
      this.#watcher.on('error', (error) => this.#silent(error));
    } catch (error) {
      this.#silent(error);
    }
    await this.#look();
    this.#timer = setInterval(() => void this.#look(), this.#options.everyMs ?? EVERY_MS);
    this.#timer.unref();
  }

  /** From now on what is read goes there. */
  connect(port: TranscriptPort): this {
    this.#port = port;
    return this;
  }

  // ---- what the server follows ---------------------------------------------------------------------

  follow(session: FollowedSession): void {
    const { sessionId } = session;
    if (this.#closed) return;
    if (!this.#followed.has(sessionId)) {
      const { offsetBefore } = this.#options;
      this.#followed.set(
        sessionId,
        new FollowedRollout(session, {
          files: this.#files,
          offsetBefore,
          take: async (id, news) => (await this.#port?.take(id, news)) ?? false,
          isOurs: () => !this.#closed && this.#followed.has(sessionId),
          mustRead: () => this.#mustRead(sessionId),
          onWarning: (path, reason) => this.#warn(path, reason),
          onFile: (path) => this.#listen(path),
          onLimits: this.#options.onLimits,
          onFailed: (path, error) => this.#failed(path, error),
          onRead: (startedAt, isBusy) => this.#settle(sessionId, startedAt, isBusy),
        }),
      );
    }
    this.look(sessionId);
  }

  follows(sessionId: string): boolean {
    return this.#followed.has(sessionId);
  }

  look(sessionId: string): void {
    if (!this.#closed) this.#followed.get(sessionId)?.look();
  }

  release(sessionId: string): void {
    this.#followed.delete(sessionId);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    if (this.#soon !== null) clearTimeout(this.#soon);
    await this.#watcher?.close();
    await this.#looking;
    await Promise.all([...this.#followed.values()].map(({ looking }) => looking));
  }

  // ---- looking -------------------------------------------------------------------------------------

  #noticed(path: string): void {
    for (const followed of this.#followed.values()) {
      if (followed.path !== path) continue;
      followed.look();
      return;
    }
    if (this.#soon !== null || this.#closed) return;
    this.#soon = setTimeout(() => {
      this.#soon = null;
      void this.#look();
    }, SOON_MS).unref();
  }

  /** One look at a time; a failure is told and the next one is made all the same. */
  async #look(): Promise<void> {
    if (this.#looking !== null || this.#closed) return;
    this.#looking = this.#lookAround().catch((error) => this.#options.onError(error));
    await this.#looking;
    this.#looking = null;
  }

  async #lookAround(): Promise<void> {
    const { homes, locksPath, names } = this.#options;
    const isFirst = this.#looks === 0;
    const isWhole = this.#looks % WHOLE_EVERY === 0;
    this.#looks += 1;
    const found = await this.#files.look(isWhole);
    const locks = await readWriterLocks(homes, locksPath);
    await names.look();
    await this.#listenToFolders();
    const candidates = new Map<string, RolloutFile>();
    const add = (file: RolloutFile | null) => file && candidates.set(file.threadId, file);
    if (!isFirst) for (const { threadId } of found) add(this.#files.of(threadId));
    for (const threadId of locks?.keys() ?? []) add(this.#files.of(threadId));
    for (const file of await this.#grown(isFirst && locks === null)) add(file);
    for (const file of candidates.values()) {
      if (this.#closed) return;
      await this.#show(file, locks?.get(file.threadId) ?? null);
    }
    if (locks !== null) this.#tellHolders(locks);
    for (const followed of this.#followed.values()) followed.look();
    this.#tellNames();
  }

  /** Files that were written since the watch began: the newest, and in turn all others. */
  async #grown(isRecent: boolean): Promise<RolloutFile[]> {
    const since = isRecent ? Date.now() - RECENT_MS : this.#startedAt;
    const all = this.#files.newest(Number.POSITIVE_INFINITY);
    const rest = all.slice(NEWEST);
    if (this.#oldest >= rest.length) this.#oldest = 0;
    const inTurn = this.#looks === 1 ? [] : rest.slice(this.#oldest, this.#oldest + AGES_A_LOOK);
    this.#oldest += AGES_A_LOOK;
    const grown: RolloutFile[] = [];
    for (const file of [...all.slice(0, NEWEST), ...inTurn]) {
      const seen = await lookAt(file);
      if (seen === null) this.#files.forget(file);
      else if (seen.mtimeMs >= since) grown.push(file);
    }
    return grown;
  }

  async #show(file: RolloutFile, lock: WriterLock | null): Promise<void> {
    const { threadId, path } = file;
    if (this.#options.isHeldByUs(threadId)) return;
    const shown = this.#shown.get(threadId);
    const isBack = shown?.isOver === true;
    if (shown !== undefined && !(isBack && lock !== null)) {
      shown.file = file;
      return;
    }
    const seen = await lookAt(file);
    const version = `${seen?.file}:${seen?.size}`;
    if (seen === null || this.#passed.get(path) === version) return;
    const meta = await firstLineOf(file);
    if (meta?.originator === OWN_NAME && !this.#isSettled(path)) return;
    if (this.#closed || this.#options.isHeldByUs(threadId)) return;
    if (meta === null || meta.isSubagent || meta.threadId !== threadId) {
      // The first line may still be on its way, or the thread works for another one.
      if (meta?.isSubagent !== true && seen.size > 0) {
        this.#warn(path, 'has no first line of its thread; it is not read');
      }
      this.#passed.set(path, version);
      return;
    }
    this.#shown.set(threadId, { file, pid: null, freeAt: null, isOver: false });
    const stamp = lock?.since ?? meta.startedAt;
    this.#report({
      ...{ witness: 'process', what: 'session.found', sessionId: threadId, stamp },
      key: `rollout:${threadId}:found:${Math.floor(stamp)}`,
      ...{ path, isBack: lock !== null, ...meta },
      name: this.#options.names.of(threadId),
    });
  }

  /** A file under our own name was seen for a while: a session that we are making would have told so. */
  #isSettled(path: string): boolean {
    const first = this.#own.get(path) ?? performance.now();
    this.#own.set(path, first);
    return performance.now() - first >= OWN_AFTER_MS;
  }

  /** Which process holds what is shown, and what no process holds any more. */
  #tellHolders(locks: ReadonlyMap<string, WriterLock>): void {
    for (const [sessionId, shown] of this.#shown) {
      const lock = locks.get(sessionId);
      if (lock === undefined) {
        shown.freeAt ??= performance.now();
        continue;
      }
      shown.freeAt = null;
      if (shown.pid === lock.pid) continue;
      shown.pid = lock.pid;
      const processes = [{ pid: lock.pid, start: null }];
      const key = `rollout:${sessionId}:holder:${lock.pid}:${Math.floor(lock.since)}`;
      const of = { witness: 'process', sessionId, stamp: Date.now(), key } as const;
      this.#report({ ...of, what: 'process.seen', processes });
    }
    // Threads that a server of before left open.
    for (const sessionId of this.#known) {
      if (this.#shown.has(sessionId) || locks.has(sessionId)) continue;
      const file = this.#files.of(sessionId);
      if (file === null || this.#options.isHeldByUs(sessionId)) continue;
      this.#shown.set(sessionId, { file, pid: null, freeAt: performance.now(), isOver: false });
    }
  }

  /** A rollout that no process holds is read although it is unchanged: only its end shows how its turn ended. */
  #mustRead(sessionId: string): boolean {
    const shown = this.#shown.get(sessionId);
    return shown !== undefined && !shown.isOver && shown.freeAt !== null;
  }

  /** The file was read to its end since no process holds the thread: it is over. */
  #settle(sessionId: string, startedAt: number, isBusy: boolean): void {
    const shown = this.#shown.get(sessionId);
    if (shown === undefined || shown.isOver || shown.freeAt === null) return;
    if (startedAt < shown.freeAt) {
      this.look(sessionId);
      return;
    }
    shown.isOver = true;
    shown.pid = null;
    const stamp = Date.now();
    const of = { witness: 'process', sessionId, stamp, what: 'process.gone' } as const;
    const key = `rollout:${sessionId}:gone:${stamp}`;
    this.#report({ ...of, key, reason: isBusy ? 'killed' : 'exited', pids: [] });
  }

  #tellNames(): void {
    for (const { threadId, name, at } of this.#options.names.changed()) {
      if (!this.#shown.has(threadId) || this.#options.isHeldByUs(threadId)) continue;
      const of = { witness: 'process', sessionId: threadId, stamp: at } as const;
      const key = `rollout:${threadId}:name:${at}`;
      this.#report({ ...of, key, what: 'session.named', name });
    }
  }

  #report(report: WatchReport): void {
    if (!this.#closed) this.#options.onReports([report]);
  }

  // ---- notifications and warnings ------------------------------------------------------------------

  async #listenToFolders(): Promise<void> {
    for (const home of this.#options.homes) this.#listen(join(home, 'thread-writer-locks'));
    for (const folder of await this.#files.folders()) this.#listen(folder);
  }

  #listen(path: string): void {
    if (this.#watched.has(path) || this.#closed) return;
    if (this.#watched.size >= MAX_WARNED) return;
    this.#watched.add(path);
    this.#watcher?.add(path);
  }

  #silent(error: unknown): void {
    const code = systemCodeOf(error) ?? String(error);
    const homes = this.#options.homes.join(', ');
    this.#warn(homes, `changes are not notified (${code}), so they are only seen every 2 s`);
  }

  #failed(path: string, error: unknown): void {
    const code = systemCodeOf(error);
    if (error instanceof TailError) this.#warn(path, error.message.replace(`${path} `, ''));
    else if (code !== null) this.#warn(path, `cannot be read (${code})`);
    else if (!this.#warned.has(path)) {
      this.#warned.add(path);
      this.#options.onError(error);
    }
  }

  /** Once for each path. */
  #warn(path: string, reason: string): void {
    if (this.#warned.has(path)) return;
    if (this.#warned.size >= MAX_WARNED) this.#warned.clear();
    this.#warned.add(path);
    this.#options.onWarning(path, reason);
  }
}

/** Begins to watch. @param stateBefore  where the reference server kept how far it had read; need not exist */
export async function openRollouts({
  stateBefore,
  ...options
}: Omit<RolloutWatchOptions, 'names' | 'offsetBefore'> & {
  stateBefore: string;
}): Promise<RolloutWatch> {
  const before = await readOffsetsBefore(stateBefore);
  const names = new ThreadNames(options.homes);
  const offsetBefore = (path: string) => before.get(path) ?? null;
  const watcher = new RolloutWatch({ ...options, names, offsetBefore });
  await watcher.start();
  return watcher;
}
