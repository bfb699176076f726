/**
 * Rooms: who receives what. A frame is published into a room once; every transport (an outlet) delivers it
 * to its own members. A session's room carries each of its facts with a revision, the list room only
 * summaries without one. Called by the ledger after a commit, never before.
 */
import type { Rights } from '../../access.ts';
import type { OrbitError } from '../../errors.ts';
import { encode } from '../../protocol/encode.ts';
import type { StateChanges } from '../../protocol/nouns.ts';
import {
  type ListMessage,
  type ServerMessage,
  type SessionMessage,
  SHARED_FIELDS,
} from '../../protocol/server.ts';

/** A message encoded once, however many read it. */
export interface Frame {
  /** The JSON text that goes over `/ws`; at most 1 MiB minus headroom. */
  readonly text: string;
  /** The same as an object, for transports that encode themselves; parsed on first use if need be. */
  readonly message: ServerMessage;
}

/** Who a connection or request is, decided by the gate once, before the upgrade. */
export interface Caller {
  /** `local`: trusted because of where it comes from; `token`: presented the configured secret or a named token. */
  readonly kind: 'local' | 'token' | 'anonymous';
  readonly address: string;
  /** What it may do; asked again for each message. */
  readonly rights: Rights;
}

/** Who sent a command, as the journal and the log name them. */
export interface Sender extends Pick<Caller, 'kind' | 'address'> {
  /** Name of its token; absent for the configured one and where none was needed. */
  readonly holder?: string;
  /** Id of the connection, as in the log: its transport and a number, such as `ws-12`. */
  readonly connection: string;
}

/** Who uses a connection. */
export function senderOf({ caller, id }: Pick<Connection, 'caller' | 'id'>): Sender {
  const { kind, address, rights } = caller;
  return { kind, address, ...(rights.token && { holder: rights.token.name }), connection: id };
}

/** One open line to a client, whatever carries it. */
export interface Connection {
  readonly id: string;
  readonly caller: Caller;
  /** Rooms this connection is in right now. */
  readonly rooms: ReadonlySet<string>;
  /** Queues a frame behind everything queued before; written at the end of the tick. Never throws. */
  send(frame: Frame): void;
  /** Synchronous: a frame published after it is delivered, one published before it is not. */
  join(room: string): void;
  leave(room: string): void;
  /** Bytes queued and not yet taken by the peer. */
  readonly backlogBytes: number;
  /** @param code WebSocket close code, such as 1012 for a restart. */
  close(code: number, reason: string): void;
}

/** A transport's delivery side. */
export interface Outlet {
  publish(room: string, frame: Frame): void;
}

/** Name of the room that receives every session's summary. */
export const LIST_ROOM = 'list';

/**
 * How a session's streamed text is delivered: the whole again and again, or only what is new. Each session
 * has a room for either; all other facts and news go to both.
 */
export type DeliveryMode = 'whole' | 'deltas';

const PREFIXES: Record<DeliveryMode, string> = { whole: 'session:', deltas: 'deltas:' };

/** Name of the room that receives one session's facts. */
export function sessionRoom(sessionId: string, mode: DeliveryMode = 'whole'): string {
  return PREFIXES[mode] + sessionId;
}

/** Both rooms of a session. */
export function roomsOf(sessionId: string): readonly [string, string] {
  return [sessionRoom(sessionId, 'whole'), sessionRoom(sessionId, 'deltas')];
}

/** The session a room belongs to, or null for the list. */
export function sessionOfRoom(room: string): string | null {
  const prefix = PREFIXES[deliveryModeOf(room)];
  return room.startsWith(prefix) ? room.slice(prefix.length) : null;
}

/** How those in a session's room receive its text. */
export function deliveryModeOf(room: string): DeliveryMode {
  return room.startsWith(PREFIXES.deltas) ? 'deltas' : 'whole';
}

/** All outlets behind one endpoint: what the ledger publishes to. */
export function createRooms(): Outlet & { attach(outlet: Outlet): void } {
  const outlets: Outlet[] = [];
  return {
    attach: (outlet) => void outlets.push(outlet),
    publish(room, frame) {
      for (const outlet of outlets) outlet.publish(room, frame);
    },
  };
}

/* Frames: a message and its text, each made from the other only when it is needed. */

class LazyFrame implements Frame {
  readonly text: string;
  #message: ServerMessage | undefined;

  constructor(text: string) {
    this.text = text;
  }

  get message(): ServerMessage {
    this.#message ??= JSON.parse(this.text) as ServerMessage;
    return this.#message;
  }
}

/**
 * The frame of a message.
 *
 * @param revision the session's, for facts of its room only
 * @param json the message as JSON, where it exists already
 */
export function frameOf(message: ServerMessage, revision?: number, json?: string): Frame {
  return new LazyFrame(encode(message, revision, json));
}

/** The frame of a text that the writer finished. */
export function frameOfText(text: string): Frame {
  return new LazyFrame(text);
}

/** What a client is sent about a refusal; the only place that words one for the wire. */
export function errorMessage({
  code,
  message,
  sessionId,
}: OrbitError): Extract<ServerMessage, { type: 'error' }> {
  return { type: 'error', code, message, session_id: sessionId };
}

/*
 * What subscribers of the list receive: summaries, and at most one delta a session and tick with summary fields
 * only. Never a revision: a client that has seen no snapshot would come back with that number and miss everything
 * before it.
 */

/** Fields of a delta that a summary has too. */
const SUMMARY_FIELDS = [...SHARED_FIELDS, 'token_usage'] as const;

/** Sends the list room what a list shows of a fact. */
export interface ListFeed {
  /** Takes a committed fact; it is sent at the end of the tick, or at once where order matters. */
  take(fact: SessionMessage | ListMessage): void;
  /** Keeps a session that is being made from the list until the result is called: its maker is answered first. */
  hold(sessionId: string): () => void;
}

interface ListFeedDeps {
  rooms: Outlet;
  /** When what was gathered is sent: at the end of the tick unless given. */
  defer?: (run: () => void) => void;
}

/** A feed in which nothing waits. */
export function createListFeed(deps: ListFeedDeps): ListFeed {
  return new GatheringFeed({ defer: setImmediate, ...deps });
}

class GatheringFeed implements ListFeed {
  readonly #deps: Required<ListFeedDeps>;
  readonly #waiting = new Map<string, StateChanges>();
  /** Sessions that are held, with their newest summary. */
  readonly #held = new Map<string, ListMessage | null>();
  #isDeferred = false;

  constructor(deps: Required<ListFeedDeps>) {
    this.#deps = deps;
  }

  hold(sessionId: string): () => void {
    this.#held.set(sessionId, null);
    return () => {
      const summary = this.#held.get(sessionId);
      this.#held.delete(sessionId);
      if (summary) this.#deps.rooms.publish(LIST_ROOM, frameOf(summary));
      this.#send(sessionId);
    };
  }

  #note(sessionId: string, changes: StateChanges): void {
    this.#waiting.set(sessionId, { ...this.#waiting.get(sessionId), ...changes });
    if (this.#isDeferred) return;
    this.#isDeferred = true;
    this.#deps.defer(() => {
      this.#isDeferred = false;
      for (const id of [...this.#waiting.keys()]) this.#send(id);
    });
  }

  #send(sessionId: string): void {
    const changes = this.#waiting.get(sessionId);
    if (!changes || this.#held.has(sessionId)) return;
    this.#waiting.delete(sessionId);
    this.#deps.rooms.publish(
      LIST_ROOM,
      frameOf({ type: 'session_delta', session_id: sessionId, changes }),
    );
  }

  take(fact: SessionMessage | ListMessage): void {
    switch (fact.type) {
      case 'session_delta': {
        const changes = summaryPart(fact.changes);
        if (changes) this.#note(fact.session_id, changes);
        return;
      }
      case 'tokens_updated':
        this.#note(fact.session_id, { token_usage: fact.usage });
        return;
      case 'session_created': {
        const { id } = fact.session;
        // The whole summary: what waited is in it.
        this.#waiting.delete(id);
        if (this.#held.has(id)) this.#held.set(id, fact);
        else this.#deps.rooms.publish(LIST_ROOM, frameOf(fact));
        return;
      }
      case 'session_ended':
        this.#send(fact.session_id);
        this.#deps.rooms.publish(LIST_ROOM, frameOf(fact));
    }
  }
}

function summaryPart(changes: StateChanges): StateChanges | null {
  const part: StateChanges = {};
  let isEmpty = true;
  for (const name of SUMMARY_FIELDS) {
    if (changes[name] === undefined) continue;
    Object.assign(part, { [name]: changes[name] });
    isEmpty = false;
  }
  if (changes.pending_approval !== undefined) {
    part.has_pending_approval = changes.pending_approval !== null;
    isEmpty = false;
  }
  return isEmpty ? null : part;
}
