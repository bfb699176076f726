/**
 * From facts to rows: the one switch that says what a fact changes in the database. Called by commit.ts
 * inside its transaction, with the revision each fact got there. Adding a fact? The compiler stops you here.
 */
import type { Fact, RowNoted } from '../../machines/session-types.ts';
import type { StateChanges } from '../protocol/nouns.ts';
import type { Sqlite } from './database.ts';
import { closeApproval, openApproval } from './row/approvals.ts';
import {
  columnsFromSummary,
  columnsFromUsage,
  isPaper,
  isPlainField,
  type SqlValue,
  toColumn,
} from './row/columns.ts';
import { buryComment, putComment } from './row/comments.ts';
import {
  closeDraft,
  countUp,
  type DraftEnd,
  openDraft,
  readCounters,
  type SessionCounters,
  type SessionDraft,
  stamp,
} from './row/draft.ts';
import { appendMessage, type MessageTools, putTurnDiff, updateMessage } from './row/messages.ts';
import { prepareRowStatements } from './row/statements.ts';
import { createTurnRows } from './row/turns.ts';
import { stampToMs } from './text.ts';

/** Sessions of which numbers are kept in memory; those of the others are looked up again. */
const SESSIONS_KEPT = 2_000;

type FactOf<Type extends Fact['type']> = Extract<Fact, { type: Type }>;

interface Tools extends MessageTools {
  turns: ReturnType<typeof createTurnRows>;
}

/** Writes rows on one connection. */
export type Rows = ReturnType<typeof createRows>;

/** The row writers of one connection; their statements are prepared once. */
export function createRows(database: Sqlite) {
  const statements = prepareRowStatements(database);
  const turns = createTurnRows(database);
  const sequences = new Map<string, number>();
  const counters = new Map<string, SessionCounters>();
  return {
    /** Begins an item's changes with the session as it is stored; it need not exist. */
    open: (sessionId: string, at: string) =>
      openDraft(counters.get(sessionId) ?? readCounters(statements, sessionId), sessionId, at),
    /**
     * Applies one fact. What belongs into the session's own row waits in the draft until `close`.
     *
     * @param revision  the fact's own for messages to subscribers, the current one for notes
     * @throws SqliteError, TypeError, Error when the fact can never be stored
     */
    applyFact: (draft: SessionDraft, fact: Fact, revision: number) =>
      applyFact({ statements, turns, sequences }, draft, fact, revision),
    /** Writes the session's row. @throws Error when there is none */
    close(draft: SessionDraft, end: DraftEnd) {
      closeDraft(statements, draft, end);
      const { sessionId, revision, journalSeq, journalId, stamps } = draft;
      if (counters.size >= SESSIONS_KEPT) counters.clear();
      counters.set(sessionId, { revision, journalSeq, journalId, stamps });
    },
    /** Forgets what is remembered of a session, or of all, after a rollback. */
    forget(sessionId?: string) {
      for (const kept of [sequences, counters]) {
        if (sessionId === undefined) kept.clear();
        else kept.delete(sessionId);
      }
    },
  };
}

function applyFact(tools: Tools, draft: SessionDraft, fact: Fact, revision: number): void {
  refuseForeignFact(draft, fact);
  switch (fact.type) {
    case 'session_created':
      createSession(tools, draft, fact);
      break;
    case 'session_delta':
      applyChanges(tools, draft, fact.changes, revision);
      break;
    case 'message_appended':
      appendMessage(tools, draft, fact.message, revision);
      break;
    case 'message_updated':
      updateMessage(tools, fact, revision);
      draft.amended.push(fact.message_id);
      break;
    case 'tokens_updated':
      Object.assign(draft.columns, columnsFromUsage(fact.usage));
      stamp(draft, 'token_usage', revision);
      break;
    case 'turn_diff_snapshot':
      putTurnDiff(tools, draft, fact, revision);
      break;
    case 'session_ended':
      endSession(draft, fact, revision);
      break;
    case 'thread_rolled_back':
      // What was taken back cannot be told by rows that are still there: only a snapshot can.
      draft.columns.snapshot_base = revision;
      break;
    case 'approval_requested':
      // The request itself comes as a note; this says when subscribers were last shown it.
      draft.shown.set(fact.request.id, revision);
      tools.statements.stampApproval.run(revision, fact.session_id, fact.request.id);
      stamp(draft, 'pending_approval', revision);
      break;
    case 'approval_opened':
      openApproval(tools.statements, fact, draft.shown.get(fact.request.id) ?? revision);
      break;
    case 'approval_closed':
      closeApproval(tools.statements, fact, revision);
      break;
    case 'approval_forgotten':
      tools.statements.forgetApproval.run(fact.approval_id, fact.session_id);
      break;
    case 'review_comment_created':
    case 'review_comment_updated':
      putComment(tools.statements, fact.comment, revision);
      break;
    case 'review_comment_deleted':
      buryComment(tools.statements, fact, revision);
      break;
    case 'row_noted':
      noteRow(draft, fact.columns);
      break;
    case 'turn_noted':
      tools.turns.note(fact);
      break;
    case 'turns_dropped':
      tools.turns.drop(draft, fact);
      break;
    // Told to whoever listens, and to nobody later: they change nothing that is stored.
    case 'context_compacted':
    case 'undo_started':
    case 'undo_completed':
    // A command's message is its row.
    case 'shell_started':
    case 'shell_output':
      break;
    default:
      refuseUnknown(fact);
  }
}

function refuseForeignFact(draft: SessionDraft, fact: Fact): void {
  const owner = fact.type === 'session_created' ? fact.session.id : fact.session_id;
  if (owner !== draft.sessionId) {
    throw new Error(`A fact of session ${owner} came in an item of session ${draft.sessionId}`);
  }
}

function refuseUnknown(fact: never): never {
  throw new Error(`No rows are known for the fact ${JSON.stringify(fact)}`);
}

// ---- the session's own row ---------------------------------------------------------------------

function createSession(
  { statements }: Tools,
  draft: SessionDraft,
  { session }: FactOf<'session_created'>,
): void {
  if (!draft.exists) {
    statements.insertSession.run(session.id, session.provider, session.project_path);
    statements.forgetPending.run(session.id);
    draft.exists = true;
  }
  Object.assign(draft.columns, columnsFromSummary(session));
}

function endSession(draft: SessionDraft, fact: FactOf<'session_ended'>, revision: number): void {
  draft.columns.status = 'ended';
  draft.columns.work_status = 'ended';
  // A note of the same item may know it better.
  draft.columns.end_reason ??= fact.reason;
  draft.columns.ended_at ??= draft.at;
  stamp(draft, 'status', revision);
  stamp(draft, 'work_status', revision);
}

function noteRow(draft: SessionDraft, { count, ...columns }: RowNoted['columns']): void {
  for (const [column, value] of Object.entries(columns)) {
    if (value !== undefined) draft.columns[column] = toColumn(column, value);
  }
  if (columns.last_tool !== undefined) draft.columns.last_tool_at = draft.at;
  if (count !== undefined) countUp(draft, count);
}

function applyChanges(
  { statements }: Tools,
  draft: SessionDraft,
  changes: StateChanges,
  revision: number,
): void {
  for (const [field, value] of Object.entries(changes)) {
    if (value === undefined) continue;
    if (isPlainField(field)) draft.columns[field] = toColumn(field, value as SqlValue);
    else if (isPaper(field)) {
      draft.papers ??= {};
      draft.papers[field] = toColumn(field, value as SqlValue);
    }
    stamp(draft, field, revision);
  }
  if (changes.last_message !== undefined) draft.lastMessageGiven = true;
  if (changes.token_usage) Object.assign(draft.columns, columnsFromUsage(changes.token_usage));
  for (const agent of changes.subagents ?? []) {
    statements.upsertSubagent.run({
      session_id: draft.sessionId,
      id: agent.id,
      agent_type: agent.agent_type,
      started_at: stampToMs(agent.started_at),
      ended_at: agent.ended_at === undefined ? null : stampToMs(agent.ended_at),
      revision,
    });
  }
}
