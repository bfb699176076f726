/**
 * The worker thread that owns the lock and the only connection that writes: takes batches, commits them,
 * answers their reads, says so. It decides nothing about when; writer.ts does. In the built program this
 * file is a bundle of its own. Started to check, it only reads.
 */
import { parentPort } from 'node:worker_threads';
import { exitCodeOf } from '../exit.ts';
import { keepAddonIn } from '../standalone.ts';
import { Committer, storageErrorOf } from './commit.ts';
import { findDamage, keepDamage, standingDamage } from './damage.ts';
import { asExitError, openDatabase, openMigrated, type Sqlite } from './database.ts';
import { openEpoch, readEpoch, watchForeignWrites } from './epoch.ts';
import { acquireLock, type HeldLock } from './lock.ts';
import { ActorReads } from './queries/actors.ts';
import { createAnswer } from './queries/run-read.ts';
import { createRetention } from './retention.ts';
import { createSearchIndex } from './search-index.ts';
import { startIdleWork } from './thread/idle-work.ts';
import type { Answer, CommitOutcome, FromThread, ThreadStart, ToThread } from './thread/start.ts';
import type { Item, Read } from './writer-messages.ts';

const port = parentPort;
if (port === null) throw new Error('writer-thread.ts runs as a worker only');
const say = (message: FromThread) => port.postMessage(message);

// The first message says what for; it may come long after the code was loaded.
port.once('message', (start: ThreadStart) => {
  try {
    begin(start);
  } catch (error) {
    const exitCode = exitCodeOf(error);
    // What is no refusal to run is a bug: it leaves by the worker's own error event.
    if (exitCode === null) throw error;
    say({ type: 'refused', exitCode, message: (error as Error).message });
    port.close();
  }
});

function begin(start: ThreadStart): void {
  keepAddonIn(start.paths.dir);
  if (start.task === 'check') {
    const reason = start.suspicion ?? findDamage(start.paths.database);
    const damage = reason === null ? null : keepDamage(start.paths, reason, new Date());
    say({ type: 'checked', damage });
    port?.close();
    return;
  }
  const lock = acquireLock(start.paths);
  try {
    serve(openStore(start, lock));
  } catch (error) {
    lock.release();
    throw storageErrorOf(error) === null ? error : asExitError(start.paths.database, error);
  }
}

type OpenStore = ReturnType<typeof openStore>;

function openStore(
  { paths, durability, retention }: ThreadStart & { task: 'write' },
  lock: HeldLock,
) {
  const damage = standingDamage(paths);
  // A database that is known to be damaged is not even migrated.
  const database =
    damage === null
      ? openMigrated(paths, durability)
      : openDatabase(paths.database, { durability, readonly: true });
  const epoch =
    damage === null
      ? openEpoch({ database, path: paths.epoch, now: () => performance.now() })
      : readEpoch(database);
  const committer = new Committer({ database, epoch });
  const searchIndex = damage === null ? createSearchIndex(database) : null;
  return {
    paths,
    lock,
    damage,
    database,
    epoch,
    committer,
    searchIndex,
    answer: createAnswer({ database, epoch: epoch.id, searchIndex }),
    limits: retention,
    retention: createRetention({
      ...{ database, limits: retention, images: paths.images, now: Date.now },
      removed: (sessionId) => committer.forget(sessionId),
    }),
    actors: new ActorReads(database),
    foreign: watchForeignWrites(database),
  };
}

function serve(store: OpenStore): void {
  const { actors, epoch, damage } = store;
  const rest = damage === null ? startIdleWork(store) : null;
  port?.on('message', (message: ToThread) => {
    if (message.type === 'close') {
      rest?.stop();
      close(store, message.isFrozen);
      return;
    }
    const { items, reads } = message;
    if (damage === null) undoForeignWrites(store);
    if (items.length > 0) rest?.disturb();
    const outcome = items.length > 0 ? commit(store, items) : { results: [] };
    say({ type: 'done', commit: outcome, answers: reads.map((read) => answer(store, read)) });
  });
  say({
    type: 'opened',
    opened: {
      epoch: epoch.id,
      interrupted: actors.interrupted(),
      working: actors.working(),
      sessions: actors.sessions(),
      wasDirty: epoch.wasDirty,
      foreign: epoch.foreign,
      damage,
      retention: store.limits,
      processes: actors.processes(),
      bearers: actors.bearers(),
      tails: actors.tails(),
      unread: actors.unread(),
      commands: actors.commands(),
    },
  });
  // Behind the answer that the start waits for, and before the first batch.
  epoch.mark();
}

/** Before anything is read or changed. While the storage fails there is nothing to put back into. */
function undoForeignWrites({ foreign }: OpenStore): void {
  try {
    const sessions = foreign.undo();
    if (sessions.length > 0) say({ type: 'undone', sessions });
  } catch (error) {
    // The batch that comes next meets the same error, and reports it.
    if (storageErrorOf(error) === null) throw error;
  }
}

function commit({ committer }: OpenStore, items: Item[]): CommitOutcome {
  try {
    return { results: committer.commit(items) };
  } catch (error) {
    const trouble = storageErrorOf(error);
    if (trouble === null) throw error;
    return { trouble, reason: (error as Error).message };
  }
}

function answer(store: OpenStore, read: Read): Answer {
  try {
    const value = store.answer(read);
    const damage = value !== null && 'damage' in value ? value.damage : undefined;
    return { value, ...(damage !== undefined && { damage }) };
  } catch (error) {
    const trouble = storageErrorOf(error) ?? (isOddRow(error) ? 'row' : null);
    if (trouble === null) throw error;
    return { trouble, reason: (error as Error).message };
  }
}

/** A row that holds what no row of ours holds, such as broken JSON: an error only for those who read it. */
function isOddRow(error: unknown): boolean {
  return error instanceof SyntaxError || error instanceof TypeError;
}

/** The last connection that closes writes the WAL into the file; one that only reads cannot. */
function openLast(path: string): Sqlite | null {
  try {
    return openDatabase(path, { durability: 'normal', readonly: true });
  } catch (error) {
    // Too damaged to be opened again: a copy is aside.
    if (exitCodeOf(error) === null) throw error;
    return null;
  }
}

function close({ database, epoch, lock, paths }: OpenStore, isFrozen: boolean): void {
  const last = isFrozen ? openLast(paths.database) : null;
  try {
    if (!isFrozen) {
      epoch.close();
      database.pragma('wal_checkpoint(TRUNCATE)');
    }
  } catch (error) {
    // Everything acknowledged is committed; the next start only finds that it has to check.
    if (storageErrorOf(error) === null) throw error;
  } finally {
    database.close();
    last?.close();
    lock.release();
  }
  say({ type: 'closed' });
  port?.close();
}
