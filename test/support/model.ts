/**
 * A subscriber as it ought to be: folds the frames of one connection into sessions and a list, and
 * complains where the protocol is broken. What it holds at rest must equal what a new client receives; both
 * are compared in the canonical form of canonical.ts.
 */
import type {
  Message,
  ReviewComment,
  SessionState,
  SessionSummary,
} from '../../src/protocol/nouns.ts';
import type { SessionMessage } from '../../src/protocol/server.ts';
import { canonicalSession, canonicalSummary, secondsOf } from './canonical.ts';
import type { Received } from './clients.ts';

/** What a subscriber knows of one session. */
interface SessionView {
  epoch: string | null;
  /** The newest revision it has; null before its first snapshot. */
  revision: number | null;
  /** Between a `subscribe_session` and its answer rows may leave numbers out. */
  isCatchingUp: boolean;
  state: Omit<SessionState, 'messages' | 'revision' | 'epoch'> | null;
  messages: Map<string, Message>;
}

export interface SubscriberModel {
  readonly sessions: ReadonlyMap<string, SessionView>;
  readonly list: ReadonlyMap<string, SessionSummary>;
  /** What broke the protocol, in words; empty for a good server. */
  readonly complaints: readonly string[];
  readonly epoch: string | null;
  /** Takes one frame, in the order they came. */
  take(frame: Received): void;
  /** A `subscribe_session` was sent; its answer ends at `caughtUp`. */
  subscribing(sessionId: string): void;
  caughtUp(sessionId: string): void;
  /** What the session looks like to this subscriber, comparable with `canonicalSession`. */
  session(id: string, messages: number): unknown;
  /** What the list looks like, comparable with `canonicalSummary` of a fresh one, by id. */
  listed(): Record<string, unknown>;
}

/** Longest frame the desktop app can read, bytes. */
const MAX_FRAME_BYTES = 1024 * 1024 - 1;

/** Facts of a session's room; each must carry a revision there. */
const SESSION_FACTS = new Set<string>([
  'session_delta',
  'message_appended',
  'message_updated',
  'approval_requested',
  'tokens_updated',
  'turn_diff_snapshot',
  'context_compacted',
  'undo_started',
  'undo_completed',
  'thread_rolled_back',
  'session_ended',
  'review_comment_created',
  'review_comment_updated',
  'review_comment_deleted',
  'shell_started',
  'shell_output',
] satisfies SessionMessage['type'][]);

/** A model of one subscriber; it may outlive its connections. */
export function createModel(name = 'subscriber'): SubscriberModel {
  return new FoldingModel(name);
}

class FoldingModel implements SubscriberModel {
  readonly sessions = new Map<string, SessionView>();
  readonly list = new Map<string, SessionSummary>();
  readonly complaints: string[] = [];
  readonly #name: string;
  epoch: string | null = null;

  constructor(name: string) {
    this.#name = name;
  }

  take(frame: Received): void {
    if (JSON.stringify(frame).length > MAX_FRAME_BYTES / 3) this.#weigh(frame);
    switch (frame.type) {
      case 'hello':
        this.epoch = frame.epoch;
        return;
      case 'sessions_list':
        this.list.clear();
        for (const session of frame.sessions) this.list.set(session.id, { ...session });
        return;
      case 'session_created':
        if (frame.revision !== undefined) this.#complain('a revision on the list stream', frame);
        this.list.set(frame.session.id, { ...frame.session });
        return;
      case 'session_snapshot':
        this.#snapshot(frame.session);
        return;
      default:
        if (SESSION_FACTS.has(frame.type)) this.#fact(frame as SessionMessage & Received);
    }
  }

  subscribing(sessionId: string): void {
    this.#view(sessionId).isCatchingUp = true;
  }

  caughtUp(sessionId: string): void {
    this.#view(sessionId).isCatchingUp = false;
  }

  session(id: string, messages: number): unknown {
    const view = this.#view(id);
    const newest = [...view.messages.values()].slice(-messages);
    return canonicalSession({ ...view.state, messages: newest, revision: view.revision });
  }

  listed(): Record<string, unknown> {
    const entries = [...this.list].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([id, summary]) => [id, canonicalSummary(summary)]));
  }

  #view(id: string): SessionView {
    let view = this.sessions.get(id);
    if (!view) {
      const messages = new Map<string, Message>();
      view = { epoch: null, revision: null, isCatchingUp: false, state: null, messages };
      this.sessions.set(id, view);
    }
    return view;
  }

  #snapshot({ messages, revision, epoch, ...state }: SessionState): void {
    const view = this.#view(state.id);
    if (view.epoch === epoch && view.revision !== null && revision < view.revision) {
      this.#complain(`a snapshot goes back from ${view.revision} to ${revision}`, state.id);
    }
    view.epoch = epoch;
    view.revision = revision;
    view.state = state;
    view.messages = new Map(messages.map((message) => [message.id, message]));
  }

  #fact(frame: SessionMessage & Received): void {
    if (frame.revision === undefined) {
      this.#withoutRevision(frame);
      return;
    }
    const view = this.#view(frame.session_id);
    if (!view.state || view.revision === null) {
      this.#complain('a fact before any snapshot', frame);
      return;
    }
    const isNext = frame.revision === view.revision + 1;
    const isReplay = view.isCatchingUp && frame.revision >= view.revision;
    // An open request is sent again to a client that is up to date, with the number it already has.
    const isAgain = frame.type === 'approval_requested' && frame.revision === view.revision;
    if (!isNext && !isReplay && !isAgain) {
      this.#complain(`revision ${frame.revision} after ${view.revision}`, frame);
    }
    view.revision = frame.revision;
    applyFact(view as FilledView, frame);
  }

  /** The list room's facts, and requests that are said again. */
  #withoutRevision(frame: SessionMessage): void {
    if (frame.type === 'approval_requested') {
      const view = this.sessions.get(frame.session_id);
      if (view?.state) view.state.pending_approval = frame.request;
      return;
    }
    const summary = this.list.get(frame.session_id);
    // Behind a request that is said again, the status is too.
    if (!summary && this.sessions.get(frame.session_id)?.state) return;
    if (!summary) this.#complain('news of a session the list does not have', frame);
    else if (frame.type === 'session_delta') applyChanges(summary, frame.changes);
    else if (frame.type === 'session_ended') {
      Object.assign(summary, { status: 'ended', work_status: 'ended' });
    } else this.#complain('a fact of a session without a revision', frame);
  }

  #weigh(frame: Received): void {
    const bytes = Buffer.byteLength(JSON.stringify(frame));
    if (bytes > MAX_FRAME_BYTES) this.#complain(`a frame of ${bytes} bytes`, frame.type);
  }

  #complain(words: string, about: unknown): void {
    this.complaints.push(`${this.#name}: ${words}: ${JSON.stringify(about).slice(0, 300)}`);
  }
}

type FilledView = SessionView & { state: NonNullable<SessionView['state']> };

function applyFact({ state, messages }: FilledView, fact: SessionMessage): void {
  switch (fact.type) {
    case 'session_delta':
      applyChanges(state, fact.changes);
      break;
    case 'message_appended':
      if (!messages.has(fact.message.id)) state.message_count++;
      put(messages, fact.message, fact.after);
      break;
    case 'message_updated': {
      const message = messages.get(fact.message_id);
      if (message) messages.set(message.id, { ...message, ...fact.changes });
      break;
    }
    case 'approval_requested':
      state.pending_approval = fact.request;
      break;
    case 'tokens_updated':
      state.token_usage = fact.usage;
      break;
    case 'turn_diff_snapshot':
      putTurnDiff(state, fact);
      break;
    case 'review_comment_created':
    case 'review_comment_updated':
      state.review_comments = mergedById(state.review_comments, [fact.comment]) as ReviewComment[];
      break;
    case 'review_comment_deleted':
      state.review_comments = (state.review_comments ?? []).filter(
        ({ id }) => id !== fact.comment_id,
      );
      break;
    case 'session_ended':
      Object.assign(state, { status: 'ended', work_status: 'ended' });
      break;
  }
}

/** Behind the message that it names; null: before all others. */
function put(
  messages: FilledView['messages'],
  message: Message,
  after: string | null | undefined,
): void {
  const isPlaced = after !== undefined && !messages.has(message.id);
  const others = [...messages];
  messages.set(message.id, message);
  if (!isPlaced) return;
  const before = others.findIndex(([id]) => id === after);
  messages.clear();
  others.splice(before + 1, 0, [message.id, message]);
  for (const [id, one] of others) messages.set(id, one);
}

type TurnDiffFact = Extract<SessionMessage, { type: 'turn_diff_snapshot' }>;

function putTurnDiff(state: FilledView['state'], { turn_id, diff }: TurnDiffFact): void {
  const others = (state.turn_diffs ?? []).filter((known) => known.turn_id !== turn_id);
  state.turn_diffs = [...others, { turn_id, diff }];
}

/** Absent = unchanged, null = cleared; agents replace the ones of their id. */
function applyChanges(target: object, changes: object): void {
  const fields = target as Record<string, unknown>;
  for (const [field, value] of Object.entries(changes)) {
    if (field === 'subagents') fields.subagents = mergedById(fields.subagents, value);
    else if (field === 'last_activity_at') fields[field] = secondsOf(value as string);
    else fields[field] = value;
  }
}

function mergedById(known: unknown, news: unknown): { id: string }[] {
  const byId = new Map<string, { id: string }>();
  for (const item of [...((known ?? []) as { id: string }[]), ...(news as { id: string }[])]) {
    byId.set(item.id, item);
  }
  return [...byId.values()];
}
