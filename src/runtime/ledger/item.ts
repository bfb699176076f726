/**
 * One event as it goes to the disk: what the chart made of it, as text. Called by the ledger alone.
 */
import type { SeenFields, SessionEvent } from '../../../machines/session-events.ts';
import type { Fact } from '../../../machines/session-facts.ts';
import { MACHINE_VERSION, type Session } from '../../../machines/session-types.ts';
import { type Step, storedForm } from '../../../machines/step.ts';
import type { ApprovalRequest, Message } from '../../protocol/nouns.ts';
import type { EventItem } from '../../store/writer-messages.ts';
import type { SessionHead } from '../sessions/live-session.ts';

/** A fact and its JSON: written once, for the disk and for its frame. */
export interface Piece {
  fact: Fact;
  text: string;
}

/** A fact with its JSON. */
export function pieceOf(fact: Fact): Piece {
  return { fact, text: JSON.stringify(fact) };
}

/**
 * Events that change a machine in the same way without the texts that the journal leaves out: most of
 * what happens in a session. Their texts go into messages, and the machine does not know those.
 */
const FOLDS = new Set<SessionEvent['type']>([
  'tool.started',
  'tool.finished',
  'tools.settled',
  'agent.started',
  'agent.finished',
  'message.changed',
  'usage.updated',
  'hook.observed',
  'witness.busy',
  'witness.idle',
  'process.seen',
  'process.suspended',
]);

/** Messages whose first words the machine remembers. */
const QUOTED_MESSAGES = new Set<string>(['user', 'assistant']);

/** Most events folded into a stored snapshot: far below a millisecond's work. */
export const MAX_TAIL = 32;

/** Whether the state after this event folds from the snapshot that is stored and the journal. */
function foldsOn(event: SessionEvent, tail: number): boolean {
  const isQuoted = event.message !== undefined && QUOTED_MESSAGES.has(event.message.message_type);
  // A streamed text that is whole now: the machine may quote it.
  const changesText = event.update?.changes.content !== undefined;
  return tail < MAX_TAIL && FOLDS.has(event.type) && !isQuoted && !changesText;
}

/** What is stored of an event and its step, and how many events then follow the stored snapshot. */
export function itemOf(
  about: Pick<EventItem, 'sessionId' | 'chain' | 'key' | 'origin' | 'caller'>,
  {
    head,
    step: { snapshot, accepted },
    event,
    pieces,
  }: { head: SessionHead; step: Step; event: SessionEvent; pieces: readonly Piece[] },
): { item: EventItem; tail: number } {
  const isNew = head.initialFacts.length > 0;
  const needsSnapshot = (accepted || isNew) && !foldsOn(event, head.tail);
  const item: EventItem = {
    kind: 'event',
    ...about,
    at: event.at,
    event: journalForm(event, head.snapshot.context.session),
    accepted,
    value: JSON.stringify(snapshot.value),
    facts: `[${pieces.map(({ text }) => text).join(',')}]`,
    snapshot: needsSnapshot ? JSON.stringify(storedForm(snapshot)) : null,
    machineVersion: MACHINE_VERSION,
    base: head.base,
  };
  const tail = needsSnapshot ? 0 : head.tail + (accepted ? 1 : 0);
  return { item, tail };
}

/*
 * The journal's form of an event: its shape with texts emptied, so that folding a journal through the
 * chart moves it the same way while no message body is stored twice. Ids stay: they name the row.
 */

/**
 * JSON of the event without bodies, and without what it says about the session that was known before.
 *
 * @param before  the session that takes the event
 */
function journalForm(event: SessionEvent, before: Session): string {
  const { message, update, fields, ...rest } = event;
  const news = fields && newFieldsIn(fields, before);
  return JSON.stringify({
    ...rest,
    ...(news && { fields: news }),
    ...('prompt' in rest && rest.prompt !== null && { prompt: '' }),
    ...('request' in rest && { request: bare(rest.request) }),
    ...('diff' in rest && { diff: rest.diff ? '' : rest.diff }),
    ...('plan' in rest && { plan: rest.plan ? '' : rest.plan }),
    ...('comment' in rest && { comment: { ...rest.comment, body: '' } }),
    ...('output' in rest && { output: { ...rest.output, stdout: '', stderr: '' } }),
    ...('order' in rest && { order: { type: rest.order.type } }),
    ...('messages' in rest && { messages: rest.messages.map(bodiless) }),
    ...(rest.type === 'words.seen' && { text: '' }),
    ...(rest.type === 'transcript.read' && rest.title !== undefined && { title: '' }),
    ...(message && { message: bodiless(message) }),
    ...(update && { update: { messageId: update.messageId, changes: {} } }),
  });
}

/** Every hook repeats them all; null when none of them is new. */
function newFieldsIn(fields: SeenFields, before: Session): SeenFields | null {
  let news: Record<string, unknown> | null = null;
  for (const name in fields) {
    const field = name as keyof SeenFields;
    if (fields[field] === before[field]) continue;
    news ??= {};
    news[field] = fields[field];
  }
  return news;
}

function bodiless(message: Message): Message {
  const { images: _, ...rest } = message;
  return { ...rest, content: '', tool_input: null, tool_output: null };
}

/** Who asks for what kind of decision; the details are in the approval's own row. */
function bare({ id, session_id, type }: ApprovalRequest): ApprovalRequest {
  return { id, session_id, type, command: null, file_path: null, diff: null, question: null };
}
