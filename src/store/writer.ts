/**
 * The main thread's side of the database: takes items and reads, sends them to the writer thread one batch
 * at a time, and keeps every batch until it is committed. While one batch is on its way the next one
 * gathers, which is all the batching there is. Called by the ledger; nothing here blocks.
 */
import type { Worker } from 'node:worker_threads';
import { type Config, type DataPaths, DEFAULT_RETENTION, type RetentionLimits } from '../config.ts';
import { OrbitError } from '../errors.ts';
import { type ExitCode, ExitError } from '../exit.ts';
import type { Logger } from '../log.ts';
import type { Damage } from './damage.ts';
import {
  type Answer,
  type DamageWatch,
  type FromThread,
  startThread,
  type ToThread,
  watchForDamage,
} from './thread/start.ts';
import {
  type Backlog,
  type Batch,
  createStorageErrors,
  Queue,
  type StorageErrorListener,
  type WaitingRead,
} from './thread/writer-queue.ts';
import type { Item, ItemResult, Opened, Read, ReadResults } from './writer-messages.ts';

/** A failed batch is tried again after this long, ms; twice as long each time, up to the second. */
const RETRY_FIRST_MS = 50;
const RETRY_LONGEST_MS = 5_000;

/** While closing, tries are not further apart than this, ms. */
const RETRY_CLOSING_MS = 250;

/** A lock that a foreign tool holds counts as an error only after this long, ms. */
const BUSY_PATIENCE_MS = 2_000;

/** `close` gives up on storage that fails for this long, ms: nothing unacknowledged is owed. */
const CLOSE_PATIENCE_MS = 5_000;

/** What the writer needs to open. */
export interface WriterDeps {
  paths: DataPaths;
  durability: Config['durability'];
  /** Unless given, the default. */
  retention?: RetentionLimits;
  log: Logger;
}

/** The writer, open. */
export interface Writer {
  /** What was found at the start. */
  readonly opened: Opened;
  /**
   * Hands an item over. `done` is called once it is committed or refused, in the order of submission and
   * before any read behind it is answered; never while the storage fails.
   *
   * @throws OrbitError `shutting_down` after `close`
   */
  submit(item: Item, done: (result: ItemResult) => void): void;
  /**
   * Reads what every item submitted so far has left behind. The answer comes after the `done` of every
   * commit it contains and before that of any later one. While the storage fails it shows the last commit.
   *
   * @throws OrbitError `server_busy` when too many reads wait, `storage_unavailable` when the storage
   *   cannot even be read, `shutting_down` after `close`
   */
  read<R extends Read>(read: R): Promise<ReadResults[R['kind']]>;
  /** Why nothing can be stored right now (`disk_full`, `busy`, `read_only`, `io_error`...), or null. */
  readonly storageError: string | null;
  /** Calls the listener when a storage error begins, changes and ends (null). */
  onStorageError(listener: StorageErrorListener): void;
  /** Calls the listener when the writer thread ended unexpectedly: nothing can be stored any more, the process has to end. */
  onCrash(listener: (error: Error) => void): void;
  readonly backlog: Backlog;
  /**
   * Commits what waits, marks the database clean and lets go of the lock. Items that cannot be committed
   * because the storage fails are given up after 5 s; they were never acknowledged. Safe to call twice.
   */
  close(): Promise<void>;
}

/**
 * Starts the writer thread: lock, database, migrations, epoch.
 *
 * @throws ExitError 75 when another server holds the data directory, 78 when the database cannot be used
 */
export function openWriter({
  paths,
  durability,
  retention = DEFAULT_RETENTION,
  log,
}: WriterDeps): Promise<Writer> {
  return new Promise((resolve, reject) => {
    const worker = startThread({ task: 'write', paths, durability, retention });
    worker.once('error', reject);
    worker.once('message', (message: FromThread) => {
      worker.off('error', reject);
      if (message.type === 'opened') {
        resolve(new ThreadedWriter({ worker, opened: message.opened, paths, log }));
      } else if (message.type === 'refused') {
        reject(new ExitError(message.exitCode as ExitCode, message.message));
      } else reject(new Error(`The writer thread began with ${message.type}`));
    });
  });
}

class ThreadedWriter implements Writer {
  readonly opened: Opened;
  readonly onStorageError: Writer['onStorageError'];
  readonly #worker: Worker;
  readonly #log: Logger;
  readonly #queue = new Queue(() => performance.now());
  readonly #storageErrors: ReturnType<typeof createStorageErrors>;
  readonly #damageWatch: DamageWatch;
  /** Set when the database is damaged: it is only read. */
  #isFrozen = false;
  readonly #crashListeners: Array<(error: Error) => void> = [];
  #onItsWay: Batch | null = null;
  #isPumpQueued = false;
  #retryInMs = 0;
  /** Set between two tries of a batch: items wait, reads do not. */
  #retryTimer: NodeJS.Timeout | null = null;
  #closing: { done: Promise<void>; resolve: () => void; deadline: number } | null = null;
  /** Set when the thread takes nothing any more: why. */
  #ended: Error | null = null;

  constructor(deps: { worker: Worker; opened: Opened; paths: DataPaths; log: Logger }) {
    this.opened = deps.opened;
    this.#worker = deps.worker;
    this.#log = deps.log;
    this.#storageErrors = createStorageErrors(deps.log);
    this.onStorageError = this.#storageErrors.listen;
    this.#worker.on('message', (message: FromThread) => this.#received(message));
    this.#worker.on('error', (error) => this.#crashed(error));
    this.#worker.on('exit', (code) => this.#exited(code));
    this.#damageWatch = watchForDamage({ ...deps, found: (damage) => this.#freeze(damage) });
    if (deps.opened.damage !== null) {
      this.#damageWatch.stop();
      this.#freeze(deps.opened.damage);
    }
  }

  get storageError() {
    return this.#storageErrors.now;
  }

  get backlog() {
    return this.#queue.backlog;
  }

  submit(item: Item, done: (result: ItemResult) => void): void {
    this.#refuseWhenEnded();
    this.#queue.push(item, done);
    this.#pumpSoon();
  }

  async read<R extends Read>(read: R): Promise<ReadResults[R['kind']]> {
    this.#refuseWhenEnded();
    const answer = new Promise((resolve, reject) => {
      this.#queue.pushRead(read, { resolve, reject });
    });
    this.#pumpSoon();
    return (await answer) as ReadResults[R['kind']];
  }

  onCrash(listener: (error: Error) => void): void {
    this.#crashListeners.push(listener);
  }

  close(): Promise<void> {
    if (this.#closing !== null) return this.#closing.done;
    if (this.#ended !== null) return Promise.resolve();
    let resolve = () => {};
    const done = new Promise<void>((settle) => {
      resolve = settle;
    });
    this.#closing = { done, resolve, deadline: performance.now() + CLOSE_PATIENCE_MS };
    this.#pumpSoon();
    return done;
  }

  #refuseWhenEnded(): void {
    if (this.#closing !== null) throw new OrbitError('shutting_down');
    if (this.#ended !== null) throw this.#ended;
  }

  /** Sends at the end of the tick, so that what one tick submits is one batch. */
  #pumpSoon(): void {
    if (this.#isPumpQueued || this.#onItsWay !== null || this.#ended !== null) return;
    this.#isPumpQueued = true;
    setImmediate(() => {
      this.#isPumpQueued = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#onItsWay !== null || this.#ended !== null) return;
    const isOver = this.#queue.isEmpty || this.#mustGiveUp() || this.#isFrozen;
    if (this.#closing !== null && isOver) {
      this.#finish();
      return;
    }
    const batch =
      this.#retryTimer === null && !this.#isFrozen
        ? this.#queue.nextBatch()
        : { items: [], reads: this.#queue.takeReads() };
    if (batch.items.length === 0 && batch.reads.length === 0) return;
    this.#onItsWay = batch;
    this.#send({
      type: 'batch',
      items: batch.items.map(({ item }) => item),
      reads: batch.reads.map(({ read }) => read),
    });
  }

  /** `closed` is followed by the thread's exit; what else there is was taken by openWriter. */
  #received(message: FromThread): void {
    if (message.type === 'undone') {
      const sessions = message.sessions.slice(0, 20).join(' ');
      this.#log.warn('persistence.foreign_rows.put_back', {
        sessions,
        of: message.sessions.length,
      });
    }
    if (message.type !== 'done') return;
    const { commit, answers } = message;
    if ('trouble' in commit) this.#failed(commit.trouble, commit.reason);
    else if (commit.results.length > 0) this.#committed(commit.results);
    this.#answered(answers);
  }

  #committed(results: ItemResult[]): void {
    this.#retryInMs = 0;
    this.#storageErrors.clear();
    for (const [at, { done }] of this.#queue.drop(results.length).entries()) {
      done(results[at] as ItemResult);
    }
  }

  /** From here on nothing is written: over damage, each write may destroy what could be saved. */
  #freeze({ reason, copy }: Damage): void {
    this.#isFrozen = true;
    const kept = copy === null ? 'no copy could be made' : `a copy is in ${copy}`;
    this.#storageErrors.keep('corrupt', `${reason} (${kept})`);
  }

  /** A read or a commit met damage before a check did. */
  #metDamage(reason: string): void {
    if (this.#isFrozen) return;
    this.#isFrozen = true;
    this.#storageErrors.keep('corrupt', reason);
    this.#damageWatch.keep(reason);
  }

  #failed(trouble: string, reason: string): void {
    if (trouble === 'corrupt') {
      this.#metDamage(reason);
      return;
    }
    const isShort = this.#queue.backlog.oldestAgeMs < BUSY_PATIENCE_MS;
    if (trouble !== 'busy' || !isShort) this.#storageErrors.set(trouble, reason);
    const longest = this.#closing === null ? RETRY_LONGEST_MS : RETRY_CLOSING_MS;
    this.#retryInMs = Math.min(Math.max(this.#retryInMs * 2, RETRY_FIRST_MS), longest);
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = null;
      this.#pumpSoon();
    }, this.#retryInMs);
  }

  #answered(answers: Answer[]): void {
    const reads = this.#onItsWay?.reads ?? [];
    this.#onItsWay = null;
    for (const [at, { read, readers }] of reads.entries()) {
      const answer = answers[at] ?? { trouble: 'unknown', reason: '' };
      const error = 'value' in answer ? null : this.#errorOf(read, answer);
      if ('damage' in answer) this.#metDamage(String(answer.damage));
      for (const { resolve, reject } of readers) {
        if ('value' in answer) resolve(answer.value);
        else reject(error as OrbitError);
      }
    }
    this.#pumpSoon();
  }

  #errorOf(read: Read, { trouble, reason }: { trouble: string; reason: string }): OrbitError {
    if (trouble !== 'corrupt' && trouble !== 'row') {
      return new OrbitError('storage_unavailable', { reason: trouble });
    }
    const sessionId = 'sessionId' in read ? (read.sessionId ?? undefined) : undefined;
    const what = sessionId === undefined ? `The ${read.kind} read` : `Session ${sessionId}`;
    this.#log.error('persistence.read.damaged', { read: read.kind, what, reason });
    if (trouble === 'corrupt') this.#metDamage(reason);
    return new OrbitError(
      'database_damaged',
      { what },
      sessionId === undefined ? {} : { sessionId },
    );
  }

  #mustGiveUp(): boolean {
    return this.#retryInMs > 0 && performance.now() > (this.#closing?.deadline ?? Infinity);
  }

  #finish(): void {
    const { items } = this.#queue.backlog;
    if (items > 0) this.#log.error('persistence.close.gave_up', { items });
    this.#end(new OrbitError('shutting_down'));
    this.#send({ type: 'close', isFrozen: this.#isFrozen });
  }

  #crashed(error: Error): void {
    if (this.#ended !== null) return;
    this.#log.error('persistence.writer.crashed', { error });
    this.#end(error);
    for (const listener of this.#crashListeners) listener(error);
    this.#closing?.resolve();
  }

  #exited(code: number): void {
    this.#crashed(new Error(`The writer thread ended by itself with code ${code}`));
    this.#closing?.resolve();
  }

  /** From here on nothing is taken, and who waits for an answer gets the reason. */
  #end(why: Error): void {
    this.#ended = why;
    this.#damageWatch.stop();
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    const waiting: WaitingRead[] = this.#onItsWay?.reads ?? [];
    while (this.#queue.hasReads) waiting.push(...this.#queue.takeReads());
    for (const { readers } of waiting) for (const { reject } of readers) reject(why);
  }

  #send(message: ToThread): void {
    this.#worker.postMessage(message);
  }
}
