/**
 * The main thread's side of the database: takes items and reads, sends them to the writer thread one batch
 * at a time, and keeps every batch until it is committed. While one batch is on its way the next one
 * gathers, which is all the batching there is. Called by the ledger; nothing here blocks.
 */
import { Worker } from 'node:worker_threads';
import type { Config, DataPaths } from '../config.ts';
import { OrbitError } from '../errors.ts';
import { type ExitCode, ExitError } from '../exit.ts';
import type { Item, ItemResult, Opened, Read, ReadResults } from './items.ts';
import { type Backlog, type Batch, createQueue } from './queue.ts';
import type { FromThread, ThreadStart, ToThread } from './traffic.ts';

/** A failed batch is tried again after this long, ms; twice as long each time, up to the second. */
const RETRY_FIRST_MS = 50;
const RETRY_LONGEST_MS = 5_000;

/** A lock that a foreign tool holds counts as trouble only after this long, ms. */
const BUSY_PATIENCE_MS = 2_000;

/** `close` gives up on storage that fails for this long, ms: nothing unacknowledged is owed. */
const CLOSE_PATIENCE_MS = 5_000;

/** The part of a logger the store needs; pino's own shape. */
export interface StoreLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface WriterDeps {
  paths: DataPaths;
  durability: Config['durability'];
  log: StoreLog;
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
   * @throws OrbitError `server_busy` when too many reads wait, `storage_unavailable` when it cannot be
   *   read at all, `shutting_down` after `close`
   */
  read<R extends Read>(read: R): Promise<ReadResults[R['kind']]>;
  /** Why nothing can be stored right now (`disk_full`, `busy`, `read_only`, `io_error`...), or null. */
  readonly trouble: string | null;
  /** Tells when trouble begins, changes and ends (null). */
  onTrouble(listener: (trouble: string | null) => void): void;
  /** Tells that the writer thread died: nothing can be stored any more, the process has to end. */
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
export function openWriter({ paths, durability, log }: WriterDeps): Promise<Writer> {
  return new Promise((resolve, reject) => {
    const worker = startThread({ paths, durability });
    const firstWord = (message: FromThread) => {
      worker.off('error', reject);
      if (message.type === 'opened') resolve(createWriter({ worker, opened: message.opened, log }));
      else if (message.type === 'refused')
        reject(new ExitError(message.exitCode as ExitCode, message.message));
      else reject(new Error(`The writer thread began with ${message.type}`));
    };
    worker.once('error', reject);
    worker.once('message', firstWord);
  });
}

/**
 * The one place that knows how a worker is started. Built, the thread is a bundle beside ours; from the
 * sources Node 20 cannot start a worker in TypeScript, not even under tsx, so a line of JavaScript
 * registers tsx in the new thread first.
 */
function startThread(start: ThreadStart): Worker {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL('./writer-thread.js', import.meta.url), { workerData: start });
  }
  const file = new URL('./writer-thread.ts', import.meta.url).href;
  const bootstrap = `
    import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))})
      .then(({ register }) => { register(); return import(${JSON.stringify(file)}); })`;
  return new Worker(bootstrap, { eval: true, workerData: start });
}

function createWriter(deps: { worker: Worker; opened: Opened; log: StoreLog }): Writer {
  const { worker, opened, log } = deps;
  const queue = createQueue(() => performance.now());
  const troubles = createTroubles(log);
  const crashListeners: Array<(error: Error) => void> = [];
  let onItsWay: Batch | null = null;
  let retryInMs = 0;
  let retryTimer: NodeJS.Timeout | null = null;
  let pumpQueued = false;
  let closing: { promise: Promise<void>; resolve: () => void; deadline: number } | null = null;
  let ended: Error | null = null;

  const send = (message: ToThread) => worker.postMessage(message);

  /** Sends at the end of the tick, so that what one tick submits is one batch. */
  const queuePump = () => {
    if (pumpQueued || onItsWay !== null || ended !== null) return;
    pumpQueued = true;
    setImmediate(() => {
      pumpQueued = false;
      pump();
    });
  };

  const pump = () => {
    if (onItsWay !== null || ended !== null) return;
    const givingUp =
      closing !== null && retryTimer !== null && performance.now() > closing.deadline;
    if (closing !== null && (queue.isEmpty || givingUp)) return finish();
    // Between two tries only reads go: they show the last commit.
    const batch = retryTimer === null ? queue.nextBatch() : { items: [], reads: queue.takeReads() };
    if (batch.items.length === 0 && batch.reads.length === 0) return;
    onItsWay = batch;
    send({
      type: 'batch',
      items: batch.items.map(({ item }) => item),
      reads: batch.reads.map(({ read }) => read),
    });
  };

  const finish = () => {
    ended = new OrbitError('shutting_down');
    if (retryTimer !== null) clearTimeout(retryTimer);
    send({ type: 'close' });
  };

  const committed = (results: ItemResult[]) => {
    retryInMs = 0;
    troubles.set(null);
    for (const [at, { done }] of queue.drop(results.length).entries()) {
      done(results[at] as ItemResult);
    }
  };

  const failed = (trouble: string, reason: string) => {
    const isPatient = trouble === 'busy' && queue.backlog.oldestAgeMs < BUSY_PATIENCE_MS;
    if (!isPatient) troubles.set(trouble, reason);
    retryInMs = Math.min(Math.max(retryInMs * 2, RETRY_FIRST_MS), RETRY_LONGEST_MS);
    retryTimer = setTimeout(() => {
      retryTimer = null;
      queuePump();
    }, retryInMs);
  };

  const answered = (answers: Extract<FromThread, { type: 'answered' }>['answers']) => {
    const reads = onItsWay?.reads ?? [];
    onItsWay = null;
    for (const [at, { readers }] of reads.entries()) {
      const answer = answers[at];
      for (const { resolve, reject } of readers) {
        if (answer !== undefined && 'value' in answer) resolve(answer.value);
        else
          reject(new OrbitError('storage_unavailable', { reason: answer?.trouble ?? 'unknown' }));
      }
    }
    queuePump();
  };

  const crashed = (error: Error) => {
    if (ended !== null) return;
    ended = error;
    if (retryTimer !== null) clearTimeout(retryTimer);
    log.error({ err: error }, 'store.writer.crashed');
    const reads = [...(onItsWay?.reads ?? []), ...takeAllReads(queue)];
    for (const { readers } of reads) for (const { reject } of readers) reject(error);
    for (const listener of crashListeners) listener(error);
    closing?.resolve();
  };

  worker.on('message', (message: FromThread) => {
    switch (message.type) {
      case 'committed':
        return committed(message.results);
      case 'failed':
        return failed(message.trouble, message.reason);
      case 'answered':
        return answered(message.answers);
      case 'damaged':
        return log.error({ reason: message.reason }, 'store.check.damaged');
      default:
        return;
    }
  });
  worker.on('error', crashed);
  worker.on('exit', (code) => {
    if (closing !== null && ended !== null) closing.resolve();
    else crashed(new Error(`The writer thread ended with code ${code}`));
  });

  return {
    opened,
    submit(item, done) {
      if (closing !== null) throw new OrbitError('shutting_down');
      if (ended !== null) throw ended;
      queue.push(item, done);
      queuePump();
    },
    async read<R extends Read>(read: R) {
      if (closing !== null) throw new OrbitError('shutting_down');
      if (ended !== null) throw ended;
      const answer = new Promise((resolve, reject) => queue.pushRead(read, { resolve, reject }));
      queuePump();
      return (await answer) as ReadResults[R['kind']];
    },
    get trouble() {
      return troubles.now;
    },
    onTrouble: troubles.listen,
    onCrash: (listener) => void crashListeners.push(listener),
    get backlog() {
      return queue.backlog;
    },
    close() {
      if (closing !== null) return closing.promise;
      if (ended !== null) return Promise.resolve();
      const { promise, resolve } = promiseWithResolver();
      closing = { promise, resolve, deadline: performance.now() + CLOSE_PATIENCE_MS };
      queuePump();
      return promise;
    },
  };
}

function createTroubles(log: StoreLog) {
  let now: string | null = null;
  const listeners: Array<(trouble: string | null) => void> = [];
  return {
    get now() {
      return now;
    },
    listen: (listener: (trouble: string | null) => void) => void listeners.push(listener),
    set(trouble: string | null, reason?: string) {
      if (trouble === now) return;
      now = trouble;
      if (trouble === null) log.info({}, 'store.recovered');
      else log.error({ trouble, reason }, 'store.trouble');
      for (const listener of listeners) listener(trouble);
    },
  };
}

function takeAllReads(queue: ReturnType<typeof createQueue>) {
  const reads = [];
  while (queue.hasReads) reads.push(...queue.takeReads());
  return reads;
}

function promiseWithResolver() {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
