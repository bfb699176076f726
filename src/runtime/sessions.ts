/**
 * Sessions as handlers reach them: found or refused, told and committed, with a connector when an action
 * needs one. Refusals name what to do instead.
 */
import type { SessionContext, SessionEvent } from '../../machines/session-types.ts';
import { OrbitError } from '../errors.ts';
import type { StampClock } from './clock.ts';
import type { Ledger } from './ledger.ts';
import type { LiveSession } from './live-session.ts';
import type { Registry } from './registry.ts';

type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'at'> : never;

/** An event of a client; it is stamped here. */
export type Wish = WithoutTime<SessionEvent>;

export interface Sessions {
  /**
   * Calls `visit` with the session; visits of one session keep their order.
   *
   * @throws OrbitError `not_found`, `server_busy`
   */
  visit<Result>(id: string, visit: (live: LiveSession) => Result): Promise<Awaited<Result>>;
  /** Tells a session an event; settles when it is committed. @throws OrbitError when it is not stored */
  tell(live: LiveSession, wish: Wish, origin?: 'client' | 'house'): Promise<void>;
  can(live: LiveSession, wish: Wish): boolean;
  /**
   * Makes sure that a steered session has a connector or is getting one: what is told next reaches it.
   *
   * @throws OrbitError `watched_only`, `session_over`
   */
  link(live: LiveSession, what: string): void;
}

/** The session's memory as it stands now. */
export function contextOf(live: LiveSession): SessionContext {
  return live.actor.getSnapshot().context;
}

/** Access to sessions for handlers. */
export function createSessions(deps: {
  registry: Pick<Registry, 'enter'>;
  ledger: Pick<Ledger, 'tell'>;
  clock: StampClock;
}): Sessions {
  const { registry, ledger, clock } = deps;
  const stamped = (wish: Wish) => ({ ...wish, at: clock.stamp() }) as SessionEvent;

  function tell(live: LiveSession, wish: Wish, origin: 'client' | 'house' = 'client') {
    return new Promise<void>((resolve, reject) => {
      const settle = (error: Error | null) => (error ? reject(error) : resolve());
      ledger.tell(live, { event: stamped(wish), origin, key: null, settle });
    });
  }

  return {
    tell,
    can: (live, wish) => live.actor.getSnapshot().can(stamped(wish)),
    visit: (id, visit) =>
      registry.enter(id, ({ live }) => {
        if (!live) throw new OrbitError('not_found', { what: 'Session', id }, { sessionId: id });
        return visit(live);
      }),
    link(live, what) {
      const { id } = live;
      const { session } = contextOf(live);
      if (session.codex_integration_mode !== 'direct') {
        throw new OrbitError('watched_only', { id, what }, { sessionId: id });
      }
      if (session.status === 'ended') throw new OrbitError('session_over', { id }, { sessionId: id });
      if (live.actor.getSnapshot().hasTag('linked')) return;
      // Not waited for: its order goes out before those of whatever is told next.
      tell(live, { type: 'link.requested' }, 'house').catch(() => {
        // What is told next fails for the same reason, and says so.
      });
    },
  };
}
