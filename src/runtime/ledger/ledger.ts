/**
 * The ledger: the way of every event. It takes a session's event with the chart (`takeStep`), hands event,
 * facts and snapshot to the writer as one item, and only after the commit gives the snapshot to the
 * session's actor, publishes the facts and releases the commands. What is refused was never true anywhere.
 *
 * A session's events are taken in order. While some are on their way to the disk the next ones wait; then
 * they are taken together as one chain, each on the snapshot of the one before. When one of a chain is
 * refused (its key was stored before, or it can never be stored), the writer skips those behind it, and
 * they are taken again on what is committed. Commits are grouped across sessions.
 */
import type { ConnectorCommand, Fact } from '../../../machines/session-facts.ts';
import { FACTS } from '../../../machines/session-facts.ts';
import { takeStep } from '../../../machines/step.ts';
import { OrbitError } from '../../errors.ts';
import type { CommitListener } from '../../inspection/hub.ts';
import type { Logger } from '../../log.ts';
import type { SessionMessage } from '../../protocol/server.ts';
import type { Writer } from '../../store/writer.ts';
import type { EventItem, ItemResult } from '../../store/writer-messages.ts';
import { frameOf, type ListFeed, type Outlet, roomsOf } from '../rooms/rooms.ts';
import type { LiveSession, PendingEvent, SessionHead } from '../sessions/live-session.ts';
import { itemOf, type Piece, pieceOf } from './item.ts';
import type { ReplayBuffer } from './replay-buffer.ts';

/** The way of every event: chart, commit, actor, rooms. */
export interface Ledger {
  /** Takes an event of a session; `pending.settle` reports the commit. Never throws. */
  send(live: LiveSession, pending: PendingEvent): void;
}

interface LedgerDeps {
  writer: Pick<Writer, 'submit'>;
  rooms: Outlet;
  replayBuffer: ReplayBuffer;
  listFeed: ListFeed;
  /** Called for every event once it is committed and published. Never throws. */
  onCommitted?: CommitListener;
  log: Logger;
  /** Something was taken back: subscribers of the session need it whole. */
  refresh: (sessionId: string) => void;
  /** A request was settled: the history that subscribers of the session show is another. */
  settled: (sessionId: string) => void;
  /** Gives stored commands to the session's connector. Never throws. */
  release: (live: LiveSession, commands: ConnectorCommand[]) => void;
  /** Gives a session's actor its newest committed snapshot; spawns it at the first. */
  moved: (live: LiveSession) => void;
  /** Forgets a session of which nothing was ever committed. */
  discard: (live: LiveSession) => void;
}

/** One event between its step and its commit. */
interface Stepped {
  pending: PendingEvent;
  item: EventItem;
  /** The session after it. */
  head: SessionHead;
  pieces: readonly Piece[];
  commands: ConnectorCommand[];
}

/** Most events of one chain, so that a busy session does not fill a batch alone. */
const MAX_CHAIN = 64;

/** A ledger over a writer. */
export function createLedger(deps: LedgerDeps): Ledger {
  return new WriterLedger(deps);
}

class WriterLedger implements Ledger {
  readonly #deps: LedgerDeps;
  #chains = 0;

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
  }

  send(live: LiveSession, pending: PendingEvent): void {
    if (pending.after) this.#hold(live, pending, pending.after);
    live.waiting.push(pending);
    if (live.inFlight === 0) this.#submitNext(live);
  }

  /**
   * Lets an event wait for what must be on disk before it; it is no less true without what could not be stored.
   * Handled from the start: a failure while the event still waits behind others would end the process.
   */
  #hold(live: LiveSession, pending: PendingEvent, after: Promise<unknown>): void {
    const goOn = () => {
      pending.after = null;
      if (live.inFlight === 0) this.#submitNext(live);
    };
    void after.then(goOn, (error: Error) => {
      this.#deps.log.error('image.not_stored', { session_id: live.id, error });
      goOn();
    });
  }

  /** Those whose turn it is; none when the first waits for what must be on disk before it. */
  #takeDue({ waiting }: LiveSession): PendingEvent[] {
    const held = waiting.findIndex(({ after }) => after !== undefined && after !== null);
    return waiting.splice(0, held === -1 ? MAX_CHAIN : Math.min(held, MAX_CHAIN));
  }

  /** Takes what waits, each event on the one before, and hands it to the writer. */
  #submitNext(live: LiveSession): void {
    this.#chains += 1;
    const chain: Stepped[] = [];
    let { head } = live;
    const turn = this.#takeDue(live);
    if (turn.length === 0) return;
    // A refusal may be answered by code that sends more: those events go behind.
    live.inFlight = turn.length;
    for (const pending of turn) {
      const stepped = this.#take(live, head, pending);
      if (stepped === null) continue;
      head = stepped.head;
      chain.push(stepped);
    }
    live.inFlight = chain.length;
    if (chain.length === 0) this.#rest(live);
    const again: PendingEvent[] = [];
    for (const stepped of chain) {
      this.#submit(stepped, (result) => {
        if (result instanceof Error) stepped.pending.settle(result);
        else this.#settle(live, stepped, result, again);
        live.inFlight -= 1;
        if (live.inFlight > 0) return;
        live.waiting.unshift(...again);
        this.#rest(live);
      });
    }
  }

  /** Hands an item to the writer, which takes none after it was closed. */
  #submit({ item }: Stepped, done: (result: ItemResult | Error) => void): void {
    try {
      this.#deps.writer.submit(item, done);
    } catch (error) {
      done(error as Error);
    }
  }

  /** Nothing of the session is on its way: the next events go, or a session that never was is forgotten. */
  #rest(live: LiveSession): void {
    if (live.waiting.length > 0) this.#submitNext(live);
    else if (live.actor === null) this.#deps.discard(live);
  }

  /** One event by the chart; null when it was refused, which its sender receives. */
  #take(live: LiveSession, head: SessionHead, pending: PendingEvent): Stepped | null {
    const { log } = this.#deps;
    try {
      const made = pending.event;
      const event = typeof made === 'function' ? made(head.snapshot) : made;
      const refusal = pending.refusal?.(head.snapshot, event) ?? null;
      if (refusal) {
        pending.settle(refusal);
        return null;
      }
      const step = takeStep(head.snapshot, event);
      const pieces = [...head.initialFacts, ...step.facts].map(pieceOf);
      const { key, origin, caller } = pending;
      const { item, tail } = itemOf(
        { sessionId: live.id, chain: this.#chains, key, origin, caller: textOf(caller) },
        { head, step, event, pieces },
      );
      const after = { snapshot: step.snapshot, tail, initialFacts: [], base: null };
      return { pending, item, head: after, pieces, commands: step.commands };
    } catch (error) {
      if (error instanceof OrbitError) pending.settle(error);
      else {
        // A bug in the chart: this event is refused, the session goes on from before it.
        log.error('session.crashed', { session_id: live.id, error: wordsOf(error) });
        pending.settle(quarantined(live, 'the session could not take it'));
      }
      return null;
    }
  }

  #settle(live: LiveSession, stepped: Stepped, result: ItemResult, again: PendingEvent[]): void {
    const { pending, item, head, pieces, commands } = stepped;
    switch (result.outcome) {
      case 'committed':
        live.head = head;
        this.#deps.moved(live);
        this.#publish(item.sessionId, publishedOf(pieces, result), result.revision);
        this.#deps.onCommitted?.(live, item, result);
        // First: the listeners of the commit find what it led to.
        if (commands.length > 0) this.#deps.release(live, commands);
        pending.settle(null);
        break;
      case 'duplicate':
        pending.settle(null);
        break;
      case 'quarantined':
        this.#deps.log.error('persistence.command.failed', {
          session_id: live.id,
          error: result.error,
        });
        pending.settle(quarantined(live, result.error));
        break;
      case 'skipped':
        again.push(pending);
        break;
    }
  }

  #publish(sessionId: string, pieces: readonly Piece[], newest: number): void {
    const { replayBuffer, rooms, listFeed, refresh, settled } = this.#deps;
    let revision = newest;
    for (const { fact } of pieces) if (FACTS[fact.type].takesRevision) revision--;
    for (const { fact, text } of pieces) {
      if (isSessionMessage(fact)) {
        revision++;
        const frame = frameOf(fact, revision, text);
        replayBuffer.push(sessionId, revision, frame.text);
        for (const room of roomsOf(sessionId)) rooms.publish(room, frame);
        listFeed.take(fact);
      } else if (fact.type === 'session_created') {
        listFeed.take(fact);
      }
      // What is kept of before does not show this: a later subscriber reads the rows.
      if (isInRowsOnly(fact)) replayBuffer.drop(sessionId);
      if (fact.type === 'thread_rolled_back') refresh(sessionId);
    }
    if (pieces.some(({ fact }) => fact.type === 'approval_closed')) settled(sessionId);
  }
}

/** What is published of an event's facts: of those about known messages what the rows made of them. */
function publishedOf(
  pieces: readonly Piece[],
  { known }: Extract<ItemResult, { outcome: 'committed' }>,
): readonly Piece[] {
  if (known === undefined) return pieces;
  const instead = new Map(known.map(({ at, fact }) => [at, fact]));
  return pieces.flatMap((piece, at) => {
    const text = instead.get(at);
    if (text === undefined) return piece;
    return text === null ? [] : { fact: JSON.parse(text) as Fact, text };
  });
}

/** A sender as the journal keeps it. */
function textOf(caller: PendingEvent['caller']): string | null {
  return caller ? JSON.stringify(caller) : null;
}

function quarantined(live: LiveSession, reason: string): OrbitError {
  return new OrbitError('quarantined', { reason }, { sessionId: live.id });
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Messages that are gone, and the text of one that was streamed when the last process ended. */
function isInRowsOnly(fact: Fact): boolean {
  if (fact.type === 'thread_rolled_back') return true;
  return fact.type === 'message_updated' && Object.keys(fact.changes).length === 0;
}

function isSessionMessage(fact: Fact): fact is SessionMessage {
  return FACTS[fact.type].audience === 'session';
}

/* Whether the server can take more in right now. Asked before anything moves. */

/** Beyond these the server says "busy" before it takes anything in. */
const MAX_BACKLOG_ITEMS = 5000;
const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;
/** While storage fails, senders wait this long before they are sent away. */
const MAX_TROUBLE_MS = 2000;

/**
 * Says no before anything moves: what cannot be stored soon must stay with its sender.
 *
 * @returns `storage_unavailable`, `database_damaged`, `server_busy`, or null when there is room
 */
export function refusalOf({
  storageError: trouble,
  backlog,
}: Pick<Writer, 'storageError' | 'backlog'>) {
  // A damaged database is not written any more: the refusal needs no wait.
  if (trouble === 'corrupt') return new OrbitError('database_damaged', { what: 'The database' });
  if (trouble !== null && backlog.oldestAgeMs > MAX_TROUBLE_MS) {
    return new OrbitError('storage_unavailable', { reason: trouble });
  }
  const isFull = backlog.items > MAX_BACKLOG_ITEMS || backlog.bytes > MAX_BACKLOG_BYTES;
  return isFull ? new OrbitError('server_busy') : null;
}
