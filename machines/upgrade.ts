/**
 * Stored snapshots of the two versions before, and the state values that version 3 journalled: converted when they are
 * read. Sessions with an older snapshot go on from their columns.
 */
import type { IntegrationMode } from '../src/protocol/nouns.ts';
import { integrationModeOf } from './session-status.ts';
import { MACHINE_VERSION, type OpenApproval, type SessionContext } from './session-types.ts';

/** What version 3 kept in its context and the chart's states say now. */
interface Context3 extends Omit<SessionContext, 'session' | 'turn'> {
  session: SessionContext['session'] & {
    status?: string;
    work_status?: string;
    link_state?: string;
  };
  turn: SessionContext['turn'] & { open: boolean };
}

interface Stored3 {
  value: { link: string };
  context: Context3;
  [other: string]: unknown;
}

interface Stored4 {
  context: {
    session: SessionContext['session'] & {
      codex_thread_id?: string;
      codex_integration_mode?: IntegrationMode;
      claude_integration_mode?: IntegrationMode;
    };
    [other: string]: unknown;
  };
  [other: string]: unknown;
}

/** The snapshot in today's form; null for a version that is not read any more. */
export function upgraded(stored: unknown, version: number): unknown {
  if (version === MACHINE_VERSION) return stored;
  if (version === 4) return from4(stored as Stored4);
  return version === 3 ? from4(from3(stored as Stored3)) : null;
}

/** Version 4 named the thread and the integration mode as the wire does. */
function from4(stored: Stored4): unknown {
  const { codex_thread_id, codex_integration_mode, claude_integration_mode, ...session } =
    stored.context.session;
  const mode = integrationModeOf({
    ...(codex_integration_mode !== undefined && { codex_integration_mode }),
    ...(claude_integration_mode !== undefined && { claude_integration_mode }),
  });
  return {
    ...stored,
    context: {
      ...stored.context,
      session: {
        ...session,
        ...(mode !== undefined && { integration_mode: mode }),
        ...(codex_thread_id !== undefined && { thread_id: codex_thread_id }),
      },
    },
  };
}

function from3(stored: Stored3): Stored4 {
  const { context, value } = stored;
  const { status, work_status: _, link_state: __, ...session } = context.session;
  const { open, ...turn } = context.turn;
  const phase =
    status === 'ended'
      ? 'ended'
      : {
          active: {
            turn: open ? 'open' : 'closed',
            agents: context.agents.length > 0 ? 'running' : 'none',
            requests: requestsOf(context.approvals),
          },
        };
  const stamps = [turn.startedAt, turn.clearedAt, turn.seenAt, turn.settledAt, context.answeredAt];
  const newestAt = stamps.reduce((one, other) => (one < other ? other : one), '');
  return {
    ...stored,
    value: { phase, link: value.link },
    children: {},
    context: {
      ...context,
      session,
      turn,
      newestAt,
      leader: null,
      endedPromptId: null,
      lastMessageId: null,
    },
  };
}

function requestsOf([first]: readonly OpenApproval[]): string {
  if (first === undefined) return 'none';
  return first.request.type === 'question' ? 'question' : 'permission';
}

/** A value of the chart of version 3: region `phase` was a single word of the status. */
interface Value3 {
  phase: 'idle' | 'working' | 'ended' | { awaitingApproval: 'permission' | 'question' };
  link: string;
}

/** A state value of today's chart, as far as it is read here. */
interface Value {
  phase: 'ended' | { active: { turn: string; agents: string; requests: string } };
  link: string;
}

/**
 * A journalled state value in today's form. Version 3 did not say whether subagents run, nor what the main thread does
 * while a request is open: that is shown as a main thread at work.
 */
export function upgradedValue<Given>(journalled: Given): Given | Value {
  if (!isOfVersion3(journalled)) return journalled;
  const { phase, link } = journalled;
  const requests = typeof phase === 'object' ? phase.awaitingApproval : 'none';
  const turn = phase === 'idle' ? 'closed' : 'open';
  return { phase: { active: { turn, agents: 'none', requests } }, link };
}

/** Whether a state value of today's chart is what was journalled, also in the words of version 3. */
export function isSameValue(now: unknown, journalled: unknown): boolean {
  if (!isOfVersion3(journalled)) return JSON.stringify(now) === JSON.stringify(journalled);
  return JSON.stringify(inVersion3(now as Value)) === JSON.stringify(journalled);
}

function isOfVersion3(value: unknown): value is Value3 {
  const { phase } = (value ?? {}) as { phase?: unknown };
  if (typeof phase === 'string') return phase === 'idle' || phase === 'working';
  return typeof phase === 'object' && phase !== null && 'awaitingApproval' in phase;
}

function inVersion3({ phase, link }: Value): Value3 {
  if (phase === 'ended') return { phase, link };
  const { turn, agents, requests } = phase.active;
  if (requests === 'permission' || requests === 'question') {
    return { phase: { awaitingApproval: requests }, link };
  }
  return { phase: turn === 'open' || agents === 'running' ? 'working' : 'idle', link };
}
