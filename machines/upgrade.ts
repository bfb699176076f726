/**
 * Stored snapshots of the two versions before: converted when they are read. Older ones go on from their columns.
 */
import type { IntegrationMode } from '../src/protocol/nouns.ts';
import { MACHINE_VERSION, type OpenApproval, type SessionContext } from './session-types.ts';
import { integrationModeOf } from './view.ts';

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
