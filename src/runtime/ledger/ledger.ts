/**
 * The ledger: one machine event is one item, committed whole. It asks the chart whether the event is
 * possible, lets it move, collects its facts and orders, and hands event, facts and snapshot to the
 * writer. Only the writer's commit publishes and releases: rooms hear nothing that a crash could undo, and
 * no connector does what is not stored. What cannot be stored puts the session back to its last committed
 * snapshot and tells again what came after it; its orders are dropped.
 */

import type { Fact, Order } from '../../../machines/session-facts.ts';
import { OrbitError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { SessionMessage } from '../../protocol/server.ts';
import type { EventItem, ItemResult } from '../../store/items.ts';
import type { Writer } from '../../store/writer.ts';
import type { Witness } from '../inspection/hub.ts';
import { frameOf } from '../rooms/frames.ts';
import type { ListFeed } from '../rooms/list-feed.ts';
import { type Outlet, roomsOf } from '../rooms/rooms.ts';
import type { LiveSession, Told } from '../sessions/live-session.ts';
import { itemOf, type Piece, pieceOf } from './item.ts';
import type { Moment } from './moment.ts';
import type { Ring } from './ring.ts';

/** The way of every event: chart, commit, rooms. */
export interface Ledger {
  /** The chart's port: collects a fact of the event that is being told. */
  record(fact: Fact): void;
  /** The chart's other port: collects an order of the event that is being told. */
  order(order: Order): void;
  /** Runs something that may record (a spawn) and returns what it recorded. */
  collect(run: () => void): Collected;
  /** Tells a session an event; `told.settle` reports the commit. Never throws. */
  tell(live: LiveSession, told: Told): void;
}

/** What one event left behind. */
interface Collected {
  facts: Fact[];
  orders: Order[];
}

interface LedgerDeps {
  writer: Pick<Writer, 'submit'>;
  rooms: Outlet;
  ring: Ring;
  listFeed: ListFeed;
  /** Hears of every event once it is committed and published. Never throws. */
  witness?: Witness;
  log: Logger;
  /** Something was taken back: who looks at the session needs it whole. */
  refresh: (sessionId: string) => void;
  /** Gives stored orders to the session's connector. Never throws. */
  release: (sessionId: string, orders: Order[]) => void;
  /** Puts the session's actor back to this moment, or to its birth when null, in a new generation. */
  reopen: (live: LiveSession, moment: Moment | null) => void;
  /** The same in its own generation: what is on its way was computed before. */
  revive: (live: LiveSession, moment: Moment | null) => void;
  /** Lets go of a session of which nothing was ever committed. */
  discard: (live: LiveSession) => void;
}

/** One event between its hand-over and its commit. */
interface Pending {
  live: LiveSession;
  told: Told;
  item: EventItem;
  /** The machine after it; null when the event did nothing. */
  moment: Moment | null;
  happened: readonly Piece[];
  orders: Order[];
}

/** Facts that no subscriber sees. */
const NOTES = new Set<Fact['type']>([
  'approval_opened',
  'approval_closed',
  'approval_forgotten',
  'row_noted',
  'turn_noted',
  'turns_dropped',
]);

/** A ledger over a writer. */
export function createLedger(deps: LedgerDeps): Ledger {
  return new WriterLedger(deps);
}

class WriterLedger implements Ledger {
  readonly #deps: LedgerDeps;
  #collected: Collected | null = null;

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
  }

  record(fact: Fact): void {
    if (this.#collected) this.#collected.facts.push(fact);
    else this.#deps.log.error('ledger.fact.outside_event', { fact: fact.type });
  }

  order(order: Order): void {
    if (this.#collected) this.#collected.orders.push(order);
    else this.#deps.log.error('ledger.order.outside_event', { order: order.type });
  }

  collect(run: () => void): Collected {
    const mine: Collected = { facts: [], orders: [] };
    const outer = this.#collected;
    this.#collected = mine;
    try {
      run();
    } finally {
      this.#collected = outer;
    }
    return mine;
  }

  tell(live: LiveSession, told: Told): void {
    const before = live.actor.getSnapshot();
    const { facts, orders } = this.collect(() => live.actor.send(told.event));
    const snapshot = live.actor.getSnapshot();
    if (snapshot.status === 'error') {
      this.#putBackCrashed(live, told, snapshot.error);
      return;
    }
    const happened = [...live.birth, ...facts].map(pieceOf);
    const { item, moment } = itemOf(live, told, { before, happened });
    live.inFlight.push(told);
    const pending = { live, told, item, moment, happened, orders };
    this.#deps.writer.submit(item, (result) => this.#settle(pending, result));
  }

  #settle(pending: Pending, result: ItemResult): void {
    const { live, told, item, moment, happened, orders } = pending;
    if (item.generation !== live.generation) return;
    live.inFlight.shift();
    switch (result.outcome) {
      case 'committed':
        if (moment) live.committed = moment;
        this.#publish(item.sessionId, happened, result.revision);
        this.#deps.witness?.(live, item, result);
        told.settle(null);
        if (orders.length > 0) this.#deps.release(live.id, orders);
        break;
      case 'duplicate':
        told.settle(null);
        this.#putBack(live);
        break;
      case 'quarantined':
        this.#deps.log.error('persistence.command.failed', {
          session_id: live.id,
          error: result.error,
        });
        told.settle(quarantined(live, result.error));
        this.#putBack(live);
        break;
      case 'stale':
        // An earlier item of this generation was refused, so this generation is over already.
        throw new Error(`A stale item of ${live.id} came back in its own generation`);
    }
  }

  #publish(sessionId: string, happened: readonly Piece[], newest: number): void {
    const { ring, rooms, listFeed, refresh } = this.#deps;
    let revision = newest;
    for (const { fact } of happened) if (isSessionMessage(fact)) revision--;
    for (const { fact, text } of happened) {
      if (isSessionMessage(fact)) {
        revision++;
        const frame = frameOf(fact, revision, text);
        ring.push(sessionId, revision, frame.text);
        for (const room of roomsOf(sessionId)) rooms.publish(room, frame);
        listFeed.hear(fact);
      } else if (fact.type === 'session_created') {
        listFeed.hear(fact);
      }
      // What is kept of before does not tell this: who comes later reads the rows.
      if (isInRowsOnly(fact)) ring.drop(sessionId);
      if (fact.type === 'thread_rolled_back') refresh(sessionId);
    }
  }

  /** The actor moved for nothing: back to the disk's truth, then again what came after. */
  #putBack(live: LiveSession): void {
    const again = live.inFlight.splice(0);
    if (live.committed === null && again.length === 0) {
      this.#deps.discard(live);
      return;
    }
    this.#deps.reopen(live, live.committed);
    for (const told of again) this.tell(live, told);
  }

  /** A bug in the chart: this event is refused, the session goes on from before it. */
  #putBackCrashed(live: LiveSession, told: Told, error: unknown): void {
    this.#deps.log.error('session.crashed', {
      session_id: live.id,
      event_type: told.event.type,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    if (live.latest === null && live.inFlight.length === 0) this.#deps.discard(live);
    else this.#deps.revive(live, live.latest);
    told.settle(quarantined(live, 'the session could not take it'));
  }
}

function quarantined(live: LiveSession, reason: string): OrbitError {
  return new OrbitError('quarantined', { reason }, { sessionId: live.id });
}

/** Messages that are gone, and the text of one that was streamed when the last process ended. */
function isInRowsOnly(fact: Fact): boolean {
  if (fact.type === 'thread_rolled_back') return true;
  return fact.type === 'message_updated' && Object.keys(fact.changes).length === 0;
}

function isSessionMessage(fact: Fact): fact is SessionMessage {
  return fact.type !== 'session_created' && !NOTES.has(fact.type);
}
