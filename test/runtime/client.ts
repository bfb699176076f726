/** A client without a socket: what it asks goes straight into the runtime, what it receives is kept. */
import { OWNER } from '../../src/access.ts';
import type { Connection, Frame } from '../../src/runtime/rooms/rooms.ts';
import type { RuntimeApi } from '../../src/runtime/runtime-api.ts';
import type { Received } from '../support/clients.ts';
import { createInbox, type Inbox } from '../support/inbox.ts';

export interface Visitor {
  readonly received: Inbox<Received>;
  /** Asks, and settles with what was answered to just this. */
  ask(message: { type: string; [field: string]: unknown }): Promise<Received>;
  /** For an outlet: the frames of a room this visitor may be in. */
  publish(room: string, frame: Frame): void;
}

let visitors = 0;

/** Comes in. */
export function visit(api: RuntimeApi): Visitor {
  visitors += 1;
  const received = createInbox<Received>(`visitor ${visitors}`);
  const rooms = new Set<string>();
  const send = ({ message }: Frame) => received.add(message as Received);
  const connection: Connection = {
    id: `visitor-${visitors}`,
    caller: { kind: 'local', address: '127.0.0.1', rights: OWNER },
    rooms,
    send,
    join: (room) => void rooms.add(room),
    leave: (room) => void rooms.delete(room),
    backlogBytes: 0,
    close() {},
  };
  let asked = 0;
  return {
    received,
    async ask(message) {
      asked += 1;
      const request_id = `${connection.id}-${asked}`;
      await api.receive(connection, { value: { ...message, request_id } });
      return received.waitFor((one) => 'request_id' in one && one.request_id === request_id);
    },
    publish(room, frame) {
      if (rooms.has(room)) send(frame);
    },
  };
}
