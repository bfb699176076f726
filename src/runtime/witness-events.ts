/** What the registry and the look at processes report, as events of a session's chart. */
import type { SessionEvent } from '../../machines/session-events.ts';
import type { Session, Stamp } from '../../machines/session-types.ts';
import { wireTime } from '../protocol/entry.ts';
import type { ApprovalRequest } from '../protocol/nouns.ts';
import type { WatchReport } from '../providers/reports.ts';

/** A report of one kind. */
export type ReportOf<What extends WatchReport['what']> = Extract<WatchReport, { what: What }>;

/** When it happened, on the server's clock; `since` where a look found unchanged what began then. */
export interface Moment {
  at: Stamp;
  since?: Stamp;
}

/** What the live registry says the session does. */
export function eventOfState(report: ReportOf<'session.state'>, when: Moment): SessionEvent {
  const { witness, state } = report;
  if (state === 'idle') return { type: 'witness.idle', ...when, witness };
  if (state === 'working') return { type: 'witness.busy', ...when, witness };
  const kind = report.asks ?? 'permission';
  return { type: 'witness.waiting', ...when, witness, kind, request: requestOf(report, kind) };
}

/** The process goes on under another session's id: this one is over. */
export function eventOfLeaving({ witness, pid }: ReportOf<'session.continued'>, at: Stamp) {
  const event = { type: 'process.left', at, witness, reason: 'clear', process: pid } as const;
  return event satisfies SessionEvent;
}

/** No process of the session lives. */
export function eventOfEnd({ witness, reason }: ReportOf<'process.gone'>, at: Stamp): SessionEvent {
  return { type: 'process.gone', at, witness, reason };
}

/** Every process of the session is stopped, or one runs again. */
export function eventOfSuspension(
  { witness, suspended }: ReportOf<'process.suspended'>,
  at: Stamp,
): SessionEvent {
  return { type: 'process.suspended', at, witness, suspended };
}

/** A session that no hook has shown yet, as its registry file describes it. */
export function sessionOfState(
  { sessionId, cwd, startedAt }: ReportOf<'session.state'>,
  { provider, at }: { provider: Session['provider']; at: Stamp },
): Session {
  const path = cwd ?? '/unknown';
  const started = startedAt === null ? wireTime(at) : new Date(startedAt).toISOString();
  return {
    id: sessionId,
    provider,
    project_path: path,
    project_name: path.split('/').filter(Boolean).at(-1) ?? null,
    model: null,
    token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 },
    started_at: started < wireTime(at) ? started : wireTime(at),
    last_activity_at: wireTime(at),
  };
}

/** The registry does not say what is asked. */
function requestOf(
  { sessionId, stamp }: ReportOf<'session.state'>,
  kind: 'permission' | 'question',
): ApprovalRequest {
  const words = 'It waits for you in its terminal';
  const blank = { command: null, file_path: null, diff: null, question: null };
  const base = { id: `${sessionId}:waiting:${Math.floor(stamp)}`, session_id: sessionId, ...blank };
  if (kind === 'question') return { ...base, type: 'question', question: words };
  return { ...base, type: 'exec', command: words };
}
