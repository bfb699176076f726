/**
 * The hall as the porch sees it: what a transport may ask of the house. `server.ts` puts the parts
 * together; transports know no more than this page.
 */
import type { Picture } from '../host/images.ts';
import type { Connection, Sender } from './rooms/rooms.ts';

/** What came with a hook besides its body. */
export interface HookMeta {
  /** `Idempotency-Key` of the request or name of the spool file; a hook is in effect once per key. */
  key?: string;
  /** Message type, when the sender knows it better than the body does (`X-OrbitDock-Hook`). */
  type?: string;
  /** When hook.sh sent it, nanoseconds since 1970 by its wall clock (`X-OrbitDock-Sent`). */
  sentNs?: string;
  /** Where it came in, for the journal. */
  origin: 'hook' | 'spool' | 'client';
  /** Who sent it, when it came over a client's connection. */
  caller?: Sender;
}

/** State of the house for `/health`. */
export interface Health {
  status: 'ok';
  /** Storage trouble such as `disk_full`, while it lasts. */
  degraded?: string;
  /** What a person has to do about it, where it does not pass by itself. */
  remedy?: string;
}

/** What transports may ask of the house. */
export interface Hall {
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
  closed(connection: Connection): void;
  /**
   * Takes one hook body (parsed JSON). Resolves once it is committed.
   *
   * @throws OrbitError `parse_error`, `server_busy`, `storage_unavailable`, `shutting_down`: not stored
   */
  takeHook(body: unknown, meta: HookMeta): Promise<void>;
  /** An image of a message, by the digest of its bytes; null when there is none. */
  image(sha256: string): Promise<Picture | null>;
  health(): Health;
}
