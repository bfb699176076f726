/**
 * What the client is subscribed to, kept over any number of lines: after each `hello` it asks again for
 * everything, with what it has already, and asks for all of it where a fact turns out to be missing.
 */
import type { ClientMessage } from '../protocol/client.ts';
import type { SessionSummary } from '../protocol/nouns.ts';
import type { ServerMessage } from '../protocol/server.ts';
import {
  foldList,
  foldSession,
  type ServerFrame,
  type SessionList,
  type SessionView,
  withOlder,
} from './fold.ts';
import { ClientError } from './requests.ts';

/** Refusals that say nothing about the session: asked again a little later. */
const PASSING = new Set(['server_busy', 'storage_unavailable', 'timeout']);
const ASK_AGAIN_MS = 1000;

/** Messages of a first snapshot and of a page: more than a screen shows, and little to send. */
const PAGE_MESSAGES = 200;

interface Watched {
  readers: number;
  view: SessionView | null;
  /** Subscriptions that are not acknowledged yet. */
  asked: number;
  /** A fact was missed and a whole snapshot asked for; what comes before it cannot be trusted. */
  isMending: boolean;
  /** The question for older messages, while it is not answered. */
  older: Promise<SessionView | null> | null;
  /** Streamed messages for which a gap was repaired, or could not be, on this line. */
  repaired: Set<string>;
}

/** What subscriptions need of their client. */
export interface SubscriptionsDeps {
  ask: (message: ClientMessage) => Promise<unknown>;
  isUp: () => boolean;
  /** Streamed text as increments. */
  deltas: boolean;
  listChanged: (list: SessionList) => void;
  sessionChanged: (view: SessionView, frame: ServerFrame) => void;
  sessionFailed: (id: string, error: ClientError) => void;
}

/** What the client follows, and how far it has come with it. */
export interface Subscriptions {
  readonly list: SessionList;
  session(id: string): SessionView | null;
  /** Each result takes back one reader; the last one ends the subscription. */
  watchList(): () => void;
  watch(id: string): () => void;
  /** Puts the next older messages in front of a watched session's; one question a session at a time. */
  older(id: string): Promise<SessionView | null>;
  take(frame: ServerFrame): void;
  /** There is a new line. */
  restore(): void;
}

/** Subscriptions of one client. */
export function createSubscriptions(deps: SubscriptionsDeps): Subscriptions {
  return new ClientSubscriptions(deps);
}

class ClientSubscriptions implements Subscriptions {
  readonly #deps: SubscriptionsDeps;
  readonly list = new Map<string, SessionSummary>();
  readonly #sessions = new Map<string, Watched>();
  #listReaders = 0;

  constructor(deps: SubscriptionsDeps) {
    this.#deps = deps;
  }

  session(id: string): SessionView | null {
    return this.#sessions.get(id)?.view ?? null;
  }

  watchList(): () => void {
    this.#listReaders++;
    if (this.#listReaders === 1) this.#askForList();
    // The protocol has no way to leave the list; what still comes is folded and no listener is called.
    return once(() => void this.#listReaders--);
  }

  watch(id: string): () => void {
    let watched = this.#sessions.get(id);
    if (!watched) {
      watched = {
        ...{ readers: 0, view: null, asked: 0, isMending: false, older: null },
        repaired: new Set(),
      };
      this.#sessions.set(id, watched);
      this.#askFor(id, watched);
    }
    const mine = watched;
    mine.readers++;
    return once(() => {
      mine.readers--;
      if (mine.readers > 0) return;
      this.#sessions.delete(id);
      if (this.#deps.isUp()) {
        this.#deps.ask({ type: 'unsubscribe_session', session_id: id }).catch(lineLost);
      }
    });
  }

  older(id: string): Promise<SessionView | null> {
    const watched = this.#sessions.get(id);
    if (!watched?.view?.has_older) return Promise.resolve(watched?.view ?? null);
    watched.older ??= this.#askForOlder(id, watched).finally(() => {
      watched.older = null;
    });
    return watched.older;
  }

  async #askForOlder(id: string, watched: Watched): Promise<SessionView | null> {
    const before = watched.view?.messages[0]?.id ?? null;
    const page = (await this.#deps.ask({
      ...{ type: 'get_messages', session_id: id, limit: PAGE_MESSAGES },
      before,
    })) as Extract<ServerMessage, { type: 'messages_page' }>;
    // Meanwhile a snapshot may have come, with other messages in front.
    if (watched.view && (watched.view.messages[0]?.id ?? null) === before) {
      watched.view = withOlder(watched.view, page);
      this.#deps.sessionChanged(watched.view, page);
    }
    return watched.view;
  }

  take(frame: ServerFrame): void {
    if (foldList(this.list, frame) && this.#listReaders > 0) this.#deps.listChanged(this.list);
    const id = sessionOf(frame);
    const watched = id === null ? undefined : this.#sessions.get(id);
    if (id !== null && watched) this.#fold(id, watched, frame);
  }

  restore(): void {
    if (this.#listReaders > 0) this.#askForList();
    for (const [id, watched] of this.#sessions) {
      watched.repaired.clear();
      watched.isMending = false;
      this.#askFor(id, watched);
    }
  }

  /** Asks until it is answered or no caller wants it any more; on a new line `restore` asks anew. */
  #insist(ask: () => Promise<unknown>, isWanted: () => boolean): Promise<unknown> {
    return ask().catch(async (error: unknown) => {
      if (!(error instanceof ClientError && PASSING.has(error.code))) throw error;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
      return this.#deps.isUp() && isWanted() ? this.#insist(ask, isWanted) : null;
    });
  }

  #askForList(): void {
    if (!this.#deps.isUp()) return;
    this.#insist(
      () => this.#deps.ask({ type: 'subscribe_list' }),
      () => this.#listReaders > 0,
    ).catch(lineLost);
  }

  #askFor(id: string, watched: Watched): void {
    if (!this.#deps.isUp()) return;
    const { view } = watched;
    watched.asked++;
    const since = view &&
      !watched.isMending && { since_revision: view.revision, epoch: view.epoch };
    this.#insist(
      () =>
        this.#deps.ask({
          type: 'subscribe_session',
          session_id: id,
          ...since,
          message_limit: PAGE_MESSAGES,
          ...(this.#deps.deltas && { deltas: true }),
        }),
      () => this.#sessions.get(id) === watched,
    )
      .catch((error: ClientError) => {
        if (lineLost(error)) return;
        if (this.#sessions.get(id) === watched) this.#deps.sessionFailed(id, error);
      })
      .finally(() => {
        watched.asked--;
        if (watched.asked === 0) watched.isMending = false;
      });
  }

  #fold(id: string, watched: Watched, frame: ServerFrame): void {
    const isCatchingUp = watched.asked > 0 && !watched.isMending;
    const folded = foldSession(watched.view, frame, isCatchingUp);
    if (folded.kind === 'changed') {
      watched.view = folded.view;
      this.#deps.sessionChanged(folded.view, frame);
    } else if (folded.kind === 'gap' && mayMend(watched, frame)) {
      watched.isMending = true;
      this.#askFor(id, watched);
    }
  }
}

/** One question at a time, and about a streamed message only one a line: its base may have been cut. */
function mayMend(watched: Watched, frame: ServerFrame): boolean {
  if (watched.asked > 0) return false;
  if (frame.type !== 'message_delta') return true;
  if (watched.repaired.has(frame.message_id)) return false;
  watched.repaired.add(frame.message_id);
  return true;
}

function sessionOf(frame: ServerFrame): string | null {
  if (frame.type === 'session_snapshot') return frame.session.id;
  const { session_id } = frame as { session_id?: string | null };
  return session_id ?? null;
}

/** The next line asks again by itself. */
function lineLost(error: ClientError): boolean {
  return ['connection_lost', 'offline', 'closed'].includes(error.code);
}

function once(run: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    run();
  };
}
