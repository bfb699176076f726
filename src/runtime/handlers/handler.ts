/**
 * What a handler is: a paragraph that checks, tells and replies. Shapes only; dispatch.ts calls them and
 * turns what they throw into an `error` frame.
 */
import type { ClientMessage, ClientMessageOf } from '../../protocol/client.ts';
import type { ListNews, Reply } from '../../protocol/server.ts';
import type { Connection, Sender } from '../rooms/rooms.ts';

/** The type of a client's message. */
export type ClientTag = ClientMessage['type'];

/** Who asked, and how to answer. */
export interface Asker {
  readonly connection: Connection;
  /** Who asks, for the journal. */
  readonly sender: Sender;
  /** Answers on the asker's connection, with its `request_id` if it sent one. */
  reply(message: Reply | ListNews): void;
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
