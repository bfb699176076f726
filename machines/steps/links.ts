/**
 * The connector's coming and going. What it takes with it: the running turn, open requests, words that
 * were on their way. The state of region `link` is what the wire shows as `link_state`.
 */
import type { ConnectorCommand, ThreadSettings } from '../session-facts.ts';
import type { SessionContext } from '../session-types.ts';
import { close } from './approvals.ts';
import { cutOffTools, type TurnEdge } from './running.ts';
import { forgetProcesses } from './sessions.ts';
import {
  amend,
  append,
  change,
  type Draft,
  type EventOf,
  evidenceOf,
  MODE_FIELDS,
  wireTime,
} from './step-draft.ts';
import { endTurn } from './turns.ts';

/** A watched session is steered from now on. */
export function linkOffered(draft: Draft, { threadId }: EventOf<'link.offered'>): void {
  const { session } = draft.context;
  draft.context.session = { ...session, integration_mode: 'direct', thread_id: threadId };
  draft.columns.thread_id = threadId;
  draft.changes[MODE_FIELDS[session.provider]] = 'direct';
  draft.relist = true;
}

/** A connector is wanted: the reason why the last one went is no longer true. */
export function linkRequested(draft: Draft): void {
  giveReason(draft, null);
  draft.commands.push(attachCommand(draft.context));
}

/** What the connector needs to begin. */
function attachCommand(context: SessionContext): ConnectorCommand {
  const { thread_id: threadId = null, last_message } = context.session;
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
    ...(session.engine !== undefined && { engine: session.engine }),
  };
}

/** The connector is ready, and says what it can do and which thread it holds. */
export function linkAttached(draft: Draft, event: EventOf<'link.attached'>): void {
  draft.context.capabilities = event.capabilities;
  if (event.threadId !== draft.context.session.thread_id) {
    draft.context.session = { ...draft.context.session, thread_id: event.threadId };
    draft.columns.thread_id = event.threadId;
  }
  giveReason(draft, null);
}

/** The connector is gone, or could not start: what was on its way did not arrive, or may not have. */
export function linkLost(draft: Draft, event: EventOf<'link.lost'> | EventOf<'link.failed'>): void {
  giveReason(draft, event.reason);
  cutOff(draft, event.reason, event.type === 'link.lost' ? 'unknown' : 'failed');
}

/** No connector could take the thread from the process that has it: only words of clients are lost. */
export function linkRefused(draft: Draft, { reason }: EventOf<'link.failed'>): void {
  giveReason(draft, reason);
  loseWords(draft, reason, 'failed');
}

/** The connector goes because it was idle, or because its session ended; what still ran goes with it. */
export function linkReleased(
  draft: Draft,
  event: EventOf<'link.rested' | 'session.ended' | 'end.requested'>,
): void {
  const isIdle = event.type === 'link.rested';
  cutOffTools(draft, isIdle ? 'the session was idle' : 'the session was ended');
  draft.context.capabilities = [];
  draft.context.outbox = [];
  giveReason(draft, null);
  draft.commands.push({ type: 'thread.release' });
}

/**
 * The connector is gone and the thread goes on: turn, tools and requests stay as they were seen last, and words on
 * their way may have arrived.
 */
export function linkLeft(
  draft: Draft,
  event: EventOf<'link.lost'> | EventOf<'server.restarted'>,
): void {
  giveReason(draft, event.type === 'link.lost' ? event.reason : RESTARTED);
  draft.context.capabilities = [];
  if (event.type === 'server.restarted') draft.restate = true;
}

/** The connection is there again, and the provider listed what it has: the rest is over. */
export function unlistedSettled(draft: Draft, event: EventOf<'thread.listed'>): void {
  const { requestIds, messageIds } = event;
  const waits = new Set(requestIds);
  close(draft, ({ request }) => !waits.has(request.id), 'unknown', evidenceOf(event));
  const underWay = new Set(messageIds);
  const lost = draft.context.outbox.filter((id) => !underWay.has(id));
  for (const id of lost) {
    const tool_output = 'failed: the connection was lost before it arrived';
    amend(draft, id, { tool_output, is_error: true });
  }
  draft.context.outbox = draft.context.outbox.filter((id) => underWay.has(id));
}

/** Why a process that is new finds no connector. */
export const RESTARTED = 'the server was restarted';

/** Another process went on with the thread while no connector of ours did, and is gone with all that it ran. */
export function holderLost(draft: Draft, event: EventOf<'process.gone'>): void {
  forgetProcesses(draft);
  cutOff(draft, reasonOfLoss(event), 'unknown');
}

/** Why a turn ends that another process ran: the reason of the event is a word for records. */
export function reasonOfLoss({ words }: { words?: string }): string {
  return words ?? 'the process that went on with it is gone';
}

/** The server came back: a steered session lost its connector; its row may still show the old state. */
export function linkRestarted(draft: Draft): void {
  giveReason(draft, RESTARTED);
  cutOff(draft, RESTARTED, 'unknown');
  draft.restate = true;
}

/** The turn that ran through the connector is over, and the conversation says so. */
export function turnCutOff(draft: Draft, event: EventOf<'link.cut'>, edge: TurnEdge): void {
  const { session, turn } = draft.before;
  if (edge !== 'closed') {
    append(draft, {
      id: `${session.id}:interrupted:${turn.count}:${draft.at}`,
      session_id: session.id,
      message_type: 'assistant',
      content: `Interrupted: ${event.reason}. Send a message to go on.`,
      tool_name: null,
      tool_input: null,
      tool_output: null,
      is_error: true,
      timestamp: wireTime(draft.at),
      duration_ms: null,
    });
  }
  endTurn(draft, [], edge);
}

/** The reason for a link state that no client asked for. */
function giveReason(draft: Draft, reason: string | null): void {
  const { link_reason: was, ...session } = draft.context.session;
  draft.context.session = session;
  if (reason !== null) change(draft, 'link_reason', reason);
  else if (was !== undefined) draft.changes.link_reason = null;
}

/** Words that were on their way, tools that ran, and texts that were streamed. */
function cutOff(draft: Draft, reason: string, outcome: 'unknown' | 'failed'): void {
  const { streams } = draft.context;
  draft.context.capabilities = [];
  loseWords(draft, reason, outcome);
  cutOffTools(draft, reason);
  // Their rows hold what was kept of the text; the change makes every later subscriber read it.
  for (const id of streams) amend(draft, id, {});
  draft.context.streams = [];
}

function loseWords(draft: Draft, reason: string, outcome: 'unknown' | 'failed'): void {
  for (const id of draft.context.outbox)
    amend(draft, id, { tool_output: `${outcome}: ${reason}`, is_error: true });
  draft.context.outbox = [];
}
