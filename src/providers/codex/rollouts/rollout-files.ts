/**
 * Which rollouts there are: the files of all homes by thread, without opening any. A thread has one file, and one
 * more for each time that it was taken back; the newest goes on. Links are not followed.
 */
import { constants, type Dirent } from 'node:fs';
import { lstat, open, opendir, readFile, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { systemCodeOf } from '../../../exit.ts';
import { number, object } from './rollout-items.ts';
import { metaOf, type RolloutMeta } from './rollout-parser.ts';

/** A rollout on disk. */
export interface RolloutFile {
  path: string;
  /** The CODEX_HOME it is in. */
  home: string;
  threadId: string;
  /** Null for the first file of its thread. */
  segmentId: string | null;
  /** Local time in the name: sorts by age. */
  time: string;
}

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const NAME = new RegExp(
  `^rollout-(\\d{4}-\\d\\d-\\d\\dT\\d\\d-\\d\\d-\\d\\d)-(${UUID})(?:_(${UUID}))?\\.jsonl$`,
);
/** A home with more files than this is not Codex's; the newest are kept. */
const MAX_FILES = 50_000;
/** Days whose folders are read at every check. */
const RECENT_DAYS = 2;
/** A first line has the model's instructions, some 25 KiB; one that is longer than this is none. */
const MAX_FIRST_LINE = 4 * 1024 * 1024;

/**
 * The homes to watch, without repetition: `~/.codex`, `CODEX_HOME` and the given ones. They need not exist.
 *
 * @param more  paths of `--codex-home`; relative ones are taken from the working directory
 */
export function codexHomes(
  more: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const own = [join(env.HOME || homedir(), '.codex')];
  if (env.CODEX_HOME) own.push(env.CODEX_HOME);
  return [...new Set([...own, ...more].map((path) => resolve(path)))];
}

/** The rollouts of all homes. */
export class RolloutFiles {
  readonly #homes: readonly string[];
  readonly #onWarning: (path: string, reason: string) => void;
  /** By thread, the newest last. */
  readonly #threads = new Map<string, RolloutFile[]>();
  readonly #paths = new Set<string>();
  #truncated = false;

  constructor(homes: readonly string[], onWarning: (path: string, reason: string) => void) {
    this.#homes = homes;
    this.#onWarning = onWarning;
  }

  /**
   * Looks for files that were not known.
   *
   * @param isWhole  in all folders, not only in those of the last days
   * @returns the new ones
   */
  async check(isWhole: boolean): Promise<RolloutFile[]> {
    const found: RolloutFile[] = [];
    for (const home of this.#homes) {
      const root = await realOf(join(home, 'sessions'));
      if (root !== null) {
        for (const folder of await this.#days(root, isWhole))
          found.push(...(await this.#in(folder, home)));
      }
      const archive = isWhole ? await realOf(join(home, 'archived_sessions')) : null;
      if (archive !== null) found.push(...(await this.#in(archive, home)));
    }
    return found;
  }

  /** The folders to watch for new files, of each home the newest. */
  async folders(): Promise<string[]> {
    const folders: string[] = [];
    for (const home of this.#homes) {
      const root = await realOf(join(home, 'sessions'));
      if (root === null) continue;
      folders.push(root, ...(await this.#days(root, false)));
    }
    return folders;
  }

  /** The file that a thread goes on in; null when there is none. */
  of(threadId: string): RolloutFile | null {
    return this.#threads.get(threadId)?.at(-1) ?? null;
  }

  /** The file that a history begins in: by the id of a segment, else of a thread's first file. */
  byId(id: string): RolloutFile | null {
    for (const files of this.#threads.values()) {
      const segment = files.find(({ segmentId }) => segmentId === id);
      if (segment) return segment;
    }
    return this.#threads.get(id)?.find(({ segmentId }) => segmentId === null) ?? null;
  }

  /** The file of this path; null when it is not known (any more). */
  at(path: string): RolloutFile | null {
    if (!this.#paths.has(path)) return null;
    const [, , threadId = ''] = NAME.exec(basename(path)) ?? [];
    return this.#threads.get(threadId)?.find((file) => file.path === path) ?? null;
  }

  /** The newest file of each thread, the newest thread first. */
  newest(limit: number): RolloutFile[] {
    const all = [...this.#threads.values()].flatMap((files) => files.at(-1) ?? []);
    return all.sort((one, other) => (one.time < other.time ? 1 : -1)).slice(0, limit);
  }

  /** A file is gone: archived, deleted, or its home is. */
  forget({ path, threadId }: RolloutFile): void {
    this.#paths.delete(path);
    const rest = (this.#threads.get(threadId) ?? []).filter((file) => file.path !== path);
    if (rest.length === 0) this.#threads.delete(threadId);
    else this.#threads.set(threadId, rest);
  }

  async #days(root: string, isWhole: boolean): Promise<string[]> {
    const newest = (names: string[]) => names.sort().slice(isWhole ? 0 : -RECENT_DAYS);
    let folders = [root];
    for (const digits of [/^\d{4}$/, /^\d\d$/, /^\d\d$/]) {
      const below = [];
      for (const folder of folders) {
        const entries = await entriesOf(folder);
        this.#warnOfLinks(folder, entries);
        const names = entries.flatMap((entry) =>
          entry.isDirectory() && digits.test(entry.name) ? entry.name : [],
        );
        for (const name of newest(names)) below.push(join(folder, name));
      }
      folders = isWhole ? below : below.sort().slice(-RECENT_DAYS);
    }
    return folders;
  }

  async #in(folder: string, home: string): Promise<RolloutFile[]> {
    const found: RolloutFile[] = [];
    const entries = await entriesOf(folder);
    this.#warnOfLinks(folder, entries);
    for (const entry of entries) {
      const [, time, threadId, segmentId = null] = NAME.exec(entry.name) ?? [];
      const path = join(folder, entry.name);
      if (time === undefined || threadId === undefined || this.#paths.has(path)) continue;
      if (entry.isFile()) {
        const file = { path, home, threadId, segmentId, time };
        if (this.#add(file)) found.push(file);
      } else if (!entry.isSymbolicLink())
        this.#onWarning(path, 'is no regular file; it is not read');
    }
    return found;
  }

  #add(file: RolloutFile): boolean {
    if (this.#paths.size >= MAX_FILES) {
      if (!this.#truncated) this.#onWarning(file.home, `has more than ${MAX_FILES} rollouts`);
      this.#truncated = true;
      return false;
    }
    this.#paths.add(file.path);
    const files = [...(this.#threads.get(file.threadId) ?? []), file];
    this.#threads.set(file.threadId, files.sort(byAge));
    return true;
  }

  #warnOfLinks(folder: string, entries: readonly Dirent[]): void {
    for (const entry of entries) {
      if (entry.isSymbolicLink()) {
        this.#onWarning(join(folder, entry.name), 'is a link; it is not followed');
      }
    }
  }
}

/** The first file of a thread, then its segments by their ids, which grow with time. */
function byAge(one: RolloutFile, other: RolloutFile): number {
  const key = ({ segmentId, time }: RolloutFile) =>
    `${segmentId === null ? 0 : 1}${time}${segmentId}`;
  return key(one) < key(other) ? -1 : 1;
}

/** What is there now: device, inode and size; null when it is no regular file, or leads out of its home. */
export async function lookAt({
  path,
}: Pick<RolloutFile, 'path'>): Promise<{ file: string; size: number; mtimeMs: number } | null> {
  try {
    const stat = await lstat(path);
    // A folder above it may have become a link.
    if (!stat.isFile() || (await realpath(path)) !== path) return null;
    return { file: `${stat.dev}:${stat.ino}`, size: stat.size, mtimeMs: stat.mtimeMs };
  } catch (error) {
    if (systemCodeOf(error) === null) throw error;
    return null;
  }
}

/** The first line of a rollout; null while there is none, or when it is no rollout's. */
export async function firstLineOf({
  path,
}: Pick<RolloutFile, 'path'>): Promise<RolloutMeta | null> {
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const handle = await open(path, flags).catch(() => null);
  if (handle === null) return null;
  try {
    if (!(await handle.stat()).isFile()) return null;
    const parts: Buffer[] = [];
    for (let bytes = 0; bytes < MAX_FIRST_LINE; ) {
      const buffer = Buffer.allocUnsafe(64 * 1024);
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, bytes);
      const end = buffer.subarray(0, bytesRead).indexOf(10);
      parts.push(buffer.subarray(0, end === -1 ? bytesRead : end));
      if (end !== -1) return metaOf(Buffer.concat(parts).toString('utf8'));
      if (bytesRead === 0) return null;
      bytes += bytesRead;
    }
    return null;
  } finally {
    await handle.close();
  }
}

async function realOf(path: string): Promise<string | null> {
  return await realpath(path).catch(() => null);
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  const entries: Dirent[] = [];
  try {
    for await (const entry of await opendir(folder)) entries.push(entry);
  } catch (error) {
    // Not there (yet), or not ours to see.
    if (systemCodeOf(error) === null) throw error;
  }
  return entries;
}

/* How far the reference server had read rollouts (`codex-rollout-state.json` in its data directory): what it reported of
 * a session is not reported again. The file is read, never written; our own positions are in the database and count first. */

/** Bytes read of each path; empty where there is no such file, or it is none of the reference's. */
export async function readOffsetsBefore(path: string): Promise<Map<string, number>> {
  const offsets = new Map<string, number>();
  for (const [file, state] of Object.entries(await filesIn(path))) {
    const offset = number(object(state)?.offset);
    if (offset !== null && offset > 0) offsets.set(file, offset);
  }
  return offsets;
}

async function filesIn(path: string): Promise<Record<string, unknown>> {
  try {
    return object(object(JSON.parse(await readFile(path, 'utf8')))?.files) ?? {};
  } catch (error) {
    // Mostly there is none; a damaged one says nothing, and rollouts are read from their start.
    if (systemCodeOf(error) === null && !(error instanceof SyntaxError)) throw error;
    return {};
  }
}
