/** The session itself: created, continued, ended, and the fields that change nothing else. */
import type { Fact, SessionContext, SessionEvent, SessionInput } from '../session-types.ts';
import { close } from './approvals.ts';
import {
  change,
  draftOf,
  finish,
  keepContent,
  type Step,
  summaryOf,
  touch,
  wireTime,
} from './draft.ts';
import { endEverything, isLate, revive } from './running.ts';
import { endTurn } from './turns.ts';

type EventOf<Type extends SessionEvent['type']> = Extract<SessionEvent, { type: Type }>;

/** A stamp before every other. */
const NEVER = '';

/** The context of a session that has no snapshot: a new one, or a row of another machine version. */
export function contextFrom(input: SessionInput): SessionContext {
  return {
    session: input.session,
    turn: {
      open: false,
      count: input.turnCount,
      id: null,
      promptId: null,
      startedAt: NEVER,
      clearedAt: NEVER,
      seenAt: NEVER,
      settledAt: NEVER,
    },
    tools: [],
    finished: [],
    agents: [],
    approvals: [],
    answeredAt: NEVER,
    capabilities: [],
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
  touch(draft);
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
  const { custom_name, ...session } = context.session;
  draft.context.session = event.name === null ? session : { ...session, custom_name: event.name };
  if (custom_name !== (event.name ?? undefined)) draft.changes.custom_name = event.name;
  draft.relist = true;
  touch(draft);
  return finish(draft);
}

/** Fields changed and nothing else. */
export function fieldsUpdated(context: SessionContext, event: SessionEvent): Step {
  return finish(draftOf(context, event));
}

/** The server came back. A watched session goes on by itself; a steered one lost its connector. */
export function serverRestarted(context: SessionContext, event: EventOf<'server.restarted'>): Step {
  const draft = draftOf(context, event);
  if (isDirect(context)) endTurn(draft, []);
  return finish(draft);
}

/** True for sessions that we steer, not only watch. */
export function isDirect(context: SessionContext): boolean {
  const { codex_integration_mode: codex, claude_integration_mode: claude } = context.session;
  return codex === 'direct' || claude === 'direct';
}

/** Birth of a session: its row, and the list hears of it. */
export function sessionCreated(context: SessionContext): Fact[] {
  const { id, source, terminal_session_id, terminal_app, agent_pid } = context.session;
  const columns = {
    ...(source !== undefined && { source }),
    ...(terminal_session_id !== undefined && { terminal_session_id }),
    ...(terminal_app !== undefined && { terminal_app }),
    ...(agent_pid !== undefined && { agent_pid }),
  };
  return [
    { type: 'session_created', session: summaryOf(context) },
    { type: 'row_noted', session_id: id, columns },
  ];
}
