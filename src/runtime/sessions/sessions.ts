/**
 * Sessions as handlers reach them: found or refused, told and committed, with a connector when an action
 * needs one. Refusals name what to do instead.
 */

import type { SessionEvent } from '../../../machines/session-events.ts';
import type { SessionContext, Stamp } from '../../../machines/session-types.ts';
import { OrbitError } from '../../errors.ts';
import type { Writer } from '../../store/writer.ts';
import { refusalOf } from '../capacity.ts';
import type { StampClock } from '../clock.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LiveSession, Origin } from './live-session.ts';
import type { Registry } from './registry.ts';

type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'at'> : never;

/** An event of a client; it is stamped here. */
export type Wish = WithoutTime<SessionEvent>;

/** Makes the event when the session is there: with its moment, knowing the session as it is then. */
type EventMaker = (at: Stamp, context: SessionContext) => SessionEvent;

/** What handlers, and the house itself, ask of a session. */
export interface Sessions {
  /**
   * Calls `visit` with the session; visits of one session keep their order.
   *
   * @throws OrbitError `not_found`, `server_busy`
   */
  visit<Result>(id: string, visit: (live: LiveSession) => Result): Promise<Awaited<Result>>;
  /** Tells a session an event; settles when it is committed. @throws OrbitError when it is not stored */
  tell(live: LiveSession, wish: Wish, origin?: Origin): Promise<void>;
  /**
   * Tells a session that may not be live yet; resolves when the event is committed and published.
   *
   * @throws OrbitError `not_found` for an unknown session, `server_busy`, `storage_unavailable`,
   *   `quarantined`, and what `make` throws: then nothing has happened
   */
  tellTo(id: string, origin: Origin, make: EventMaker): Promise<void>;
  /** Tells what only a connector can do. @throws OrbitError `no_connector` while there is none */
  voice(live: LiveSession, wish: Wish): Promise<void>;
  /**
   * The same for a steered session whose connector may be gone: it is fetched, and the wish waits with it.
   *
   * @param what a verb for the refusal of sessions that are only watched
   * @throws OrbitError `not_found`, `watched_only`, `session_over`
   */
  wish(id: string, what: string, wishFor: (live: LiveSession) => Wish): Promise<void>;
}

/** The session's memory as it stands now. */
export function contextOf(live: LiveSession): SessionContext {
  return live.actor.getSnapshot().context;
}

interface SessionsDeps {
  writer: Pick<Writer, 'trouble' | 'backlog'>;
  registry: Pick<Registry, 'enter'>;
  ledger: Pick<Ledger, 'tell'>;
  clock: StampClock;
}

/** Access to sessions over the registry and the ledger. */
export function createSessions(deps: SessionsDeps): Sessions {
  return new RegisteredSessions(deps);
}

class RegisteredSessions implements Sessions {
  readonly #deps: SessionsDeps;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
  }

  visit<Result>(id: string, visitor: (live: LiveSession) => Result): Promise<Awaited<Result>> {
    return this.#visitFor('client', id, visitor);
  }

  tell(live: LiveSession, wish: Wish, origin: Origin = 'client'): Promise<void> {
    return this.#commit(live, this.#stamped(wish), origin);
  }

  tellTo(id: string, origin: Origin, make: EventMaker): Promise<void> {
    return this.#visitFor(origin, id, (live) => {
      const event = make(this.#deps.clock.stamp(), contextOf(live));
      return this.#commit(live, event, origin);
    });
  }

  async voice(live: LiveSession, wish: Wish): Promise<void> {
    if (!live.actor.getSnapshot().can(this.#stamped(wish))) {
      const { link_state: reason = 'it never had one' } = contextOf(live).session;
      throw new OrbitError('no_connector', { id: live.id, reason }, { sessionId: live.id });
    }
    await this.tell(live, wish);
  }

  wish(id: string, what: string, wishFor: (live: LiveSession) => Wish): Promise<void> {
    return this.visit(id, (live) => {
      // Made first: words that are refused must not start a process.
      const wish = wishFor(live);
      this.#fetchLink(live, what);
      return this.voice(live, wish);
    });
  }

  async #visitFor<Result>(
    origin: Origin,
    id: string,
    visitor: (live: LiveSession) => Result,
  ): Promise<Awaited<Result>> {
    // What the house itself has to say has happened: it waits for the disk as long as that takes.
    const refusal = origin === 'client' ? refusalOf(this.#deps.writer) : null;
    if (refusal) throw refusal;
    return await this.#deps.registry.enter(id, ({ live }) => {
      if (!live) throw unknownSession(id);
      return visitor(live);
    });
  }

  #commit(live: LiveSession, event: SessionEvent, origin: Origin): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error: Error | null) => (error ? reject(error) : resolve());
      this.#deps.ledger.tell(live, { event, origin, key: null, settle });
    });
  }

  /** Not waited for: the order it becomes goes out before those of whatever is told next. */
  #fetchLink(live: LiveSession, what: string): void {
    const { id } = live;
    refuseWatched(live, what);
    if (contextOf(live).session.status === 'ended') {
      throw new OrbitError('session_over', { id }, { sessionId: id });
    }
    if (live.actor.getSnapshot().hasTag('linked')) return;
    this.tell(live, { type: 'link.requested' }, 'house').catch(() => {
      // What is told next fails for the same reason, and says so.
    });
  }

  #stamped(wish: Wish): SessionEvent {
    return { ...wish, at: this.#deps.clock.stamp() } as SessionEvent;
  }
}

/** The refusal of a session nobody knows. */
export function unknownSession(sessionId: string): OrbitError {
  return new OrbitError('not_found', { what: 'Session', id: sessionId }, { sessionId });
}

/** @throws OrbitError `watched_only` for a session that nobody can be ordered about */
export function refuseWatched(live: LiveSession, what: string): void {
  const { id } = live;
  if (contextOf(live).session.codex_integration_mode === 'direct') return;
  throw new OrbitError('watched_only', { id, what }, { sessionId: id });
}
