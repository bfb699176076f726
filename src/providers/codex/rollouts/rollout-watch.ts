/**
 * Watches the rollouts of Codex: which threads go on somewhere, what they say as they grow, and when no process holds them
 * any more. Nothing of an old rollout is read: a thread shows itself by its lock, by a file that is new, or by one that
 * grows. A thread that a connector of ours holds is not reported from here.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { systemCodeOf } from '../../../exit.ts';
import type { RateLimit } from '../../../protocol/reply-nouns.ts';
import type {
  FollowedSession,
  TranscriptPort,
  Transcripts,
  WatchPort,
  WatchReport,
} from '../../reports.ts';
import { TailError } from '../../shared/lines.ts';
import { FollowedRollout } from './followed-rollout.ts';
import { readWriterLocks, ThreadNames } from './names-and-locks.ts';
import { lookAt, type RolloutFile, RolloutFiles, readOffsetsBefore } from './rollout-files.ts';
import { type ReadToEnd, RunningThreads } from './running-threads.ts';

/** What rollouts are watched with. */
export interface RolloutWatchOptions extends WatchPort {
  /** Codex homes; nothing outside their `sessions` and `archived_sessions` is read. */
  homes: readonly string[];
  /** A connector of ours holds the thread: it reports more, and sooner. */
  isHeldByUs: (threadId: string) => boolean;
  names: ThreadNames;
  /** Takes what rollouts say of the account's limits. */
  onLimits: (limits: readonly RateLimit[]) => void;
  /** Where a server of before stood in a file, for sessions that it left. */
  offsetBefore: (path: string) => number | null;
  /** Milliseconds between two checks without a notification. */
  everyMs?: number;
  /** The system's list of locks. */
  locksPath?: string;
}

const EVERY_MS = 2000;
/** After a notification: what comes with it is seen in one check. */
const SOON_MS = 60;
/** Every so many checks all folders are read. */
const WHOLE_EVERY = 30;
/** Files whose age is looked at in one check, beside the newest. */
const AGES_A_CHECK = 100;
const NEWEST = 32;
/** Where locks cannot be read: a file that was written so long ago at the start may still go on, ms. */
const RECENT_MS = 15 * 60_000;
/** The server itself takes about so long to start, ms. */
const START_MS = 5_000;
/** Paths that were warned of and are remembered. */
const MAX_WARNED = 1_000;

/** Watches until it is closed. */
export class RolloutWatch implements Transcripts {
  readonly #options: RolloutWatchOptions;
  readonly #files: RolloutFiles;
  readonly #goingOn: RunningThreads;
  readonly #followed = new Map<string, FollowedRollout>();
  readonly #warned = new Set<string>();
  readonly #watched = new Set<string>();
  /** What was written since then is shown. */
  readonly #startedAt = Date.now() - START_MS;
  #port: TranscriptPort | null = null;
  #watcher: FSWatcher | null = null;
  #timer: NodeJS.Timeout | null = null;
  #soon: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #checks = 0;
  #oldest = 0;
  #closed = false;

  constructor(options: RolloutWatchOptions) {
    this.#options = options;
    this.#files = new RolloutFiles(options.homes, (path, reason) => this.#warn(path, reason));
    this.#goingOn = new RunningThreads({
      ...options,
      files: this.#files,
      readLocks: () => readWriterLocks(options.homes, options.locksPath),
      report: (report) => this.#report(report),
      warn: (path, reason) => this.#warn(path, reason),
    });
  }

  /** Takes the first check; what is old is only counted. */
  async start(): Promise<void> {
    try {
      this.#watcher = watch([], { depth: 0, followSymlinks: false, ignoreInitial: true });
      this.#watcher.on('all', (_, path) => this.#onFileEvent(path));
      this.#watcher.on('error', (error) => this.#silent(error));
    } catch (error) {
      this.#silent(error);
    }
    await this.#check();
    this.#timer = setInterval(() => void this.#check(), this.#options.everyMs ?? EVERY_MS);
    this.#timer.unref();
  }

  /** From now on what is read goes there. */
  connect(port: TranscriptPort): this {
    this.#port = port;
    return this;
  }

  // ---- what the server follows ---------------------------------------------------------------------

  follow(session: FollowedSession): void {
    const { sessionId, steered } = session;
    if (this.#closed) return;
    const threadId = steered?.threadId ?? sessionId;
    if (!this.#followed.has(sessionId)) {
      const { offsetBefore } = this.#options;
      this.#followed.set(
        sessionId,
        new FollowedRollout(session, {
          files: this.#files,
          offsetBefore,
          take: async (id, news) => (await this.#port?.take(id, news)) ?? false,
          isOurs: () => !this.#closed && this.#followed.has(sessionId),
          goesOn: () => this.#goingOn.has(threadId),
          mustRead: () => this.#goingOn.mustRead(threadId),
          onWarning: (path, reason) => this.#warn(path, reason),
          onFile: (path) => this.#listen(path),
          onLimits: this.#options.onLimits,
          onFailed: (path, error) => this.#failed(path, error),
          onRead: (read) => void this.#settle(sessionId, threadId, read),
        }),
      );
    }
    this.check(sessionId);
  }

  follows(sessionId: string): boolean {
    return this.#followed.has(sessionId);
  }

  check(sessionId: string): void {
    if (!this.#closed) this.#followed.get(sessionId)?.check();
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

  /** A daemon does not have this thread any more: it is over unless another process holds it. */
  expect(threadId: string, reason: string): void {
    this.#goingOn.expect(threadId, reason);
    void this.#check();
  }

  async #settle(sessionId: string, threadId: string, read: ReadToEnd): Promise<void> {
    try {
      if (!(await this.#goingOn.settle(threadId, read))) this.check(sessionId);
    } catch (error) {
      this.#options.onError(error);
    }
  }

  // ---- looking -------------------------------------------------------------------------------------

  #onFileEvent(path: string): void {
    for (const followed of this.#followed.values()) {
      if (followed.path !== path) continue;
      followed.check();
      return;
    }
    if (this.#soon !== null || this.#closed) return;
    this.#soon = setTimeout(() => {
      this.#soon = null;
      void this.#check();
    }, SOON_MS).unref();
  }

  /** One check at a time; a failure is logged, and the next check runs all the same. */
  async #check(): Promise<void> {
    if (this.#looking !== null || this.#closed) return;
    this.#looking = this.#lookAround().catch((error) => this.#options.onError(error));
    await this.#looking;
    this.#looking = null;
  }

  async #lookAround(): Promise<void> {
    const { homes, locksPath, names } = this.#options;
    const isFirst = this.#checks === 0;
    const isWhole = this.#checks % WHOLE_EVERY === 0;
    this.#checks += 1;
    const found = await this.#files.check(isWhole);
    const locks = await readWriterLocks(homes, locksPath);
    await names.check();
    await this.#listenToFolders();
    this.#goingOn.forgetHeld();
    const candidates = new Map<string, RolloutFile>();
    const add = (file: RolloutFile | null) => file && candidates.set(file.threadId, file);
    if (!isFirst) for (const { threadId } of found) add(this.#files.of(threadId));
    for (const threadId of locks?.keys() ?? []) add(this.#files.of(threadId));
    for (const file of await this.#grown(isFirst && locks === null)) add(file);
    for (const file of candidates.values()) {
      if (this.#closed) return;
      await this.#goingOn.show(file, locks?.get(file.threadId) ?? null);
    }
    if (locks !== null) await this.#goingOn.reportHolders(locks);
    for (const followed of this.#followed.values()) followed.check();
    this.#goingOn.reportNames();
  }

  /** Files that were written since the watch began: the newest, and in turn all others. */
  async #grown(isRecent: boolean): Promise<RolloutFile[]> {
    const since = isRecent ? Date.now() - RECENT_MS : this.#startedAt;
    const all = this.#files.newest(Number.POSITIVE_INFINITY);
    const rest = all.slice(NEWEST);
    if (this.#oldest >= rest.length) this.#oldest = 0;
    const inTurn = this.#checks === 1 ? [] : rest.slice(this.#oldest, this.#oldest + AGES_A_CHECK);
    this.#oldest += AGES_A_CHECK;
    const grown: RolloutFile[] = [];
    for (const file of [...all.slice(0, NEWEST), ...inTurn]) {
      const seen = await lookAt(file);
      if (seen === null) this.#files.forget(file);
      else if (seen.mtimeMs >= since) grown.push(file);
    }
    return grown;
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
    // For a folder that is not there chokidar reads the nearest one above it, such as the user's, at each change.
    if (this.#watched.size >= MAX_WARNED || !existsSync(path)) return;
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
