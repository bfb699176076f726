/**
 * Our sessions in the words of `@statelyai/inspect` 0.7: an actor when it is first seen, then an event and
 * a snapshot for each commit. The package reads nothing else (microsteps are dropped by it), so edges are
 * sent on `/inspect` only. Ids carry the database's epoch: unique over restarts and over servers.
 */
import { sessionMachine } from '../../machines/index.ts';
import { OrbitError } from '../errors.ts';
import type { LiveSession } from '../runtime/sessions/live-session.ts';
import type { Registry } from '../runtime/sessions/registry.ts';
import type { Writer } from '../store/writer.ts';
import type { EventItem } from '../store/writer-messages.ts';
import type { History } from './history.ts';
import { redactText } from './redact.ts';
import { contextView, eventView } from './redacted-view.ts';

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
  const { registry, history } = deps;
  const { actor, event, snapshot } = createWords(deps.writer.opened.epoch, deps.nowMs ?? Date.now);

  function actorOf(live: LiveSession): string {
    const { snapshot } = live.head;
    const { session } = snapshot.context;
    const name = session.custom_name ?? session.project_name ?? live.id;
    return actor(live.id, name, snapshot);
  }

  return {
    actorOf,
    async actors(session, most) {
      const live = session === null ? null : registry.peek(session);
      if (live?.actor) return [[live.id, actorOf(live)]];
      if (session !== null) {
        const { step } = await history.find(session, null);
        if (!step.snapshot) throw new OrbitError('no_snapshot', { seq: step.row.seq });
        return [[session, actor(session, session, step.snapshot)]];
      }
      if (registry.liveCount >= most) {
        const reason = `More than ${most} sessions are live; name one with ?session=ID`;
        throw new OrbitError('bad_request', { reason });
      }
      return [...registry.live()]
        .filter(({ actor }) => actor !== null)
        .map((one) => [one.id, actorOf(one)]);
    },
    moved(live, item) {
      const taken = event(item);
      return item.accepted ? [taken, snapshot(item, live.head.snapshot)] : [taken];
    },
  };
}

/** The three messages of the package, as JSON. */
function createWords(epoch: string, nowMs: () => number) {
  const idOf = (sessionId: string): string => `${epoch.slice(0, 8)}/${sessionId}`;
  const base = (sessionId: string) => ({
    rootId: idOf(sessionId),
    sessionId: idOf(sessionId),
    createdAt: String(nowMs()),
    id: null,
    _version: VERSION,
  });
  return {
    actor: (id: string, name: string, saved: unknown): string =>
      JSON.stringify({
        type: '@xstate.actor',
        name: redactText(name, 120),
        definition: DEFINITION,
        snapshot: shown(saved as Saved),
        ...base(id),
      }),
    event: ({ sessionId, origin, event }: EventItem): string =>
      JSON.stringify({
        type: '@xstate.event',
        event: eventView(event),
        sourceId: `${idOf(sessionId)}/${origin}`,
        ...base(sessionId),
      }),
    snapshot: ({ sessionId, event }: EventItem, saved: unknown): string =>
      JSON.stringify({
        type: '@xstate.snapshot',
        event: eventView(event),
        snapshot: shown(saved as Saved),
        ...base(sessionId),
      }),
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
