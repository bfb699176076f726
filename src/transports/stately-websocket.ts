/**
 * The raw WebSocket `/inspect/stately`: sessions in the words of `@statelyai/inspect` 0.7, one JSON object
 * per message, for its receiver and its relay. A client that joins late gets the actors first. Nothing is read
 * from the consumer; one that is slow skips and is brought up to date with the actor's newest snapshot.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { hasEnded, type Rights, refusalOf, TOKEN_ENDED } from '../access.ts';
import { OrbitError } from '../errors.ts';
import type { Inspection } from '../inspection/inspection.ts';
import type { Logger } from '../log.ts';
import type { Tickets } from './admission/credential.ts';
import { type Clock, errorFrom } from './dependencies.ts';
import type { Admission } from './gate.ts';

/** Without `session` only in a small installation: the official relay remembers 200 messages. */
const MAX_SESSIONS = 50;
/** Beyond this a consumer skips messages. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
const MAX_CONSUMERS = 32;
/** Incoming messages are dropped unread; larger ones end the connection. */
const MAX_INCOMING_BYTES = 4096;
const TRY_AGAIN_LATER = 1013;

/** The endpoint for receivers of that package. */
export interface StatelyEndpoint {
  /**
   * Completes the handshake of a request that the gate has let in.
   *
   * @throws OrbitError `unauthorized`, `not_found`, `bad_request`, `server_busy`: answered in plain HTTP
   */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, from: Admission): Promise<void>;
  readonly size: number;
  /** Closes the connections whose token has ended. */
  endRevoked(): void;
  close(code: number, reason: string): Promise<void>;
}

interface Consumer {
  ws: WebSocket;
  /** Null: all sessions. */
  session: string | null;
  rights: Rights;
  /** Sessions whose actor it has; taken out when it skipped something. */
  known: Set<string>;
  missedPings: number;
}

type Outlet = Parameters<Inspection['attach']>[0];

interface StatelyDeps {
  inspection: Inspection;
  tickets: Tickets;
  clock: Clock;
  pingMs: number;
  log: Logger;
}

/** The endpoint over inspection. */
export function createStately(deps: StatelyDeps): StatelyEndpoint {
  const { inspection, tickets, clock, log } = deps;
  const consumers = createConsumers(deps);
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_INCOMING_BYTES,
  });
  const stopPings = clock.every(deps.pingMs, () => consumers.ping());

  return {
    async accept(request, socket, head, { caller, target }) {
      const query = new URLSearchParams(target.query);
      const { rights } = tickets.take(query.get('ticket') ?? '') ?? caller;
      const refusal = refusalOf(rights, 'observe', 'This path');
      if (refusal) throw refusal;
      if (consumers.size >= MAX_CONSUMERS) throw new OrbitError('server_busy');
      const session = query.get('session');
      const actors = await inspection.stately.actors(session, MAX_SESSIONS);
      // No await from here on: a commit after the read is sent to this consumer.
      server.handleUpgrade(request, socket, head, (ws) => {
        try {
          consumers.add({ ws, session, rights }, actors);
        } catch (error) {
          log.error('stately.failed', { error: errorFrom(error) });
          ws.terminate();
        }
      });
    },
    get size() {
      return consumers.size;
    },
    endRevoked: () => consumers.endRevoked(),
    async close(_code, reason) {
      stopPings();
      await consumers.close(reason);
    },
  };
}

/** The consumers, which receive each commit; inspection is attached while there is one. */
function createConsumers({ inspection, clock, log }: StatelyDeps) {
  const consumers = new Set<Consumer>();
  let detach: (() => void) | null = null;
  let allGone: () => void = () => {};

  const committed: Outlet['committed'] = (live, item) => {
    let messages: string[] | null = null;
    for (const consumer of consumers) {
      if (consumer.session !== null && consumer.session !== live.id) continue;
      messages ??= inspection.stately.moved(live, item);
      update(consumer, live.id, () => inspection.stately.actorOf(live), messages);
    }
  };

  function remove(consumer: Consumer): void {
    consumers.delete(consumer);
    if (consumers.size > 0) return;
    detach?.();
    detach = null;
    allGone();
  }

  return {
    get size() {
      return consumers.size;
    },
    add(who: Pick<Consumer, 'ws' | 'session' | 'rights'>, actors: Array<[string, string]>): void {
      const consumer: Consumer = { ...who, known: new Set(), missedPings: 0 };
      const { ws } = who;
      for (const [id, actor] of actors) update(consumer, id, () => actor, []);
      consumers.add(consumer);
      detach ??= inspection.attach({ committed });
      ws.on('pong', () => {
        consumer.missedPings = 0;
      });
      // Without a listener one invalid frame would end the process.
      ws.on('error', (error) => log.info('stately.broken', { reason: error.message }));
      ws.once('close', () => remove(consumer));
    },
    endRevoked(): void {
      for (const { ws, rights } of consumers) {
        if (hasEnded(rights)) ws.close(TOKEN_ENDED, 'the token has ended');
      }
    },
    ping(): void {
      for (const consumer of consumers) {
        if (consumer.missedPings >= 2) consumer.ws.terminate();
        consumer.missedPings += 1;
        consumer.ws.ping();
      }
    },
    /** Settles when the last one is gone. */
    async close(reason: string): Promise<void> {
      if (consumers.size === 0) return;
      const gone = new Promise<void>((resolve) => {
        allGone = resolve;
      });
      for (const { ws } of consumers) {
        ws.close(TRY_AGAIN_LATER, reason);
        clock.after(1000, () => ws.terminate());
      }
      await gone;
    },
  };
}

/** Brings a consumer up to date about a session, unless it is slow: then it skips this. */
function update(
  { ws, known, rights }: Consumer,
  session: string,
  actor: () => string,
  messages: string[],
): void {
  if (ws.readyState !== WebSocket.OPEN || hasEnded(rights)) return;
  if (ws.bufferedAmount > MAX_BUFFERED_BYTES) {
    known.delete(session);
    return;
  }
  // Its newest snapshot holds what the messages would say.
  if (!known.has(session)) ws.send(actor());
  else for (const message of messages) ws.send(message);
  known.add(session);
}
