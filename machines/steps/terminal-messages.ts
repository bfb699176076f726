/**
 * Words of clients for a session that is only watched. The server cannot type into its terminal, so they wait until its
 * turn ends: the hook that reports the end asks for them, and the agent goes on with them. Words are given to one
 * hook at a time and are *sent* until a report shows that the agent has them; where it shows that they never
 * arrived they wait again. So they arrive once, whatever is killed meanwhile.
 *
 * The words' message says where they are, as `tool_output`: `queued`, `sent`, `delivered`, or why they never will
 * be: `withdrawn`, `expired`, `unknown`, each with its reason.
 */
import type { QueuedWords, SessionContext } from '../session-types.ts';
import { amend, append, type Draft, type EventOf, touch } from './step-draft.ts';

/** Words that may wait at a time. */
const MAX_QUEUED = 16;
/** Characters that one hook brings: Claude Code replaces more than 10,000 by the name of a file. */
const MAX_CHARS_AT_ONCE = 9_500;

/** One more fits. */
export function hasRoomForWords({ words = [] }: SessionContext): boolean {
  return words.length < MAX_QUEUED;
}

/** A client's words: shown at once, and kept until a hook asks for them. */
export function wordsQueued(draft: Draft, { message, at }: EventOf<'words.submitted'>): void {
  append(draft, { ...message, tool_output: 'queued' });
  const { id: messageId, content } = message;
  draft.context.words = [...(draft.context.words ?? []), { messageId, content, at }];
  touch(draft);
}

/** The end of a turn asks for words, and some wait that it may get. */
export function hasWordsFor(
  { words = [] }: SessionContext,
  event: EventOf<'turn.completed'>,
): boolean {
  return event.words === 'asked' && due(words, event).length > 0;
}

/** Words that no hook was given, or one whose turn went on without them. */
function due(
  words: readonly QueuedWords[],
  { isContinued }: EventOf<'turn.completed'>,
): QueuedWords[] {
  const waiting = words.filter(({ givenTo }) => givenTo === undefined || isContinued !== true);
  const chosen: QueuedWords[] = [];
  let chars = 0;
  for (const one of waiting) {
    chars += one.content.length;
    if (chosen.length > 0 && chars > MAX_CHARS_AT_ONCE) break;
    chosen.push(one);
  }
  return chosen;
}

/** The hook that reports the end of the turn gets what waits; the turn goes on with it. */
export function wordsGiven(draft: Draft, event: EventOf<'turn.completed'>): void {
  const { words = [], session } = draft.context;
  const chosen = due(words, event);
  const hookKey = event.hookKey ?? '';
  for (const { messageId } of chosen) say(draft, messageId, 'sent');
  draft.context.words = words.map((one) =>
    chosen.includes(one) ? { ...one, givenTo: hookKey } : one,
  );
  draft.context.heldAt = event.at;
  draft.commands.push({ type: 'words.give', hookKey, text: chosen.map(textOf).join('\n\n') });
  // The list shows what the agent works on now.
  if (session.last_activity_at === null) touch(draft);
}

const textOf = ({ content }: QueuedWords): string => content;

/** What an end of a turn says of the words that were given before, and of the hooks that ask. */
export function endHeard(draft: Draft, event: EventOf<'turn.completed'>): void {
  release(draft);
  // The agent was made to go on: it has what its hook brought.
  if (event.isContinued === true)
    settle(draft, ({ givenTo }) => givenTo !== undefined, 'delivered');
  if (event.words === undefined) return;
  draft.context.takesWords = event.words !== 'none';
  if (event.words !== 'none') return;
  const reason = 'the hooks of this session do not ask for words; run `install-hooks` again';
  settle(draft, () => true, `expired: ${reason}`);
}

/** The transcript shows words of a hook in front of the agent. */
export function wordsSeen(draft: Draft, { text }: EventOf<'words.seen'>): void {
  settle(
    draft,
    ({ givenTo, content }) => givenTo !== undefined && text.includes(content.trim()),
    'delivered',
  );
}

/** Words that this hook was given are still not known to have arrived. */
export function isGivenTo(
  { words = [] }: SessionContext,
  { hookKey }: EventOf<'words.lost'>,
): boolean {
  return words.some(({ givenTo }) => givenTo === hookKey);
}

/** Words are on their way to a hook. */
export function hasSentWords({ words = [] }: SessionContext): boolean {
  return words.some(({ givenTo }) => givenTo !== undefined);
}

/** They did not reach the hook: the next one gets them. */
export function wordsLost(draft: Draft, { hookKey }: EventOf<'words.lost'>): void {
  queueAgain(draft, ({ givenTo }) => givenTo === hookKey);
}

/** Whether they reached the hook is unknown; a report may still show it, else the next one gets them. */
export function wordsInDoubt(draft: Draft): void {
  for (const { messageId, givenTo } of draft.context.words ?? []) {
    if (givenTo !== undefined) say(draft, messageId, 'queued');
  }
}

function queueAgain(draft: Draft, isLost: (words: QueuedWords) => boolean): void {
  draft.context.words = (draft.context.words ?? []).map((one) => {
    if (!isLost(one)) return one;
    const { givenTo: _, ...waiting } = one;
    say(draft, one.messageId, 'queued');
    return waiting;
  });
}

/** The turn is only open because words were given to the hook of its end. */
export function isHeldByWords({ heldAt = null, turn }: SessionContext): boolean {
  return heldAt !== null && turn.seenAt <= heldAt;
}

/** The turn is open for more than words, or over. */
export function release(draft: Draft): void {
  if (draft.context.heldAt !== undefined) draft.context.heldAt = null;
}

/** These words wait, and no hook was given them. */
export function isQueued(
  { words = [] }: SessionContext,
  { messageId }: EventOf<'words.withdrawn'>,
) {
  return words.some((one) => one.messageId === messageId && one.givenTo === undefined);
}

/** A client takes words back. */
export function wordsWithdrawn(draft: Draft, { messageId }: EventOf<'words.withdrawn'>): void {
  settle(draft, (one) => one.messageId === messageId, 'withdrawn: by a client');
}

/** Words wait since before that moment, and no hook was given them. */
export function hasWordsBefore(
  { words = [] }: SessionContext,
  event: EventOf<'words.expired'>,
): boolean {
  return words.some((one) => isBefore(one, event));
}

const isBefore = ({ givenTo, at }: QueuedWords, { before }: EventOf<'words.expired'>): boolean =>
  givenTo === undefined && at < before;

/** They have waited for too long: what they were about may be past. */
export function wordsExpired(draft: Draft, event: EventOf<'words.expired'>): void {
  settle(draft, (one) => isBefore(one, event), 'expired: no turn ended in time');
}

/** The session is over: nothing asks for words any more. */
export function wordsDropped(draft: Draft): void {
  settle(draft, ({ givenTo }) => givenTo === undefined, 'withdrawn: the session ended');
  settle(draft, () => true, 'unknown: the session ended before it showed them');
  release(draft);
}

function settle(draft: Draft, isOver: (words: QueuedWords) => boolean, outcome: string): void {
  const { words } = draft.context;
  if (words === undefined) return;
  for (const one of words) if (isOver(one)) say(draft, one.messageId, outcome);
  draft.context.words = words.filter((one) => !isOver(one));
}

function say(draft: Draft, messageId: string, where: string): void {
  const isFailed = where !== 'queued' && where !== 'sent' && where !== 'delivered';
  amend(draft, messageId, { tool_output: where, is_error: isFailed });
}
