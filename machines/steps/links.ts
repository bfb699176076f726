/**
 * The connector's coming and going. What it takes with it: the running turn, open requests, words that
 * were on their way. `link_state` is the region `link` as the wire shows it.
 */
import type { LinkState } from '../../src/protocol/nouns.ts';
import type { SessionEvent } from '../session-events.ts';
import type { Order, ThreadSettings } from '../session-facts.ts';
import type { SessionContext } from '../session-types.ts';
import {
  amend,
  append,
  change,
  type Draft,
  draftOf,
  finish,
  isDirect,
  type Step,
  wireTime,
} from './draft.ts';
import { endTurn } from './turns.ts';

type EventOf<Type extends SessionEvent['type']> = Extract<SessionEvent, { type: Type }>;

/** A connector is wanted. */
export function linkRequested(context: SessionContext, event: EventOf<'link.requested'>): Step {
  const draft = draftOf(context, event);
  showLink(draft, 'attaching', null);
  return finish(draft);
}

/** What the connector needs to begin. */
export function attachOrder(context: SessionContext): Order {
  const { codex_thread_id: threadId = null, last_message } = context.session;
  // A session of another server may show a conversation and not name its thread.
  const isBlank = context.turn.count === 0 && (threadId !== null || last_message === undefined);
  return { type: 'thread.attach', threadId, settings: settingsOf(context), isBlank };
}

/** The session's settings as a connector takes them. */
export function settingsOf({ session }: SessionContext): ThreadSettings {
  return {
    cwd: session.project_path,
    model: session.model,
    effort: session.effort ?? null,
    approvalPolicy: session.approval_policy ?? null,
    sandboxMode: session.sandbox_mode ?? null,
  };
}

/** The connector is ready, and says what it can do and which thread it holds. */
export function linkAttached(context: SessionContext, event: EventOf<'link.attached'>): Step {
  const draft = draftOf(context, event);
  draft.context.capabilities = event.capabilities;
  if (event.threadId !== context.session.codex_thread_id) {
    draft.context.session = { ...draft.context.session, codex_thread_id: event.threadId };
    draft.columns.codex_thread_id = event.threadId;
  }
  showLink(draft, 'attached', null);
  return finish(draft);
}

/** The connector is gone: what ran through it is over, and nobody can be answered any more. */
export function linkLost(
  context: SessionContext,
  event: EventOf<'link.lost'> | EventOf<'link.failed'>,
): Step {
  const draft = draftOf(context, event);
  const isLost = event.type === 'link.lost';
  showLink(draft, isLost ? 'detached' : 'failed', event.reason);
  cutOff(draft, event.reason, isLost ? 'unknown' : 'failed');
  return finish(draft);
}

/** Nobody needs the connector for now: it goes, and nothing is lost with it. */
export function linkRested(context: SessionContext, event: EventOf<'link.rested'>): Step {
  const draft = draftOf(context, event);
  draft.context.capabilities = [];
  showLink(draft, 'detached', null);
  return finish(draft);
}

/** The connector's own actor crashed: a bug, and the end of the link, never of the session. */
export function linkCrashed(context: SessionContext, error: unknown): Step {
  const reason = `its connector crashed: ${error instanceof Error ? error.message : String(error)}`;
  const at = `${context.session.last_activity_at?.slice(0, 23) ?? ''}999Z`;
  return linkLost(context, { type: 'link.lost', at, reason });
}

/** The server came back. A watched session goes on by itself; a steered one lost its connector. */
export function serverRestarted(context: SessionContext, event: EventOf<'server.restarted'>): Step {
  const draft = draftOf(context, event);
  if (!isDirect(context.session)) return finish(draft);
  const { link_state } = context.session;
  const reason = 'the server was restarted';
  if (link_state !== 'failed') showLink(draft, 'detached', reason);
  cutOff(draft, reason, 'unknown');
  return finish(draft);
}

/** The region as the wire shows it, with the reason for what nobody wished. */
export function showLink(draft: Draft, state: LinkState, reason: string | null): void {
  const { link_reason: was, ...session } = draft.context.session;
  draft.context.session = session;
  if (reason !== null) change(draft, 'link_reason', reason);
  else if (was !== undefined) draft.changes.link_reason = null;
  if (session.link_state !== state) change(draft, 'link_state', state);
}

/** Ends what hung on the connector and says so in the conversation. */
function cutOff(draft: Draft, reason: string, outcome: 'unknown' | 'failed'): void {
  const { context } = draft;
  draft.context.capabilities = [];
  for (const id of context.outbox) {
    amend(draft, id, { tool_output: `${outcome}: ${reason}`, is_error: true });
  }
  // Their rows hold what was kept of the text; the change makes every later subscriber read it.
  for (const id of context.streams) amend(draft, id, {});
  draft.context.outbox = [];
  draft.context.streams = [];
  const { turn, session } = context;
  if (turn.open) {
    append(draft, {
      id: `${session.id}:interrupted:${turn.count}:${draft.at}`,
      session_id: session.id,
      message_type: 'assistant',
      content: `Interrupted: ${reason}. Send a message to go on.`,
      tool_name: null,
      tool_input: null,
      tool_output: null,
      is_error: true,
      timestamp: wireTime(draft.at),
      duration_ms: null,
    });
  }
  if (turn.open || context.approvals.length > 0) endTurn(draft, []);
}
