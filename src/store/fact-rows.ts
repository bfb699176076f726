/**
 * From facts to rows: the one table that says what a fact changes in the database. Called by commit.ts
 * inside its transaction, with the revision each fact got there. Adding a fact? The compiler stops you here.
 */
import type { Fact, RowNoted, WeakUpdate } from '../../machines/session-facts.ts';
import type { StateChanges, TokenUsage } from '../protocol/nouns.ts';
import type { Sqlite } from './database.ts';
import { QUARTER_MS } from './queries/usage.ts';
import {
  closeApproval,
  createTurnRows,
  emptyComment,
  openApproval,
  putComment,
  putTurnDiff,
} from './row/child-rows.ts';
import {
  columnsFromSummary,
  columnsFromUsage,
  isPaper,
  isPlainField,
  prepareRowStatements,
  type RowStatements,
  type SqlValue,
  toColumn,
  type Used,
} from './row/columns.ts';
import {
  appendMessage,
  closeMessage,
  dropMessages,
  type MessageTools,
  updateMessage,
} from './row/messages.ts';
import {
  closeDraft,
  countUp,
  type DraftEnd,
  openDraft,
  readCounters,
  type SessionCounters,
  type SessionDraft,
  stamp,
} from './row/session-row.ts';
import { stampToMs } from './text.ts';
import type { EventItem } from './writer-messages.ts';

/** Sessions of which numbers are kept in memory; those of the others are looked up again. */
const SESSIONS_KEPT = 2_000;

type FactOf<Type extends Fact['type']> = Extract<Fact, { type: Type }>;

interface Tools extends MessageTools {
  turns: ReturnType<typeof createTurnRows>;
}

/** The row writers of one connection; their statements are prepared once. */
export function createRows(database: Sqlite) {
  const statements = prepareRowStatements(database);
  const turns = createTurnRows(database);
  const newest: MessageTools['newest'] = new Map();
  const counters = new Map<string, SessionCounters>();
  return {
    /** Begins an item's changes with the session as it is stored; it need not exist. */
    open: (
      sessionId: string,
      { at, caller, origin }: Pick<EventItem, 'at' | 'caller' | 'origin'>,
    ) =>
      openDraft(counters.get(sessionId) ?? readCounters(statements, sessionId), {
        ...{ sessionId, at, caller, origin },
      }),
    /**
     * Applies one fact. What belongs into the session's own row waits in the draft until `close`.
     *
     * @param revision  the fact's own for messages to subscribers, the current one for notes
     * @returns what is sent instead of a fact about a message that is known: its change, or null for nothing
     * @throws SqliteError, TypeError, Error when the fact can never be stored
     */
    applyFact: (draft: SessionDraft, fact: Fact, revision: number) =>
      applyFact({ statements, turns, newest }, draft, fact, revision),
    /** Writes the session's row. @throws Error when there is none */
    close(draft: SessionDraft, end: DraftEnd) {
      closeDraft(statements, draft, end);
      const { sessionId, revision, journalSeq, journalId, stamps } = draft;
      if (counters.size >= SESSIONS_KEPT) counters.clear();
      counters.set(sessionId, { revision, journalSeq, journalId, stamps });
    },
    /** Forgets what is remembered of a session, or of all, after a rollback. */
    forget(sessionId?: string) {
      for (const kept of [newest, counters]) {
        if (sessionId === undefined) kept.clear();
        else kept.delete(sessionId);
      }
    },
  };
}

type WriteFact<F extends Fact> = (
  tools: Tools,
  draft: SessionDraft,
  fact: F,
  /** The fact's own for messages to subscribers, the current one for notes. */
  revision: number,
) => unknown;

/** What a fact about a known message came to; undefined for every other fact. */
type Instead = ReturnType<typeof appendMessage>;

/** Sent to present subscribers only: it changes nothing that is stored. */
const passes = () => {};

/** One line for each fact there is: what it changes. */
const WRITERS: { [Type in Fact['type']]: WriteFact<FactOf<Type>> } = {
  session_created: createSession,
  session_delta: (tools, draft, fact, revision) =>
    applyChanges(tools, draft, fact.changes, revision),
  session_ended: (_, draft, fact, revision) => endSession(draft, fact, revision),
  row_noted: (_, draft, fact) => noteRow(draft, fact.columns),
  tokens_updated: ({ statements }, draft, fact, revision) => {
    countUsage(statements, draft, fact.usage);
    Object.assign(draft.columns, columnsFromUsage(fact.usage));
    stamp(draft, 'token_usage', revision);
  },

  message_appended: (tools, draft, fact, revision) => appendMessage(tools, draft, fact, revision),
  message_updated: (tools, draft, fact, revision) => {
    if ('isWeak' in fact) return closeMessage(tools, draft, fact as WeakUpdate, revision);
    updateMessage(tools, fact, revision);
    draft.amended.push(fact.message_id);
  },
  turn_diff_snapshot: putTurnDiff,
  turn_noted: (tools, _, fact) => tools.turns.note(fact),
  turns_dropped: (tools, draft, fact) => tools.turns.drop(draft, fact),
  messages_dropped: (tools, draft, fact) => dropMessages(tools, draft, fact.message_ids),
  tail_noted: ({ statements }, _, { type, ...tail }) => {
    statements.putTail.run(tail);
  },
  // Rows that are still there cannot show what was taken back: only a snapshot can.
  thread_rolled_back: (_, draft, __, revision) => {
    draft.columns.snapshot_base = revision;
  },

  // The request itself comes as a note; this says when subscribers were last shown it.
  approval_requested: (_, draft, __, revision) => stamp(draft, 'pending_approval', revision),
  approval_opened: ({ statements }, _, fact, revision) => openApproval(statements, fact, revision),
  approval_sent: ({ statements }, { caller }, fact) => {
    statements.noteDecider.run(caller, fact.session_id, fact.request_id);
  },
  approval_closed: ({ statements }, { caller }, fact, revision) =>
    closeApproval(statements, fact, { revision, caller }),
  approval_forgotten: ({ statements }, _, fact) => {
    statements.forgetApproval.run(fact.approval_id, fact.session_id);
  },

  review_comment_created: ({ statements }, _, fact, revision) =>
    putComment(statements, fact.comment, revision),
  review_comment_updated: ({ statements }, _, fact, revision) =>
    putComment(statements, fact.comment, revision),
  review_comment_deleted: ({ statements }, _, fact, revision) =>
    emptyComment(statements, fact, revision),

  context_compacted: passes,
  undo_started: passes,
  undo_completed: passes,
  // A command's message is its row.
  shell_started: passes,
  shell_output: passes,
};

function applyFact(tools: Tools, draft: SessionDraft, fact: Fact, revision: number): Instead {
  refuseForeignFact(draft, fact);
  // Facts come as JSON: what the types rule out may still be in it.
  const write = Object.hasOwn(WRITERS, fact.type) ? WRITERS[fact.type] : null;
  if (write === null) throw new Error(`No rows are known for the fact ${JSON.stringify(fact)}`);
  const wrote = (write as WriteFact<Fact>)(tools, draft, fact, revision);
  const isOfMessage = fact.type === 'message_appended' || fact.type === 'message_updated';
  return isOfMessage ? (wrote as Instead) : undefined;
}

function refuseForeignFact(draft: SessionDraft, fact: Fact): void {
  const owner = fact.type === 'session_created' ? fact.session.id : fact.session_id;
  if (owner !== draft.sessionId) {
    throw new Error(`A fact of session ${owner} came in an item of session ${draft.sessionId}`);
  }
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
  countUsage(statements, draft, session.token_usage);
  Object.assign(draft.columns, columnsFromSummary(session));
}

/** Less than this is what adding fractions leaves. */
const LEAST_USD = 1e-9;

/**
 * Adds what the session has used since the last time to the quarter of an hour of the event. What a provider counts
 * in all may fall when it reads a file anew or turns are taken back: it was used all the same.
 */
function countUsage(
  statements: RowStatements,
  { sessionId: session_id, at }: SessionDraft,
  usage: TokenUsage,
): void {
  const now = usedInAll(usage);
  if (now === null) return;
  const before = statements.usedBefore.get(session_id);
  const more = (name: keyof typeof now) => Math.max(0, (now[name] ?? 0) - (before?.[name] ?? 0));
  const usd = more('cost_usd');
  const added = {
    input_tokens: more('input_tokens'),
    output_tokens: more('output_tokens'),
    cache_read_tokens: more('cache_read_tokens'),
    cache_write_tokens: more('cache_write_tokens'),
  };
  if (usd < LEAST_USD && Object.values(added).every((count) => count === 0)) return;
  const quarter = Math.floor(Date.parse(at) / QUARTER_MS);
  const cost_usd = usd < LEAST_USD ? null : usd;
  statements.addUsage.run({ session_id, quarter, ...added, cost_usd });
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

/** Columns that are called otherwise than the field of the fact: the table is the reference's. */
const COLUMN_OF: Readonly<Record<string, string>> = { thread_id: 'codex_thread_id' };

function noteRow(draft: SessionDraft, { count, ...columns }: RowNoted['columns']): void {
  for (const [field, value] of Object.entries(columns)) {
    const column = COLUMN_OF[field] ?? field;
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
  if (changes.token_usage) {
    countUsage(statements, draft, changes.token_usage);
    Object.assign(draft.columns, columnsFromUsage(changes.token_usage));
  }
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

/** What a session has used in all, as far as its provider counts that; null when it does not. */
function usedInAll(
  usage: TokenUsage,
): (Omit<Used, 'cost_usd'> & { cost_usd: number | null }) | null {
  const { total_input_tokens, cost_usd } = usage;
  if (total_input_tokens === undefined && cost_usd === undefined) return null;
  const isCounted = total_input_tokens !== undefined;
  return {
    input_tokens: total_input_tokens ?? 0,
    output_tokens: isCounted ? (usage.total_output_tokens ?? usage.output_tokens) : 0,
    cache_read_tokens: usage.cache_read_tokens ?? 0,
    cache_write_tokens: usage.cache_write_tokens ?? 0,
    cost_usd: cost_usd ?? null,
  };
}
