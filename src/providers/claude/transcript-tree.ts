/**
 * The lines of a transcript as the tree that their parents make. When the person goes back in the
 * conversation the file says nothing; the next prompt only has an earlier parent.
 */

/** A line as the tree needs it. */
export interface TreeLine {
  uuid: string;
  /** Null at a root. */
  parent: string | null;
  /** It brings something that is shown, and leaves with its branch. */
  isShown: boolean;
  /** A prompt or a command: only such a line begins a new branch. */
  isPrompt: boolean;
  /** When the CLI made it, as an ISO time; the order in the file may be another one. */
  at?: string | undefined;
}

/** What a prompt takes back. */
export interface Rewind {
  /** The newest shown line that stays; null for none. */
  to: string | null;
  /** Shown lines that leave the conversation, in their order. */
  gone: string[];
}

const NO_PARENT = -1;

/** Grows with the file: some hundred bytes for each line that has an id. */
export class TranscriptTree {
  readonly #uuids: string[] = [];
  readonly #parents: number[] = [];
  readonly #shown: boolean[] = [];
  readonly #index = new Map<string, number>();
  /** When the lines were made that stood in front of their parents, or whose parents are not in the file. */
  readonly #strays = new Map<number, string>();

  /** Whether a line with this id was added. */
  has(uuid: string): boolean {
    return this.#index.has(uuid);
  }

  /** Adds a line; returns what it takes back, or null. Its cost is that of the lines since its parent. */
  add({ uuid, parent, isShown, isPrompt, at }: TreeLine): Rewind | null {
    const parentIndex = this.#parentIndex(parent);
    const rewind = isPrompt ? this.#rewind(this.#shownAt(parentIndex), at) : null;
    if (parent !== null && at !== undefined && !this.has(parent)) {
      this.#strays.set(this.#uuids.length, at);
    }
    this.#index.set(uuid, this.#uuids.length);
    this.#uuids.push(uuid);
    this.#parents.push(parentIndex);
    this.#shown.push(isShown);
    return rewind;
  }

  /** A parent that is not in the file says nothing about branches: the line follows the one before it. */
  #parentIndex(parent: string | null): number {
    if (parent === null) return NO_PARENT;
    return this.#index.get(parent) ?? this.#uuids.length - 1;
  }

  /** The nearest shown line at or above; the lines between belong to the new branch or say nothing. */
  #shownAt(index: number): number {
    let at = index;
    while (at !== NO_PARENT && !this.#shown[at]) at = this.#parents[at] as number;
    return at;
  }

  /** @param time  of the prompt: a stray line that is newer is its answer, written in front of it */
  #rewind(to: number, time: string | undefined): Rewind | null {
    const below = new Set<number>([to]);
    const gone: string[] = [];
    for (let at = to + 1; at < this.#uuids.length; at += 1) {
      if (!below.has(this.#parents[at] as number)) continue;
      if (time !== undefined && (this.#strays.get(at) ?? '') > time) continue;
      below.add(at);
      if (!this.#shown[at]) continue;
      gone.push(this.#uuids[at] as string);
      this.#shown[at] = false;
    }
    if (gone.length === 0) return null;
    return { to: to === NO_PARENT ? null : (this.#uuids[to] as string), gone };
  }
}
