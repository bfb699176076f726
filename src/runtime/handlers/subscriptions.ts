/**
 * Subscribing. The cutover is exact because between the last read and `join` there is no await of any
 * kind: what was committed before is in the read, what comes after is heard in the room.
 */
import { OrbitError } from '../../errors.ts';
import type { Reply } from '../../protocol/server.ts';
import type { Writer } from '../../store/writer.ts';
import type { Ring } from '../ledger/ring.ts';
import { frameOf, frameOfText } from '../rooms/frames.ts';
import type { News } from '../rooms/news.ts';
import {
  type Connection,
  type Hearing,
  hearingOf,
  LIST_ROOM,
  roomsOf,
  sessionOfRoom,
  sessionRoom,
} from '../rooms/rooms.ts';
import type { Registry } from '../sessions/registry.ts';
import type { Asker, Handlers } from './handler.ts';

/** The app subscribes to every session it hears of and stays connected for weeks (contract.md 9.4 no. 10). */
const MAX_SUBSCRIPTIONS = 2000;

interface SubscriptionDeps {
  writer: Pick<Writer, 'read' | 'opened'>;
  ring: Ring;
  registry: Pick<Registry, 'peek'>;
  news: Pick<News, 'standing'>;
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

/** Brings connections into rooms, with all they missed. */
export interface Subscriptions {
  /** Sends the list, says open requests of subscribed sessions again, and joins the list's room. */
  subscribeList(connection: Connection): Promise<void>;
  /**
   * Brings the connection up to date about a session and joins its room; again and again if it likes,
   * it is in the room once.
   *
   * @throws OrbitError `not_found`, `too_many_subscriptions`, `server_busy`
   */
  subscribeSession(connection: Connection, sessionId: string, since: Since): Promise<void>;
  /**
   * Answers with the session's snapshot and subscribes the asker to it.
   *
   * @throws OrbitError `not_found`, `too_many_subscriptions`, `server_busy`
   */
  present(asker: Asker, sessionId: string): Promise<void>;
  unsubscribeSession(connection: Connection, sessionId: string): void;
  /** For a connection that left its rooms because it fell behind. */
  resync(connection: Connection, rooms: ReadonlySet<string>): Promise<void>;
}

/** Subscriptions over the writer's queue and the ring. */
export function createSubscriptions(deps: SubscriptionDeps): Subscriptions {
  return new RoomSubscriptions(deps);
}

class RoomSubscriptions implements Subscriptions {
  readonly #deps: SubscriptionDeps;

  constructor(deps: SubscriptionDeps) {
    this.#deps = deps;
  }

  unsubscribeSession(connection: Connection, sessionId: string): void {
    for (const room of roomsOf(sessionId)) connection.leave(room);
  }

  async resync(connection: Connection, rooms: ReadonlySet<string>): Promise<void> {
    if (rooms.has(LIST_ROOM)) await this.subscribeList(connection);
    for (const room of [...rooms]) {
      const sessionId = sessionOfRoom(room);
      if (sessionId === null) continue;
      const deltas = hearingOf(room) === 'deltas';
      const since = { deltas, message_limit: RESYNC_MESSAGES };
      await this.subscribeSession(connection, sessionId, since, () => rooms.has(room));
    }
  }

  async subscribeList(connection: Connection): Promise<void> {
    const { text } = await this.#deps.writer.read({ kind: 'list' });
    connection.send(frameOfText(text));
    connection.join(LIST_ROOM);
    // The app forgets its open request with every summary it reads (contract.md 9.4 no. 8).
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
    const kept = hasBase && isOurs ? this.#deps.ring.since(sessionId, since) : null;
    if (kept && !kept.some(asksSomething)) {
      for (const text of kept) connection.send(frameOfText(text));
      this.#remind(connection, sessionId);
      this.#enter(connection, sessionId, room);
      return;
    }
    const wanted = { kind: 'catch-up', sessionId, since, epoch, messages: message_limit } as const;
    const read = await this.#deps.writer.read(wanted);
    if (!read) throw new OrbitError('not_found', { what: 'Session', id: sessionId }, { sessionId });
    if (!isWanted()) return;
    for (const text of read.frames) connection.send(frameOfText(text));
    this.#enter(connection, sessionId, room);
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
    this.#enter(connection, sessionId, sessionRoom(sessionId, hearingBy(connection, sessionId)));
  }

  /** Synchronous with the last read. A connection hears a session one way only: the newest counts. */
  #enter(connection: Connection, sessionId: string, room: string): void {
    for (const other of roomsOf(sessionId)) if (other !== room) connection.leave(other);
    for (const message of this.#deps.news.standing(sessionId)) connection.send(frameOf(message));
    connection.join(room);
  }

  #refuseMore(connection: Connection, sessionId: string): void {
    const isIn = roomsOf(sessionId).some((room) => connection.rooms.has(room));
    if (isIn || connection.rooms.size < MAX_SUBSCRIPTIONS) return;
    throw new OrbitError('too_many_subscriptions', { limit: MAX_SUBSCRIPTIONS }, { sessionId });
  }

  /**
   * Says the oldest open request again, as it stands on disk; a repetition carries no revision. The app
   * takes every request for a permission, so behind a question the status is said too (no. 22).
   */
  #remind(connection: Connection, sessionId: string): void {
    const open = this.#deps.registry.peek(sessionId)?.committed?.context.approvals[0];
    if (!open) return;
    const { request } = open;
    connection.send(frameOf({ type: 'approval_requested', session_id: sessionId, request }));
    if (request.type !== 'question') return;
    const changes = { work_status: request.type };
    connection.send(frameOf({ type: 'session_delta', session_id: sessionId, changes }));
  }
}

function hearingBy({ rooms }: Connection, sessionId: string): Hearing {
  return rooms.has(sessionRoom(sessionId, 'deltas')) ? 'deltas' : 'whole';
}

/**
 * A request may be settled by now, and the app does not understand the null that says so (contract.md 9.4
 * no. 6): it would show the request again. Rows tell only what is still open.
 */
function asksSomething(frame: string): boolean {
  return frame.startsWith('{"type":"approval_requested"');
}

/** Handlers of this group. */
export function createSubscriptionHandlers(
  subscriptions: Subscriptions,
): Handlers<'subscribe_list' | 'subscribe_session' | 'unsubscribe_session' | 'ping'> {
  return {
    // Whoever gave it an id is acknowledged like everybody: behind all that was asked before.
    ping: () => {},
    subscribe_list: (_, { connection }) => subscriptions.subscribeList(connection),
    subscribe_session: (message, { connection }) =>
      subscriptions.subscribeSession(connection, message.session_id, message),
    unsubscribe_session: ({ session_id }, { connection }) =>
      subscriptions.unsubscribeSession(connection, session_id),
  };
}
