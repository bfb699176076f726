/**
 * The form in which two views of one thing are compared: what a subscriber has folded from frames, what
 * a new client receives. Unset and null are the same; times of deltas have whole seconds; texts are cut as
 * snapshots cut them; what no frame reports (paths of transcripts, terminals) is left out.
 */
import { createHash } from 'node:crypto';
import { cut, cutJson } from '../../src/protocol/encode.ts';
import type { Message, SessionState } from '../../src/protocol/nouns.ts';

/** A snapshot's longest field, as the contract has it. */
const SNAPSHOT_FIELD_CHARS = 16_000;

/** Set once at the creation or by the terminal; no frame reports that they changed. */
const SILENT_FIELDS = new Set([
  ...['transcript_path', 'terminal_session_id', 'terminal_app', 'epoch'],
  // What a snapshot cuts is compared as it cuts it.
  'truncated',
]);

type Fields = Record<string, unknown>;

/** `"1771700000Z"` and ISO alike, as `"1771700000Z"`. */
export function secondsOf(time: string): string {
  if (/^\d+Z$/.test(time)) return time;
  return `${Math.floor(Date.parse(time) / 1000)}Z`;
}

/** A session as its room knows it. */
export function canonicalSession(session: object): Fields {
  const { messages, subagents, review_comments, ...rest } = session as Partial<SessionState>;
  return {
    ...canonicalSummary(rest),
    messages: (messages ?? []).map(canonicalMessage),
    review_comments: review_comments ?? [],
    subagents: [...(subagents ?? [])].sort((a, b) => (a.id < b.id ? -1 : 1)),
  };
}

/** A session as the list knows it. */
export function canonicalSummary(summary: object): Fields {
  const fields: Fields = {};
  for (const [name, value] of byName(summary)) {
    if (value === null || value === undefined || SILENT_FIELDS.has(name)) continue;
    fields[name] = name === 'last_activity_at' ? secondsOf(value as string) : value;
  }
  return fields;
}

function canonicalMessage({ images: _, truncated: __, ...message }: Message): Fields {
  const fields: Fields = {};
  for (const [name, value] of byName(message)) {
    if (value === null || value === undefined) continue;
    if (name === 'is_in_progress' && value === false) continue;
    const shorten = name === 'tool_input' ? cutJson : cut;
    fields[name] = typeof value === 'string' ? shorten(value, SNAPSHOT_FIELD_CHARS) : value;
  }
  return fields;
}

/** In JSON the order of names means nothing. */
function byName(object: object): [string, unknown][] {
  return Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** One short word for a state, to compare many of them. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}
