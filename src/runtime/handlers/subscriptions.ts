/**
 * Subscribing. The cutover is exact because between the last read and `join` there is no await of any
 * kind: what was committed before is in the read, what comes after is published in the room.
 */
import { summaryOf } from '../../../machines/index.ts';
import { OrbitError } from '../../errors.ts';
import type { Reply } from '../../protocol/server.ts';
import type { Writer } from '../../store/writer.ts';
import type { ReplayBuffer } from '../ledger/replay-buffer.ts';
import {
  type Connection,
  type DeliveryMode,
  deliveryModeOf,
  errorMessage,
  type Frame,
  frameOf,
  frameOfText,
  LIST_ROOM,
  type Outlet,
  roomsOf,
  sessionOfRoom,
  sessionRoom,
} from '../rooms/rooms.ts';
import type { TransientMessages } from '../rooms/streamed-texts.ts';
import type { Asker, Handlers } from '../runtime-api.ts';
import type { Registry } from '../sessions/registry.ts';

/** The app subscribes to every session that it is shown and stays connected for weeks. */
const MAX_SUBSCRIPTIONS = 2000;

interface SubscriptionDeps {
  writer: Pick<Writer, 'read' | 'opened'>;
  replayBuffer: ReplayBuffer;
  registry: Pick<Registry, 'peek'>;
  transient: Pick<TransientMessages, 'current'>;
}

/** A connection that fell behind because it is slow gets small snapshots. */
const RESYNC_MESSAGES = 200;

/** What a subscriber says it has. */
interface Since {
  since_revision?: number | null;
  epoch?: string | null;
  /** Streamed text as what is new, not as the whole. */
  deltas?: boolean | null;
  /** Most messages of a snapshot; as many as fit a frame unless said. */
  message_limit?: number | null;
}

/**
 * The room of those who wait for a session to exist. Nothing is published to it: it counts against
 * `MAX_SUBSCRIPTIONS`, and no closed connection can be in it.
 */
const awaitedRoom = (sessionId: string) => `awaited:${sessionId}`;

/**
 * Brings connections into rooms, with all they missed. As an outlet it learns which sessions begin to exist,
 * and subscribes those who asked for them before.
 */
export interface Subscriptions extends Outlet {
  /** Sends the list, says open requests of subscribed sessions again, and joins the list's room. */
  subscribeList(connection: Connection): Promise<void>;
  /**
   * Brings the connection up to date about a session and joins its room; again and again if it likes,
   * it is in the room once.
   *
   * @throws OrbitError `not_found` (the subscription is kept: its snapshot follows when the session exists),
   *   `too_many_subscriptions`, `server_busy`
   */
  subscribeSession(connection: Connection, sessionId: string, since: Since): Promise<void>;
  /**
   * Answers with the session's snapshot and subscribes the asker to it.
   *
   * @throws OrbitError `not_found`, `too_many_subscriptions`, `server_busy`
   */
  present(asker: Asker, sessionId: string): Promise<void>;
  unsubscribeSession(connection: Connection, sessionId: string): void;
  /**
   * Sends the session's summary and its oldest open request, as they are on disk, to a client that may have
   * assumed something else; nothing for a session that is not live.
   */
  correct(connection: Connection, sessionId: string): void;
  /** For a connection that left its rooms because it fell behind. */
  resync(connection: Connection, rooms: ReadonlySet<string>): Promise<void>;
  /** Must be called once the connection is closed: nothing is kept of it from then on. */
  closed(connection: Connection): void;
}

/** Subscriptions over the writer's queue and the replay buffer. */
export function createSubscriptions(deps: SubscriptionDeps): Subscriptions {
  return new RoomSubscriptions(deps);
}

class RoomSubscriptions implements Subscriptions {
  readonly #deps: SubscriptionDeps;
  /** What each connection asked for before it existed, by the session's id. */
  readonly #awaited = new Map<Connection, Map<string, Since>>();

  constructor(deps: SubscriptionDeps) {
    this.#deps = deps;
  }

  unsubscribeSession(connection: Connection, sessionId: string): void {
    for (const room of roomsOf(sessionId)) connection.leave(room);
    this.#takeAwaited(connection, sessionId);
  }

  closed(connection: Connection): void {
    this.#awaited.delete(connection);
  }

  publish(room: string, frame: Frame): void {
    if (room !== LIST_ROOM || this.#awaited.size === 0) return;
    const { message } = frame;
    if (message.type !== 'session_created') return;
    const { id } = message.session;
    for (const connection of [...this.#awaited.keys()]) {
      const since = this.#takeAwaited(connection, id);
      if (since === undefined) continue;
      this.subscribeSession(connection, id, since).catch((error: unknown) =>
        connection.send(
          frameOf(
            errorMessage(
              error instanceof OrbitError
                ? error
                : new OrbitError('internal_error', {}, { cause: error }),
            ),
          ),
        ),
      );
    }
  }

  /** Keeps the subscription to a session that does not exist yet; its creation sends the snapshot. */
  #await(connection: Connection, sessionId: string, since: Since): void {
    connection.join(awaitedRoom(sessionId));
    // It may have closed while the database was read; a closed connection joins nothing.
    if (!connection.rooms.has(awaitedRoom(sessionId))) return;
    const awaited = this.#awaited.get(connection) ?? new Map<string, Since>();
    this.#awaited.set(connection, awaited.set(sessionId, since));
  }

  /** Ends the wait of a connection for a session. @returns what it asked for, or undefined */
  #takeAwaited(connection: Connection, sessionId: string): Since | undefined {
    const awaited = this.#awaited.get(connection);
    const since = awaited?.get(sessionId);
    connection.leave(awaitedRoom(sessionId));
    awaited?.delete(sessionId);
    if (awaited?.size === 0) this.#awaited.delete(connection);
    return since;
  }

  async resync(connection: Connection, rooms: ReadonlySet<string>): Promise<void> {
    if (rooms.has(LIST_ROOM)) await this.subscribeList(connection);
    for (const room of [...rooms]) {
      // A subscription to a session that does not exist yet is kept.
      if (room.startsWith(awaitedRoom(''))) connection.join(room);
      const sessionId = sessionOfRoom(room);
      if (sessionId === null) continue;
      const deltas = deliveryModeOf(room) === 'deltas';
      const since = { deltas, message_limit: RESYNC_MESSAGES };
      await this.subscribeSession(connection, sessionId, since, () => rooms.has(room));
    }
  }

  async subscribeList(connection: Connection): Promise<void> {
    const { text } = await this.#deps.writer.read({ kind: 'list' });
    connection.send(frameOfText(text));
    connection.join(LIST_ROOM);
    // The app forgets its open request with every summary it reads.
    for (const room of connection.rooms) {
      const sessionId = sessionOfRoom(room);
      if (sessionId !== null) this.#remind(connection, sessionId);
    }
  }

  async subscribeSession(
    connection: Connection,
    sessionId: string,
    { since_revision: since = null, epoch = null, deltas = false, message_limit = null }: Since,
    isWanted = () => true,
  ): Promise<void> {
    const room = sessionRoom(sessionId, deltas ? 'deltas' : 'whole');
    this.#refuseMore(connection, sessionId);
    const isOurs = epoch === null || epoch === this.#deps.writer.opened.epoch;
    // 0 is what a client says that has nothing yet: facts without a snapshot would mean nothing to it.
    const hasBase = since !== null && since > 0;
    const kept = hasBase && isOurs ? this.#deps.replayBuffer.since(sessionId, since) : null;
    if (kept && !kept.some(asksSomething)) {
      for (const text of kept) connection.send(frameOfText(text));
      this.#remind(connection, sessionId);
      this.#enter(connection, sessionId, room);
      return;
    }
    const wanted = { kind: 'catch-up', sessionId, since, epoch, messages: message_limit } as const;
    const read = await this.#deps.writer.read(wanted);
    if (!read) {
      this.#await(connection, sessionId, { deltas, message_limit });
      throw new OrbitError('not_found', { what: 'Session', id: sessionId }, { sessionId });
    }
    if (!isWanted()) return;
    for (const text of read.frames) connection.send(frameOfText(text));
    this.#enter(connection, sessionId, room);
  }

  correct(connection: Connection, sessionId: string): void {
    const live = this.#deps.registry.peek(sessionId);
    if (!live) return;
    const session = summaryOf(live.head.snapshot);
    connection.send(frameOf({ type: 'session_created', session }));
    this.#remind(connection, sessionId);
  }

  async present({ connection, reply }: Asker, sessionId: string): Promise<void> {
    this.#refuseMore(connection, sessionId);
    const read = await this.#deps.writer.read({
      kind: 'catch-up',
      sessionId,
      since: null,
      epoch: null,
    });
    if (!read) throw new OrbitError('not_found', { what: 'Session', id: sessionId }, { sessionId });
    for (const text of read.frames) reply(frameOfText(text).message as Reply);
    this.#enter(
      connection,
      sessionId,
      sessionRoom(sessionId, deliveryModeBy(connection, sessionId)),
    );
  }

  /** Synchronous with the last read. A connection receives a session one way only: the newest counts. */
  #enter(connection: Connection, sessionId: string, room: string): void {
    for (const other of roomsOf(sessionId)) if (other !== room) connection.leave(other);
    for (const message of this.#deps.transient.current(sessionId, deliveryModeOf(room)))
      connection.send(frameOf(message));
    connection.join(room);
  }

  #refuseMore(connection: Connection, sessionId: string): void {
    const isIn = roomsOf(sessionId).some((room) => connection.rooms.has(room));
    if (isIn || connection.rooms.size < MAX_SUBSCRIPTIONS) return;
    throw new OrbitError('too_many_subscriptions', { limit: MAX_SUBSCRIPTIONS }, { sessionId });
  }

  /**
   * Says the oldest open request again, as it is on disk; a repetition carries no revision. The app
   * takes every request for a permission, so behind a question the status is said too.
   */
  #remind(connection: Connection, sessionId: string): void {
    const open = this.#deps.registry.peek(sessionId)?.head.snapshot.context.approvals[0];
    if (!open) return;
    const { request } = open;
    connection.send(frameOf({ type: 'approval_requested', session_id: sessionId, request }));
    if (request.type !== 'question') return;
    const changes = { work_status: request.type };
    connection.send(frameOf({ type: 'session_delta', session_id: sessionId, changes }));
  }
}

function deliveryModeBy({ rooms }: Connection, sessionId: string): DeliveryMode {
  return rooms.has(sessionRoom(sessionId, 'deltas')) ? 'deltas' : 'whole';
}

/**
 * A request may be settled by now, and the app does not understand the null that says so: it would
 * show the request again. Rows have only what is still open.
 */
function asksSomething(frame: string): boolean {
  return frame.startsWith('{"type":"approval_requested"');
}

/** Handlers of this group. */
export function createSubscriptionHandlers(
  subscriptions: Subscriptions,
): Handlers<'subscribe_list' | 'subscribe_session' | 'unsubscribe_session' | 'ping'> {
  return {
    // A client that gave it an id is acknowledged like all others: behind all that was asked before.
    ping: () => {},
    subscribe_list: (_, { connection }) => subscriptions.subscribeList(connection),
    subscribe_session: (message, { connection }) =>
      subscriptions.subscribeSession(connection, message.session_id, message),
    unsubscribe_session: ({ session_id }, { connection }) =>
      subscriptions.unsubscribeSession(connection, session_id),
  };
}
