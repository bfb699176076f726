/**
 * Keeps one process running for as long as it is needed: started by the first who asks, started again
 * after it died, left alone when it dies again and again (reliability.md R15). Knows nothing of what the
 * process says.
 */
import { OrbitError } from '../../../errors.ts';
import type { Logger } from '../../../log.ts';
import type { EngineState } from './engine.ts';

/** Something that was started and ends some day. */
export interface Kept {
  /** Settles with how it ended. */
  readonly exited: Promise<string>;
  end(): Promise<void>;
}

/** What a keeper needs. */
export interface KeeperDeps<Thing extends Kept> {
  /** Starts one and resolves when it is ready. @throws OrbitError */
  readonly start: () => Promise<Thing>;
  /** It ended by itself after it had been ready. */
  readonly lost: (reason: string) => void;
  /** Pauses before each restart within a minute; when they are used up it stays failed. */
  readonly restartDelaysMs: readonly number[];
  readonly log: Logger;
}

/** Owns the one process. */
export interface Keeper<Thing> {
  readonly state: EngineState;
  /** The running one, started if need be. @throws OrbitError `codex_error`, `shutting_down` */
  get(): Promise<Thing>;
  onState(hear: (state: EngineState, reason: string | null) => void): () => void;
  /** Ends this one by our own wish; the next who asks starts another. */
  retire(thing: Thing): Promise<void>;
  /** Ends it for good. */
  close(): Promise<void>;
}

const WINDOW_MS = 60_000;

/** A keeper whose process does not run yet. */
export function createKeeper<Thing extends Kept>(deps: KeeperDeps<Thing>): Keeper<Thing> {
  const { start, lost, restartDelaysMs, log } = deps;
  const hearers = new Set<(state: EngineState, reason: string | null) => void>();
  let state: EngineState = 'stopped';
  let current: Promise<Thing> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let deaths: number[] = [];
  let isClosed = false;
  /** Those that end by our own wish, which is no loss. */
  const retired = new WeakSet<Thing>();

  function become(next: EngineState, reason: string | null): void {
    state = next;
    const line = next === 'failed' ? log.warn : log.info;
    line('codex.engine', { state: next, reason });
    for (const hear of [...hearers]) hear(next, reason);
  }

  async function run(): Promise<Thing> {
    clearTimeout(timer);
    become('starting', null);
    try {
      const thing = await start();
      void thing.exited.then((reason) => {
        if (retired.has(thing)) return;
        current = null;
        if (isClosed) return;
        lost(reason);
        died(reason);
      });
      if (!isClosed) become('ready', null);
      return thing;
    } catch (error) {
      current = null;
      throw error;
    }
  }

  /** Tries again after a while, as long as it does not die too often. */
  function died(reason: string): void {
    const now = performance.now();
    deaths = [...deaths.filter((at) => now - at < WINDOW_MS), now];
    const delay = restartDelaysMs[deaths.length - 1];
    if (delay === undefined) {
      const times = `${deaths.length} times within a minute`;
      become('failed', `${reason}; it ended ${times} and is started again when somebody needs it`);
      return;
    }
    become('failed', reason);
    timer = setTimeout(() => {
      get().catch((error: Error) => {
        if (!isClosed) died(error.message);
      });
    }, delay);
  }

  function get(): Promise<Thing> {
    if (isClosed) return Promise.reject(new OrbitError('shutting_down'));
    current ??= run();
    return current;
  }

  return {
    get state() {
      return state;
    },
    async get() {
      try {
        return await get();
      } catch (error) {
        if (state === 'starting') become('failed', (error as Error).message);
        throw error;
      }
    },
    onState(hear) {
      hearers.add(hear);
      return () => void hearers.delete(hear);
    },
    async retire(thing) {
      retired.add(thing);
      current = null;
      become('stopped', null);
      await thing.end();
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      const thing = await current?.catch(() => null);
      await thing?.end();
      if (state !== 'stopped') become('stopped', null);
    },
  };
}
