/**
 * The worker thread that owns the lock and the only connection that writes: takes batches, commits them,
 * answers their reads, says so. It decides nothing about when; writer.ts does. In the built program this
 * file is a bundle of its own.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { EXIT, exitCodeOf } from '../exit.ts';
import { createCommitter, troubleOf } from './commit.ts';
import { asExitError, openMigrated } from './database.ts';
import { openEpoch } from './epoch.ts';
import { acquireLock, type HeldLock } from './lock.ts';
import { createActorReads } from './queries/actors.ts';
import { createAnswer } from './queries/answer.ts';
import type { Answer, FromThread, ThreadStart, ToThread } from './traffic.ts';

const port = parentPort;
if (port === null) throw new Error('writer-thread.ts runs as a worker only');
const say = (message: FromThread) => port.postMessage(message);

try {
  serve(workerData as ThreadStart);
} catch (error) {
  const exitCode = exitCodeOf(error);
  // What is no refusal to run is a bug: it leaves by the worker's own error event.
  if (exitCode === null) throw error;
  say({ type: 'refused', exitCode, message: (error as Error).message });
  port.close();
}

function serve({ paths, durability }: ThreadStart): void {
  const lock = acquireLock(paths);
  const house = openHouse(lock, { paths, durability });
  const { database, epoch, committer, answer } = house;

  port?.on('message', (message: ToThread) => {
    if (message.type === 'close') {
      close();
      return;
    }
    const { items, reads } = message;
    if (items.length > 0) say(commit(items));
    say({ type: 'answered', answers: reads.map(answerOrTrouble) });
  });

  const commit = (items: Extract<ToThread, { type: 'batch' }>['items']): FromThread => {
    try {
      return { type: 'committed', results: committer.commit(items) };
    } catch (error) {
      const trouble = troubleOf(error);
      if (trouble === null) throw error;
      return { type: 'failed', trouble, reason: (error as Error).message };
    }
  };
  const answerOrTrouble = (read: Parameters<typeof answer>[0]): Answer => {
    try {
      return { value: answer(read) };
    } catch (error) {
      const trouble = troubleOf(error);
      if (trouble === null) throw error;
      return { trouble };
    }
  };
  const close = () => {
    try {
      epoch.close();
      database.pragma('wal_checkpoint(TRUNCATE)');
    } catch (error) {
      // Everything acknowledged is committed; the next start only finds that it has to check.
      if (troubleOf(error) === null) throw error;
    } finally {
      database.close();
      lock.release();
    }
    say({ type: 'closed' });
    port?.close();
  };

  const actors = createActorReads(database);
  say({
    type: 'opened',
    opened: {
      epoch: epoch.id,
      busy: actors.busy(),
      sessions: actors.sessions(),
      wasDirty: epoch.wasDirty,
    },
  });
}

function openHouse(lock: HeldLock, { paths, durability }: ThreadStart) {
  try {
    const database = openMigrated(paths, durability);
    const now = () => performance.now();
    const epoch = openEpoch({ database, path: paths.epoch, now });
    const committer = createCommitter({ database, epoch });
    const answer = createAnswer({ database, epoch: epoch.id });
    return { database, epoch, committer, answer };
  } catch (error) {
    lock.release();
    throw exitCodeOf(error) === EXIT.configuration || troubleOf(error) === null
      ? error
      : asExitError(paths.database, error);
  }
}
