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
  return new ProcessKeeper(deps);
}

class ProcessKeeper<Thing extends Kept> implements Keeper<Thing> {
  readonly #deps: KeeperDeps<Thing>;
  readonly #hearers = new Set<(state: EngineState, reason: string | null) => void>();
  #state: EngineState = 'stopped';
  #current: Promise<Thing> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #deaths: number[] = [];
  #isClosed = false;
  /** Those that end by our own wish, which is no loss. */
  readonly #retired = new WeakSet<Thing>();

  constructor(deps: KeeperDeps<Thing>) {
    this.#deps = deps;
  }

  get state(): EngineState {
    return this.#state;
  }

  async get(): Promise<Thing> {
    try {
      return await this.#get();
    } catch (error) {
      if (this.#state === 'starting') this.#become('failed', (error as Error).message);
      throw error;
    }
  }

  onState(hear: (state: EngineState, reason: string | null) => void): () => void {
    this.#hearers.add(hear);
    return () => void this.#hearers.delete(hear);
  }

  async retire(thing: Thing): Promise<void> {
    this.#retired.add(thing);
    this.#current = null;
    this.#become('stopped', null);
    await thing.end();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const thing = await this.#current?.catch(() => null);
    await thing?.end();
    if (this.#state !== 'stopped') this.#become('stopped', null);
  }

  #become(next: EngineState, reason: string | null): void {
    this.#state = next;
    const line = next === 'failed' ? this.#deps.log.warn : this.#deps.log.info;
    line('codex.engine', { state: next, reason });
    for (const hear of [...this.#hearers]) hear(next, reason);
  }

  async #run(): Promise<Thing> {
    clearTimeout(this.#timer);
    this.#become('starting', null);
    try {
      const thing = await this.#deps.start();
      void thing.exited.then((reason) => {
        if (this.#retired.has(thing)) return;
        this.#current = null;
        if (this.#isClosed) return;
        this.#deps.lost(reason);
        this.#died(reason);
      });
      if (!this.#isClosed) this.#become('ready', null);
      return thing;
    } catch (error) {
      this.#current = null;
      throw error;
    }
  }

  /** Tries again after a while, as long as it does not die too often. */
  #died(reason: string): void {
    const now = performance.now();
    this.#deaths = [...this.#deaths.filter((at) => now - at < WINDOW_MS), now];
    const delay = this.#deps.restartDelaysMs[this.#deaths.length - 1];
    if (delay === undefined) {
      const times = `${this.#deaths.length} times within a minute`;
      this.#become(
        'failed',
        `${reason}; it ended ${times} and is started again when somebody needs it`,
      );
      return;
    }
    this.#become('failed', reason);
    this.#timer = setTimeout(() => {
      this.#get().catch((error: Error) => {
        if (!this.#isClosed) this.#died(error.message);
      });
    }, delay);
  }

  #get(): Promise<Thing> {
    if (this.#isClosed) return Promise.reject(new OrbitError('shutting_down'));
    this.#current ??= this.#run();
    return this.#current;
  }
}
