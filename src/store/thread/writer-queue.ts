/**
 * What waits for the writer thread: items in order, and reads that must come after some of them. Cuts the next
 * batch off the front, and keeps the storage error that makes all of it wait. Called by writer.ts alone.
 */
import { OrbitError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Item, ItemResult, Read } from '../writer-messages.ts';

/** Most items and bytes of one batch: an item larger than that goes alone. */
const BATCH_ITEMS = 256;
const BATCH_BYTES = 1024 * 1024;

/** Most different reads of one batch, so that the next commit does not wait long behind them. */
const BATCH_READS = 64;

/** Most reads that wait; identical ones that will see the same commits count as one. */
const MAX_WAITING_READS = 1_000;

/** An item that is not committed yet. */
export interface WaitingItem {
  item: Item;
  done: (result: ItemResult) => void;
  bytes: number;
  /** Monotonic, ms. */
  since: number;
}

/** A caller that waits for a read that sees at least the first `after` items ever submitted. */
export interface Reader {
  after: number;
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/** A read with all callers that wait for it. */
export interface WaitingRead {
  read: Read;
  readers: Reader[];
}

/** What goes to the thread together. */
export interface Batch {
  items: WaitingItem[];
  reads: WaitingRead[];
}

/** How much waits; what is on its way but not committed waits too. */
export interface Backlog {
  items: number;
  bytes: number;
  /** Age of the oldest uncommitted item, ms; 0 when there is none. */
  oldestAgeMs: number;
}

/** All that waits for the writer thread. */
export class Queue {
  readonly #now: () => number;
  #items: WaitingItem[] = [];
  #bytes = 0;
  #reads = new Map<string, WaitingRead>();
  #waitingReaders = 0;
  #submitted = 0;
  #committed = 0;

  /** @param now  monotonic clock, ms */
  constructor(now: () => number) {
    this.#now = now;
  }

  push(item: Item, done: WaitingItem['done']): void {
    const bytes = sizeOf(item);
    this.#items.push({ item, done, bytes, since: this.#now() });
    this.#bytes += bytes;
    this.#submitted += 1;
  }

  /** @throws OrbitError `server_busy` when too many reads wait */
  pushRead(read: Read, reader: Omit<Reader, 'after'>): void {
    const key = JSON.stringify(read);
    const waiting = this.#reads.get(key);
    const after = this.#submitted;
    const same = waiting?.readers.at(-1)?.after === after;
    if (!same && this.#waitingReaders >= MAX_WAITING_READS) throw new OrbitError('server_busy');
    if (!same) this.#waitingReaders += 1;
    if (waiting === undefined) this.#reads.set(key, { read, readers: [{ ...reader, after }] });
    else waiting.readers.push({ ...reader, after });
  }

  /** The items that go next, and the reads that may be answered once they are committed. */
  nextBatch(): Batch {
    let count = 0;
    let size = 0;
    let chain: number | null = null;
    for (const { item, bytes } of this.#items) {
      const isFull = count >= BATCH_ITEMS || (count > 0 && size + bytes > BATCH_BYTES);
      // A chain travels whole: what is refused of it is known in one batch only.
      if (isFull && (chain === null || chainOf(item) !== chain)) break;
      chain = chainOf(item);
      count += 1;
      size += bytes;
    }
    const reads = this.takeReads(this.#committed + count);
    return { items: this.#items.slice(0, count), reads };
  }

  /** Takes reads out that need not see more than the first `upTo` items; all of them without it. */
  takeReads(upTo = Number.POSITIVE_INFINITY): WaitingRead[] {
    const taken: WaitingRead[] = [];
    const left = new Map<string, WaitingRead>();
    this.#waitingReaders = 0;
    for (const [key, { read, readers }] of this.#reads) {
      const at = taken.length < BATCH_READS ? readers.findIndex(({ after }) => after > upTo) : 0;
      const ready = at === -1 ? readers : readers.slice(0, at);
      const rest = at === -1 ? [] : readers.slice(at);
      if (ready.length > 0) taken.push({ read, readers: ready });
      if (rest.length === 0) continue;
      left.set(key, { read, readers: rest });
      this.#waitingReaders += new Set(rest.map(({ after }) => after)).size;
    }
    this.#reads = left;
    return taken;
  }

  /** Takes the first `count` items away: they are committed, or no caller waits for them any more. */
  drop(count: number): WaitingItem[] {
    const dropped = this.#items.slice(0, count);
    this.#items = this.#items.slice(count);
    for (const { bytes } of dropped) this.#bytes -= bytes;
    this.#committed += dropped.length;
    return dropped;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0 && this.#reads.size === 0;
  }

  get hasReads(): boolean {
    return this.#reads.size > 0;
  }

  get backlog(): Backlog {
    const oldest = this.#items[0];
    return {
      items: this.#items.length,
      bytes: this.#bytes,
      oldestAgeMs: oldest === undefined ? 0 : this.#now() - oldest.since,
    };
  }
}

/** Bytes of an item, about: what is long in it is text, counted in UTF-16 units. */
function sizeOf(item: Item): number {
  if (item.kind === 'pending') return 200 + (item.start?.length ?? 0);
  if (item.kind === 'access' || item.kind === 'notify') return 1000;
  if (item.kind === 'checkpoint') return 200 + item.content.length;
  const { event, facts, snapshot, base } = item;
  return 500 + event.length + facts.length + (snapshot?.length ?? 0) + (base?.length ?? 0);
}

function chainOf(item: Item): number | null {
  return item.kind === 'event' ? item.chain : null;
}

/* The storage error of now, in the words for SQLite's and the system's errors. */

/** Gets the word for the error (`disk_full`, `busy`...), or null when it is over. */
export type StorageErrorListener = (trouble: string | null) => void;

/** Keeps the current error and passes its changes on, once each. */
export function createStorageErrors(log: Logger) {
  const listeners: StorageErrorListener[] = [];
  let passing: string | null = null;
  let lasting: string | null = null;

  const change = (next: () => void, reason?: string) => {
    const before = lasting ?? passing;
    next();
    const now = lasting ?? passing;
    if (now === before) return;
    if (now === null) log.info('persistence.flush.recovered');
    else log.error('persistence.flush.failed', { trouble: now, reason });
    for (const listener of listeners) listener(now);
  };

  return {
    get now() {
      return lasting ?? passing;
    },
    listen: (listener: StorageErrorListener) => void listeners.push(listener),
    /** An error that is over with the next commit. */
    set(trouble: string, reason: string) {
      change(() => {
        passing = trouble;
      }, reason);
    },
    clear() {
      change(() => {
        passing = null;
      });
    },
    /** An error that only a human ends. */
    keep(trouble: string, reason: string) {
      change(() => {
        lasting = trouble;
      }, reason);
    },
  };
}
