/**
 * The conversation's messages in their order, each once, whichever source reports it. Called by fact-rows.ts, which
 * owns the switch.
 */
import { NO_RESULT, type WeakUpdate } from '../../../machines/session-facts.ts';
import type { Message, MessageChanges } from '../../protocol/nouns.ts';
import type { SessionMessage } from '../../protocol/server.ts';
import { stampToMs, storable, storableJson, storableOrNull } from '../text.ts';
import type { RowStatements, StoredMessage } from './columns.ts';
import { countUp, type SessionDraft } from './session-row.ts';

/** Sessions whose newest message is kept in memory; those of the others are looked up again. */
const SESSIONS_KEPT = 2_000;

/** A text that was shortened ends with this sign. */
const CUT_SIGN = '…';

type MessageUpdated = Extract<SessionMessage, { type: 'message_updated' }>;
type MessageAppended = Extract<SessionMessage, { type: 'message_appended' }>;

/** The last message of a session. */
interface Newest {
  sequence: number;
  timestamp: string;
}

/** What the functions here work with. */
export interface MessageTools {
  statements: RowStatements;
  /** Number and time of the last message of a session. */
  newest: Map<string, Newest>;
}

/**
 * Appends a message, unless it is there already: of a report that comes twice the first stays. One that two
 * sources report is one: the second completes it.
 *
 * @returns what is sent instead: for a known message of a watched session its change, or null when nothing of it is
 *   new; for one that stands elsewhere than its source knows its place
 */
export function appendMessage(
  tools: MessageTools,
  draft: SessionDraft,
  fact: MessageAppended,
  revision: number,
): MessageUpdated | MessageAppended | null | undefined {
  const { statements, newest: kept } = tools;
  const { message } = fact;
  const { sessionId } = draft;
  const timestamp = stampToMs(message.timestamp);
  // Reported by the other source, a moment before.
  if (hasTwin(statements, draft, fact)) return null;
  const place = placeOf(tools, draft, fact);
  const newest = newestOf(tools, sessionId);
  const sequence = place?.sequence ?? sequenceBehind(newest?.sequence ?? -1);
  const { changes } = statements.insertMessage.run({
    id: message.id,
    session_id: sessionId,
    type: message.message_type,
    content: storable(message.content),
    timestamp,
    sequence,
    tool_name: message.tool_name,
    tool_input: storableJson(message.tool_input),
    tool_output: storableOrNull(message.tool_output),
    tool_duration: message.duration_ms === null ? null : message.duration_ms / 1000,
    is_error: Number(message.is_error),
    is_in_progress: Number(message.is_in_progress ?? false),
    images_json: message.images?.length ? JSON.stringify(message.images) : null,
    agent_id: message.agent_id ?? null,
    revision,
  });
  // No number is spent on the second.
  if (changes === 0) return completeMessage(tools, draft, message, revision);
  if (kept.size >= SESSIONS_KEPT) kept.clear();
  if (sequence > (newest?.sequence ?? -1)) kept.set(sessionId, { sequence, timestamp });
  countUp(draft, 'message_count');
  if (place === null || place.isLast) return fact.after === undefined ? undefined : atEnd(fact);
  // Catching up reads new messages from the end: this one is named.
  draft.amended.push(message.id);
  return place.after === fact.after ? undefined : { ...fact, after: place.after };
}

/** Two sources report the same words within this time, ms. */
const TWINS_WITHIN_MS = 5000;

/** What made the id where the provider gives words none: who reported them, by a key of its own. */
const MADE_BY_KEY = ':key:';

/**
 * Whether another source has reported the same words under another id: one of the two ids then is made of the key of a
 * hook, because that version of the provider names no prompt in its hooks.
 */
function hasTwin(
  { newestWords }: RowStatements,
  { sessionId, origin }: SessionDraft,
  { message, after }: MessageAppended,
): boolean {
  const { id, message_type: type } = message;
  const isMade = id.includes(MADE_BY_KEY);
  if (!isMade && (origin !== 'transcript' || after === undefined)) return false;
  if (!WATCHES.has(origin) || (type !== 'user' && type !== 'assistant')) return false;
  const content = storable(message.content).trim();
  const at = Date.parse(message.timestamp);
  const [from, to] = [at - TWINS_WITHIN_MS, at + TWINS_WITHIN_MS].map(isoOf) as [string, string];
  return newestWords
    .all({ sessionId, type, from, to })
    .some((one) => one.id.includes(MADE_BY_KEY) !== isMade && one.content.trim() === content);
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

function newestOf({ statements, newest }: MessageTools, sessionId: string): Newest | undefined {
  return newest.get(sessionId) ?? statements.newestPlace.get(sessionId);
}

/** Null: at the end. Numbers may be spread for it, so that the newest is looked up again. */
function placeOf(
  tools: MessageTools,
  { sessionId, origin }: SessionDraft,
  { message, after }: MessageAppended,
): Place | null {
  const { statements, newest } = tools;
  const timestamp = stampToMs(message.timestamp);
  const isLate = WATCHES.has(origin) && timestamp < (newestOf(tools, sessionId)?.timestamp ?? '');
  if (after === undefined && !isLate) return null;
  if (statements.placeOf.get(message.id, sessionId) !== undefined) return null;
  const wanted = { sessionId, timestamp };
  const place =
    after === undefined
      ? placeByTime(statements, wanted)
      : placeBehind(statements, { ...wanted, after });
  newest.delete(sessionId);
  return place;
}

function atEnd({ after: _, ...fact }: MessageAppended): MessageAppended {
  return fact;
}

/** Where reports about a watched session come from, of which several may report the same message. */
const WATCHES: ReadonlySet<string> = new Set(['hook', 'spool', 'transcript']);

function completeMessage(
  tools: MessageTools,
  draft: SessionDraft,
  message: Message,
  revision: number,
): MessageUpdated | null | undefined {
  if (!REPORTS_TWICE.has(draft.origin)) return undefined;
  const { id: message_id, session_id } = message;
  const stored = tools.statements.message.get(message_id, session_id);
  // Another session has a message of this id: what is not stored is not shown.
  if (stored === undefined) return null;
  const changes = missingIn(stored, message, draft.origin);
  if (Object.keys(changes).length === 0) return null;
  const updated: MessageUpdated = { type: 'message_updated', session_id, message_id, changes };
  updateMessage(tools, updated, revision);
  draft.amended.push(message_id);
  return updated;
}

/** A connector that joins a thread anew reports what it finds there, of which much is known. */
const REPORTS_TWICE: ReadonlySet<string> = new Set([...WATCHES, 'connector']);

/**
 * What a second report adds to a stored message. The words of a conversation are the transcript's where it and a
 * hook differ, whichever came first, and those of the model the connector's, which may have reported a part of them; what
 * a tool printed is the hook's, which has the tool's own result.
 */
function missingIn(stored: StoredMessage, message: Message, origin: string): MessageChanges {
  const changes: MessageChanges = {};
  const content = storable(message.content);
  const { message_type: type } = message;
  const isTranscript = origin === 'transcript';
  const isOfModel = type === 'assistant' || type === 'thinking';
  const isBetterSource = (type !== 'tool' && isTranscript) || (isOfModel && origin === 'connector');
  if (content !== '' && content !== stored.content && (isBetterSource || !stored.content)) {
    changes.content = content;
  }
  const isCut = stored.tool_output?.endsWith(CUT_SIGN) === true && isTranscript;
  const isEmpty = stored.tool_output === '' && isTranscript && message.tool_output !== '';
  const isUnknown = stored.tool_output === null || stored.tool_output === NO_RESULT || isEmpty;
  if (message.tool_output !== null && (isUnknown || isCut)) {
    const output = storable(message.tool_output);
    if (output !== stored.tool_output) changes.tool_output = output;
    if (Number(message.is_error) !== stored.is_error) changes.is_error = message.is_error;
  }
  if (stored.is_in_progress !== 0 && message.tool_output !== null) changes.is_in_progress = false;
  if (message.duration_ms !== null && stored.tool_duration === null) {
    changes.duration_ms = message.duration_ms;
  }
  if (message.images?.length && stored.images_json === null) changes.images = message.images;
  return changes;
}

/**
 * Says of a tool use that it is over, where nothing else is known of its end.
 *
 * @returns what is sent instead; null when its end is known
 */
export function closeMessage(
  tools: MessageTools,
  draft: SessionDraft,
  { isWeak: _, ...update }: WeakUpdate,
  revision: number,
): MessageUpdated | null {
  const stored = tools.statements.message.get(update.message_id, update.session_id);
  if (stored === undefined || stored.tool_output !== null) return null;
  updateMessage(tools, update, revision);
  draft.amended.push(update.message_id);
  return update;
}

/** Takes messages out of the conversation. */
export function dropMessages(
  { statements, newest }: MessageTools,
  draft: SessionDraft,
  ids: readonly string[],
): void {
  for (const id of ids) {
    const { changes } = statements.dropMessage.run(id, draft.sessionId);
    countUp(draft, 'message_count', -changes);
  }
  newest.delete(draft.sessionId);
}

/** Changes what a report says about an earlier message; the rest of it stays. */
export function updateMessage(
  { statements }: MessageTools,
  { session_id, message_id, changes }: Extract<SessionMessage, { type: 'message_updated' }>,
  revision: number,
): void {
  const { content, tool_output, is_error, duration_ms, images, is_in_progress } = changes;
  statements.updateMessage.run({
    id: message_id,
    session_id,
    content: storableOrNull(content ?? null),
    tool_output: storableOrNull(tool_output ?? null),
    is_error: is_error === undefined ? null : Number(is_error),
    is_in_progress: is_in_progress === undefined ? null : Number(is_in_progress),
    tool_duration: duration_ms === undefined ? null : duration_ms / 1000,
    images_json: images?.length ? JSON.stringify(images) : null,
    revision,
  });
}

/* Where a message stands that is reported later than what follows it: messages are numbered in their order; between
 * neighbours without a free number the numbers of the session are spread once. */

/**
 * Free numbers that spreading leaves between two messages: so many that a whole transcript fits between two that
 * hooks have reported.
 */
const SPREAD = 2 ** 20;

/** The place of a message among those of its session. */
interface Place {
  sequence: number;
  /** The message before it; null for the first. */
  after: string | null;
  isLast: boolean;
}

/** What is known of the message that is to be placed. */
interface Wanted {
  sessionId: string;
  /** The message that it is behind in its source; null at the start of that. */
  after: string | null;
  /** ISO milliseconds. */
  timestamp: string;
}

/** The number of the next message at the end; numbers that were spread go on spread. */
function sequenceBehind(newest: number): number {
  return newest < SPREAD ? newest + 1 : newest + SPREAD;
}

/** In front of the first message. */
const FRONT: { id: string | null; sequence: number } = { id: null, sequence: -1 };

/** A place, and whether its number is free. */
type Looked = Place & { isFree: boolean };

/**
 * The place behind `after`, and behind what another source reported of the time between the two. Null when the
 * message before it is not there: then nothing is known of its place.
 */
function placeBehind(statements: RowStatements, wanted: Wanted): Place | null {
  return spreading(statements, wanted.sessionId, () => lookBehind(statements, wanted));
}

/** The place of a message by its time alone, where others were reported before it that are later. */
function placeByTime(statements: RowStatements, wanted: Omit<Wanted, 'after'>): Place | null {
  return spreading(statements, wanted.sessionId, () => findByTime(statements, wanted));
}

function spreading(
  statements: RowStatements,
  sessionId: string,
  find: () => Looked | null,
): Place | null {
  const place = find();
  if (place === null || place.isFree) return place;
  statements.spread.run(SPREAD, sessionId);
  return find();
}

function lookBehind(
  statements: RowStatements,
  { sessionId, after, timestamp }: Wanted,
): Looked | null {
  let last = after === null ? FRONT : statements.placeOf.get(after, sessionId);
  if (last === undefined) return null;
  for (const next of statements.behind.iterate(sessionId, last.sequence)) {
    const sequence = last.sequence + 1;
    if (next.timestamp > timestamp) {
      return { sequence, after: last.id, isLast: false, isFree: sequence < next.sequence };
    }
    last = next;
  }
  return { sequence: sequenceBehind(last.sequence), after: last.id, isLast: true, isFree: true };
}

function findByTime(
  statements: RowStatements,
  { sessionId, timestamp }: Omit<Wanted, 'after'>,
): Looked {
  let before = FRONT;
  let next: number | null = null;
  for (const row of statements.backwards.iterate(sessionId)) {
    before = row;
    if (row.timestamp <= timestamp) break;
    next = row.sequence;
    before = FRONT;
  }
  const isLast = next === null;
  const sequence = isLast ? sequenceBehind(before.sequence) : before.sequence + 1;
  return { sequence, after: before.id, isLast, isFree: next === null || sequence < next };
}
