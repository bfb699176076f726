/**
 * Our sessions in the words of `@statelyai/inspect` 0.7: an actor when it is first seen, then an event and
 * a snapshot for each commit. The package reads nothing else (microsteps are dropped by it), so edges are
 * told on `/inspect` only. Ids carry the database's epoch: unique over restarts and over servers.
 */
import { sessionMachine } from '../../../machines/index.ts';
import { OrbitError } from '../../errors.ts';
import type { EventItem } from '../../store/items.ts';
import type { Writer } from '../../store/writer.ts';
import type { LiveSession } from '../sessions/live-session.ts';
import type { Registry } from '../sessions/registry.ts';
import type { History } from './history.ts';
import { redactText } from './redact.ts';
import { contextView, eventView } from './view.ts';

/** The version whose shapes these are. */
const VERSION = '0.7.2';

interface Saved {
  status: string;
  value: unknown;
  context: unknown;
}

/** Sessions as messages of that package. */
export interface StatelyFeed {
  /**
   * The actors a new consumer begins with, each with its session: one session, live or not, or all that
   * are live.
   *
   * @throws OrbitError `not_found`; `bad_request` when all were asked for and they are too many
   */
  actors(session: string | null, most: number): Promise<Array<[session: string, message: string]>>;
  /** The actor of a live session as it was last committed. */
  actorOf(live: LiveSession): string;
  /** The event a live session was committed with last, and the snapshot after it unless it was refused. */
  moved(live: LiveSession, item: EventItem): string[];
}

/** @param deps.nowMs  wall clock */
export function createStatelyFeed(deps: {
  writer: Pick<Writer, 'opened'>;
  registry: Pick<Registry, 'peek' | 'live' | 'liveCount'>;
  history: Pick<History, 'find'>;
  nowMs?: () => number;
}): StatelyFeed {
  const { writer, registry, history, nowMs = Date.now } = deps;
  const idOf = (sessionId: string): string => `${writer.opened.epoch.slice(0, 8)}/${sessionId}`;
  const base = (sessionId: string) => ({
    rootId: idOf(sessionId),
    sessionId: idOf(sessionId),
    createdAt: String(nowMs()),
    id: null,
    _version: VERSION,
  });

  function actor(id: string, name: string, saved: unknown): string {
    return JSON.stringify({
      type: '@xstate.actor',
      name: redactText(name, 120),
      definition: DEFINITION,
      snapshot: shown(saved as Saved),
      ...base(id),
    });
  }

  function actorOf(live: LiveSession): string {
    const { session } = live.committed?.context ?? live.input;
    const name = session.custom_name ?? session.project_name ?? live.id;
    return actor(live.id, name, live.committed ?? live.actor.getSnapshot());
  }

  return {
    actorOf,
    async actors(session, most) {
      const live = session === null ? null : registry.peek(session);
      if (live?.committed) return [[live.id, actorOf(live)]];
      if (session !== null) {
        const { step } = await history.find(session, null);
        const { snapshot, row } = step;
        if (!snapshot) throw new OrbitError('no_snapshot', { seq: row.seq });
        return [[session, actor(session, session, snapshot)]];
      }
      if (registry.liveCount >= most) {
        const reason = `More than ${most} sessions are live; name one with ?session=ID`;
        throw new OrbitError('bad_request', { reason });
      }
      return [...registry.live()]
        .filter(({ committed }) => committed !== null)
        .map((one) => [one.id, actorOf(one)]);
    },
    moved(live, item) {
      const { sessionId, origin } = item;
      const event = eventView(item.event);
      const sourceId = `${idOf(sessionId)}/${origin}`;
      const told = { type: '@xstate.event', event, sourceId, ...base(sessionId) };
      if (!item.accepted || live.committed === null) return [JSON.stringify(told)];
      const snapshot = shown(live.committed);
      const after = { type: '@xstate.snapshot', event, snapshot, ...base(sessionId) };
      return [JSON.stringify(told), JSON.stringify(after)];
    },
  };
}

/** What of a snapshot leaves: where it stands, and the allowed part of its context. */
function shown({ status, value, context }: Saved) {
  return { status, value, context: contextView(context) };
}

/** The chart's configuration as the package sends it: functions by their names. */
const DEFINITION = JSON.stringify(sessionMachine.config, (_key, value: unknown) =>
  typeof value === 'function' ? { type: value.name } : value,
);
