/**
 * Which field of the wire lives in which column of `sessions`, both ways, in one table each. Called by
 * rows.ts (facts to columns) and by the reads (rows to nouns). Adding a field? Here, a migration, and
 * `summaryFromRow`.
 */
import { SHARED_FIELDS } from '../../protocol/fields.ts';
import type { SessionSummary, StateChanges, TokenUsage } from '../../protocol/nouns.ts';
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

/** The five token columns. */
export function columnsFromUsage(usage: TokenUsage): Record<string, SqlValue> {
  return {
    input_tokens: usage.input_tokens,
    output_tokens: usage.output_tokens,
    cached_tokens: usage.cached_tokens,
    context_window: usage.context_window,
    total_tokens: usage.input_tokens + usage.output_tokens,
  };
}

/** A field's value as its column keeps it: times in milliseconds, texts not longer than allowed. */
export function toColumn(field: string, value: SqlValue): SqlValue {
  if (typeof value !== 'string') return value;
  return field.endsWith('_at') ? stampToMs(value) : storable(value);
}
