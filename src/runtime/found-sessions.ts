/**
 * What reports of watched files and processes mean to sessions, as events of the chart. Pure but for one lookup.
 *
 * Sessions that a file on disk shows to be going on somewhere: whose they are, and how they begin. Of such a session
 * nothing else is known at first; the rest is read from the file.
 */
import type { SessionEvent } from '../../machines/session-events.ts';
import type { Session, Stamp } from '../../machines/session-types.ts';
import { wireTime } from '../protocol/encode.ts';
import type { ApprovalRequest } from '../protocol/nouns.ts';
import type { Threads } from '../providers/provider.ts';
import type { WatchReport } from '../providers/reports.ts';
import type { Writer } from '../store/writer.ts';
import type { LiveSession } from './sessions/live-session.ts';

type Found = Extract<WatchReport, { what: 'session.found' }>;

/**
 * The session that a conversation of a provider belongs to: the one that a connector steers it for, else one that is
 * called like the conversation. Two sessions never show the same.
 *
 * @throws OrbitError when the database cannot be asked
 */
export async function findOwner(
  { threads, writer }: { threads: Pick<Threads, 'sessionOf'>; writer: Pick<Writer, 'read'> },
  threadId: string,
): Promise<string> {
  const bound = threads.sessionOf(threadId);
  if (bound !== null) return bound;
  const steered = await writer.read({ kind: 'session-of-thread', threadId });
  return steered?.sessionId ?? threadId;
}

/** The session as the beginning of its file describes it. */
export function sessionOfFile(
  report: Found,
  { provider, at }: { provider: Session['provider']; at: Stamp },
): Session {
  const { sessionId, cwd, path, startedAt, branch, commit, name, forkedFrom, originator } = report;
  const started = startedAt > 0 ? new Date(startedAt).toISOString() : wireTime(at);
  return {
    id: sessionId,
    provider,
    integration_mode: 'passive',
    project_path: cwd,
    project_name: cwd.split('/').filter(Boolean).at(-1) ?? null,
    transcript_path: path,
    model: null,
    token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 },
    started_at: started < wireTime(at) ? started : wireTime(at),
    last_activity_at: started < wireTime(at) ? started : wireTime(at),
    current_cwd: cwd,
    ...(originator !== null && { source: originator }),
    ...(branch !== null && { git_branch: branch }),
    ...(commit !== null && { git_sha: commit }),
    ...(name !== null && { custom_name: name }),
    ...(forkedFrom !== null && { forked_from_session_id: forkedFrom }),
  };
}

/**
 * What such a report means for a session: the first event of a new one, the return of one that was over, or that its
 * file is another one now. Null when it says nothing new.
 *
 * @param live  null for a session that was made by this report
 */
export function eventOfFile(
  { witness, path, startedAt, isBack, originator }: Found,
  { at, live }: { at: Stamp; live: LiveSession | null },
): SessionEvent | null {
  const source = originator ?? 'file';
  if (live === null) {
    // Everything that is read of it yet happened since.
    const began = startedAt > 0 ? stampOf(startedAt) : at;
    return { type: 'session.started', at: began < at ? began : at, witness, source };
  }
  const { snapshot } = live.head;
  const fields = { transcript_path: path };
  if (snapshot.hasTag('steered')) return null;
  if (isBack && snapshot.hasTag('ended')) {
    return { type: 'session.started', at, witness, source, fields };
  }
  if (snapshot.context.session.transcript_path === path) return null;
  return { type: 'fields.updated', at, witness, fields };
}

function stampOf(ms: number): Stamp {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}

/* What the registry and the check of processes report, as events of a session's chart. */

/** A report of one kind. */
export type ReportOf<What extends WatchReport['what']> = Extract<WatchReport, { what: What }>;

/** When it happened, on the server's clock; `since` where a check found unchanged what began then. */
interface WhenItHappened {
  at: Stamp;
  since?: Stamp;
}

/** What the live registry says the session does. */
export function eventOfState(
  report: ReportOf<'session.state'>,
  when: WhenItHappened,
): Extract<SessionEvent, { type: `witness.${string}` }> {
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
export function eventOfEnd(
  { witness, reason, words }: ReportOf<'process.gone'>,
  at: Stamp,
): SessionEvent {
  return { type: 'process.gone', at, witness, reason, ...(words !== undefined && { words }) };
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
