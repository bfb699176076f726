/**
 * What Codex calls its threads: a list beside the rollouts to which it appends. Only its end is read, which has the
 * newest names.
 */
import { constants, open } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCodeOf } from '../../../exit.ts';
import { object, string } from './rollout-items.ts';

/** A name that a thread has got. */
export interface ThreadName {
  threadId: string;
  name: string;
  /** Milliseconds since 1970. */
  at: number;
}

/** More of the list is not read. */
const MAX_BYTES = 1024 * 1024;

/** The names of all homes. */
export class ThreadNames {
  readonly #homes: readonly string[];
  readonly #names = new Map<string, ThreadName>();
  readonly #seen = new Map<string, string>();
  #changed: ThreadName[] = [];

  constructor(homes: readonly string[]) {
    this.#homes = homes;
  }

  /** Null where a thread has none. */
  of(threadId: string): string | null {
    return this.#names.get(threadId)?.name ?? null;
  }

  /** What has changed since this was last asked. */
  changed(): ThreadName[] {
    return this.#changed.splice(0);
  }

  /** Reads the lists that were written since. */
  async look(): Promise<void> {
    for (const home of this.#homes) {
      for (const line of await this.#linesOf(join(home, 'session_index.jsonl'))) this.#take(line);
    }
  }

  async #linesOf(path: string): Promise<string[]> {
    try {
      const handle = await open(
        path,
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      );
      try {
        const stat = await handle.stat();
        const version = `${stat.ino}:${stat.size}:${stat.mtimeMs}`;
        if (!stat.isFile() || this.#seen.get(path) === version) return [];
        this.#seen.set(path, version);
        const from = Math.max(0, stat.size - MAX_BYTES);
        const { buffer, bytesRead } = await handle.read(
          Buffer.alloc(stat.size - from),
          0,
          stat.size - from,
          from,
        );
        return buffer.toString('utf8', 0, bytesRead).split('\n');
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (systemCodeOf(error) === null) throw error;
      return [];
    }
  }

  #take(line: string): void {
    const of = objectIn(line);
    const [threadId, name] = [string(of?.id), string(of?.thread_name)];
    if (threadId === null || name === null || name === '') return;
    const at = Date.parse(string(of?.updated_at) ?? '') || 0;
    const known = this.#names.get(threadId);
    if (known !== undefined && (known.name === name || known.at > at)) return;
    const named = { threadId, name, at };
    this.#names.set(threadId, named);
    this.#changed.push(named);
  }
}

function objectIn(line: string) {
  try {
    return object(JSON.parse(line));
  } catch {
    // The first line may be cut, the last not yet whole.
    return null;
  }
}
