/**
 * One action's working copy. A step takes a draft and changes it; what it leaves becomes the next context,
 * pieces of facts (`leave`) and commands for the connector (`command`). Pure for the caller: the context
 * that a draft was made from is never changed.
 */
import type { Message, MessageChanges, StateChanges } from '../../src/protocol/nouns.ts';
import { later, reachOf } from '../evidence.ts';
import type { SeenFields, SessionEvent, SessionSignal } from '../session-events.ts';
import {
  type ConnectorCommand,
  NO_RESULT,
  type Pieces,
  type WeakUpdate,
} from '../session-facts.ts';
import type {
  OpenApproval,
  SeenProcess,
  Session,
  SessionContext,
  Stamp,
} from '../session-types.ts';

/** What a step may react to: an event, or the signal that the connector is gone. */
export type StepEvent = SessionEvent | Extract<SessionSignal, { type: 'link.cut' }>;

/** An event by its type. */
export type EventOf<Type extends StepEvent['type']> = Extract<StepEvent, { type: Type }>;

/** The working copy of one action. */
export interface Draft extends Pieces {
  readonly before: SessionContext;
  readonly event: StepEvent;
  readonly at: Stamp;
  context: SessionContext;
  commands: ConnectorCommand[];
}

const WIRE_FIELDS = [
  'permission_mode',
  'current_cwd',
  'model',
  'effort',
  'engine',
  'resume_command',
  'git_branch',
  'git_sha',
  'approval_policy',
  'sandbox_mode',
  'summary',
] as const satisfies ReadonlyArray<keyof SeenFields & keyof StateChanges>;

/** The wire's field of each provider's integration mode: its clients know these names. */
export const MODE_FIELDS = {
  claude: 'claude_integration_mode',
  codex: 'codex_integration_mode',
} as const satisfies Record<Session['provider'], keyof StateChanges>;

const ROW_FIELDS = [
  'transcript_path',
  'terminal_session_id',
  'terminal_app',
  'agent_pid',
] as const satisfies ReadonlyArray<keyof SeenFields>;

/** Opens the working copy and takes the fields that the event brings, unless it is older than what is known. */
export function draftOf(context: SessionContext, event: StepEvent): Draft {
  const at = reachOf(context, event);
  const draft: Draft = {
    before: context,
    event,
    at,
    context: { ...context, newestAt: newestOf(context, event.type, at) },
    changes: {},
    content: [],
    notes: [],
    columns: {},
    after: [],
    commands: [],
    relist: false,
    isNew: false,
    restate: false,
  };
  if (event.fields) see(draft, event.fields);
  // Any report may name them; they are stored with what it says, so that no moment is without them.
  if (event.processes) keepProcesses(draft, event.processes);
  return draft;
}

/**
 * They say nothing of what the session does, so they make no report of that old: which processes there are, how
 * far a transcript was read, and what clients and the hooks that wait for them do.
 */
const ASIDE = new Set<StepEvent['type']>([
  'process.seen',
  'process.suspended',
  'transcript.read',
  'cost.added',
  'approval.decided',
  'question.answered',
  'waiter.left',
  'words.submitted',
  'words.withdrawn',
  'words.expired',
  'words.lost',
  'words.seen',
  'server.restarted',
]);

/** Keeps which processes run the session, in its context and its row. */
export function keepProcesses(draft: Draft, processes: SeenProcess[]): void {
  draft.context.processes = processes;
  draft.columns.agent_processes = JSON.stringify(processes);
}

function newestOf({ newestAt }: SessionContext, type: StepEvent['type'], at: Stamp): Stamp {
  return ASIDE.has(type) ? newestAt : later(newestAt, at);
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

/** Sets a field of the session and sends it to subscribers. */
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

/**
 * Appends a message to the conversation.
 *
 * @param after  the message that it is behind, where another source may have brought what follows; null: none
 */
export function append(draft: Draft, message: Message, after?: string | null): void {
  const { session_id, id: message_id } = message;
  const place = after === undefined ? {} : { after };
  draft.content.push({ type: 'message_appended', session_id, message, ...place });
  const { turnId } = draft.event;
  if (turnId !== undefined) {
    draft.notes.push({ type: 'turn_noted', session_id, message_id, provider_turn_id: turnId });
  }
  const isUserOrAssistant = message.message_type === 'user' || message.message_type === 'assistant';
  // What was said before the words that are quoted does not take their place.
  const { lastMessageAt = '' } = draft.context;
  if (!isUserOrAssistant || message.timestamp < lastMessageAt) return;
  change(draft, 'last_message', clip(message.content));
  draft.context.lastMessageId = message.id;
  draft.context.lastMessageAt = message.timestamp;
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

/** Says of a tool use that is over that no result was reported; one that is reported yet, or was, wins over it. */
export function amendWithoutResult(draft: Draft, messageId: string): void {
  const { id: session_id } = draft.context.session;
  const update: WeakUpdate = {
    ...{ type: 'message_updated', session_id, message_id: messageId },
    ...{ changes: { tool_output: NO_RESULT }, isWeak: true },
  };
  draft.content.push(update);
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

/** True for sessions that we steer, not only watch. */
export function isDirect(session: Session): boolean {
  return session.integration_mode === 'direct';
}

/** True for sessions whose thread others than we can write to as well. */
export function isShared({ engine }: Session): boolean {
  return engine === 'shared';
}

/** The request the wire shows: the oldest that is open. */
export function oldest(context: SessionContext): OpenApproval | null {
  return context.approvals[0] ?? null;
}

/** What closed something, with its source where the event names one. */
export function evidenceOf(event: StepEvent): string {
  const type = event.type === 'link.cut' ? event.cause : event.type;
  return event.witness === undefined ? type : `${event.witness}: ${type}`;
}
