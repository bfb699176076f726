/**
 * What the wire shows of a session: words read from the tags of active states, and nothing else decides
 * them. A delta is the difference of two views, plus what the actions of the event left.
 */
import type { SnapshotFrom } from 'xstate';
import type {
  ApprovalRequest,
  IntegrationMode,
  LinkState,
  SessionSummary,
  StateChanges,
  WorkStatus,
} from '../src/protocol/nouns.ts';
import type { SessionMessage } from '../src/protocol/server.ts';
import type { sessionMachine } from './session.ts';
import type { Fact, Pieces } from './session-facts.ts';
import { MODE_FIELDS, oldest } from './steps/step-draft.ts';

/** The session's machine at one moment. */
export type SessionSnapshot = SnapshotFrom<typeof sessionMachine>;

/** The wire's word for whom a session waits: the first of these tags that is active, else `waiting`. */
const WORK_WORDS = ['ended', 'question', 'permission', 'working'] as const;

/** Whom the session waits for, in the wire's words. */
export function workStatusOf(snapshot: SessionSnapshot): WorkStatus {
  return WORK_WORDS.find((word) => snapshot.hasTag(word)) ?? 'waiting';
}

/** The state of the way to the provider; undefined for a session that is only watched. */
export function linkStateOf(snapshot: SessionSnapshot): LinkState | undefined {
  return snapshot.hasTag('steered') ? (snapshot.value as { link: LinkState }).link : undefined;
}

/** Words sent now join a turn: one that runs, or one that words sent a moment ago will begin. */
export function joinsTurn(snapshot: SessionSnapshot): boolean {
  const isOpen = snapshot.matches({ phase: { active: { turn: 'open' } } });
  return isOpen || snapshot.context.outbox.length > 0;
}

/** What states say of a session. */
export interface SessionView {
  status: SessionSummary['status'];
  work_status: WorkStatus;
  link_state?: LinkState;
}

/** What the active states say. */
export function viewOf(snapshot: SessionSnapshot): SessionView {
  const work_status = workStatusOf(snapshot);
  const status = work_status === 'ended' ? 'ended' : 'active';
  const link_state = linkStateOf(snapshot);
  return { status, work_status, ...(link_state !== undefined && { link_state }) };
}

/** The session as lists show it. */
export function summaryOf(snapshot: SessionSnapshot): SessionSummary {
  const { source, terminal_session_id, terminal_app, agent_pid, thread_id, ...session } =
    snapshot.context.session;
  const { integration_mode, ...shown } = session;
  const { approvals } = snapshot.context;
  return {
    ...shown,
    ...(integration_mode !== undefined && { [MODE_FIELDS[shown.provider]]: integration_mode }),
    ...viewOf(snapshot),
    has_pending_approval: approvals.length > 0,
  };
}

/** The integration mode in a summary of the wire, whichever field it is in. */
export function integrationModeOf(
  summary: Pick<SessionSummary, 'claude_integration_mode' | 'codex_integration_mode'>,
): IntegrationMode | undefined {
  const { claude_integration_mode: claude, codex_integration_mode: codex } = summary;
  return claude === 'direct' ? claude : (codex ?? claude);
}

/**
 * The facts of one event, in their order: content, private notes, one delta, then what is behind it.
 *
 * @param before  null for a session that did not exist
 */
export function factsOf(
  before: SessionSnapshot | null,
  after: SessionSnapshot,
  pieces: readonly Pieces[],
): Fact[] {
  const { id: session_id } = after.context.session;
  const all = merged(pieces);
  const { changes, shown, isRelisted } = deltaOf(before, after, all);
  const facts: Fact[] = [];
  if (all.isNew) facts.push({ type: 'session_created', session: summaryOf(after) });
  facts.push(...all.content, ...all.notes);
  if (all.isNew || hasKeys(all.columns))
    facts.push({ type: 'row_noted', session_id, columns: all.columns });
  if (hasKeys(changes)) facts.push({ type: 'session_delta', session_id, changes });
  if (isRelisted && !all.isNew) facts.push({ type: 'session_created', session: summaryOf(after) });
  facts.push(...shown, ...all.after);
  return facts;
}

/** What all actions of one event left. */
function merged(pieces: readonly Pieces[]): Pieces {
  const [only, more] = pieces;
  if (only !== undefined && more === undefined) return only;
  const all: Pieces = {
    content: [],
    notes: [],
    columns: {},
    changes: {},
    after: [],
    relist: false,
    isNew: false,
    restate: false,
  };
  for (const one of pieces) {
    all.content.push(...one.content);
    all.notes.push(...one.notes);
    all.after.push(...one.after);
    Object.assign(all.columns, one.columns);
    Object.assign(all.changes, one.changes);
    all.relist ||= one.relist;
    all.isNew ||= one.isNew;
    all.restate ||= one.restate;
  }
  return all;
}

/**
 * What differs for a subscriber. A request that closed needs the summary again, because the app does not
 * read null in a delta; behind a summary an open request is said again, because the app forgets it.
 */
function deltaOf(
  before: SessionSnapshot | null,
  after: SessionSnapshot,
  { changes: left, relist, restate, isNew }: Pieces,
): { changes: StateChanges; shown: SessionMessage[]; isRelisted: boolean } {
  const changes: StateChanges = { ...left };
  const was = before && !restate ? viewOf(before) : null;
  const is = viewOf(after);
  if (!isNew) {
    if (was?.status !== is.status) changes.status = is.status;
    if (was?.work_status !== is.work_status) changes.work_status = is.work_status;
    if (is.link_state !== undefined && was?.link_state !== is.link_state)
      changes.link_state = is.link_state;
  }
  const closed = before ? oldest(before.context)?.request.id : undefined;
  const now = oldest(after.context)?.request;
  const isOther = closed !== now?.id;
  // The same request, but a client has decided it, or the hook that waited is gone.
  const isChanged = before !== null && oldest(before.context)?.request !== now;
  if (isOther || isChanged) changes.pending_approval = now ?? null;
  const isRelisted = relist || (isOther && closed !== undefined);
  const shown = now && (isOther || isRelisted) ? saidAgain(now) : [];
  return { changes, shown, isRelisted };
}

/** A request, and for a question its status behind it: the app takes every request for a permission. */
function saidAgain(request: ApprovalRequest): SessionMessage[] {
  const { session_id, type } = request;
  const requested: SessionMessage = { type: 'approval_requested', session_id, request };
  if (type !== 'question') return [requested];
  return [requested, { type: 'session_delta', session_id, changes: { work_status: 'question' } }];
}

function hasKeys(object: object): boolean {
  for (const _ in object) return true;
  return false;
}
