/**
 * From facts to rows: the one switch that says what a fact changes in the database. Facts of one item are
 * gathered in a draft of the session's row, which is written once, when the item is complete. Called by
 * commit.ts inside its transaction, with the revision each fact got there.
 */
import type { Fact } from '../../machines/session-types.ts';
import type { Message, StateChanges } from '../protocol/nouns.ts';
import {
  columnsFromSummary,
  columnsFromUsage,
  isPlainField,
  type SqlValue,
  toColumn,
} from './columns.ts';
import type { Sqlite } from './database.ts';
import { prepareRowStatements, type RowStatements } from './row-statements.ts';
import { EXCERPT_CHARS, head, stampToMs, storable } from './text.ts';

/** Sessions whose next message number is kept in memory; the others are looked up again. */
const SEQUENCES_KEPT = 2_000;

type Counter = 'prompt_count' | 'tool_count' | 'compact_count' | 'message_count';

/** A session's row while the facts of one item are applied to it. */
export interface SessionDraft {
  readonly sessionId: string;
  /** When the item happened, ISO milliseconds. */
  readonly at: string;
  exists: boolean;
  revision: number;
  journalSeq: number;
  columns: Record<string, SqlValue>;
  /** Revision that last changed each field of the wire; null until a fact needs it. */
  stamps: Record<string, number> | null;
  storedStamps: string;
  counts: Partial<Record<Counter, number>>;
  /** A delta of this item words `last_message` itself. */
  lastMessageGiven: boolean;
  /** Stamps of requests shown by this item, for history rows that come after them. */
  shown: Map<string, number>;
}

/** Where a session stands after an item, written with the rest of its row. */
export interface DraftEnd {
  snapshot: string | null;
  machineVersion: number;
}

export type Rows = ReturnType<typeof createRows>;

/** The row writers of one connection; their statements are prepared once. */
export function createRows(database: Sqlite) {
  const statements = prepareRowStatements(database);
  const sequences = new Map<string, number>();
  const nextSequence = (sessionId: string) => {
    const known = sequences.get(sessionId);
    if (known !== undefined) return known;
    if (sequences.size >= SEQUENCES_KEPT) sequences.clear();
    return (statements.newestSequence.get(sessionId) ?? -1) + 1;
  };
  return {
    /** Begins with the session as it is stored; it need not exist. */
    open: (sessionId: string, at: string) => openDraft(statements, sessionId, at),
    /**
     * Applies one fact. The draft holds what belongs into the session's row until `close`.
     *
     * @param revision  the fact's own for messages to subscribers, the current one for notes
     * @throws SqliteError, TypeError, Error when the fact can never be stored
     */
    applyFact: (draft: SessionDraft, fact: Fact, revision: number) =>
      applyFact({ statements, sequences, nextSequence }, draft, fact, revision),
    /** Writes the session's row. @throws Error when there is none */
    close: (draft: SessionDraft, end: DraftEnd) => closeDraft(statements, draft, end),
    /** Forgets what is remembered of a session, or of all, after a rollback. */
    forget(sessionId?: string) {
      if (sessionId === undefined) sequences.clear();
      else sequences.delete(sessionId);
    },
  };
}

interface Tools {
  statements: RowStatements;
  sequences: Map<string, number>;
  nextSequence: (sessionId: string) => number;
}

function openDraft(statements: RowStatements, sessionId: string, at: string): SessionDraft {
  const row = statements.session.get(sessionId);
  return {
    sessionId,
    at: stampToMs(at),
    exists: row !== undefined,
    revision: row?.revision ?? 0,
    journalSeq: row?.journal_seq ?? 0,
    columns: {},
    stamps: null,
    storedStamps: row?.field_revisions ?? '{}',
    counts: {},
    lastMessageGiven: false,
    shown: new Map(),
  };
}

function applyFact(tools: Tools, draft: SessionDraft, fact: Fact, revision: number): void {
  const { statements } = tools;
  const owner = fact.type === 'session_created' ? fact.session.id : fact.session_id;
  if (owner !== draft.sessionId)
    throw new Error(`A fact of ${owner} in an item of another session`);
  switch (fact.type) {
    case 'session_created':
      if (!draft.exists) {
        statements.insertSession.run(owner, fact.session.provider, fact.session.project_path);
        statements.forgetPending.run(owner);
        draft.exists = true;
      }
      Object.assign(draft.columns, columnsFromSummary(fact.session));
      return;
    case 'session_delta':
      return applyChanges(tools, draft, fact.changes, revision);
    case 'message_appended':
      return appendMessage(tools, draft, fact.message, revision);
    case 'message_updated': {
      const { content, tool_output, is_error, duration_ms } = fact.changes;
      statements.updateMessage.run({
        content: content === undefined ? null : storable(content),
        tool_output: tool_output === undefined ? null : storable(tool_output),
        is_error: is_error === undefined ? null : Number(is_error),
        tool_duration: duration_ms === undefined ? null : duration_ms / 1000,
        revision,
        id: fact.message_id,
        session_id: owner,
      });
      return;
    }
    case 'tokens_updated':
      Object.assign(draft.columns, columnsFromUsage(fact.usage));
      return stamp(draft, 'token_usage', revision);
    case 'turn_diff_snapshot':
      statements.upsertTurnDiff.run({
        session_id: owner,
        turn_id: fact.turn_id,
        diff: storable(fact.diff),
        input_tokens: fact.input_tokens ?? 0,
        output_tokens: fact.output_tokens ?? 0,
        cached_tokens: fact.cached_tokens ?? 0,
        context_window: fact.context_window ?? 0,
        at: draft.at,
        revision,
      });
      return;
    case 'session_ended':
      Object.assign(draft.columns, { status: 'ended', work_status: 'ended' });
      draft.columns.end_reason ??= fact.reason;
      draft.columns.ended_at ??= draft.at;
      stamp(draft, 'status', revision);
      return stamp(draft, 'work_status', revision);
    case 'thread_rolled_back':
      // What was taken back cannot be told by rows that are still there: only a snapshot can.
      draft.columns.snapshot_base = revision;
      return;
    case 'approval_requested':
      // The request itself comes as a note; this says when subscribers were last shown it.
      draft.shown.set(fact.request.id, revision);
      statements.stampApproval.run(revision, owner, fact.request.id);
      return stamp(draft, 'pending_approval', revision);
    case 'approval_opened': {
      const { request, tool_name, at } = fact;
      const shown = draft.shown.get(request.id) ?? revision;
      const json = storableRequest(request);
      const reopened = statements.reopenApproval.run(json, shown, owner, request.id);
      if (reopened.changes > 0) return;
      statements.insertApproval.run({
        session_id: owner,
        request_id: request.id,
        approval_type: request.type,
        tool_name,
        command: request.command === null ? null : storable(request.command),
        file_path: request.file_path,
        proposed_amendment: request.proposed_amendment
          ? JSON.stringify(request.proposed_amendment)
          : null,
        request: json,
        at: stampToMs(at),
        revision: shown,
      });
      return;
    }
    case 'approval_closed':
      statements.closeApproval.run({
        decision: fact.decision,
        evidence: fact.evidence,
        at: stampToMs(fact.at),
        revision,
        session_id: owner,
        request_id: fact.request_id,
      });
      return;
    case 'row_noted': {
      const { count, ...columns } = fact.columns;
      for (const [column, value] of Object.entries(columns)) {
        if (value !== undefined) draft.columns[column] = toColumn(column, value);
      }
      if (columns.last_tool !== undefined) draft.columns.last_tool_at = draft.at;
      if (count !== undefined) add(draft, count);
      return;
    }
    // Told to whoever listens, and to nobody later: they change nothing that is stored.
    case 'context_compacted':
    case 'undo_started':
    case 'undo_completed':
      return;
    default:
      return unknownFact(fact);
  }
}

function unknownFact(fact: never): never {
  throw new Error(`No rows are known for the fact ${JSON.stringify(fact)}`);
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

function appendMessage(
  { statements, sequences, nextSequence }: Tools,
  draft: SessionDraft,
  message: Message,
  revision: number,
): void {
  const sequence = nextSequence(draft.sessionId);
  const { changes } = statements.insertMessage.run({
    id: message.id,
    session_id: draft.sessionId,
    type: message.message_type,
    content: storable(message.content),
    timestamp: stampToMs(message.timestamp),
    sequence,
    tool_name: message.tool_name,
    tool_input: message.tool_input === null ? null : storable(message.tool_input),
    tool_output: message.tool_output === null ? null : storable(message.tool_output),
    tool_duration: message.duration_ms === null ? null : message.duration_ms / 1000,
    is_error: Number(message.is_error),
    images_json: message.images?.length ? JSON.stringify(message.images) : null,
    revision,
  });
  // A report that came twice: the first stays, and no number is spent on the second.
  if (changes === 0) return;
  sequences.set(draft.sessionId, sequence + 1);
  add(draft, 'message_count');
  const speaks = message.message_type === 'user' || message.message_type === 'assistant';
  if (!speaks || draft.lastMessageGiven) return;
  draft.columns.last_message = head(message.content, EXCERPT_CHARS);
  stamp(draft, 'last_message', revision);
}

function add(draft: SessionDraft, counter: Counter): void {
  draft.counts[counter] = (draft.counts[counter] ?? 0) + 1;
}

function stamp(draft: SessionDraft, field: string, revision: number): void {
  draft.stamps ??= JSON.parse(draft.storedStamps) as Record<string, number>;
  draft.stamps[field] = revision;
}

function storableRequest(request: object): string {
  return JSON.stringify(request, (_, value: unknown) =>
    typeof value === 'string' ? storable(value) : value,
  );
}

function closeDraft(statements: RowStatements, draft: SessionDraft, end: DraftEnd): void {
  const columns: Record<string, SqlValue> = {
    ...draft.columns,
    revision: draft.revision,
    journal_seq: draft.journalSeq,
  };
  if (draft.stamps !== null) columns.field_revisions = JSON.stringify(draft.stamps);
  if (end.snapshot !== null) {
    columns.machine_snapshot = end.snapshot;
    columns.machine_version = end.machineVersion;
  }
  const { changes } = statements.updateSession(draft.sessionId, columns, draft.counts);
  if (changes === 0) throw new Error(`There is no row for session ${draft.sessionId}`);
}
