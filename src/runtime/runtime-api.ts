/**
 * What a transport may ask of the runtime, and what a handler of a client's message is. Shapes only: `runtime.ts`
 * builds the parts, `dispatch.ts` calls the handlers and turns what they throw into an `error` frame.
 */
import type { Picture } from '../host/images.ts';
import type { ClientMessage, ClientMessageOf } from '../protocol/client.ts';
import type { Reply, TransientListMessage } from '../protocol/server.ts';
import type { Backlog } from '../store/thread/writer-queue.ts';
import type { Totals } from '../store/writer-messages.ts';
import type { Connection, Sender } from './rooms/rooms.ts';
import type { AnswerLine } from './waiting-hooks.ts';

/** What came with a hook besides its body. */
export interface HookMeta {
  /** `Idempotency-Key` of the request or name of the spool file; a hook is in effect once per key. */
  key?: string;
  /** Message type, when the sender knows it better than the body does (`X-OrbitDock-Hook`). */
  type?: string;
  /** When hook.sh sent it, nanoseconds since 1970 by its wall clock (`X-OrbitDock-Sent`). */
  sentNs?: string;
  /** Its process waits for an answer, or is about to. */
  isAwaited?: boolean;
  /** Its registration lets it ask for words of clients, whether it does so now or not. */
  takesWords?: boolean;
  /** Where it came in, for the journal. */
  origin: 'hook' | 'spool' | 'client';
  /** Who sent it, when it came over a client's connection. */
  caller?: Sender;
}

/** State of the server for `/health`. */
export interface Health {
  status: 'ok';
  /** The storage error, such as `disk_full`, while it lasts. */
  degraded?: string;
  /** What a person has to do about it, where it does not pass by itself. */
  remedy?: string;
}

/** What those are shown who watch the server. */
export interface Figures {
  backlog: Backlog;
  totals: Totals;
}

/** What transports may ask of the server. */
export interface RuntimeApi {
  /** Greets a new connection; must be called before anything else about it. */
  opened(connection: Connection): void;
  /**
   * Takes one message of a client. Messages of one connection are handled in order; the promise settles
   * when this one is done. Never rejects: what is wrong with it is answered on the connection.
   *
   * @param input JSON text of `/ws`, or an already parsed object of socket.io
   */
  receive(connection: Connection, input: { text: string } | { value: unknown }): Promise<void>;
  /**
   * Brings a connection that fell behind up to date: fresh snapshots, then back into `rooms`. A room that
   * is given up meanwhile disappears from the set and is not joined.
   */
  resync(connection: Connection, rooms: ReadonlySet<string>): Promise<void>;
  /** Must be called once for every connection that was `opened`, when it is closed. */
  closed(connection: Connection): void;
  /**
   * Takes one hook body (parsed JSON). Resolves once it is committed.
   *
   * @throws OrbitError `parse_error`, `server_busy`, `storage_unavailable`, `shutting_down`: not stored
   */
  takeHook(body: unknown, meta: HookMeta): Promise<void>;
  /** The line on which the process of a hook waits that was taken under this key. */
  awaitAnswer(key: string): AnswerLine;
  /** Takes what an exporter of telemetry sends (parsed JSON); what of it says nothing is passed over. Never throws. */
  takeTelemetry(body: unknown): void;
  /** An image of a message, by the digest of its bytes; null when there is none. */
  image(sha256: string): Promise<Picture | null>;
  health(): Health;
  /** How much there is and waits. @throws OrbitError when the database cannot be read */
  figures(): Promise<Figures>;
}

/** The type of a client's message. */
export type ClientTag = ClientMessage['type'];

/** Who asked, and how to answer. */
export interface Asker {
  readonly connection: Connection;
  /** Who asks, for the journal. */
  readonly sender: Sender;
  /** Answers on the asker's connection, with its `request_id` if it sent one. */
  reply(message: Reply | TransientListMessage): void;
  /** Says `ack` to an asker that sent a `request_id`. @param id of what was made, where that is news */
  acknowledge(id?: string): void;
}

/**
 * Handles one message. Resolves when what it asked for is committed; one that replied nothing is
 * acknowledged for it if the asker sent a `request_id`.
 *
 * @throws OrbitError what the asker must know
 */
export type Handler<Tag extends ClientTag> = (
  message: ClientMessageOf<Tag>,
  asker: Asker,
) => Promise<void> | void;

/** Handlers of some messages, by type. */
export type Handlers<Tag extends ClientTag> = { [Each in Tag]: Handler<Each> };

/** Who is notified, as handlers ask for it. */
export interface Notifications {
  /** @param tokenId  of the asker's token: which device is his */
  state(tokenId: string | null): Promise<NotificationsMessage>;
  readonly devices: PushDevices;
  /** @param quiet  null: none */
  setQuiet(quiet: { from: string; to: string } | null): Promise<void>;
  mute(sessionId: string, isMuted: boolean): Promise<void>;
}

/** Browsers that are notified by Web Push. */
export interface PushDevices {
  /**
   * A browser of the asker is notified from now on.
   *
   * @returns the device's id
   * @throws OrbitError `invalid_argument` for an address that is not https
   */
  subscribe(device: PushDevice): Promise<string>;
  unsubscribe(endpoint: string): Promise<void>;
  /** A device is notified no more. @throws OrbitError `not_found` */
  remove(deviceId: string, by: Sender): Promise<void>;
  /** Also ends the named token it subscribed with. @throws OrbitError `not_found`, or `invalid_argument` without one */
  revoke(deviceId: string, by: Sender): Promise<void>;
  /** Sends a device a test. @throws OrbitError `not_found`, or `not_delivered` when its push service does not take it */
  test(deviceId: string): Promise<void>;
}

/** What a browser's subscription holds. */
export interface PushDevice {
  endpoint: string;
  p256dh: string;
  auth: string;
  /** What the device calls itself. */
  name: string;
  /** Of the named token it came in with. */
  tokenId: string | null;
}

type NotificationsMessage = Extract<Reply, { type: 'notifications' }>;
