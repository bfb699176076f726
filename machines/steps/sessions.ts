/** The session itself: created, continued, ended, and the fields that change nothing else. */
import type { SessionContext, SessionInput } from '../session-types.ts';
import { withoutWaiter } from './answers.ts';
import { close } from './approvals.ts';
import { endEverything, noteOutcome, type TurnEdge } from './running.ts';
import {
  change,
  clip,
  type Draft,
  type EventOf,
  evidenceOf,
  keepContent,
  keepProcesses,
  nameAfter,
  touch,
  wireTime,
} from './step-draft.ts';
import { wordsDropped } from './terminal-messages.ts';
import { endTurn } from './turns.ts';

/** A stamp before every other. */
const NEVER = '';

/** More texts than a turn streams at once. */
const MAX_STREAMS = 64;

/** Statuses of a row in which a turn is open. */
const WORKS = new Set<string | undefined>(['working', 'permission', 'question']);

/** A row's status means an open turn; what runs in it is not known. */
export function isAtWork({ workStatus }: SessionInput): boolean {
  return WORKS.has(workStatus);
}

/** The context of a session that has no snapshot: a new one, or a row whose snapshot cannot be used. */
export function contextFrom(input: SessionInput): SessionContext {
  const { session, turnCount, requests = [] } = input;
  return {
    session,
    turn: {
      count: turnCount,
      id: isAtWork(input) ? `turn-${turnCount}` : null,
      promptId: null,
      startedAt: NEVER,
      clearedAt: NEVER,
      seenAt: NEVER,
      settledAt: NEVER,
    },
    newestAt: NEVER,
    leader: null,
    endedPromptId: null,
    tools: [],
    finished: [],
    agents: [],
    // A hook that waited for an answer was left behind with the server that it asked.
    approvals: requests.map((request) =>
      withoutWaiter({
        ...{ request, tool: null, toolUseId: null, server: null, isBare: true, at: NEVER },
      }),
    ),
    answeredAt: NEVER,
    settled: [],
    capabilities: [],
    outbox: [],
    streams: [],
    lastMessageId: null,
  };
}

/** The CLI started, came back or was continued: a person sits in front of it again. */
export function sessionStarted(
  draft: Draft,
  event: EventOf<'session.started'>,
  edge: TurnEdge,
): void {
  // A compaction keeps the process and its turn; every other start means that what ran is gone.
  if (edge === 'late') return;
  endTurn(draft, [], edge);
  draft.context.leader = event.process ?? draft.context.leader;
  draft.columns.source = event.source;
}

/** The session is over; a late report older than this moment cannot bring it back. */
export function sessionEnded(
  draft: Draft,
  event: EventOf<'session.ended'> | EventOf<'end.requested' | 'process.gone' | 'process.left'>,
): void {
  close(draft, () => true, 'cancelled', evidenceOf(event));
  endEverything(draft);
  wordsDropped(draft);
  draft.context.endedPromptId = event.promptId ?? null;
  draft.context.leader = null;
  forgetProcesses(draft);
  draft.columns.ended_at = wireTime(event.at);
  draft.columns.end_reason = event.reason;
  const { id: session_id } = draft.context.session;
  draft.after.push({ type: 'session_ended', session_id, reason: event.reason });
  touch(draft);
}

/** The reported end is the end of one of several processes: the session goes on in another. */
export function goesOnElsewhere(
  { leader, processes = [] }: SessionContext,
  event: EventOf<'session.ended'>,
): boolean {
  if (event.process === undefined) return processes.length > 1;
  if (leader !== null && event.process !== leader) return true;
  return processes.some(({ pid }) => pid === event.process) && processes.length > 1;
}

/** Kept for the next start of the server: those that are gone by then have ended meanwhile. */
export function processesSeen(draft: Draft, { processes }: EventOf<'process.seen'>): void {
  keepProcesses(draft, processes);
}

/** No process runs it any more. */
export function forgetProcesses(draft: Draft): void {
  if (draft.context.processes === undefined) return;
  // Not deleted: the machine merges what a step leaves with what was there.
  draft.context.processes = [];
  draft.columns.agent_processes = null;
}

/** An ended session is active again; list subscribers get it whole. */
export function sessionReopened(draft: Draft): void {
  draft.context.endedPromptId = null;
  draft.columns.ended_at = null;
  draft.columns.end_reason = null;
  draft.relist = true;
}

/** Whatever moves nothing, or comes too late to, still brings its content and fields. */
export function contentKept(draft: Draft): void {
  keepContent(draft);
}

/** A message came or changed. */
export function messageKept(
  draft: Draft,
  event: EventOf<'message.added'> | EventOf<'message.changed'>,
): void {
  keepContent(draft);
  follow(draft, event);
  // Words of another client, in a thread that others write to as well.
  const { message } = event;
  if (event.type === 'message.added' && message?.message_type === 'user') {
    nameAfter(draft, message.content);
  }
  if (event.type === 'message.changed') {
    const { messageId, changes } = event.update;
    requote(draft, event.update);
    noteOutcome(draft, messageId, changes);
  }
  touch(draft);
}

/** A text that was streamed is whole now: what the list shows of it follows. */
function requote(draft: Draft, { messageId, changes }: EventOf<'message.changed'>['update']): void {
  const { content } = changes;
  const { lastMessageId, session } = draft.context;
  if (messageId !== lastMessageId || content === undefined) return;
  const quote = clip(content);
  if (quote !== session.last_message) change(draft, 'last_message', quote);
}

/** Which texts are still streamed, and which words of clients have not arrived. */
function follow(draft: Draft, event: Parameters<typeof messageKept>[1]): void {
  const { streams, outbox } = draft.context;
  if (event.type === 'message.added') {
    const { id } = event.message;
    const others = streams.filter((stream) => stream !== id);
    draft.context.streams = event.isOpen ? [...others, id].slice(-MAX_STREAMS) : others;
    return;
  }
  const { messageId } = event.update;
  draft.context.streams = streams.filter((id) => id !== messageId);
  draft.context.outbox = outbox.filter((id) => id !== messageId);
}

/** The provider has a client's words: they belong to that turn, and a steered one has arrived. */
export function messageConfirmed(draft: Draft, event: EventOf<'message.confirmed'>): void {
  const { messageId: message_id, turnId: provider_turn_id } = event;
  draft.context.outbox = draft.context.outbox.filter((id) => id !== message_id);
  const { id: session_id } = draft.context.session;
  draft.notes.push({ type: 'turn_noted', session_id, message_id, provider_turn_id });
}

/** Tokens were counted. */
export function usageUpdated(draft: Draft, { usage }: EventOf<'usage.updated'>): void {
  draft.context.session = { ...draft.context.session, token_usage: usage };
  draft.after.push({ type: 'tokens_updated', session_id: draft.context.session.id, usage });
}

/** An answer of the model has cost so much: added to what is known. */
export function costAdded(draft: Draft, { usd }: EventOf<'cost.added'>): void {
  const { id: session_id, token_usage } = draft.context.session;
  const usage = { ...token_usage, cost_usd: (token_usage.cost_usd ?? 0) + usd };
  draft.context.session = { ...draft.context.session, token_usage: usage };
  draft.after.push({ type: 'tokens_updated', session_id, usage });
}

/** The turn's diff or plan changed: too large to remember here, published and stored only. One without steps is none. */
export function documentUpdated(
  draft: Draft,
  event: EventOf<'diff.updated'> | EventOf<'plan.updated'>,
): void {
  if (event.type === 'diff.updated') draft.changes.current_diff = event.diff;
  else draft.changes.current_plan = event.plan === '[]' ? null : event.plan;
}

/** The session has another name, or none. */
export function nameChanged(
  draft: Draft,
  event: EventOf<'name.updated'> | EventOf<'name.chosen'>,
): void {
  const { custom_name, ...session } = draft.context.session;
  const { name } = event;
  draft.context.session = name === null ? session : { ...session, custom_name: name };
  if (custom_name !== (name ?? undefined)) draft.changes.custom_name = name;
  draft.relist = true;
  touch(draft);
}

/** Fields changed and nothing else; the draft has taken them. */
export function fieldsUpdated(): void {}

/** A new session: its row, with the columns that only the row has. */
export function sessionCreated(draft: Draft): void {
  const { source, terminal_session_id, terminal_app, agent_pid, thread_id } = draft.context.session;
  draft.isNew = true;
  Object.assign(draft.columns, {
    ...(source !== undefined && { source }),
    ...(terminal_session_id !== undefined && { terminal_session_id }),
    ...(terminal_app !== undefined && { terminal_app }),
    ...(agent_pid !== undefined && { agent_pid }),
    ...(thread_id !== undefined && { thread_id }),
    ...(draft.context.turn.count > 0 && { turn_count: draft.context.turn.count }),
  });
}
