/**
 * The spool: hooks that hook.sh wrote before it sent them. A file goes when its hook is committed; what
 * can never be taken moves to the quarantine with its reason. Files are drained by name, which is the
 * moment their hook began; where `date` knows whole seconds only, within a second as they were written.
 */
import { constants, type Dirent } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OrbitError } from '../../../errors.ts';
import type { Logger } from '../../../log.ts';
import { HookBody, MAX_HOOK_BYTES, parseHookJson } from '../../../protocol/hook-body.ts';

/** A hook as hook.sh left it: name without ending = idempotency key. */
interface SpooledHook {
  path: string;
  name: string;
  key: string;
  type: string | undefined;
  /** When it was written. */
  writtenNs: bigint;
}

interface SpoolDeps {
  directory: string;
  quarantine: string;
  /** Takes a hook; resolves on commit, throws OrbitError when it is not stored. */
  take: (body: unknown, meta: { key: string; type?: string; origin: 'spool' }) => Promise<void>;
  /** Which of these keys are stored already: delivered, but the file stayed. */
  knownKeys: (keys: string[]) => Promise<string[]>;
  log: Logger;
  nowMs?: () => number;
}

/** What one pass over the spool did. */
interface SpoolDrain {
  drained: number;
  quarantined: number;
  /** Files that stay for later: too young, or the server cannot store now. */
  kept: number;
}

/** Bytes of a hook that are kept, as over HTTP. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;
const MAX_TEMPORARY_AGE_MS = 60 * 60 * 1000;
const MAX_QUARANTINED = 1000;
/** Files whose commits are awaited together: enough for group commit, little enough for memory. */
const BATCH = 64;

/** `<ns>-<pid>-<cli pid>.<type>.json`, the type being optional. */
const FILE_NAME = /^(\d+-\d+(?:-\d+)?)(?:\.([a-z_]{1,40}))?\.json$/i;

/** A directory of hooks that are not stored yet. */
export interface Spool {
  /** Takes what is at least `minAgeMs` old; never throws, reports what it did. */
  drain(minAgeMs: number): Promise<SpoolDrain>;
}

/** A spool over a directory. */
export function createSpool(deps: SpoolDeps): Spool {
  return new HookSpool({ nowMs: Date.now, ...deps });
}

class HookSpool implements Spool {
  readonly #deps: SpoolDeps & Required<Pick<SpoolDeps, 'nowMs'>>;

  constructor(deps: SpoolDeps & Required<Pick<SpoolDeps, 'nowMs'>>) {
    this.#deps = deps;
  }

  async drain(minAgeMs: number): Promise<SpoolDrain> {
    const result: SpoolDrain = { drained: 0, quarantined: 0, kept: 0 };
    const entries = await readdir(this.#deps.directory, { withFileTypes: true }).catch(
      (error: Error) => {
        this.#deps.log.error('spool.read_error', { error });
        return [] as Dirent[];
      },
    );
    const files: SpooledHook[] = [];
    for (const entry of entries) {
      const file = await this.#sort(entry, minAgeMs, result);
      if (file) files.push(file);
    }
    files.sort(byTime);
    for (let from = 0; from < files.length; from += BATCH) {
      const isGoing = await this.#drainBatch(files.slice(from, from + BATCH), result);
      if (isGoing) continue;
      result.kept += Math.max(0, files.length - from - BATCH);
      break;
    }
    if (result.drained + result.quarantined > 0)
      this.#deps.log.info('spool.drained', { ...result });
    return result;
  }

  /** A hook that may be taken now; anything that is not one is set aside or left. */
  async #sort(entry: Dirent, minAgeMs: number, result: SpoolDrain): Promise<SpooledHook | null> {
    const path = join(this.#deps.directory, entry.name);
    if (path === this.#deps.quarantine) return null;
    const status = await stat(path, { bigint: true }).catch(() => null);
    if (!status) return null;
    const ageMs = this.#deps.nowMs() - Number(status.mtimeNs) / 1e6;
    const [, key, type] = FILE_NAME.exec(entry.name) ?? [];
    if (key === undefined) {
      const isUnfinished = entry.name.startsWith('.') && ageMs < MAX_TEMPORARY_AGE_MS;
      if (!isUnfinished)
        await this.#setAside(path, entry.name, 'not a hook of hook.sh by its name', result);
      return null;
    }
    if (ageMs < minAgeMs) {
      result.kept++;
      return null;
    }
    if (!entry.isFile()) return this.#setAside(path, entry.name, 'not a regular file', result);
    if (Number(status.uid) !== process.getuid?.()) {
      return this.#setAside(path, entry.name, 'belongs to another user', result);
    }
    if (status.size > MAX_HOOK_BYTES) return this.#setAside(path, entry.name, 'too large', result);
    return { path, name: entry.name, key, type, writtenNs: status.mtimeNs };
  }

  /** @returns false when the server cannot store now and the rest should wait */
  async #drainBatch(files: SpooledHook[], result: SpoolDrain): Promise<boolean> {
    const known = new Set(
      await this.#deps.knownKeys(files.map((file) => file.key)).catch(() => []),
    );
    const takes: Array<{ file: SpooledHook; stored: Promise<Error | null> }> = [];
    for (const file of files) {
      // Read one after another and taken in that order; only their commits are awaited together.
      const take = known.has(file.key)
        ? { stored: Promise.resolve(null) }
        : await this.#handIn(file);
      takes.push({ file, ...take });
    }
    let isGoing = true;
    for (const { file, stored } of takes)
      isGoing = (await this.#finish(file, await stored, result)) && isGoing;
    return isGoing;
  }

  /** Reads a file and hands its hook in; the promise inside settles with what became of it. */
  async #handIn({ path, key, type }: SpooledHook): Promise<{ stored: Promise<Error | null> }> {
    try {
      const body = parseHookJson(await readRegular(path));
      const meta = { key, origin: 'spool' as const, ...(type !== undefined && { type }) };
      return {
        stored: this.#deps.take(body, meta).then(
          () => null,
          (error: Error) => error,
        ),
      };
    } catch (error) {
      return { stored: Promise.resolve(error as Error) };
    }
  }

  /** @returns false when the file has to wait */
  async #finish(file: SpooledHook, error: Error | null, result: SpoolDrain): Promise<boolean> {
    if (error === null) {
      await unlink(file.path).catch((failed: Error) =>
        this.#deps.log.warn('spool.unlink_failed', { error: failed }),
      );
      result.drained++;
      return true;
    }
    if (error instanceof OrbitError && error.status < 500) {
      await this.#setAside(file.path, file.name, error.message, result);
      return true;
    }
    this.#deps.log.warn('spool.file_kept', { file: file.name, error });
    result.kept++;
    return false;
  }

  async #setAside(path: string, name: string, reason: string, result: SpoolDrain): Promise<null> {
    try {
      await mkdir(this.#deps.quarantine, { recursive: true, mode: 0o700 });
      // The reason first: killed in between, the file is still in the spool and is set aside again.
      await writeFile(join(this.#deps.quarantine, `${name}.reason`), `${reason}\n`, {
        mode: 0o600,
      });
      await rename(path, join(this.#deps.quarantine, name));
      await this.#trim();
      result.quarantined++;
      this.#deps.log.warn('spool.quarantined', { file: name, reason });
    } catch (error) {
      this.#deps.log.error('spool.quarantine_failed', { file: name, error: error as Error });
    }
    return null;
  }

  async #trim(): Promise<void> {
    const names = (await readdir(this.#deps.quarantine))
      .filter((name) => !name.endsWith('.reason'))
      .sort();
    for (const name of names.slice(0, Math.max(0, names.length - MAX_QUARANTINED))) {
      // Also folders, and what has no reason.
      await rm(join(this.#deps.quarantine, name), { recursive: true, force: true });
      await rm(join(this.#deps.quarantine, `${name}.reason`), { force: true });
    }
  }
}

/** By the moment in the name, then by when the file was written, then by the number of its process. */
function byTime(a: SpooledHook, b: SpooledHook): number {
  const [sentA = '', pidA = ''] = a.key.split('-');
  const [sentB = '', pidB = ''] = b.key.split('-');
  if (sentA !== sentB) return sentA < sentB ? -1 : 1;
  if (a.writtenNs !== b.writtenNs) return a.writtenNs < b.writtenNs ? -1 : 1;
  return Number(pidA) - Number(pidB);
}

/** Reads a file that is one, without following a link or waiting on a pipe; long texts in it may be cut. */
async function readRegular(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const body = new HookBody(MAX_KEPT_BYTES);
    for await (const chunk of file.createReadStream({
      autoClose: false,
      highWaterMark: CHUNK_BYTES,
    })) {
      if (!body.add(chunk as Buffer)) throw new OrbitError('too_large', { limit: MAX_KEPT_BYTES });
    }
    return body.bytes();
  } finally {
    await file.close();
  }
}
