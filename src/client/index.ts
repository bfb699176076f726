/**
 * The typed client of OrbitDock Server, for browsers and Node, exported as `orbitdock-server/client`. It
 * keeps a line that comes back by itself, folds what it receives into lists and sessions, and gives each
 * question its answer. Nothing is asked for that no caller uses. Whole programs are in `examples/`.
 */
import type { ClientMessage } from '../protocol/client.ts';
import {
  type ClientConnection,
  type ConnectionOptions,
  type ConnectionState,
  createConnectionState,
  type LinkState,
  openConnection,
  platformSocket,
  startWatchdog,
  type Watchdog,
} from './connection.ts';
import type { ServerFrame, SessionList, SessionView } from './fold.ts';
import { ClientError, createOutbox, createRequests, type ReplyTo } from './requests.ts';
import { createSubscriptions, type Subscriptions } from './subscriptions.ts';

export type { ClientMessage } from '../protocol/client.ts';
export type * from '../protocol/nouns.ts';
export type * from '../protocol/reply-nouns.ts';
export type {
  ApprovalHistoryItem,
  DirectoryEntry,
  PastSession,
  RecentProject,
  Worktree,
} from '../protocol/reply-nouns.ts';
export type { ServerMessage } from '../protocol/server.ts';
export type { LinkState } from './connection.ts';
export { type ConversationFormat, conversationFile, titleOf } from './conversation-file.ts';
export {
  foldList,
  foldSession,
  type ServerFrame,
  type SessionList,
  type SessionView,
} from './fold.ts';
export type { ReplyTo } from './requests.ts';
export { ClientError } from './requests.ts';

/** Where to connect, and how. */
export interface ClientOptions extends ConnectionOptions {
  /** Deadline of an answer, ms. */
  timeoutMs?: number;
  /** Streamed text as increments instead of whole texts again and again; true unless said otherwise. */
  deltas?: boolean;
  /** Silence after which the server is asked whether it is still there, ms. */
  silenceMs?: number;
}

/** What the client reports, by event. */
export interface ClientEvents {
  link: [state: LinkState];
  /** The list changed; called while it is watched. */
  list: [list: SessionList];
  /** A watched session changed, and by which frame. */
  session: [view: SessionView, frame: ServerFrame];
  /** A watched session cannot be had: it does not exist, or too many are watched. */
  unavailable: [sessionId: string, error: ClientError];
  /** Every frame but `hello`, after it was folded. */
  frame: [frame: ServerFrame];
}

/** A connection that comes back by itself, with what it has learned. */
export interface Client {
  readonly link: LinkState;
  /** All sessions, as far as `watchList` was called. */
  readonly list: SessionList;
  /** A watched session; null while it was not received yet. */
  session(id: string): SessionView | null;
  on<Name extends keyof ClientEvents>(
    name: Name,
    listener: (...args: ClientEvents[Name]) => void,
  ): () => void;
  /** Keeps the list up to date until the result is called. */
  watchList(): () => void;
  /** Keeps a session up to date until the result is called; the same session may be watched often. */
  watch(sessionId: string): () => void;
  /**
   * Says something and waits for its answer. While a connection is being made, it waits for that first.
   *
   * @throws ClientError what the server says, `offline`, `connection_lost` (whether it was done is not
   *   known), `timeout`
   */
  request<Message extends ClientMessage>(message: Message): Promise<ReplyTo<Message['type']>>;
  /**
   * Loads the next older messages of a watched session in front of those in its view, which it reports as a
   * `session` event. Resolves with the view; its `has_older` says whether there are more.
   *
   * @throws ClientError as `request`
   */
  older(sessionId: string): Promise<SessionView | null>;
  /**
   * A long text whole, in as many parts as it takes.
   *
   * @throws ClientError as `request`; `not_found` when the text is not there any more
   */
  text(of: Omit<Extract<ClientMessage, { type: 'get_text' }>, 'type' | 'offset'>): Promise<string>;
  /** Tries to connect at once: after a new token, or because a caller waits. */
  retry(): void;
  close(): void;
}

const ANSWER_WITHIN_MS = 30_000;
const SILENCE_MS = 30_000;

const CUT_OFF = 'The connection ended before the answer; whether it was done is not known';

/**
 * Connects, and keeps connected until `close`. Its functions may be taken out of it.
 *
 * @throws Error where there is no WebSocket and none is given
 */
export function createClient(options: ClientOptions): Client {
  const { timeoutMs = ANSWER_WITHIN_MS, silenceMs = SILENCE_MS, deltas = true } = options;
  const SocketClass = options.WebSocket ?? platformSocket();
  const events = createEvents<ClientEvents>();
  const requests = createRequests(timeoutMs);
  const outbox = createOutbox((message) => line.send(message));
  const standing = createConnectionState();
  let asked = 0;

  async function request<Message extends ClientMessage>(
    message: Message,
  ): Promise<ReplyTo<Message['type']>> {
    // Not awaited without need: what is asked on a line that stands is on it at once.
    if (standing.link.kind === 'connecting') await standing.known();
    if (standing.link.kind !== 'online') {
      throw new ClientError('offline', 'There is no connection to the server');
    }
    const { request_id = `client-${++asked}` } = message as { request_id?: string };
    const answer = requests.wait(message.type, request_id);
    outbox.send({ ...message, request_id });
    // The table of replies is what both the type and the check at run time are made of.
    return answer as Promise<unknown> as Promise<ReplyTo<Message['type']>>;
  }

  const subscriptions = createSubscriptions({
    ask: request,
    isUp: () => standing.link.kind === 'online',
    deltas,
    listChanged: (list) => events.emit('list', list),
    sessionChanged: (view, frame) => events.emit('session', view, frame),
    sessionFailed: (id, error) => events.emit('unavailable', id, error),
  });

  function changed(state: LinkState): void {
    standing.become(state, () => {
      if (state.kind !== 'online') {
        outbox.clear();
        requests.fail(state.kind === 'closed' ? 'closed' : 'connection_lost', CUT_OFF);
      }
      events.emit('link', state);
      if (state.kind === 'online') subscriptions.restore();
    });
  }

  const watchdog = startWatchdog({ silenceMs, standing, request, drop: () => line.drop() });
  const line = openConnection({ ...options, SocketClass }, changed, (frame) => {
    watchdog.sawFrame();
    // Folded first: the caller that waits for the answer finds what came before it in the views.
    subscriptions.take(frame);
    requests.take(frame);
    events.emit('frame', frame);
  });
  return clientOf({ standing, subscriptions, events, request, line, watchdog });
}

/** The parts of one client. */
interface Parts {
  standing: ConnectionState;
  subscriptions: Subscriptions;
  events: ReturnType<typeof createEvents<ClientEvents>>;
  request: Client['request'];
  line: ClientConnection;
  watchdog: Watchdog;
}

function clientOf({ standing, subscriptions, events, request, line, watchdog }: Parts): Client {
  return {
    get link() {
      return standing.link;
    },
    list: subscriptions.list,
    session: (id) => subscriptions.session(id),
    on: events.on,
    watchList: () => subscriptions.watchList(),
    watch: (id) => subscriptions.watch(id),
    request,
    older: (id) => subscriptions.older(id),
    async text(of) {
      let whole = '';
      for (;;) {
        const part = await request({ ...of, type: 'get_text', offset: whole.length });
        whole += part.text;
        if (part.text === '' || whole.length >= part.length) return whole;
      }
    },
    retry: () => line.retry(),
    close() {
      watchdog.stop();
      line.close();
    },
  };
}

/** Listeners by event, and nothing else. */

type Listener<Args extends unknown[]> = (...args: Args) => void;

/** Those who listen, by the name of what they listen to. */
export interface Events<Map extends { [Name in keyof Map]: unknown[] }> {
  /** @returns stops listening */
  on<Name extends keyof Map>(name: Name, listener: Listener<Map[Name]>): () => void;
  /** A listener that throws stops no other; its error surfaces as the platform's uncaught error. */
  emit<Name extends keyof Map>(name: Name, ...args: Map[Name]): void;
}

/** Events of one client. */
export function createEvents<Map extends { [Name in keyof Map]: unknown[] }>(): Events<Map> {
  const listeners: { [Name in keyof Map]?: Set<Listener<Map[Name]>> } = {};
  return {
    on(name, listener) {
      const set = listeners[name] ?? new Set();
      listeners[name] = set;
      set.add(listener);
      return () => void set.delete(listener);
    },
    emit(name, ...args) {
      for (const listener of listeners[name] ?? []) {
        try {
          listener(...args);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    },
  };
}
