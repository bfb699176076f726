/**
 * Sessions as handlers reach them: found or refused, sent events and committed, with a connector when an action
 * needs one. Refusals name what to do instead.
 */
import { refusalOf as chartRefusal } from '../../../machines/refusals.ts';
import type { SessionEvent } from '../../../machines/session-events.ts';
import { linkStateOf, type SessionSnapshot } from '../../../machines/session-status.ts';
import type { SessionContext, Stamp } from '../../../machines/session-types.ts';
import { OrbitError } from '../../errors.ts';
import type { Writer } from '../../store/writer.ts';
import type { StampClock } from '../clock.ts';
import { type Ledger, refusalOf } from '../ledger/ledger.ts';
import type { Sender } from '../rooms/rooms.ts';
import type { LiveSession, Origin, PendingEvent } from './live-session.ts';
import type { Registry } from './registry.ts';

type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'at'> : never;

/** An event of a client; it is stamped here. */
export type EventToSend = WithoutTime<SessionEvent>;

/** Makes the event when the session is there: with its moment, knowing the session as it is then. */
type EventMaker = (at: Stamp, context: SessionContext) => SessionEvent;

/** What handlers, and the server itself, ask of a session. */
export interface Sessions {
  /** The same sessions for one sender: the journal names it beside every event that is sent through them. */
  as(sender: Sender): Sessions;
  /**
   * Calls `visit` with the session; visits of one session keep their order.
   *
   * @throws OrbitError `not_found`, `server_busy`
   */
  visit<Result>(id: string, visit: (live: LiveSession) => Result): Promise<Awaited<Result>>;
  /** Sends a session an event; settles when it is committed. @throws OrbitError when it is not stored */
  send(live: LiveSession, event: EventToSend, origin?: Origin): Promise<void>;
  /**
   * Sends an event to a session that may not be live yet; resolves when the event is committed and published.
   *
   * @throws OrbitError `not_found` for an unknown session, `server_busy`, `storage_unavailable`,
   *   `quarantined`, and what `make` throws: then nothing has happened
   */
  sendTo(id: string, origin: Origin, make: EventMaker): Promise<void>;
  /**
   * A client's command. The chart decides when the command's turn comes.
   *
   * @param what a verb for the refusal of sessions that are only watched
   * @throws OrbitError with the code of the chart's refusal (machines/refusals.ts); nothing has changed then
   */
  command(live: LiveSession, event: EventToSend, what: string): Promise<void>;
  /**
   * The same for a steered session whose connector may be gone: it is fetched, and the event waits with it.
   *
   * @param what a verb for the refusal of sessions that are only watched
   * @throws OrbitError `not_found`, `watched_only`, `session_over`
   */
  commandWithLink(
    id: string,
    what: string,
    eventFor: (live: LiveSession) => EventToSend,
  ): Promise<void>;
}

/** The session's memory as it stands now. */
export function contextOf(live: LiveSession): SessionContext {
  return live.head.snapshot.context;
}

interface SessionsDeps {
  writer: Pick<Writer, 'storageError' | 'backlog'>;
  registry: Pick<Registry, 'enter'>;
  ledger: Pick<Ledger, 'send'>;
  clock: StampClock;
}

/** Access to sessions over the registry and the ledger. */
export function createSessions(deps: SessionsDeps): Sessions {
  return new RegisteredSessions(deps);
}

class RegisteredSessions implements Sessions {
  readonly #deps: SessionsDeps;
  readonly #sender: Sender | null;

  constructor(deps: SessionsDeps, sender: Sender | null = null) {
    this.#deps = deps;
    this.#sender = sender;
  }

  as(sender: Sender): Sessions {
    return new RegisteredSessions(this.#deps, sender);
  }

  visit<Result>(id: string, visitor: (live: LiveSession) => Result): Promise<Awaited<Result>> {
    return this.#visitFor('client', id, visitor);
  }

  send(live: LiveSession, event: EventToSend, origin: Origin = 'client'): Promise<void> {
    return this.#commit(live, this.#stamped(event), origin);
  }

  sendTo(id: string, origin: Origin, make: EventMaker): Promise<void> {
    return this.#visitFor(origin, id, (live) =>
      this.#commit(live, ({ context }) => make(this.#deps.clock.stamp(), context), origin),
    );
  }

  command(live: LiveSession, event: EventToSend, what: string): Promise<void> {
    return this.#commit(live, this.#stamped(event), 'client', (snapshot, event) =>
      refusalError(live.id, snapshot, event, what),
    );
  }

  commandWithLink(
    id: string,
    what: string,
    eventFor: (live: LiveSession) => EventToSend,
  ): Promise<void> {
    return this.visit(id, (live) => {
      // Made first: words that are refused must not start a process.
      const event = eventFor(live);
      this.#fetchLink(live);
      return this.command(live, event, what);
    });
  }

  async #visitFor<Result>(
    origin: Origin,
    id: string,
    visitor: (live: LiveSession) => Result,
  ): Promise<Awaited<Result>> {
    // What the server itself has to say has happened: it waits for the disk as long as that takes.
    const refusal = origin === 'client' ? refusalOf(this.#deps.writer) : null;
    if (refusal) throw refusal;
    return await this.#deps.registry.enter(id, ({ live }) => {
      if (!live) throw unknownSession(id);
      return visitor(live);
    });
  }

  #commit(
    live: LiveSession,
    event: PendingEvent['event'],
    origin: Origin,
    refusal?: PendingEvent['refusal'],
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error: Error | null) => (error ? reject(error) : resolve());
      this.#deps.ledger.send(live, {
        event,
        origin,
        caller: this.#sender,
        key: null,
        settle,
        ...(refusal && { refusal }),
      });
    });
  }

  /** Not waited for: the command it becomes goes out before those of whatever is sent next. */
  #fetchLink(live: LiveSession): void {
    const { snapshot } = live.head;
    if (snapshot.hasTag('linked') || !snapshot.hasTag('steered') || snapshot.hasTag('ended'))
      return;
    this.send(live, { type: 'link.requested' }, 'server').catch(() => {
      // What is sent next fails for the same reason, and says so.
    });
  }

  #stamped(event: EventToSend): SessionEvent {
    return { ...event, at: this.#deps.clock.stamp() } as SessionEvent;
  }
}

/** The refusal of an unknown session. */
export function unknownSession(sessionId: string): OrbitError {
  return new OrbitError('not_found', { what: 'Session', id: sessionId }, { sessionId });
}

/** Why a command is refused now, in words for its sender; null when it is possible. */
function refusalError(
  id: string,
  snapshot: SessionSnapshot,
  event: SessionEvent,
  what: string,
): OrbitError | null {
  const about = { sessionId: id };
  const refusal = chartRefusal(snapshot, event);
  switch (refusal) {
    case null:
      return null;
    case 'already_resolved':
      return settledError(id, snapshot.context, event);
    case 'queue_full':
      return new OrbitError('queue_full', { id }, about);
    case 'no_connector': {
      const reason = linkStateOf(snapshot) ?? 'it never had one';
      return new OrbitError('no_connector', { id, reason }, about);
    }
    case 'unsupported': {
      const reason = 'its connector cannot do that';
      return new OrbitError('unsupported', { what: event.type, reason }, about);
    }
    default:
      return new OrbitError(refusal, { id, what }, about);
  }
}

/** Who settled a request that is not open any more; `not_found` for one that never was. */
function settledError(
  sessionId: string,
  { settled, approvals }: SessionContext,
  event: SessionEvent,
): OrbitError {
  if (event.type === 'words.withdrawn') {
    const { messageId: id } = event;
    return new OrbitError('not_found', { what: 'Message that waits', id }, { sessionId });
  }
  const id = 'requestId' in event ? String(event.requestId) : '';
  const sent = approvals.find(({ request }) => request.id === id)?.sent;
  if (sent) {
    const { decision } = sent;
    return new OrbitError('already_resolved', { id, decision, evidence: 'client' }, { sessionId });
  }
  const known = settled.findLast((one) => one.requestId === id);
  if (!known) return new OrbitError('not_found', { what: 'Request', id }, { sessionId });
  const { decision, evidence } = known;
  return new OrbitError('already_resolved', { id, decision, evidence }, { sessionId });
}

/** @throws OrbitError for a command that the session would refuse now, before anything is done for it */
export function refuse(live: LiveSession, event: EventToSend, what: string): void {
  const at = live.head.snapshot.context.newestAt;
  const error = refusalError(live.id, live.head.snapshot, { ...event, at } as SessionEvent, what);
  if (error) throw error;
}

/** @throws OrbitError `watched_only` for a session that takes no commands */
export function refuseWatched(live: LiveSession, what: string): void {
  const { id } = live;
  if (live.head.snapshot.hasTag('steered')) return;
  throw new OrbitError('watched_only', { id, what }, { sessionId: id });
}
