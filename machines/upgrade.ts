/**
 * Stored snapshots of the version before: converted when they are read, from their context, because their
 * state was derived from it. One version back; older ones go on from their columns.
 */
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

/** The snapshot in today's form; null for a version that is not read any more. */
export function upgraded(stored: unknown, version: number): unknown {
  if (version === MACHINE_VERSION) return stored;
  return version === 3 ? from3(stored as Stored3) : null;
}

function from3(stored: Stored3): unknown {
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
