/**
 * The supervisor of the engine's process: starts it again after it ended, with a growing pause, and cleans up what
 * an ended one left behind.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { OrbitError } from '../../../errors.ts';
import { writeFileAtomically } from '../../../files.ts';
import type { Logger } from '../../../log.ts';
import type { EngineState } from './engine.ts';

/** Something that was started and ends some day. */
export interface Kept {
  /** Settles with how it ended. */
  readonly exited: Promise<string>;
  end(): Promise<void>;
}

/** What a supervisor needs. */
export interface SupervisorDeps<Thing extends Kept> {
  /** Starts one and resolves when it is ready. @throws OrbitError */
  readonly start: () => Promise<Thing>;
  /** It ended by itself after it had been ready. */
  readonly lost: (reason: string) => void;
  /** Pauses before each restart within a minute; when they are used up it stays failed. */
  readonly restartDelaysMs: readonly number[];
  readonly log: Logger;
}

/** Owns the one process. */
export interface Supervisor<Thing> {
  readonly state: EngineState;
  /** The running one, started if need be. @throws OrbitError `codex_error`, `shutting_down` */
  get(): Promise<Thing>;
  onState(listener: (state: EngineState, reason: string | null) => void): () => void;
  /** Ends this one on purpose; the next request starts another. */
  retire(thing: Thing): Promise<void>;
  /** Ends it for good. */
  close(): Promise<void>;
}

const WINDOW_MS = 60_000;

/** A supervisor whose process does not run yet. */
export function createSupervisor<Thing extends Kept>(
  deps: SupervisorDeps<Thing>,
): Supervisor<Thing> {
  return new ProcessSupervisor(deps);
}

class ProcessSupervisor<Thing extends Kept> implements Supervisor<Thing> {
  readonly #deps: SupervisorDeps<Thing>;
  readonly #listeners = new Set<(state: EngineState, reason: string | null) => void>();
  #state: EngineState = 'stopped';
  #current: Promise<Thing> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #deaths: number[] = [];
  #isClosed = false;
  /** Those that we end on purpose, which is no failure. */
  readonly #retired = new WeakSet<Thing>();

  constructor(deps: SupervisorDeps<Thing>) {
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

  onState(listener: (state: EngineState, reason: string | null) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
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
    for (const listener of [...this.#listeners]) listener(next, reason);
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
        this.#onExit(reason);
      });
      if (!this.#isClosed) this.#become('ready', null);
      return thing;
    } catch (error) {
      this.#current = null;
      throw error;
    }
  }

  /** Tries again after a while, as long as it does not end too often. */
  #onExit(reason: string): void {
    const now = performance.now();
    this.#deaths = [...this.#deaths.filter((at) => now - at < WINDOW_MS), now];
    const delay = this.#deps.restartDelaysMs[this.#deaths.length - 1];
    if (delay === undefined) {
      const times = `${this.#deaths.length} times within a minute`;
      this.#become('failed', `${reason}; it ended ${times} and is started again when it is needed`);
      return;
    }
    this.#become('failed', reason);
    this.#timer = setTimeout(() => {
      this.#get().catch((error: Error) => {
        if (!this.#isClosed) this.#onExit(error.message);
      });
    }, delay);
  }

  #get(): Promise<Thing> {
    if (this.#isClosed) return Promise.reject(new OrbitError('shutting_down'));
    this.#current ??= this.#run();
    return this.#current;
  }
}

const NAMES = ['.agents', '.aws', '.codex', '.git'];
/** Used, or gone already: then there is nothing to tidy up. */
const LEFT_ALONE = new Set(['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR']);

/** Folders in which threads work. */
export interface SandboxLeftovers {
  /** A thread works in these from now on. Looks at once, so it may be called between two lines. */
  worksIn(threadId: string, folders: readonly string[]): void;
  /** A thread's commands were ended; tidies up where no other thread works. */
  cleaned(threadId: string): Promise<void>;
  /** No thread has it loaded any more, or will before it says so again. */
  left(threadId: string): void;
  /** Nothing runs any more: tidies up everywhere. */
  allEnded(): Promise<void>;
}

/** Removes what of these is an empty folder. Returns those that could not be removed now. */
async function removeEmpty(paths: readonly string[], log: Logger): Promise<string[]> {
  const left: string[] = [];
  for (const path of paths) {
    try {
      await rmdir(path);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (LEFT_ALONE.has(code)) continue;
      left.push(path);
      log.warn('codex.trace_stays', { path, error: error as Error });
    }
  }
  return left;
}

/**
 * Removes what the threads of a process that was killed left. What cannot be removed now stays listed.
 *
 * @param listFile where that process kept its list; null when it kept none
 */
export async function removeOldSandboxLeftovers(
  listFile: string | null,
  log: Logger,
): Promise<void> {
  if (listFile === null || !existsSync(listFile)) return;
  try {
    const listed: unknown = JSON.parse(readFileSync(listFile, 'utf8'));
    const paths = Array.isArray(listed) ? listed.filter((path) => typeof path === 'string') : [];
    keepList(listFile, await removeEmpty(paths, log));
  } catch (error) {
    log.warn('codex.traces_unreadable', { path: listFile, error: error as Error });
  }
}

function keepList(listFile: string, paths: readonly string[]): void {
  if (paths.length === 0) rmSync(listFile, { force: true });
  else writeFileAtomically(listFile, JSON.stringify(paths), { mode: 0o600 });
}

/** Traces of no sandbox yet. @param listFile what was missing is listed there; null keeps no list */
export function createSandboxLeftovers(listFile: string | null, log: Logger): SandboxLeftovers {
  /** Folder -> what was missing in it before. */
  const missing = new Map<string, readonly string[]>();
  const folders = new Map<string, Set<string>>();

  async function tidy(folder: string): Promise<void> {
    await removeEmpty(missing.get(folder) ?? [], log);
  }

  function list(): void {
    if (listFile === null) return;
    try {
      keepList(listFile, [...missing.values()].flat());
    } catch (error) {
      // Without the list the threads work all the same.
      log.warn('codex.traces_not_listed', { path: listFile, error: error as Error });
    }
  }

  return {
    worksIn(threadId, paths) {
      const own = folders.get(threadId) ?? new Set();
      folders.set(threadId, own);
      const known = missing.size;
      for (const path of paths) {
        own.add(path);
        if (missing.has(path)) continue;
        const names = NAMES.map((name) => join(path, name));
        missing.set(
          path,
          names.filter((name) => !existsSync(name)),
        );
      }
      if (missing.size > known) list();
    },
    async cleaned(threadId) {
      const own = folders.get(threadId) ?? new Set();
      const others = [...folders].filter(([id]) => id !== threadId);
      const alone = [...own].filter((path) => !others.some(([, theirs]) => theirs.has(path)));
      for (const path of alone) await tidy(path);
    },
    left(threadId) {
      folders.delete(threadId);
    },
    async allEnded() {
      for (const path of missing.keys()) await tidy(path);
      missing.clear();
      list();
      folders.clear();
    },
  };
}
