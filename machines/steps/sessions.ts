/** The session itself: created, continued, ended, and the fields that change nothing else. */

import type { SessionEvent } from '../session-events.ts';
import type { Fact } from '../session-facts.ts';
import type { SessionContext, SessionInput } from '../session-types.ts';
import { close } from './approvals.ts';
import {
  change,
  type Draft,
  draftOf,
  finish,
  isDirect,
  keepContent,
  type Step,
  summaryOf,
  touch,
  wireTime,
} from './draft.ts';
import { showLink } from './links.ts';
import { endEverything, isLate, revive } from './running.ts';
import { endTurn } from './turns.ts';

type EventOf<Type extends SessionEvent['type']> = Extract<SessionEvent, { type: Type }>;

/** A stamp before every other. */
const NEVER = '';

/** Statuses of a row in which a turn is open. */
const WORKS = new Set<string>(['working', 'permission', 'question']);

/** More texts than a turn streams at once. */
const MAX_STREAMS = 64;

/**
 * The context of a session that has no snapshot: a new one, or a row whose snapshot cannot be used. Such a row's
 * status is believed: the chart then begins in the state that clients are shown.
 */
export function contextFrom(input: SessionInput): SessionContext {
  const { session, isNew, turnCount, requests = [] } = input;
  const isOpen = !isNew && session.status === 'active' && WORKS.has(session.work_status);
  return {
    session: isDirect(session) ? { link_state: 'detached', ...session } : session,
    turn: {
      open: isOpen,
      count: turnCount,
      id: isOpen ? `turn-${turnCount}` : null,
      promptId: null,
      startedAt: NEVER,
      clearedAt: NEVER,
      seenAt: NEVER,
      settledAt: NEVER,
    },
    tools: [],
    finished: [],
    agents: [],
    approvals: requests.map((request) => ({
      ...{ request, tool: null, toolUseId: null, server: null, isBare: true, at: NEVER },
    })),
    answeredAt: NEVER,
    settled: [],
    capabilities: [],
    outbox: [],
    streams: [],
  };
}

/** The CLI started, came back or was continued: a person sits in front of it again. */
export function sessionStarted(context: SessionContext, event: EventOf<'session.started'>): Step {
  const draft = draftOf(context, event);
  const isNews = !isLate(context, event.at) && event.at >= context.turn.startedAt;
  // A compaction keeps the process and its turn; every other start means that what ran is gone.
  if (!isNews || event.source === 'compact') return finish(draft);
  endTurn(draft, []);
  revive(draft);
  draft.columns.source = event.source;
  draft.context.session = { ...draft.context.session, source: event.source };
  return finish(draft);
}

/** The session is over; a late report older than this moment cannot bring it back. */
export function sessionEnded(context: SessionContext, event: EventOf<'session.ended'>): Step {
  const draft = draftOf(context, event);
  close(draft, () => true, 'cancelled', event.type);
  endEverything(draft);
  letGo(draft);
  change(draft, 'status', 'ended');
  draft.columns.ended_at = wireTime(event.at);
  draft.columns.end_reason = event.reason;
  draft.after.push({ type: 'session_ended', session_id: context.session.id, reason: event.reason });
  touch(draft);
  return finish(draft);
}

/** Whatever moves nothing, or comes too late to, still brings its content and fields. */
export function contentKept(context: SessionContext, event: SessionEvent): Step {
  const draft = draftOf(context, event);
  keepContent(draft);
  return finish(draft);
}

/** A message came or changed. */
export function messageKept(
  context: SessionContext,
  event: EventOf<'message.added'> | EventOf<'message.changed'>,
): Step {
  const draft = draftOf(context, event);
  keepContent(draft);
  follow(draft, event);
  touch(draft);
  return finish(draft);
}

/** Which texts are still streamed, and which words of clients have not arrived. */
function follow(draft: Draft, event: Parameters<typeof messageKept>[1]): void {
  const { streams, outbox } = draft.context;
  if (event.type === 'message.added') {
    if (event.isOpen) draft.context.streams = [...streams, event.message.id].slice(-MAX_STREAMS);
    return;
  }
  const { messageId } = event.update;
  draft.context.streams = streams.filter((id) => id !== messageId);
  draft.context.outbox = outbox.filter((id) => id !== messageId);
}

/** The provider has a client's words: they belong to that turn, and a steered one has arrived. */
export function messageConfirmed(
  context: SessionContext,
  event: EventOf<'message.confirmed'>,
): Step {
  const draft = draftOf(context, event);
  const { messageId: message_id, turnId: provider_turn_id } = event;
  draft.context.outbox = context.outbox.filter((id) => id !== message_id);
  draft.notes.push({
    type: 'turn_noted',
    session_id: context.session.id,
    message_id,
    provider_turn_id,
  });
  return finish(draft);
}

/** Tokens were counted. */
export function usageUpdated(context: SessionContext, event: EventOf<'usage.updated'>): Step {
  const draft = draftOf(context, event);
  draft.context.session = { ...draft.context.session, token_usage: event.usage };
  draft.after.push({ type: 'tokens_updated', session_id: context.session.id, usage: event.usage });
  return finish(draft);
}

/** The turn's diff or plan changed: too large to remember here, told and stored only. */
export function paperUpdated(
  context: SessionContext,
  event: EventOf<'diff.updated'> | EventOf<'plan.updated'>,
): Step {
  const draft = draftOf(context, event);
  if (event.type === 'diff.updated') draft.changes.current_diff = event.diff;
  else draft.changes.current_plan = event.plan;
  return finish(draft);
}

/** The session has another name. */
export function nameUpdated(context: SessionContext, event: EventOf<'name.updated'>): Step {
  const draft = draftOf(context, event);
  named(draft, event.name);
  return finish(draft);
}

/** Gives the session a name, or takes it away. */
export function named(draft: Draft, name: string | null): void {
  const { custom_name, ...session } = draft.context.session;
  draft.context.session = name === null ? session : { ...session, custom_name: name };
  if (custom_name !== (name ?? undefined)) draft.changes.custom_name = name;
  draft.relist = true;
  touch(draft);
}

/** Fields changed and nothing else. */
export function fieldsUpdated(context: SessionContext, event: SessionEvent): Step {
  return finish(draftOf(context, event));
}

/** The connector of a session that ends is released; nobody waits for its words any more. */
function letGo(draft: Draft): void {
  const { link_state } = draft.context.session;
  if (link_state === 'attaching' || link_state === 'attached') showLink(draft, 'detached', null);
  draft.context.capabilities = [];
  draft.context.outbox = [];
}

/** Birth of a session: its row, and the list hears of it. */
export function sessionCreated(context: SessionContext): Fact[] {
  const { id, source, terminal_session_id, terminal_app, agent_pid, codex_thread_id } =
    context.session;
  const columns = {
    ...(source !== undefined && { source }),
    ...(terminal_session_id !== undefined && { terminal_session_id }),
    ...(terminal_app !== undefined && { terminal_app }),
    ...(agent_pid !== undefined && { agent_pid }),
    ...(codex_thread_id !== undefined && { codex_thread_id }),
    ...(context.turn.count > 0 && { turn_count: context.turn.count }),
  };
  return [
    { type: 'session_created', session: summaryOf(context) },
    { type: 'row_noted', session_id: id, columns },
  ];
}
