/**
 * Reads the live registry of every home: at each change of its folders, and all of it every two seconds,
 * because a notification can get lost and a killed process leaves none.
 */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { systemCodeOf } from '../../exit.ts';
import { inodeOf, readSmallFile, type SmallFile } from '../../host/confined-file.ts';
import type { KnownProcess, WatchPort } from '../reports.ts';
import { isOurDomain, type ProcessState, processState } from './process.ts';
import { parseRegistryFile, type RegistryEntry, RegistryFold, type SeenFile } from './registry.ts';

/** What the registry is watched with. */
export interface RegistryOptions extends Omit<WatchPort, 'threads' | 'ownerOf'> {
  /** Claude homes (`~/.claude`); they need not exist yet. */
  homes: readonly string[];
  /** Milliseconds between two checks without a notification. */
  everyMs?: number;
  /** Reports changes; chokidar unless a test needs one that fails. */
  watchFolders?: typeof watch;
}

interface KnownFile {
  home: string;
  entry: RegistryEntry;
  /** What the file looked like before it was read; null when it had just been written. */
  version: string | null;
  /** Milliseconds since 1970 when it was first missed; null while it is there. */
  missingSince: number | null;
}

/** Paths that were warned of and are remembered; more, and they are warned of again. */
const MAX_WARNED = 1_000;

const EVERY_MS = 2000;
/** A change so soon after a notification gets none of its own: it is looked for. */
const NOTICED_MS = 100;
/** A file that could not be read whole is read again after this time. */
const TORN_MS = 100;
const TORN_TRIES = 5;
/** A file that is absent while its process lives counts as gone after this time. */
const ABSENT_MS = 250;
/** Times of files are coarser than two writings of a CLI can be apart. */
const FRESH_MS = 1000;
/** Other files of the folder hold keys and are never opened. */
const FILE_NAME = /^\d{1,10}\.json$/;

/** Watches the registries until it is closed. */
export class RegistryWatch {
  readonly #options: RegistryOptions;
  readonly #fold = new RegistryFold();
  readonly #files = new Map<string, KnownFile>();
  readonly #warned = new Set<string>();
  /** Domains in which a process was found as its file says: they are ours, whatever they are called. */
  readonly #ourDomains = new Set<string>();
  /** Folders whose changes are reported, by inode. */
  readonly #followed = new Map<string, number>();
  /** How often a file could not be parsed, in a row. */
  readonly #torn = new Map<string, number>();
  #known: KnownProcess[];
  #watcher: FSWatcher | null = null;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #again = false;
  #hasFileEvent = false;
  #closed = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#known = [...options.known];
  }

  /** Begins to watch, and gives the reports of the first check before it resolves. */
  async start(): Promise<void> {
    try {
      this.#watcher = this.#openWatcher();
    } catch (error) {
      this.#warnOfSilence(error);
    }
    await this.check();
  }

  /** Without any folder: each is added once it is there. */
  #openWatcher(): FSWatcher {
    const watcher = (this.#options.watchFolders ?? watch)([], {
      depth: 0,
      followSymlinks: false,
      ignoreInitial: true,
      ignored: (path, stats) => stats?.isFile() === true && !/[/\\]\d{1,10}\.json$/.test(path),
    });
    const onChange = (): void => {
      this.#hasFileEvent = true;
      void this.check();
    };
    watcher.on('add', onChange).on('change', onChange).on('unlink', onChange);
    return watcher.on('error', (error) => this.#warnOfSilence(error));
  }

  /** The check every two seconds sees, a moment later, what no notification reported. */
  #warnOfSilence(error: unknown): void {
    const code = systemCodeOf(error) ?? String(error);
    const reason = `changes are not notified (${code}), so it is only read every 2 s`;
    this.#warn(this.#options.homes.map(folderOf).join(', '), reason);
  }

  /** Looks at one more process from now on: one that a hook named, which may have no registry file. */
  follow(process: KnownProcess): void {
    const { sessionId, pid } = process;
    if (this.#known.some((one) => one.pid === pid && one.sessionId === sessionId)) return;
    this.#known.push(process);
    void this.check();
  }

  /** Looks at everything now. A call during a check makes one more after it; it never rejects. */
  check(): Promise<void> {
    if (this.#looking !== null) {
      this.#again = true;
      return this.#looking;
    }
    this.#looking = this.#lookUntilQuiet().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  /** Ends the watch; no report comes after it has resolved. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#watcher?.close();
    await this.#looking;
  }

  async #lookUntilQuiet(): Promise<void> {
    let next = this.#options.everyMs ?? EVERY_MS;
    const hadFileEvent = this.#hasFileEvent;
    do {
      this.#again = false;
      this.#hasFileEvent = false;
      try {
        next = await this.#lookOnce();
      } catch (error) {
        this.#options.onError(error);
      }
    } while (this.#again && !this.#closed);
    if (this.#closed) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (hadFileEvent) next = Math.min(next, NOTICED_MS);
    this.#timer = setTimeout(() => void this.check(), next);
    this.#timer.unref();
  }

  /** @returns milliseconds until the next check */
  async #lookOnce(): Promise<number> {
    const now = Date.now();
    const there = new Set<string>();
    let isTorn = false;
    for (const home of this.#options.homes) {
      await this.#follow(folderOf(home));
      for (const path of await this.#filesOf(home)) {
        const version = await this.#versionOf(path, now);
        const known = this.#files.get(path);
        if (version !== null && known?.version === version) {
          known.missingSince = null;
          there.add(path);
          continue;
        }
        const read = await this.#textOf(path);
        if (read === null) continue;
        there.add(path);
        const entry = parseRegistryFile(read.text, read.changedAt);
        if (entry === null) {
          isTorn = this.#isWorthRetry(path) || isTorn;
          continue;
        }
        this.#torn.delete(path);
        this.#files.set(path, { home, entry, version, missingSince: null });
      }
    }
    const missing = this.#miss(there, now);
    const seen: SeenFile[] = this.#restored();
    for (const [path, file] of this.#files) seen.push(await this.#seen(path, file, missing));
    for (const path of missing) this.#files.delete(path);
    if (this.#closed) return 0;
    const reports = this.#fold.check(seen, now);
    if (reports.length > 0) this.#options.onReports(reports);
    const isMissed = [...this.#files.values()].some(({ missingSince }) => missingSince !== null);
    const every = this.#options.everyMs ?? EVERY_MS;
    if (isTorn) return Math.min(TORN_MS, every);
    return isMissed ? Math.min(ABSENT_MS, every) : every;
  }

  /** The changes of a folder are reported from the moment on at which it was seen to exist; it may be deleted and made again. */
  async #follow(folder: string): Promise<void> {
    const inode = await inodeOf(folder);
    if (inode === (this.#followed.get(folder) ?? null)) return;
    this.#watcher?.unwatch(folder);
    if (inode === null) {
      this.#followed.delete(folder);
      return;
    }
    this.#followed.set(folder, inode);
    this.#watcher?.add(folder);
  }

  /** Changes with each writing; null for a file so fresh that another writing may have the same time. */
  async #versionOf(path: string, now: number): Promise<string | null> {
    try {
      const { ino, size, mtimeMs } = await lstat(path);
      return now - mtimeMs > FRESH_MS ? `${ino}:${size}:${mtimeMs}` : null;
    } catch (error) {
      if (systemCodeOf(error) === null) throw error;
      // It went away meanwhile, or reading it will say what is wrong.
      return null;
    }
  }

  /** A file that stays unreadable is no half-written one. */
  #isWorthRetry(path: string): boolean {
    const tries = (this.#torn.get(path) ?? 0) + 1;
    this.#torn.set(path, tries);
    if (tries > TORN_TRIES) this.#warn(path, 'is no registry file of Claude');
    return tries <= TORN_TRIES;
  }

  /** Files that are gone for good: absent and its process has ended, or absent for a while. */
  #miss(there: ReadonlySet<string>, now: number): Set<string> {
    const gone = new Set<string>();
    for (const [path, file] of this.#files) {
      if (there.has(path)) continue;
      file.missingSince ??= now;
      const hasExited = this.#stateOf(file.entry) === 'gone';
      if (hasExited || now - file.missingSince >= ABSENT_MS) gone.add(path);
    }
    return gone;
  }

  async #seen(path: string, file: KnownFile, missing: ReadonlySet<string>): Promise<SeenFile> {
    const { entry, home } = file;
    const isBackground = entry.kind === 'bg' && entry.jobId !== null;
    const job = isBackground ? await this.#jobOf(join(home, 'jobs', entry.jobId ?? '')) : null;
    const process = this.#stateOf(entry);
    // It may have gone in order since its file was read.
    const isThere = process !== 'gone' || (await inodeOf(path)) !== null;
    return { path, entry, present: isThere && !missing.has(path), process, job };
  }

  /** What is left of the processes of before the restart: those without a file, until they end. */
  #restored(): SeenFile[] {
    const entries = [...this.#files.values()].map(({ entry }) => entry);
    this.#known = this.#known.filter(
      ({ sessionId, pid }) =>
        !entries.some((entry) => entry.pid === pid && entry.sessionId === sessionId),
    );
    const seen = this.#known.map(({ sessionId, pid, start }): SeenFile => {
      const entry = { ...NO_ENTRY, sessionId, pid, procStart: start };
      const state = processState(pid, start);
      // After `/clear` one process is known as the bearer of both sessions.
      return {
        path: `known:${pid}:${sessionId}`,
        entry,
        present: state !== 'gone',
        process: state,
        job: null,
      };
    });
    this.#known = this.#known.filter(({ pid, start }) => processState(pid, start) !== 'gone');
    return seen;
  }

  #stateOf({ pid, procStart, pidDomain }: RegistryEntry): ProcessState | null {
    const state = processState(pid, procStart);
    // The same pid with the same start time is the same process: its domain is ours.
    if (state !== 'gone' && procStart !== null && pidDomain !== null) {
      this.#ourDomains.add(pidDomain);
    }
    const isOurs =
      isOurDomain(pidDomain) || (pidDomain !== null && this.#ourDomains.has(pidDomain));
    return isOurs ? state : null;
  }

  async #filesOf(home: string): Promise<string[]> {
    const folder = folderOf(home);
    try {
      const names = await readdir(folder);
      return names.filter((name) => FILE_NAME.test(name)).map((name) => join(folder, name));
    } catch (error) {
      const code = systemCodeOf(error);
      if (code === 'ENOENT') return [];
      this.#warn(folder, `cannot be listed (${code ?? error})`);
      return [];
    }
  }

  /** The state that a background session's job names; null when it is not known. */
  async #jobOf(folder: string): Promise<string | null> {
    const read = await this.#textOf(join(folder, 'state.json'));
    if (read === null) return null;
    try {
      const { state } = JSON.parse(read.text) as { state?: unknown };
      return typeof state === 'string' ? state : null;
    } catch {
      // Half written: the next check reads it again.
      return null;
    }
  }

  /** Null when there is no such file, or when it is none that may be read. */
  async #textOf(path: string): Promise<SmallFile | null> {
    const read = await readSmallFile(path);
    return typeof read === 'string' ? this.#warn(path, read) : read;
  }

  #warn(path: string, reason: string): null {
    if (!this.#warned.has(path)) {
      if (this.#warned.size >= MAX_WARNED) this.#warned.clear();
      this.#warned.add(path);
      this.#options.onWarning(path, reason);
    }
    return null;
  }
}

function folderOf(home: string): string {
  return join(home, 'sessions');
}

const NO_ENTRY: Omit<RegistryEntry, 'pid' | 'sessionId' | 'procStart'> = {
  pidDomain: null,
  cwd: null,
  name: null,
  version: null,
  kind: null,
  entrypoint: null,
  jobId: null,
  startedAt: null,
  status: null,
  waitingFor: null,
  statusUpdatedAt: null,
};
