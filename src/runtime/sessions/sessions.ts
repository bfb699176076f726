/**
 * Sessions as handlers reach them: found or refused, told and committed, with a connector when an action
 * needs one. Refusals name what to do instead.
 */

import type { SessionEvent } from '../../../machines/session-events.ts';
import type { SessionContext } from '../../../machines/session-types.ts';
import { OrbitError } from '../../errors.ts';
import type { Writer } from '../../store/writer.ts';
import { refusalOf } from '../capacity.ts';
import type { StampClock } from '../clock.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LiveSession } from './live-session.ts';
import type { Registry } from './registry.ts';
import { unknownSession } from './telling.ts';

type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'at'> : never;

/** An event of a client; it is stamped here. */
export type Wish = WithoutTime<SessionEvent>;

/** What handlers ask of a session. */
export interface Sessions {
  /**
   * Calls `visit` with the session; visits of one session keep their order.
   *
   * @throws OrbitError `not_found`, `server_busy`
   */
  visit<Result>(id: string, visit: (live: LiveSession) => Result): Promise<Awaited<Result>>;
  /** Tells a session an event; settles when it is committed. @throws OrbitError when it is not stored */
  tell(live: LiveSession, wish: Wish, origin?: 'client' | 'house'): Promise<void>;
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

/** Access to sessions for handlers. */
export function createSessions(deps: {
  writer: Pick<Writer, 'trouble' | 'backlog'>;
  registry: Pick<Registry, 'enter'>;
  ledger: Pick<Ledger, 'tell'>;
  clock: StampClock;
}): Sessions {
  const { writer, registry, ledger, clock } = deps;
  const stamped = (wish: Wish) => ({ ...wish, at: clock.stamp() }) as SessionEvent;

  function tell(live: LiveSession, wish: Wish, origin: 'client' | 'house' = 'client') {
    return new Promise<void>((resolve, reject) => {
      const settle = (error: Error | null) => (error ? reject(error) : resolve());
      ledger.tell(live, { event: stamped(wish), origin, key: null, settle });
    });
  }

  const visit: Sessions['visit'] = (id, visitor) => {
    const refusal = refusalOf(writer);
    if (refusal) return Promise.reject(refusal);
    return registry.enter(id, ({ live }) => {
      if (!live) throw unknownSession(id);
      return visitor(live);
    });
  };

  async function voice(live: LiveSession, wish: Wish): Promise<void> {
    if (!live.actor.getSnapshot().can(stamped(wish))) {
      const { link_state: reason = 'it never had one' } = contextOf(live).session;
      throw new OrbitError('no_connector', { id: live.id, reason }, { sessionId: live.id });
    }
    await tell(live, wish);
  }

  /** Not waited for: the order it becomes goes out before those of whatever is told next. */
  function fetchLink(live: LiveSession, what: string): void {
    const { id } = live;
    refuseWatched(live, what);
    if (contextOf(live).session.status === 'ended') {
      throw new OrbitError('session_over', { id }, { sessionId: id });
    }
    if (live.actor.getSnapshot().hasTag('linked')) return;
    tell(live, { type: 'link.requested' }, 'house').catch(() => {
      // What is told next fails for the same reason, and says so.
    });
  }

  return {
    tell,
    visit,
    voice,
    wish: (id, what, wishFor) =>
      visit(id, (live) => {
        // Made first: words that are refused must not start a process.
        const wish = wishFor(live);
        fetchLink(live, what);
        return voice(live, wish);
      }),
  };
}

/** @throws OrbitError `watched_only` for a session that nobody can be ordered about */
export function refuseWatched(live: LiveSession, what: string): void {
  const { id } = live;
  if (contextOf(live).session.codex_integration_mode === 'direct') return;
  throw new OrbitError('watched_only', { id, what }, { sessionId: id });
}
