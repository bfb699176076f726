/**
 * The hub: gets every committed event from the ledger, in one place and after the fact, and sends
 * viewers what is new: changed rows of all sessions every 100 ms, records of followed sessions every 50 ms.
 * Nothing of it runs inside `actor.send`, so it can neither slow a transition down nor throw into one,
 * and nothing is sent that a crash could undo. Without a watcher a commit costs one comparison.
 */
import type { Logger } from '../log.ts';
import type { InspectRecord, InspectRow } from '../protocol/inspect.ts';
import type { LiveSession } from '../runtime/sessions/live-session.ts';
import type { EventItem } from '../store/writer-messages.ts';
import { recordOf } from './history.ts';
import { rowOf } from './rows.ts';
import type { Segment, Segments } from './segments.ts';

/** How long rows and records gather, ms. */
const ROWS_EVERY_MS = 100;
const RECORDS_EVERY_MS = 50;

/** What became of an item: its numbers. */
interface Committed {
  seq: number;
  revision: number;
}

/** The ledger's side: called once for every committed event, after it was published. Never throws. */
export type CommitListener = (live: LiveSession, item: EventItem, committed: Committed) => void;

/** A client that inspects. */
export interface InspectOutlet {
  /** Rows that changed, each whole. */
  rows?(rows: InspectRow[]): void;
  /** Records of a followed session, in order. */
  records?(sessionId: string, records: InspectRecord[]): void;
  /** Every committed event as it comes. */
  committed?(live: LiveSession, item: EventItem, committed: Committed): void;
}

/** Where committed events become rows and records for viewers. */
export interface Hub {
  onCommitted: CommitListener;
  /** The result lets go of it. */
  attach(outlet: InspectOutlet): () => void;
  /** Records of the segment's session are sent from its end on; counted, `unfollow` as often. */
  follow(segment: Segment): void;
  unfollow(sessionId: string): void;
  /** Sends what has gathered of a session now: the client that joins next has it already. */
  flush(sessionId: string): void;
  /** Events a second over the last ten, of one session or of all. */
  rate(sessionId?: string): number;
  readonly counts: Readonly<HubCounts>;
}

/** Since the start. */
interface HubCounts {
  outlets: number;
  followed: number;
  records: number;
  rows: number;
  errors: number;
}

type After = (delayMs: number, callback: () => void) => void;
type SendTo = (run: (outlet: InspectOutlet) => void) => void;

/** @param deps.after calls back once, later; tests may call back at once */
export function createHub(deps: { segments: Segments; log: Logger; after?: After }): Hub {
  const { segments, log, after = later } = deps;
  const counts: HubCounts = { outlets: 0, followed: 0, records: 0, rows: 0, errors: 0 };
  const rates = createRates();
  const { guarded, sendTo, attach } = createOutlets(log, counts);
  const followers = createFollowers(segments, counts);
  const rows = gatherRows({ after, guarded, sendTo, counts });
  const records = gatherRecords(after, sendTo, counts);

  return {
    onCommitted(live, item, committed) {
      if (counts.outlets === 0) return;
      guarded(() => {
        rates.count(live.id);
        rows.note(live.id, () => rowOf(live, item, committed.seq, rates.of(live.id)));
        const record = followers.recordOf(item, committed);
        if (record) records.note(record);
      });
      sendTo((outlet) => outlet.committed?.(live, item, committed));
    },
    attach(outlet) {
      const detach = attach(outlet);
      return () => {
        detach();
        if (counts.outlets === 0) rates.clear();
      };
    },
    follow: followers.follow,
    unfollow: followers.unfollow,
    flush: records.flush,
    rate: (sessionId) => rates.of(sessionId),
    counts,
  };
}

/** The viewers. A fault in here is counted and logged, and changes nothing else. */
function createOutlets(log: Logger, counts: HubCounts) {
  const outlets = new Set<InspectOutlet>();

  function guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      counts.errors += 1;
      if (counts.errors <= 10) log.error('inspection.failed', { error: error as Error });
    }
  }

  return {
    guarded,
    sendTo(run: (outlet: InspectOutlet) => void): void {
      for (const outlet of outlets) guarded(() => run(outlet));
    },
    attach(outlet: InspectOutlet): () => void {
      outlets.add(outlet);
      counts.outlets = outlets.size;
      return () => {
        outlets.delete(outlet);
        counts.outlets = outlets.size;
      };
    },
  };
}

/** Which sessions are followed, and how often each. */
function createFollowers(segments: Segments, counts: HubCounts) {
  const followers = new Map<string, number>();
  return {
    follow(segment: Segment): void {
      const { sessionId } = segment;
      const before = followers.get(sessionId) ?? 0;
      if (before === 0) segments.follow(segment);
      followers.set(sessionId, before + 1);
      counts.followed = followers.size;
    },
    unfollow(sessionId: string): void {
      const left = (followers.get(sessionId) ?? 0) - 1;
      if (left > 0) followers.set(sessionId, left);
      else if (followers.delete(sessionId)) segments.unfollow(sessionId);
      counts.followed = followers.size;
    },
    /** The committed event as a record; null when it has no follower, or it is known already. */
    recordOf(item: EventItem, { seq, revision }: Committed): InspectRecord | null {
      const { sessionId, at, origin, caller, event, value, accepted } = item;
      if (!followers.has(sessionId)) return null;
      const row = { seq, at, origin, caller, event, value, accepted, revision };
      const step = segments.extend(sessionId, row);
      return step && recordOf(sessionId, step);
    },
  };
}

/**
 * Rows gather, the newest of each session, in the order of their last change. A row is made when it is sent: most of a
 * busy session's are replaced before that, and each takes as long to redact as its event took to commit.
 */
function gatherRows(deps: {
  after: After;
  guarded: (run: () => void) => void;
  sendTo: SendTo;
  counts: HubCounts;
}) {
  const { after, guarded, sendTo, counts } = deps;
  const waiting = new Map<string, () => InspectRow>();

  function flush(): void {
    const rows: InspectRow[] = [];
    for (const make of waiting.values()) guarded(() => rows.push(make()));
    waiting.clear();
    counts.rows += rows.length;
    sendTo((outlet) => outlet.rows?.(rows));
  }

  return {
    note(sessionId: string, make: () => InspectRow): void {
      if (waiting.size === 0) after(ROWS_EVERY_MS, flush);
      waiting.delete(sessionId);
      waiting.set(sessionId, make);
    },
  };
}

/** Records gather by session, all of them, in order. */
function gatherRecords(after: After, sendTo: SendTo, counts: HubCounts) {
  const waiting = new Map<string, InspectRecord[]>();

  function flush(sessionId: string): void {
    const records = waiting.get(sessionId);
    if (!records) return;
    waiting.delete(sessionId);
    counts.records += records.length;
    sendTo((outlet) => outlet.records?.(sessionId, records));
  }

  return {
    flush,
    note(record: InspectRecord): void {
      const { session } = record;
      const gathered = waiting.get(session);
      if (gathered) {
        gathered.push(record);
        return;
      }
      waiting.set(session, [record]);
      after(RECORDS_EVERY_MS, () => flush(session));
    },
  };
}

function later(delayMs: number, callback: () => void): void {
  setTimeout(callback, delayMs).unref();
}

/** Events a second over the last ten seconds, of each session and of all together. */

const SECONDS = 10;
/** Sessions that are counted apart; the quiet ones are forgotten first. */
const MAX_SESSIONS = 5_000;

/** Counts of the last seconds, the slot of a second being its number modulo ten. */
interface Slots {
  counts: number[];
  second: number;
}

/** Events a second, by session and altogether. */
interface Rates {
  count(sessionId: string): void;
  /** Per second, to one decimal; of all sessions without an id. */
  of(sessionId?: string): number;
  clear(): void;
}

/** @param now monotonic, ms */
function createRates(now: () => number = () => performance.now()): Rates {
  const sessions = new Map<string, Slots>();
  let all = empty();

  function empty(): Slots {
    return { counts: Array<number>(SECONDS).fill(0), second: Math.floor(now() / 1000) };
  }

  /** Empties the slots of the seconds that have passed since the last check. */
  function turn(slots: Slots): Slots {
    const second = Math.floor(now() / 1000);
    const passed = Math.min(second - slots.second, SECONDS);
    for (let at = 1; at <= passed; at++) slots.counts[(slots.second + at) % SECONDS] = 0;
    slots.second = second;
    return slots;
  }

  function add(slots: Slots): void {
    const at = turn(slots).second % SECONDS;
    slots.counts[at] = (slots.counts[at] ?? 0) + 1;
  }

  return {
    count(sessionId) {
      const slots = sessions.get(sessionId) ?? empty();
      sessions.delete(sessionId);
      sessions.set(sessionId, slots);
      if (sessions.size > MAX_SESSIONS) sessions.delete(sessions.keys().next().value as string);
      add(slots);
      add(all);
    },
    of(sessionId) {
      const slots = sessionId === undefined ? all : sessions.get(sessionId);
      if (!slots) return 0;
      const sum = turn(slots).counts.reduce((total, count) => total + count, 0);
      return Math.round((sum / SECONDS) * 10) / 10;
    },
    clear() {
      sessions.clear();
      all = empty();
    },
  };
}
