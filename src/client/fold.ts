/**
 * From frames to the state of a session and to the list of sessions: pure functions, so that every reader of the
 * protocol folds alike. A missing revision is reported; asking for it is the caller's work.
 */
import type {
  Message,
  ReviewComment,
  SessionState,
  SessionSummary,
  StateChanges,
} from '../protocol/nouns.ts';
import type { ServerMessage, Shortened } from '../protocol/server.ts';

/** Messages kept of a session, unless older ones were asked for; `message_count` says how many there are. */
export const KEPT_MESSAGES = 500;

/** A frame as it comes: facts of a session carry its revision. */
export type ServerFrame = ServerMessage & { readonly revision?: number } & Shortened;

/** A session as far as it was received. Never changed in place. */
export type SessionView = Readonly<Omit<SessionState, 'messages'>> & {
  readonly messages: readonly Message[];
};

/** What a frame did to a view. */
export type Folded =
  | { kind: 'changed'; view: SessionView }
  /** It brings nothing new for this view. */
  | { kind: 'same' }
  /** Something before it is missing: subscribe again. */
  | { kind: 'gap' };

const SAME: Folded = { kind: 'same' };
const GAP: Folded = { kind: 'gap' };

/**
 * Folds one frame about a session.
 *
 * @param view null before the first snapshot; facts mean nothing without one
 * @param isCatchingUp between a subscription and its acknowledgement rows may leave numbers out
 */
export function foldSession(
  view: SessionView | null,
  frame: ServerFrame,
  isCatchingUp: boolean,
): Folded {
  if (frame.type === 'session_snapshot') return { kind: 'changed', view: frame.session };
  if (view === null) return SAME;
  const { revision } = frame;
  if (revision === undefined) return foldTransient(view, frame);
  if (revision < view.revision) return SAME;
  if (revision > view.revision + 1 && !isCatchingUp) return GAP;
  // An open request is sent again to a client that is up to date, with the number it already has.
  const isAgain = revision === view.revision && frame.type !== 'approval_requested';
  if (isAgain && !isCatchingUp) return SAME;
  return { kind: 'changed', view: { ...applied(view, frame), revision } };
}

/** What carries no revision: streamed text, and requests that are said again. */
function foldTransient(view: SessionView, frame: ServerFrame): Folded {
  switch (frame.type) {
    case 'approval_requested':
    case 'message_updated':
      return { kind: 'changed', view: applied(view, frame) };
    case 'message_delta':
      return withStreamed(view, frame);
    default:
      return SAME;
  }
}

function applied(view: SessionView, frame: ServerFrame): SessionView {
  switch (frame.type) {
    case 'session_delta':
      return withChanges(view, frame.changes);
    case 'message_appended':
      return withMessage(view, frame.message, frame.after);
    case 'message_updated':
      return withUpdate(view, frame.message_id, frame.changes);
    case 'approval_requested':
      return { ...view, pending_approval: frame.request };
    case 'tokens_updated':
      return { ...view, token_usage: frame.usage };
    case 'turn_diff_snapshot':
      return withTurnDiff(view, frame);
    case 'session_ended':
      return { ...view, status: 'ended', work_status: 'ended' };
    case 'review_comment_created':
    case 'review_comment_updated':
      return withComments(view, mergedById(view.review_comments ?? [], [frame.comment]));
    case 'review_comment_deleted':
      return withComments(
        view,
        (view.review_comments ?? []).filter(({ id }) => id !== frame.comment_id),
      );
    default:
      return view;
  }
}

function withComments(view: SessionView, review_comments: ReviewComment[]): SessionView {
  return { ...view, review_comments };
}

/** Absent = unchanged, null = cleared; agents replace the ones of their id. */
function withChanges(view: SessionView, changes: StateChanges): SessionView {
  const { subagents, last_activity_at, current_diff, current_plan, ...fields } = changes;
  return {
    ...view,
    // Null means unset, which the state's type shows by absence; readers must take both alike.
    ...(fields as Partial<SessionState>),
    // A delta says of what is over that it is empty, a snapshot that there is none.
    ...(current_diff !== undefined && { current_diff: current_diff || null }),
    ...(current_plan !== undefined && {
      current_plan: current_plan === '[]' ? null : current_plan,
    }),
    ...(last_activity_at !== undefined && { last_activity_at: isoTime(last_activity_at) }),
    ...(subagents && { subagents: mergedById(view.subagents ?? [], subagents) }),
  };
}

/** Deltas show times as `"<unix seconds>Z"`, everything else as ISO 8601. */
export function isoTime(text: string): string {
  const seconds = /^(\d+)Z$/.exec(text)?.[1];
  return seconds === undefined ? text : new Date(Number(seconds) * 1000).toISOString();
}

/** @param after  the message that it is behind; null at the beginning, undefined at the end */
function withMessage(
  view: SessionView,
  message: Message,
  after: string | null | undefined,
): SessionView {
  const at = view.messages.findLastIndex(({ id }) => id === message.id);
  if (at >= 0) return { ...view, messages: view.messages.with(at, message) };
  if (after !== undefined) return withPlaced(view, message, after);
  // What was asked for stays: only a view that grew by itself loses its oldest.
  const kept = Math.max(KEPT_MESSAGES, view.messages.length);
  const messages = [...view.messages, message].slice(-kept);
  const has_older = view.has_older || messages.length <= view.messages.length;
  return { ...view, messages, has_older, message_count: view.message_count + 1 };
}

/** Behind that message, or by its time where that is not here; what is older than all that is here is only counted. */
function withPlaced(view: SessionView, message: Message, after: string | null): SessionView {
  const message_count = view.message_count + 1;
  const { messages, has_older } = view;
  const known = messages.findLastIndex(({ id }) => id === after);
  const isBefore = ({ timestamp }: Message) => timestamp <= message.timestamp;
  const before = known >= 0 || after === null ? known : messages.findLastIndex(isBefore);
  if (before < 0 && has_older) return { ...view, message_count };
  return { ...view, messages: messages.toSpliced(before + 1, 0, message), message_count };
}

/** Puts a page of older messages in front of those that are there. */
export function withOlder(
  view: SessionView,
  page: Extract<ServerMessage, { type: 'messages_page' }>,
): SessionView {
  const known = new Set(view.messages.map(({ id }) => id));
  const older = page.messages.filter(({ id }) => !known.has(id));
  const { has_older, message_count } = page;
  return { ...view, messages: [...older, ...view.messages], has_older, message_count };
}

/** Messages too old to be kept are not missed. */
function withUpdate(view: SessionView, id: string, changes: Partial<Message>): SessionView {
  const at = view.messages.findLastIndex((message) => message.id === id);
  const message = view.messages[at];
  if (!message) return view;
  const updated = withoutStaleMarks({ ...message, ...changes }, changes);
  return { ...view, messages: view.messages.with(at, updated) };
}

/** A text that came whole is not cut any more. */
function withoutStaleMarks(message: Message, changes: Partial<Message>): Message {
  if (!message.truncated) return message;
  const kept = Object.entries(message.truncated).filter(([name]) => !(name in changes));
  const { truncated: _, ...rest } = message;
  return kept.length > 0 ? { ...rest, truncated: Object.fromEntries(kept) } : rest;
}

function withStreamed(
  view: SessionView,
  { message_id, offset, text }: Extract<ServerMessage, { type: 'message_delta' }>,
): Folded {
  const content = view.messages.findLast(({ id }) => id === message_id)?.content;
  if (content === undefined) return SAME;
  if (content.length < offset) return GAP;
  // A newcomer gets the text so far, and then what it has already in part.
  const whole = content.slice(0, offset) + text;
  if (whole.length <= content.length) return SAME;
  return { kind: 'changed', view: withUpdate(view, message_id, { content: whole }) };
}

function withTurnDiff(
  view: SessionView,
  frame: Extract<ServerMessage, { type: 'turn_diff_snapshot' }>,
): SessionView {
  const { turn_id, diff, input_tokens, output_tokens, cached_tokens, context_window } = frame;
  const others = (view.turn_diffs ?? []).filter((known) => known.turn_id !== turn_id);
  const token_usage = input_tokens !== undefined && {
    input_tokens,
    output_tokens: output_tokens ?? 0,
    cached_tokens: cached_tokens ?? 0,
    context_window: context_window ?? 0,
  };
  const mine = { turn_id, diff, ...(token_usage && { token_usage }) };
  return { ...view, turn_diffs: [...others, mine] };
}

function mergedById<Item extends { id: string }>(known: readonly Item[], news: Item[]): Item[] {
  const byId = new Map<string, Item>();
  for (const item of [...known, ...news]) byId.set(item.id, item);
  return [...byId.values()];
}

/** Sessions by id, in the order they were received: the newest of a list first. */
export type SessionList = ReadonlyMap<string, SessionSummary>;

/**
 * Folds one frame into the list.
 *
 * @param list changed in place: a list may be long, and every session's news pass here
 * @returns whether anything in it is different now
 */
export function foldList(list: Map<string, SessionSummary>, frame: ServerFrame): boolean {
  switch (frame.type) {
    case 'sessions_list':
      list.clear();
      for (const session of frame.sessions) list.set(session.id, session);
      return true;
    case 'session_created':
      list.set(frame.session.id, frame.session);
      return true;
    case 'session_delta':
      return isOfList(frame) && change(list, frame.session_id, frame.changes);
    case 'session_ended':
      return (
        isOfList(frame) && change(list, frame.session_id, { status: 'ended', work_status: 'ended' })
      );
    default:
      return false;
  }
}

/** The list's frames never carry a revision, a session's facts always do. */
function isOfList({ revision }: ServerFrame): boolean {
  return revision === undefined;
}

function change(list: Map<string, SessionSummary>, id: string, changes: object): boolean {
  const known = list.get(id);
  if (!known) return false;
  const { last_activity_at, ...fields } = changes as { last_activity_at?: string };
  const time = last_activity_at !== undefined && { last_activity_at: isoTime(last_activity_at) };
  list.set(id, { ...known, ...fields, ...time });
  return true;
}
