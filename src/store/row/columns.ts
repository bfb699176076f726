/**
 * Which field of the wire lives in which column of `sessions`, both ways, for fact-rows.ts (facts to columns) and the reads
 * (rows to nouns), and the statements of fact-rows.ts. Adding a field? Here, a migration, and `summaryFromRow`.
 */
import type { RunResult, Statement } from 'better-sqlite3';
import type { SessionSummary, StateChanges, TokenUsage } from '../../protocol/nouns.ts';
import { SHARED_FIELDS } from '../../protocol/server.ts';
import type { Sqlite } from '../database.ts';
import { stampToMs, storable } from '../text.ts';

/** What a column can hold here. */
export type SqlValue = string | number | null;

/** Fields of a delta that are long and have a row of their own in `papers`. */
export const PAPER_FIELDS = ['current_diff', 'current_plan'] as const satisfies ReadonlyArray<
  keyof StateChanges
>;

const PAPERS = new Set<string>(PAPER_FIELDS);

/** Whether a field of a delta is a column of `papers`. */
export function isPaper(field: string): field is (typeof PAPER_FIELDS)[number] {
  return PAPERS.has(field);
}

/** Fields of a delta that are one column of the same name. */
const PLAIN_FIELDS = [
  ...SHARED_FIELDS,
  'turn_count',
  'current_turn_id',
] as const satisfies ReadonlyArray<keyof StateChanges>;

/** A field of a delta with a column of its name. */
export type PlainField = (typeof PLAIN_FIELDS)[number];

const PLAIN = new Set<string>(PLAIN_FIELDS);

/** Whether a field of a delta is one column of the same name. */
export function isPlainField(field: string): field is PlainField {
  return PLAIN.has(field);
}

/** Fields of a summary that are one column of the same name; the rest is id and token usage. */
const SUMMARY_FIELDS = [
  ...SHARED_FIELDS,
  'provider',
  'project_path',
  'transcript_path',
  'project_name',
  'started_at',
  'forked_from_session_id',
] as const satisfies ReadonlyArray<keyof SessionSummary>;

/** Columns a whole summary fills; what it leaves out keeps its old value. */
export function columnsFromSummary(session: SessionSummary): Record<string, SqlValue> {
  const columns: Record<string, SqlValue> = {};
  for (const field of SUMMARY_FIELDS) {
    const value = session[field];
    if (value !== undefined && value !== null) columns[field] = toColumn(field, value);
  }
  return { ...columns, ...columnsFromUsage(session.token_usage) };
}

/** The token columns, and what it has cost; what a provider does not report keeps its old value. */
export function columnsFromUsage(usage: TokenUsage): Record<string, SqlValue> {
  return {
    input_tokens: usage.input_tokens,
    output_tokens: usage.output_tokens,
    cached_tokens: usage.cached_tokens,
    context_window: usage.context_window,
    total_tokens: usage.input_tokens + usage.output_tokens,
    ...reportedFigures(usage),
  };
}

/** Figures that not every provider reports, each a column of its name. */
export const REPORTED_FIGURES = [
  'context_tokens',
  'total_input_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'total_output_tokens',
  'cost_usd',
] as const satisfies ReadonlyArray<keyof TokenUsage>;

function reportedFigures(usage: TokenUsage): Record<string, SqlValue> {
  const columns: Record<string, SqlValue> = {};
  for (const name of REPORTED_FIGURES) {
    const figure = usage[name];
    if (figure !== undefined) columns[name] = figure;
  }
  return columns;
}

/** A field's value as its column keeps it: times in milliseconds, texts not longer than allowed. */
export function toColumn(field: string, value: SqlValue): SqlValue {
  if (typeof value !== 'string') return value;
  return field.endsWith('_at') ? stampToMs(value) : storable(value);
}

/*
 * The prepared statements behind fact-rows.ts, in one place, each prepared once per connection: preparing per
 * write cost the reference five times the write itself. No logic lives here.
 */

/** Different sets of session columns whose UPDATE stays prepared; real traffic knows a few dozen. */
const UPDATES_KEPT = 256;

interface CountersRow {
  revision: number;
  journal_seq: number;
  journal_id: number | null;
  field_revisions: string;
}

/** What of a stored message a later report may complete. */
export interface StoredMessage {
  content: string | null;
  tool_output: string | null;
  tool_duration: number | null;
  is_error: number;
  is_in_progress: number;
  images_json: string | null;
}

/** What a session has used. */
export interface Used {
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  cost_usd: number;
}

/** The prepared statements of one connection. */
export type RowStatements = ReturnType<typeof prepareRowStatements>;

/** Prepares everything; the schema must be the newest. */
export function prepareRowStatements(database: Sqlite) {
  return {
    ...prepareSession(database),
    ...prepareConversation(database),
    ...prepareApprovals(database),
    ...prepareComments(database),
  };
}

function prepareSession(database: Sqlite) {
  return {
    session: database.prepare<[string], CountersRow>(
      'SELECT revision, journal_seq, journal_id, field_revisions FROM sessions WHERE id = ?',
    ),
    insertSession: database.prepare(
      'INSERT INTO sessions (id, provider, project_path) VALUES (?, ?, ?)',
    ),
    updateSession: createSessionUpdate(database),
    // REPLACE would give the row a new place, and so rewrite its index and one more page each time.
    putMachine: database.prepare(
      `INSERT INTO machines (session_id, seq, version, snapshot) VALUES (?, ?, ?, ?)
       ON CONFLICT (session_id) DO UPDATE SET
         seq = excluded.seq, version = excluded.version, snapshot = excluded.snapshot`,
    ),
    ensurePapers: database.prepare(
      'INSERT INTO papers (session_id) VALUES (?) ON CONFLICT (session_id) DO NOTHING',
    ),
    putPaper: {
      current_diff: database.prepare('UPDATE papers SET current_diff = ? WHERE session_id = ?'),
      current_plan: database.prepare('UPDATE papers SET current_plan = ? WHERE session_id = ?'),
    },
    usedBefore: database.prepare<[string], Used>(
      `SELECT COALESCE(sum(input_tokens), 0) AS input_tokens, COALESCE(sum(output_tokens), 0) AS output_tokens,
         COALESCE(sum(cache_read_tokens), 0) AS cache_read_tokens,
         COALESCE(sum(cache_write_tokens), 0) AS cache_write_tokens, COALESCE(sum(cost_usd), 0) AS cost_usd
       FROM usage WHERE session_id = ?`,
    ),
    addUsage: database.prepare(
      `INSERT INTO usage (session_id, quarter, input_tokens, output_tokens, cache_read_tokens,
         cache_write_tokens, cost_usd)
       VALUES (@session_id, @quarter, @input_tokens, @output_tokens, @cache_read_tokens,
         @cache_write_tokens, @cost_usd)
       ON CONFLICT (session_id, quarter) DO UPDATE SET
         input_tokens = input_tokens + excluded.input_tokens,
         output_tokens = output_tokens + excluded.output_tokens,
         cache_read_tokens = cache_read_tokens + excluded.cache_read_tokens,
         cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens,
         cost_usd = CASE WHEN excluded.cost_usd IS NULL THEN cost_usd
           ELSE COALESCE(cost_usd, 0) + excluded.cost_usd END`,
    ),
    forgetPending: database.prepare('DELETE FROM pending_sessions WHERE session_id = ?'),
  };
}

function prepareConversation(database: Sqlite) {
  return {
    newestPlace: database.prepare<[string], { sequence: number; timestamp: string }>(
      `SELECT sequence, timestamp FROM messages WHERE session_id = ?
       ORDER BY sequence DESC LIMIT 1`,
    ),
    backwards: database.prepare<[string], { id: string; sequence: number; timestamp: string }>(
      `SELECT id, sequence, timestamp FROM messages WHERE session_id = ? ORDER BY sequence DESC`,
    ),
    // Chosen by place, then by type: a search by type would go through all the tools of a long session.
    newestWords: database.prepare<
      { sessionId: string; type: string; from: string; to: string },
      { id: string; content: string }
    >(
      `SELECT words.id, words.content
       FROM (SELECT id, type, timestamp FROM messages WHERE session_id = @sessionId
             ORDER BY sequence DESC LIMIT 100) AS newest
       JOIN messages AS words ON words.id = newest.id
       WHERE newest.type = @type AND newest.timestamp BETWEEN @from AND @to`,
    ),
    insertMessage: database.prepare(
      `INSERT INTO messages (id, session_id, type, content, timestamp, sequence, tool_name, tool_input,
         tool_output, tool_duration, is_error, is_in_progress, images_json, agent_id,
         created_revision, changed_revision)
       VALUES (@id, @session_id, @type, @content, @timestamp, @sequence, @tool_name, @tool_input,
         @tool_output, @tool_duration, @is_error, @is_in_progress, @images_json, @agent_id,
         @revision, @revision)
       ON CONFLICT (id) DO NOTHING`,
    ),
    message: database.prepare<[string, string], StoredMessage>(
      `SELECT content, tool_output, tool_duration, is_error, is_in_progress, images_json
       FROM messages WHERE id = ? AND session_id = ?`,
    ),
    placeOf: database.prepare<[string, string], { id: string | null; sequence: number }>(
      'SELECT id, sequence FROM messages WHERE id = ? AND session_id = ?',
    ),
    behind: database.prepare<[string, number], { id: string; sequence: number; timestamp: string }>(
      `SELECT id, sequence, timestamp FROM messages WHERE session_id = ? AND sequence > ?
       ORDER BY sequence`,
    ),
    dropMessage: database.prepare<[string, string]>(
      'DELETE FROM messages WHERE id = ? AND session_id = ?',
    ),
    spread: database.prepare<[number, string]>(
      // From their order and not from their numbers, which would outgrow what JavaScript can count.
      `UPDATE messages SET sequence = placed.place * ?
       FROM (SELECT id, row_number() OVER (ORDER BY sequence, rowid) AS place
             FROM messages WHERE session_id = ?) AS placed
       WHERE messages.id = placed.id`,
    ),
    putTail: database.prepare(
      `INSERT OR REPLACE INTO tails (session_id, source, path, file, offset, mark)
       VALUES (@session_id, @source, @path, @file, @offset, @mark)`,
    ),
    updateMessage: database.prepare(
      `UPDATE messages SET
         content = COALESCE(@content, content),
         tool_output = COALESCE(@tool_output, tool_output),
         is_error = COALESCE(@is_error, is_error),
         is_in_progress = COALESCE(@is_in_progress, is_in_progress),
         tool_duration = COALESCE(@tool_duration, tool_duration),
         images_json = COALESCE(@images_json, images_json),
         changed_revision = @revision
       WHERE id = @id AND session_id = @session_id`,
    ),
    upsertTurnDiff: database.prepare(
      `INSERT INTO turn_diffs (session_id, turn_id, diff, input_tokens, output_tokens, cached_tokens,
         context_window, created_at, changed_revision)
       VALUES (@session_id, @turn_id, @diff, @input_tokens, @output_tokens, @cached_tokens,
         @context_window, @at, @revision)
       ON CONFLICT (session_id, turn_id) DO UPDATE SET
         diff = excluded.diff, input_tokens = excluded.input_tokens,
         output_tokens = excluded.output_tokens, cached_tokens = excluded.cached_tokens,
         context_window = excluded.context_window, changed_revision = excluded.changed_revision`,
    ),
    upsertSubagent: database.prepare(
      `INSERT INTO subagents (session_id, id, agent_type, started_at, ended_at, changed_revision)
       VALUES (@session_id, @id, @agent_type, @started_at, @ended_at, @revision)
       ON CONFLICT (session_id, id) DO UPDATE SET
         agent_type = excluded.agent_type, started_at = excluded.started_at,
         ended_at = excluded.ended_at, changed_revision = excluded.changed_revision`,
    ),
  };
}

function prepareApprovals(database: Sqlite) {
  return {
    insertApproval: database.prepare(
      `INSERT INTO approval_history (session_id, request_id, approval_type, tool_name, command,
         file_path, proposed_amendment, request, created_at, created_revision, changed_revision)
       VALUES (@session_id, @request_id, @approval_type, @tool_name, @command,
         @file_path, @proposed_amendment, @request, @at, @revision, @revision)`,
    ),
    reopenApproval: database.prepare(
      `UPDATE approval_history SET request = ?, changed_revision = ?
       WHERE session_id = ? AND request_id = ? AND request IS NOT NULL AND decided_at IS NULL`,
    ),
    forgetApproval: database.prepare(
      `DELETE FROM approval_history WHERE id = ? AND session_id = ?
         AND NOT (request IS NOT NULL AND decided_at IS NULL)`,
    ),
    noteDecider: database.prepare(
      `UPDATE approval_history SET decided_by = ?
       WHERE session_id = ? AND request_id = ? AND request IS NOT NULL AND decided_at IS NULL`,
    ),
    closeApproval: database.prepare(
      `UPDATE approval_history SET decision = @decision, evidence = @evidence,
         decided_at = coalesce(decided_at, @at),
         decided_by = CASE WHEN @keeps_decider THEN decided_by
           WHEN decided_at IS NULL OR decision IS NOT @decision OR evidence GLOB 'client, *'
             THEN @decided_by
           ELSE decided_by END,
         changed_revision = @revision
       WHERE session_id = @session_id AND request_id = @request_id
         AND request IS NOT NULL
         AND (decided_at IS NULL OR decision IN ('unknown', 'cancelled', 'denied')
           OR evidence GLOB 'client, *')`,
    ),
  };
}

function prepareComments(database: Sqlite) {
  return {
    upsertComment: database.prepare(
      `INSERT INTO review_comments (id, session_id, turn_id, file_path, line_start, line_end, body,
         tag, status, created_at, updated_at, created_revision, changed_revision)
       VALUES (@id, @session_id, @turn_id, @file_path, @line_start, @line_end, @body,
         @tag, @status, @created_at, @updated_at, @revision, @revision)
       ON CONFLICT (id) DO UPDATE SET
         body = excluded.body, tag = excluded.tag, status = excluded.status,
         updated_at = excluded.updated_at, changed_revision = excluded.changed_revision`,
    ),
    emptyComment: database.prepare(
      `UPDATE review_comments SET is_deleted = 1, body = '', file_path = '', changed_revision = ?
       WHERE id = ? AND session_id = ?`,
    ),
  };
}

function createSessionUpdate(database: Sqlite) {
  const prepared = new Map<string, Statement>();
  return (
    sessionId: string,
    columns: Record<string, SqlValue>,
    counts: Record<string, number>,
  ): RunResult => {
    const set = Object.keys(columns).map((column) => `${column} = ?`);
    const added = Object.keys(counts).map((column) => `${column} = ${column} + ?`);
    const sql = `UPDATE sessions SET ${[...set, ...added].join(', ')} WHERE id = ?`;
    let statement = prepared.get(sql);
    if (statement === undefined) {
      if (prepared.size >= UPDATES_KEPT) prepared.clear();
      statement = database.prepare(sql);
      prepared.set(sql, statement);
    }
    return statement.run(...Object.values(columns), ...Object.values(counts), sessionId);
  };
}
