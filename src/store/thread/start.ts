/**
 * Starts the store's threads: the one place that knows how. Called by writer.ts, and by `start` for the
 * thread that it will need in a moment. One of them looks for damage in the background.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { SHARE_ENV, Worker, type WorkerOptions } from 'node:worker_threads';
import type { Config, DataPaths, RetentionLimits } from '../../config.ts';
import type { Logger } from '../../log.ts';
import { insideText, isStandalone } from '../../standalone.ts';
import type { Damage } from '../damage.ts';
import type { Item, ItemResult, Opened, Read, ReadResults } from '../writer-messages.ts';

/**
 * Nothing is copied or watched for a thread that is as good as this one. What it makes lives for one commit, so a
 * small young generation is as fast as a large one, and keeps dozens of megabytes less under load.
 */
const OPTIONS: WorkerOptions = {
  env: SHARE_ENV,
  trackUnmanagedFds: false,
  resourceLimits: { maxYoungGenerationSizeMb: 24 },
};

const WARM = Symbol.for('orbitdock.warm-thread');

/**
 * A thread that has loaded its code and does not know yet what for. Kept where the launcher, a bundle of its
 * own, and the program both find it.
 */
const globals = globalThis as { [WARM]?: Worker | undefined };

/**
 * Lets a thread load its code while the caller is still busy with other things; the next `startThread`
 * takes it. It opens nothing by itself and keeps no process alive.
 */
export function warmUpThread(): void {
  if (globals[WARM] !== undefined) return;
  globals[WARM] = newThread();
  globals[WARM].unref();
}

/** Starts a thread of writer-thread.ts with what it is for. */
export function startThread(start: ThreadStart): Worker {
  const thread = globals[WARM] ?? newThread();
  globals[WARM] = undefined;
  thread.ref();
  thread.postMessage(start);
  return thread;
}

/**
 * Built, the thread's code is a bundle beside ours, or inside the one executable. From the sources (development, tests) Node 20 cannot
 * start a worker in TypeScript, not even under tsx, so it is bundled on the spot: registering tsx in the
 * new thread works as well, but costs each start half a second.
 */
function newThread(): Worker {
  if (isStandalone()) return new Worker(insideText('writer-thread.js'), { ...OPTIONS, eval: true });
  if (!import.meta.url.endsWith('.ts')) {
    // What the shell starts (launch.ts): it runs the thread's code out of its code cache.
    return new Worker(new URL('./main.js', import.meta.url), OPTIONS);
  }
  bundle ??= bundleFromSources();
  return new Worker(bundle, { ...OPTIONS, eval: true });
}

let bundle: string | null = null;

/** As much of esbuild as is used here: a tool of development, which no layer may depend on. */
interface Bundler {
  buildSync(options: Record<string, unknown>): { outputFiles: Array<{ text: string }> };
}

function bundleFromSources(): string {
  const source = new URL('../writer-thread.ts', import.meta.url).href;
  // Loaded this way because the built program has no esbuild, and its bundler must not look for it.
  const { buildSync } = createRequire(import.meta.url)('esbuild') as Bundler;
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(source)],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    keepNames: true,
    external: ['better-sqlite3'],
    define: { 'import.meta.url': JSON.stringify(source) },
    // Evaluated code would look for packages below the working directory.
    banner: { js: `globalThis.require = require('node:module').createRequire('${source}');` },
  });
  return outputFiles[0]?.text ?? '';
}

/** The first check begins this long after the start, ms: clients that come back go first. */
const CHECK_AFTER_MS = 1_000;
const CHECK_EVERY_MS = 24 * 60 * 60 * 1_000;

/** Checks for damage that will run or run. */
export interface DamageWatch {
  /** Has a copy put aside of a database that was found damaged: why, in SQLite's words. */
  keep(reason: string): void;
  /** Ends a check that has not come to its end; there will be no other. */
  stop(): void;
}

/** @param found  gets the damage once its copy is put aside; nothing is said about a sound database */
export function watchForDamage(deps: {
  paths: DataPaths;
  log: Logger;
  found: (damage: Damage) => void;
}): DamageWatch {
  const { paths, log, found } = deps;
  let worker: Worker | null = null;
  const check = (suspicion: string | null) => {
    const startedAt = performance.now();
    worker = startThread({ task: 'check', paths, suspicion });
    worker.unref();
    worker.on('error', (error) => log.warn('persistence.check.failed', { error }));
    worker.on('message', (message: FromThread) => {
      const ms = Math.round(performance.now() - startedAt);
      if (message.type === 'refused') {
        log.warn('persistence.check.failed', { error: message.message });
      } else if (message.type === 'checked' && message.damage !== null) {
        stop();
        found(message.damage);
      } else if (message.type === 'checked') log.info('persistence.check.sound', { ms });
    });
  };
  const first = setTimeout(check, CHECK_AFTER_MS, null);
  const daily = setInterval(check, CHECK_EVERY_MS, null);
  first.unref();
  daily.unref();
  const stop = () => {
    clearTimeout(first);
    clearInterval(daily);
  };
  return {
    keep(reason) {
      stop();
      check(reason);
    },
    stop() {
      stop();
      void worker?.terminate();
    },
  };
}

/*
 * The words between writer.ts and writer-thread.ts; the items and reads inside them are in writer-messages.ts.
 * Types only. One batch is on its way at a time, and one message ends it: each one activates a thread.
 */

/** What a thread is started for. */
export type ThreadStart =
  | {
      task: 'write';
      paths: DataPaths;
      durability: Config['durability'];
      retention: RetentionLimits;
    }
  /** Looks for damage, puts a copy aside where there is some or a suspicion, says `checked` and ends. */
  | { task: 'check'; paths: DataPaths; suspicion: string | null };

/**
 * A read's answer, or the word for the storage error that prevented it, with SQLite's reason; `row` when only
 * the rows that it asked for are not what they should be.
 */
export type Answer =
  /** `damage`: rows that could not be read are left out of it. */
  { value: ReadResults[Read['kind']]; damage?: string } | { trouble: string; reason: string };

/** What became of a batch's items; after a failure nothing of it was kept, and it may be sent again. */
export type CommitOutcome = { results: ItemResult[] } | { trouble: string; reason: string };

/** What the main thread says, once the thread serves. */
export type ToThread =
  | { type: 'batch'; items: Item[]; reads: Read[] }
  | { type: 'close'; isFrozen: boolean };

/** What the thread says. */
export type FromThread =
  | { type: 'opened'; opened: Opened }
  /** It does not run: the lock is held, or the database cannot be used. */
  | { type: 'refused'; exitCode: number; message: string }
  /** The batch's end: what became of its items, then the answers to its reads. */
  | { type: 'done'; commit: CommitOutcome; answers: Answer[] }
  /** Rows that another program changed while we run were put back. */
  | { type: 'undone'; sessions: string[] }
  | { type: 'checked'; damage: Damage | null }
  | { type: 'closed' };
