/**
 * Texts that are still coming. A delta costs the same at the end of a long answer as at its start: it
 * enters neither chart nor journal and is only laid beside the others. On a tick the rooms receive what is
 * new, those who want whole texts receive them in growing steps, and the row gets a checkpoint. Beginning and
 * end are facts like all others: `message.added` and `message.changed`.
 */
import type {
  ServerMessage,
  TransientListMessage,
  TransientSessionMessage,
} from '../../protocol/server.ts';
import type { Writer } from '../../store/writer.ts';
import type { StampClock } from '../clock.ts';
import {
  type DeliveryMode,
  frameOf,
  LIST_ROOM,
  type Outlet,
  roomsOf,
  sessionRoom,
} from './rooms.ts';

/** What is new is sent this often, ms: fast enough to look alive, slow enough to be few frames. */
const TICK_MS = 40;
/**
 * A whole text is sent again when it has grown by an eighth, or, once a second, by a 32nd: all wholes of a
 * message together are at most 33 times its length, however it trickles in.
 */
const GROWN = 1 / 8;
const GROWN_SLOWLY = 1 / 32;
const SLOW_MS = 1000;
/** A crash loses this much of a text at most, ms. */
const CHECKPOINT_MS = 1000;

/** One open message, as its connector streams it. */
interface Stream {
  /** What is sent of it begins with the commit of its first words. */
  readonly messageId: string;
  push(text: string): void;
  /** Everything so far. */
  text(): string;
  /** Its beginning is committed: rooms may receive it. */
  show(): void;
  /** Nothing more is sent; the caller commits the whole. */
  close(): void;
}

/** Texts on their way, sent as they grow. */
export interface Streams {
  /** @param first the words its `message.added` brings */
  open(sessionId: string, messageId: string, first: string): Stream;
  /** The live texts of a session, for new subscribers, as far as all others have received them. */
  standing: CurrentMessages;
  /** Stops the tick; nothing more is sent. */
  stop(): void;
}

interface StreamsDeps {
  rooms: Outlet;
  writer: Pick<Writer, 'submit'>;
  clock: StampClock;
  nowMs?: () => number;
  /** Calls back on every tick until it is stopped. */
  every?: (ms: number, tick: () => void) => () => void;
}

interface Open {
  readonly sessionId: string;
  readonly messageId: string;
  chunks: string[];
  length: number;
  isShown: boolean;
  /** Chunks and characters that those who want deltas have received. */
  sentChunks: number;
  sent: number;
  whole: { length: number; atMs: number };
  kept: { length: number; atMs: number; isOnItsWay: boolean };
}

/** Streams over the rooms; the tick runs only while something is open. */
export function createStreams(deps: StreamsDeps): Streams {
  return new RoomStreams({ nowMs: () => performance.now(), every: everyTick, ...deps });
}

class RoomStreams implements Streams {
  readonly #deps: Required<StreamsDeps>;
  readonly #bySession = new Map<string, Map<string, Open>>();
  #stopTicks: (() => void) | null = null;

  constructor(deps: Required<StreamsDeps>) {
    this.#deps = deps;
  }

  open(sessionId: string, messageId: string, first: string): Stream {
    const now = this.#deps.nowMs();
    const length = first.length;
    const open: Open = {
      sessionId,
      messageId,
      chunks: [first],
      length,
      isShown: false,
      sentChunks: 1,
      sent: length,
      whole: { length, atMs: now },
      kept: { length, atMs: now, isOnItsWay: false },
    };
    const opens = this.#bySession.get(sessionId);
    if (opens) opens.set(messageId, open);
    else this.#bySession.set(sessionId, new Map([[messageId, open]]));
    this.#stopTicks ??= this.#deps.every(TICK_MS, () => this.#tick());
    return {
      messageId,
      push: (text) => {
        open.chunks.push(text);
        open.length += text.length;
      },
      text: () => textOf(open),
      show: () => {
        open.isShown = true;
      },
      close: () => this.#close(open),
    };
  }

  standing: Streams['standing'] = (sessionId) => {
    const opens = [...(this.#bySession.get(sessionId)?.values() ?? [])];
    return opens.filter(({ isShown }) => isShown).map(wholeOf);
  };

  stop(): void {
    this.#stopTicks?.();
    this.#stopTicks = null;
    this.#bySession.clear();
  }

  #tick(): void {
    const now = this.#deps.nowMs();
    for (const opens of this.#bySession.values())
      for (const open of opens.values()) this.#tend(open, now);
  }

  #tend(open: Open, now: number): void {
    if (!open.isShown) return;
    this.#sendNew(open);
    const grown = (open.length - open.whole.length) / Math.max(1, open.whole.length);
    const isSlow = now - open.whole.atMs >= SLOW_MS;
    if (grown >= GROWN || (isSlow && grown >= GROWN_SLOWLY)) this.#sendWhole(open, now);
    if (now - open.kept.atMs >= CHECKPOINT_MS && open.length > open.kept.length)
      this.#keep(open, now);
  }

  #sendNew(open: Open): void {
    const { sessionId, sent: offset } = open;
    if (open.sentChunks === open.chunks.length) return;
    const text = open.chunks.slice(open.sentChunks).join('');
    open.sentChunks = open.chunks.length;
    open.sent = open.length;
    const message: ServerMessage = {
      type: 'message_delta',
      session_id: sessionId,
      message_id: open.messageId,
      offset,
      text,
    };
    this.#deps.rooms.publish(sessionRoom(sessionId, 'deltas'), frameOf(message));
  }

  #sendWhole(open: Open, now: number): void {
    this.#deps.rooms.publish(sessionRoom(open.sessionId), frameOf(wholeOf(open)));
    open.whole = { length: open.length, atMs: now };
  }

  #keep(open: Open, now: number): void {
    // While the storage fails, one waits and the others would only wait behind it.
    if (open.kept.isOnItsWay) return;
    open.kept = { length: open.length, atMs: now, isOnItsWay: true };
    const { sessionId, messageId } = open;
    const item = { kind: 'checkpoint', sessionId, messageId, key: null } as const;
    this.#deps.writer.submit(
      { ...item, at: this.#deps.clock.stamp(), content: textOf(open) },
      () => {
        open.kept.isOnItsWay = false;
      },
    );
  }

  #close({ sessionId, messageId }: Open): void {
    const opens = this.#bySession.get(sessionId);
    opens?.delete(messageId);
    if (opens?.size === 0) this.#bySession.delete(sessionId);
    if (this.#bySession.size > 0) return;
    this.#stopTicks?.();
    this.#stopTicks = null;
  }
}

/** As far as deltas have carried it: a client that joins now receives the rest as the others do. */
function wholeOf({ sessionId, messageId, chunks, sentChunks }: Open): ServerMessage {
  const changes = { content: chunks.slice(0, sentChunks).join('') };
  return { type: 'message_updated', session_id: sessionId, message_id: messageId, changes };
}

function textOf(open: Open): string {
  return open.chunks.join('');
}

function everyTick(ms: number, tick: () => void): () => void {
  const timer = setInterval(tick, ms);
  return () => clearInterval(timer);
}

/*
 * Transient messages: what rooms receive beside the facts. They are not stored and have no revision; the part that knows what still
 * holds of it is asked for every new subscriber, in the same turn in which that one joins.
 */

/** What still holds about a session; synchronous, so that nothing slips between it and `join`. */
type CurrentMessages = (sessionId: string, mode: DeliveryMode) => ServerMessage[];

/** What rooms receive beside the facts. */
export interface TransientMessages {
  /** Sends to a session's room. */
  send(message: TransientSessionMessage): void;
  /** Sends to those in a session's room who asked for `deltas`. */
  sendDeltas(message: TransientSessionMessage): void;
  /** Sends to the list's room. */
  sendToList(message: TransientListMessage): void;
  /** Has this source asked for every new subscriber. */
  keep(standing: CurrentMessages): void;
  /** What a new subscriber of the session must receive, behind its snapshot or replay. */
  current: CurrentMessages;
}

/** News over the rooms. */
export function createTransientMessages({ rooms }: { rooms: Outlet }): TransientMessages {
  const sources: CurrentMessages[] = [];
  return {
    send(message) {
      const frame = frameOf(message);
      for (const room of roomsOf(message.session_id)) rooms.publish(room, frame);
    },
    sendDeltas: (message) =>
      rooms.publish(sessionRoom(message.session_id, 'deltas'), frameOf(message)),
    sendToList: (message) => rooms.publish(LIST_ROOM, frameOf(message)),
    keep: (standing) => void sources.push(standing),
    current: (sessionId, mode) => sources.flatMap((source) => source(sessionId, mode)),
  };
}
