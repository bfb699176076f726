/**
 * Asks the hall as a client would, without a line: the message goes through the same dispatch and the
 * same handlers, and the answer is what that client would have been told.
 */
import { type ErrorCode, OrbitError } from '../../errors.ts';
import type { ClientMessage } from '../../protocol/client.ts';
import type { ServerMessage } from '../../protocol/server.ts';
import type { Hall } from '../../runtime/hall.ts';
import type { Caller, Connection } from '../../runtime/rooms/rooms.ts';
import { nextConnectionId } from '../connection.ts';

/** What the hall said no to, as it said it. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: ErrorCode;

  constructor({ code, message }: { code: string; message: string }) {
    super(message);
    // The hall knows no other codes than the catalogue's.
    this.code = code as ErrorCode;
  }
}

/** One caller's questions. */
export interface Ask {
  /**
   * Says one message and waits until it is done.
   *
   * @returns all that was told about it, in order
   * @throws Refused what would have been an `error` frame
   */
  all(
    message: ClientMessage | { readonly type: string; readonly [field: string]: unknown },
  ): Promise<ServerMessage[]>;
  /**
   * The same for a message that has a reply of its own.
   *
   * @throws Refused also when no such reply came: OrbitError `internal_error`
   */
  one<Tag extends ServerMessage['type']>(
    message: ClientMessage,
    reply: Tag,
  ): Promise<Extract<ServerMessage, { type: Tag }>>;
}

/** Asks for one caller. */
export function createAsk(hall: Pick<Hall, 'opened' | 'receive' | 'closed'>, caller: Caller): Ask {
  async function all(message: object): Promise<ServerMessage[]> {
    const told: ServerMessage[] = [];
    const connection = listener(caller, told);
    hall.opened(connection);
    try {
      await hall.receive(connection, { value: message });
    } finally {
      hall.closed(connection);
    }
    const refusal = told.find((each) => each.type === 'error');
    if (refusal) throw new Refused(refusal);
    return told.filter(({ type }) => type !== 'hello');
  }

  return {
    all,
    async one(message, reply) {
      const told = await all(message);
      const found = told.find((each) => each.type === reply);
      if (!found) throw new OrbitError('internal_error');
      return found as Extract<ServerMessage, { type: typeof reply }>;
    },
  };
}

/** A connection that only listens, and is in no room for longer than its question. */
function listener(caller: Caller, told: ServerMessage[]): Connection {
  return {
    id: nextConnectionId('http'),
    caller,
    rooms: new Set(),
    send: (frame) => void told.push(frame.message),
    join: () => {},
    leave: () => {},
    backlogBytes: 0,
    close: () => {},
  };
}
