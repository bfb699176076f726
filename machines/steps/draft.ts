/**
 * One event's working copy. A step takes a draft, changes it, and `finish` turns it into the next
 * context and the facts in their order: content, notes, one delta, then what the delta needs around it.
 * Pure for the caller: the context it was made from is never touched.
 */
import type {
  ApprovalRequest,
  Message,
  MessageChanges,
  SessionSummary,
  StateChanges,
  WorkStatus,
} from '../../src/protocol/nouns.ts';
import type { SessionMessage } from '../../src/protocol/server.ts';
import type { SeenFields, SessionEvent } from '../session-events.ts';
import type { Fact, Note, Order, RowNoted } from '../session-facts.ts';
import type { OpenApproval, Session, SessionContext, Stamp } from '../session-types.ts';

/** What a step leaves behind: the next context, facts to record, orders to give, in order. */
export interface Step {
  context: Partial<SessionContext>;
  facts: Fact[];
  orders: Order[];
}

/** The working copy of one event. */
export interface Draft {
  readonly before: SessionContext;
  readonly event: SessionEvent;
  readonly at: Stamp;
  context: SessionContext;
  changes: StateChanges;
  content: SessionMessage[];
  notes: Note[];
  columns: RowNoted['columns'];
  /** Facts that must stand behind the delta. */
  after: Fact[];
  orders: Order[];
  /** True when list subscribers need the whole summary again. */
  relist: boolean;
}

const WIRE_FIELDS = [
  'permission_mode',
  'current_cwd',
  'model',
  'effort',
  'git_branch',
  'git_sha',
  'approval_policy',
  'sandbox_mode',
  'summary',
] as const satisfies ReadonlyArray<keyof SeenFields & keyof StateChanges>;

const ROW_FIELDS = [
  'transcript_path',
  'terminal_session_id',
  'terminal_app',
  'agent_pid',
] as const satisfies ReadonlyArray<keyof SeenFields>;

/** Opens the working copy and takes what the event says about the session, unless it is old news. */
export function draftOf(context: SessionContext, event: SessionEvent): Draft {
  const draft: Draft = {
    before: context,
    event,
    at: event.at,
    context: { ...context },
    changes: {},
    content: [],
    notes: [],
    columns: {},
    after: [],
    orders: [],
    relist: false,
  };
  if (event.fields) see(draft, event.fields);
  return draft;
}

/** Takes fields; an older report only fills what is still empty. */
function see(draft: Draft, fields: SeenFields): void {
  const { session } = draft.before;
  const isNewest =
    session.last_activity_at === null || wireTime(draft.at) >= session.last_activity_at;
  for (const name of WIRE_FIELDS) {
    const value = fields[name];
    if (value === undefined || value === null || value === session[name]) continue;
    if (isNewest || (session[name] ?? null) === null) change(draft, name, value);
  }
  for (const name of ROW_FIELDS) {
    const value = fields[name];
    if (value === undefined || value === session[name]) continue;
    if (!isNewest && session[name] !== undefined) continue;
    set(ownSession(draft), name, value);
    set(draft.columns, name, value);
  }
}

/** Sets a field of the session and tells subscribers. */
export function change<Name extends keyof StateChanges & keyof Session>(
  draft: Draft,
  name: Name,
  value: NonNullable<Session[Name]>,
): void {
  set(ownSession(draft), name, value);
  set(draft.changes, name, value);
}

/** The draft's own session, copied at its first change: an event changes several of some forty fields. */
function ownSession(draft: Draft): Session {
  const { before, context } = draft;
  if (context.session === before.session) context.session = { ...before.session };
  return context.session;
}

/** Writes a field by name. A literal with a computed name would be made in a slow way by V8. */
function set(target: object, name: string, value: unknown): void {
  (target as Record<string, unknown>)[name] = value;
}

/** Moves `last_activity_at` forward; it never goes back, whatever arrives late. */
export function touch(draft: Draft): void {
  const time = wireTime(draft.at);
  const { last_activity_at: newest } = draft.context.session;
  if (newest === null || time > newest) change(draft, 'last_activity_at', time);
}

const SHOWN_MESSAGE_CHARS = 200;

/** Appends a message to the conversation. */
export function append(draft: Draft, message: Message): void {
  const { session_id, id: message_id } = message;
  draft.content.push({ type: 'message_appended', session_id, message });
  const { turnId } = draft.event;
  if (turnId !== undefined) {
    draft.notes.push({ type: 'turn_noted', session_id, message_id, provider_turn_id: turnId });
  }
  const speaks = message.message_type === 'user' || message.message_type === 'assistant';
  if (speaks) change(draft, 'last_message', clip(message.content));
}

/** Keeps a first prompt as one line: what a session is called until it has a better name. */
export function nameAfter(draft: Draft, prompt: string): void {
  if (draft.context.session.first_prompt !== undefined) return;
  // A prompt may be a whole file; its first words name it.
  const words = clip(prompt.slice(0, 2_000).replace(/\s+/g, ' ').trim());
  if (words !== '') change(draft, 'first_prompt', words);
}

/** Keeps the content of the event: it is never lost, whatever the state. */
export function keepContent(draft: Draft): void {
  const { message, update } = draft.event;
  if (message) append(draft, message);
  else if (update) amend(draft, update.messageId, update.changes);
}

/** Changes an earlier message. */
export function amend(draft: Draft, messageId: string, changes: MessageChanges): void {
  const session_id = draft.context.session.id;
  draft.content.push({ type: 'message_updated', session_id, message_id: messageId, changes });
}

/** The part of a text that lists show; never half a character. */
export function clip(text: string): string {
  if (text.length <= SHOWN_MESSAGE_CHARS) return text;
  const last = text.charCodeAt(SHOWN_MESSAGE_CHARS - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, splitsPair ? SHOWN_MESSAGE_CHARS - 1 : SHOWN_MESSAGE_CHARS);
}

/** ISO with milliseconds, as the wire wants it. */
export function wireTime(stamp: Stamp): string {
  return `${stamp.slice(0, 23)}Z`;
}

// ---- what the context says -------------------------------------------------------------------------

/** True while the model, a foreground tool or a background agent works (decisions.md 17). */
export function isBusy(context: SessionContext): boolean {
  return context.turn.open || context.agents.length > 0;
}

/** True for sessions that we steer, not only watch. */
export function isDirect(session: Session): boolean {
  const { codex_integration_mode: codex, claude_integration_mode: claude } = session;
  return codex === 'direct' || claude === 'direct';
}

/** The request the wire shows: the oldest that is open. */
export function oldest(context: SessionContext): OpenApproval | null {
  return context.approvals[0] ?? null;
}

/** Whom the session waits for, in the wire's words. */
export function workStatusOf(context: SessionContext): WorkStatus {
  if (context.session.status === 'ended') return 'ended';
  const waitsFor = oldest(context);
  if (waitsFor) return waitsFor.request.type === 'question' ? 'question' : 'permission';
  return isBusy(context) ? 'working' : 'waiting';
}

/** The session as lists show it. */
export function summaryOf(context: SessionContext): SessionSummary {
  const { source, terminal_session_id, terminal_app, agent_pid, codex_thread_id, ...shown } =
    context.session;
  return { ...shown, has_pending_approval: context.approvals.length > 0 };
}

// ---- finish ----------------------------------------------------------------------------------------

/** Closes the working copy: derives the status from what is open and puts the facts in order. */
export function finish(draft: Draft): Step {
  showOldestApproval(draft);
  const status = workStatusOf(draft.context);
  if (status !== draft.context.session.work_status) change(draft, 'work_status', status);
  const session_id = draft.context.session.id;
  const facts: Fact[] = [...draft.content, ...draft.notes];
  if (hasKeys(draft.columns)) facts.push({ type: 'row_noted', session_id, columns: draft.columns });
  if (hasKeys(draft.changes))
    facts.push({ type: 'session_delta', session_id, changes: draft.changes });
  if (draft.relist) facts.push({ type: 'session_created', session: summaryOf(draft.context) });
  facts.push(...draft.after);
  return { context: draft.context, facts, orders: draft.orders };
}

/**
 * Says which request waits now. A closed one needs the summary again, because the app does not read
 * null in a delta, and after a summary an open request must be said again (contract.md 9.4 no. 6, 8).
 */
function showOldestApproval(draft: Draft): void {
  const was = oldest(draft.before)?.request.id;
  const now = oldest(draft.context)?.request;
  if (was !== now?.id) {
    draft.changes.pending_approval = now ?? null;
    if (was !== undefined) draft.relist = true;
  } else if (!draft.relist) return;
  if (now) draft.after.unshift(requested(now), ...statusBehind(now));
}

/** The app takes every request for a permission; behind a question its status is said again (no. 22). */
function statusBehind({ type, session_id }: ApprovalRequest): SessionMessage[] {
  if (type !== 'question') return [];
  return [{ type: 'session_delta', session_id, changes: { work_status: 'question' } }];
}

function requested(request: ApprovalRequest): SessionMessage {
  return { type: 'approval_requested', session_id: request.session_id, request };
}

function hasKeys(object: object): boolean {
  for (const _ in object) return true;
  return false;
}
