/**
 * News: what rooms hear beside the facts. It is not stored and has no revision; whoever knows what still
 * holds of it is asked for every new subscriber, in the same turn in which that one joins.
 */
import type { ListNews, ServerMessage, SessionNews } from '../../protocol/server.ts';
import { frameOf } from './frames.ts';
import { type Hearing, LIST_ROOM, type Outlet, roomsOf, sessionRoom } from './rooms.ts';

/** What still holds about a session; synchronous, so that nothing slips between it and `join`. */
export type Standing = (sessionId: string, hearing: Hearing) => ServerMessage[];

/** What rooms hear beside the facts. */
export interface News {
  /** Tells a session's room. */
  tell(message: SessionNews): void;
  /** Tells those in a session's room who asked for `deltas`. */
  tellDeltas(message: SessionNews): void;
  /** Tells the list's room. */
  tellList(message: ListNews): void;
  /** Has this source asked for every new subscriber. */
  keep(standing: Standing): void;
  /** What a new subscriber of the session must hear, behind its snapshot or replay. */
  standing: Standing;
}

/** News over the rooms. */
export function createNews({ rooms }: { rooms: Outlet }): News {
  const sources: Standing[] = [];
  return {
    tell(message) {
      const frame = frameOf(message);
      for (const room of roomsOf(message.session_id)) rooms.publish(room, frame);
    },
    tellDeltas: (message) =>
      rooms.publish(sessionRoom(message.session_id, 'deltas'), frameOf(message)),
    tellList: (message) => rooms.publish(LIST_ROOM, frameOf(message)),
    keep: (standing) => void sources.push(standing),
    standing: (sessionId, hearing) => sources.flatMap((source) => source(sessionId, hearing)),
  };
}
