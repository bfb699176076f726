/**
 * What waits for the writer thread: items in order, and reads that must come after some of them. Cuts the
 * next batch off the front. Pure bookkeeping; called by writer.ts alone.
 */
import { OrbitError } from '../../errors.ts';
import type { Item, ItemResult, Read } from '../items.ts';

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

/** Somebody who waits for a read that sees at least the first `after` items ever submitted. */
export interface Reader {
  after: number;
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/** A read with everybody who waits for it. */
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
export type Queue = ReturnType<typeof createQueue>;

/** @param now  monotonic clock, ms */
export function createQueue(now: () => number) {
  let items: WaitingItem[] = [];
  let bytes = 0;
  let reads = new Map<string, WaitingRead>();
  let waitingReaders = 0;
  let submitted = 0;
  let committed = 0;

  return {
    push(item: Item, done: WaitingItem['done']) {
      const size = sizeOf(item);
      items.push({ item, done, bytes: size, since: now() });
      bytes += size;
      submitted += 1;
    },

    /** @throws OrbitError `server_busy` when too many reads wait */
    pushRead(read: Read, reader: Omit<Reader, 'after'>) {
      const key = JSON.stringify(read);
      const waiting = reads.get(key);
      const after = submitted;
      const same = waiting?.readers.at(-1)?.after === after;
      if (!same && waitingReaders >= MAX_WAITING_READS) throw new OrbitError('server_busy');
      if (!same) waitingReaders += 1;
      if (waiting === undefined) reads.set(key, { read, readers: [{ ...reader, after }] });
      else waiting.readers.push({ ...reader, after });
    },

    /** The items that go next, and the reads that may be answered once they are committed. */
    nextBatch(): Batch {
      let count = 0;
      let size = 0;
      for (const { bytes: more } of items) {
        if (count >= BATCH_ITEMS || (count > 0 && size + more > BATCH_BYTES)) break;
        count += 1;
        size += more;
      }
      const batch = items.slice(0, count);
      return { items: batch, reads: this.takeReads(committed + count) };
    },

    /** Takes reads out that need not see more than the first `upTo` items; all of them without it. */
    takeReads(upTo = Number.POSITIVE_INFINITY): WaitingRead[] {
      const taken: WaitingRead[] = [];
      const left = new Map<string, WaitingRead>();
      waitingReaders = 0;
      for (const [key, { read, readers }] of reads) {
        const at = taken.length < BATCH_READS ? readers.findIndex(({ after }) => after > upTo) : 0;
        const ready = at === -1 ? readers : readers.slice(0, at);
        const rest = at === -1 ? [] : readers.slice(at);
        if (ready.length > 0) taken.push({ read, readers: ready });
        if (rest.length === 0) continue;
        left.set(key, { read, readers: rest });
        waitingReaders += new Set(rest.map(({ after }) => after)).size;
      }
      reads = left;
      return taken;
    },

    /** Takes the first `count` items away: they are committed, or nobody waits for them any more. */
    drop(count: number): WaitingItem[] {
      const dropped = items.slice(0, count);
      items = items.slice(count);
      for (const { bytes: less } of dropped) bytes -= less;
      committed += dropped.length;
      return dropped;
    },

    get isEmpty() {
      return items.length === 0 && reads.size === 0;
    },
    get hasItems() {
      return items.length > 0;
    },
    get hasReads() {
      return reads.size > 0;
    },
    get backlog(): Backlog {
      const oldest = items[0];
      return {
        items: items.length,
        bytes,
        oldestAgeMs: oldest === undefined ? 0 : now() - oldest.since,
      };
    },
  };
}

/** Bytes of an item, about: what is long in it is text, counted in UTF-16 units. */
function sizeOf(item: Item): number {
  if (item.kind === 'pending') return 200 + (item.start?.length ?? 0);
  if (item.kind === 'checkpoint') return 200 + item.content.length;
  const { event, facts, snapshot, base } = item;
  return 500 + event.length + facts.length + (snapshot?.length ?? 0) + (base?.length ?? 0);
}
