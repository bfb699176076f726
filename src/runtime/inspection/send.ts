/**
 * A person's event for a live session: the one thing inspection does instead of looks at. It goes the way
 * of every event (one item, committed, then told), so the journal is its audit: origin `visualizer`, also
 * for what the chart refused, with who sent it.
 */
import type { SessionEvent } from '../../../machines/index.ts';
import { OrbitError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { HandEvent } from '../../protocol/hand-event.ts';
import type { Json, Sent, StateValue } from '../../protocol/inspect.ts';
import type { Writer } from '../../store/writer.ts';
import type { StampClock } from '../clock.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Sender } from '../rooms/rooms.ts';
import type { LiveSession } from '../sessions/live-session.ts';
import type { Registry } from '../sessions/registry.ts';
import { judge } from './possible/next.ts';

/** What sending needs beside what looking needs. */
export interface SendDeps {
  registry: Pick<Registry, 'enter'>;
  ledger: Pick<Ledger, 'send'>;
  clock: StampClock;
  writer: Pick<Writer, 'trouble'>;
  log: Logger;
  /** Schemas load late, as for every message. */
  codec: () => Promise<Pick<typeof import('../../protocol/codec.ts'), 'decodeHandEvent'>>;
  isDraining: () => boolean;
}

/**
 * Tells a session an event and resolves when it is committed.
 *
 * @throws OrbitError `bad_request` (a type nobody may send, fields that are missing or too many),
 *   `not_found`, `storage_unavailable`, `shutting_down`, `quarantined`
 */
export type Send = (
  session: string,
  event: { type: string; [key: string]: Json },
  caller: Sender,
) => Promise<Sent>;

/** Sending through the ledger. */
export function createSend(deps: SendDeps): Send {
  return async (session, given, caller) => {
    const checked = (await deps.codec()).decodeHandEvent(given);
    if (checked instanceof OrbitError) throw checked;
    if (deps.isDraining()) throw new OrbitError('shutting_down');
    if (deps.writer.trouble !== null) {
      throw new OrbitError('storage_unavailable', { reason: deps.writer.trouble });
    }
    const event = completed(checked, session, deps.clock.stamp());
    return deps.registry.enter(session, ({ live }) => {
      if (!live) throw new OrbitError('not_found', { what: 'Session', id: session });
      return submit(deps, live, event, caller);
    });
  };
}

/** The server's own words for time and session: a page's clock could make later reports look late. */
function completed(event: HandEvent, session: string, at: string): SessionEvent {
  if (event.type === 'approval.requested' || event.type === 'attention.noticed') {
    return { ...event, at, request: { ...event.request, session_id: session } };
  }
  return { ...event, at };
}

function submit(
  { ledger, log }: SendDeps,
  live: LiveSession,
  event: SessionEvent,
  caller: Sender,
): Promise<Sent> {
  let accepted = false;
  let reason: string | null = null;
  return new Promise((resolve, reject) => {
    ledger.send(live, {
      // Judged when its turn comes: until then the session may move on.
      event: (before) => {
        accepted = before.can(event);
        const why = accepted ? null : judge(before, { type: event.type, at: event.at }).reason;
        reason = accepted ? null : (why ?? NO_GUARD_PASSED);
        return event;
      },
      origin: 'visualizer',
      caller,
      key: null,
      settle(error) {
        if (error) return reject(error);
        const about = { session_id: live.id, event_type: event.type, accepted };
        log.info('inspect.sent', { ...about, ...caller });
        resolve({ accepted, reason, value: live.head.snapshot.value as StateValue });
      },
    });
  });
}

/** A refusal that depends on the payload: the guards that read it said no. */
const NO_GUARD_PASSED = 'Its payload does not pass the guards';
