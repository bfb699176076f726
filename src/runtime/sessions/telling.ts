/**
 * Telling a session that exists something, for whoever is not a hook: handlers, and the house itself. One
 * event, one commit, one promise.
 */

import type { SessionEvent } from '../../../machines/session-events.ts';
import type { SessionContext, Stamp } from '../../../machines/session-types.ts';
import { OrbitError } from '../../errors.ts';
import type { Writer } from '../../store/writer.ts';
import { refusalOf } from '../capacity.ts';
import type { StampClock } from '../clock.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Origin } from './live-session.ts';
import type { Registry } from './registry.ts';

/** Makes the event when the session is there: with its moment, knowing the session as it is then. */
export type EventMaker = (at: Stamp, context: SessionContext) => SessionEvent;

/**
 * Tells a session an event; resolves when it is committed and published.
 *
 * @throws OrbitError `not_found` for an unknown session, `server_busy`, `storage_unavailable`,
 *   `quarantined`, and what `make` throws: then nothing has happened
 */
export type Tell = (sessionId: string, origin: Origin, make: EventMaker) => Promise<void>;

interface TellingDeps {
  writer: Pick<Writer, 'trouble' | 'backlog'>;
  registry: Pick<Registry, 'enter'>;
  ledger: Pick<Ledger, 'tell'>;
  clock: StampClock;
}

/** A `tell` over the registry and the ledger. */
export function createTelling({ writer, registry, ledger, clock }: TellingDeps): Tell {
  return async function tell(sessionId, origin, make) {
    // What the house itself has to say has happened: it waits for the disk as long as that takes.
    const refusal = origin === 'client' ? refusalOf(writer) : null;
    if (refusal) throw refusal;
    await registry.enter(sessionId, ({ live }) => {
      if (!live) throw unknownSession(sessionId);
      const event = make(clock.stamp(), live.actor.getSnapshot().context);
      return new Promise<void>((resolve, reject) => {
        const settle = (error: Error | null) => (error ? reject(error) : resolve());
        ledger.tell(live, { event, origin, key: null, settle });
      });
    });
  };
}

/** The refusal of a session nobody knows. */
export function unknownSession(sessionId: string): OrbitError {
  return new OrbitError('not_found', { what: 'Session', id: sessionId }, { sessionId });
}
