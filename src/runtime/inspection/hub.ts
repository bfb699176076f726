/**
 * The hub: hears of every committed event from the ledger, in one place and after the fact, and tells
 * those who look: changed rows of all sessions every 100 ms, records of followed sessions every 50 ms.
 * Nothing of it runs inside `actor.send`, so it can neither slow a transition down nor throw into one,
 * and nothing is told that a crash could undo. While nobody looks, a commit costs one comparison.
 */
import type { Logger } from '../../log.ts';
import type { InspectRecord, InspectRow } from '../../protocol/inspect.ts';
import type { EventItem } from '../../store/items.ts';
import type { LiveSession } from '../sessions/live-session.ts';
import type { Segment, Segments } from './fold/segments.ts';
import { recordOf } from './history.ts';
import { createRates } from './rates.ts';
import { rowOf } from './rows.ts';

/** How long rows and records gather, ms. */
const ROWS_EVERY_MS = 100;
const RECORDS_EVERY_MS = 50;

/** What became of an item: its numbers. */
export interface Committed {
  seq: number;
  revision: number;
}

/** The ledger's side: called once for every committed event, after it was published. Never throws. */
export type Witness = (live: LiveSession, item: EventItem, committed: Committed) => void;

/** Somebody who looks. */
export interface InspectOutlet {
  /** Rows that changed, each whole. */
  rows?(rows: InspectRow[]): void;
  /** Records of a followed session, in order. */
  records?(sessionId: string, records: InspectRecord[]): void;
  /** Every committed event as it comes. */
  committed?(live: LiveSession, item: EventItem, committed: Committed): void;
}

/** Where committed events become rows and records for those who look. */
export interface Hub {
  witness: Witness;
  /** The result lets go of it. */
  attach(outlet: InspectOutlet): () => void;
  /** Records of the segment's session are told from its end on; counted, `unfollow` as often. */
  follow(segment: Segment): void;
  unfollow(sessionId: string): void;
  /** Tells what has gathered of a session now: whoever joins next has it already. */
  flush(sessionId: string): void;
  /** Events a second over the last ten, of one session or of all. */
  rate(sessionId?: string): number;
  readonly counts: Readonly<HubCounts>;
}

/** Since the start. */
export interface HubCounts {
  outlets: number;
  followed: number;
  records: number;
  rows: number;
  errors: number;
}

/** @param deps.after calls back once, later; tests may call back at once */
export function createHub(deps: {
  segments: Segments;
  log: Logger;
  after?: (delayMs: number, callback: () => void) => void;
}): Hub {
  const { segments, log, after = later } = deps;
  const outlets = new Set<InspectOutlet>();
  const followers = new Map<string, number>();
  const rates = createRates();
  const counts: HubCounts = { outlets: 0, followed: 0, records: 0, rows: 0, errors: 0 };
  const waitingRows = new Map<string, InspectRow>();
  const waitingRecords = new Map<string, InspectRecord[]>();

  /** A fault in here is counted and logged, and is nobody else's. */
  function guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      counts.errors += 1;
      if (counts.errors <= 10) log.error('inspection.failed', { error: error as Error });
    }
  }

  function tell(run: (outlet: InspectOutlet) => void): void {
    for (const outlet of outlets) guarded(() => run(outlet));
  }

  function tellRows(): void {
    const rows = [...waitingRows.values()];
    waitingRows.clear();
    counts.rows += rows.length;
    tell((outlet) => outlet.rows?.(rows));
  }

  function flush(sessionId: string): void {
    const records = waitingRecords.get(sessionId);
    if (!records) return;
    waitingRecords.delete(sessionId);
    counts.records += records.length;
    tell((outlet) => outlet.records?.(sessionId, records));
  }

  function noteRow(row: InspectRow): void {
    if (waitingRows.size === 0) after(ROWS_EVERY_MS, tellRows);
    // Deleted first, so that the order is that of the last change.
    waitingRows.delete(row.id);
    waitingRows.set(row.id, row);
  }

  function noteRecord(item: EventItem, { seq, revision }: Committed): void {
    const { sessionId, at, origin, event, value, accepted } = item;
    if (!followers.has(sessionId)) return;
    const step = segments.extend(sessionId, { seq, at, origin, event, value, accepted, revision });
    if (!step) return;
    const waiting = waitingRecords.get(sessionId);
    if (waiting) {
      waiting.push(recordOf(sessionId, step));
      return;
    }
    waitingRecords.set(sessionId, [recordOf(sessionId, step)]);
    after(RECORDS_EVERY_MS, () => flush(sessionId));
  }

  return {
    witness(live, item, committed) {
      if (outlets.size === 0) return;
      guarded(() => {
        rates.count(live.id);
        noteRow(rowOf(live, item, committed.seq, rates.of(live.id)));
        noteRecord(item, committed);
      });
      tell((outlet) => outlet.committed?.(live, item, committed));
    },
    attach(outlet) {
      outlets.add(outlet);
      counts.outlets = outlets.size;
      return () => {
        outlets.delete(outlet);
        counts.outlets = outlets.size;
        if (outlets.size === 0) rates.clear();
      };
    },
    follow(segment) {
      const { sessionId } = segment;
      const before = followers.get(sessionId) ?? 0;
      if (before === 0) segments.follow(segment);
      followers.set(sessionId, before + 1);
      counts.followed = followers.size;
    },
    unfollow(sessionId) {
      const left = (followers.get(sessionId) ?? 0) - 1;
      if (left > 0) followers.set(sessionId, left);
      else if (followers.delete(sessionId)) segments.unfollow(sessionId);
      counts.followed = followers.size;
    },
    flush,
    rate: (sessionId) => rates.of(sessionId),
    counts,
  };
}

function later(delayMs: number, callback: () => void): void {
  setTimeout(callback, delayMs).unref();
}
