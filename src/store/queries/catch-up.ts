/**
 * What brings a subscriber from the revision it has to the one we have: nothing, the rows that changed,
 * or a snapshot. Costs as much as has changed, survives restarts, and never revives what is settled.
 * Called by the writer thread, behind every commit before it.
 */
import { encode, MAX_FRAME_BYTES } from '../../protocol/encode.ts';
import type { StateChanges } from '../../protocol/nouns.ts';
import type { SessionMessage } from '../../protocol/server.ts';
import type { Sqlite } from '../database.ts';
import { byteLength } from '../text.ts';
import type { Read, ReadResults } from '../writer-messages.ts';
import {
  MESSAGE_COLUMNS,
  type MessageRow,
  type OpenApprovalRow,
  requestFromRow,
  type SubagentRow,
  type TurnDiffRow,
} from './conversation.ts';
import { createJournalRead } from './journal.ts';
import { COMMENT_COLUMNS, type CommentRow } from './reviews.ts';
import { summaryFromRow } from './session-rows.ts';
import {
  approvalFrame,
  changesSince,
  commentFrames,
  createSnapshotRead,
  messageFrame,
  SESSION_COLUMNS,
  SESSION_TABLES,
  type SessionRow,
  type Stamped,
  type StampedChanges,
  turnDiffFrame,
} from './snapshot.ts';

/** More changed rows than this, and a snapshot is cheaper for client and server. */
const MAX_ROWS = 500;

/** So many events are looked through for what they changed: about as dear as those rows. */
const MAX_EVENTS = 2_000;

type CatchUp = Extract<Read, { kind: 'catch-up' }>;

/** Answers catch-up reads on one connection. */
export function createCatchUpRead({ database, epoch }: { database: Sqlite; epoch: string }) {
  const statements = prepareStatements(database);
  const writeSnapshot = createSnapshotRead({ database, epoch });

  return (read: CatchUp): ReadResults['catch-up'] => {
    const row = statements.session.get(read.sessionId);
    if (row === undefined) return null;
    const open = readable(statements.openApproval.get(row.id));
    const { revision } = row;
    const openApproval = open === undefined ? null : encode(approvalFrame(row.id, open), revision);
    const since = read.epoch === null || read.epoch === epoch ? read.since : null;
    if (since === revision) return { frames: upToDate(row, openApproval), revision, openApproval };
    const frames =
      since !== null && isReachable(since, row) && isJson(row.field_revisions)
        ? replay(statements, { row, since, open })
        : null;
    const shown = frames ?? [writeSnapshot(row, open, read.messages ?? null)];
    return { frames: shown, revision, openApproval };
  };
}

/** A request whose text is damaged can neither be shown nor answered: its session is shown without it. */
function readable(open: OpenApprovalRow | undefined): OpenApprovalRow | undefined {
  return open !== undefined && isJson(open.request) ? open : undefined;
}

function isJson(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object';
  } catch {
    return false;
  }
}

/** Who has everything still needs what is open, and behind a question its status (see `withFields`). */
function upToDate(row: SessionRow, openApproval: string | null): string[] {
  if (openApproval === null) return [];
  const { work_status } = summaryFromRow(row);
  if (work_status !== 'question') return [openApproval];
  const changes: StateChanges = { work_status };
  const delta: SessionMessage = { type: 'session_delta', session_id: row.id, changes };
  return [openApproval, encode(delta, row.revision)];
}

/** Whether rows can show everything since then. 0 is what a client says that has nothing yet. */
function isReachable(since: number, { revision, snapshot_base }: SessionRow): boolean {
  return Number.isSafeInteger(since) && since > 0 && since >= snapshot_base && since < revision;
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: Sqlite) {
  return {
    session: database.prepare<[string], SessionRow>(
      `SELECT ${SESSION_COLUMNS} FROM ${SESSION_TABLES} WHERE id = ?`,
    ),
    openApproval: database.prepare<[string], OpenApprovalRow>(
      `SELECT request FROM approval_history
       WHERE session_id = ? AND request IS NOT NULL AND decided_at IS NULL ORDER BY id LIMIT 1`,
    ),
    newestMessages: database.prepare<[string], MessageRow>(
      `SELECT ${MESSAGE_COLUMNS} FROM messages WHERE session_id = ? ORDER BY sequence DESC`,
    ),
    message: database.prepare<[string, string], MessageRow>(
      `SELECT ${MESSAGE_COLUMNS} FROM messages WHERE id = ? AND session_id = ?`,
    ),
    before: database
      .prepare<[string, string], string>(
        `SELECT id FROM messages WHERE session_id = ?
           AND sequence < (SELECT sequence FROM messages WHERE id = ?)
         ORDER BY sequence DESC LIMIT 1`,
      )
      .pluck(),
    journal: createJournalRead(database),
    turnDiffs: database.prepare<[string, number], TurnDiffRow>(
      `SELECT turn_id, diff, input_tokens, output_tokens, cached_tokens, context_window,
         changed_revision
       FROM turn_diffs WHERE session_id = ? AND changed_revision > ?
       ORDER BY changed_revision LIMIT ${MAX_ROWS + 1}`,
    ),
    comments: database.prepare<[string, number], CommentRow>(
      `SELECT ${COMMENT_COLUMNS} FROM review_comments WHERE session_id = ? AND changed_revision > ?
       ORDER BY changed_revision LIMIT ${MAX_ROWS + 1}`,
    ),
    subagents: database.prepare<[string, number], SubagentRow>(
      `SELECT id, agent_type, started_at, ended_at, changed_revision
       FROM subagents WHERE session_id = ? AND changed_revision > ? ORDER BY rowid`,
    ),
  };
}

/** The frames since then, or null when they are more than a snapshot would be. */
function replay(
  statements: Statements,
  { row, since, open }: { row: SessionRow; since: number; open: OpenApprovalRow | undefined },
): string[] | null {
  const amended = amendedSince(statements, row.id, since);
  if (amended === null) return null;
  const stamped: Stamped[] = [];
  for (const message of changedMessages(statements, row.id, since, amended)) {
    const isPlaced = message.created_revision > since && amended.has(message.id);
    const after = isPlaced ? (statements.before.get(row.id, message.id) ?? null) : undefined;
    stamped.push(messageFrame(message, since, after));
    if (stamped.length > MAX_ROWS) return null;
  }
  for (const diff of statements.turnDiffs.iterate(row.id, since)) {
    stamped.push({ revision: diff.changed_revision, message: turnDiffFrame(row.id, diff) });
    if (stamped.length > MAX_ROWS) return null;
  }
  for (const comment of statements.comments.iterate(row.id, since)) {
    stamped.push(...commentFrames(comment, since));
    if (stamped.length > MAX_ROWS) return null;
  }
  stamped.sort((a, b) => a.revision - b.revision);
  const fields = changesSince(row, since, {
    pending_approval: open === undefined ? null : requestFromRow(open),
    subagents: statements.subagents.all(row.id, since),
  });
  return encodeWithin(withFields(stamped, { row, since, fields, open }));
}

/** Ids of the messages that changed since then, out of the journal; null when that is too far back. */
function amendedSince(
  { journal }: Statements,
  sessionId: string,
  since: number,
): Set<string> | null {
  const amended = new Set<string>();
  let events = 0;
  for (const row of journal.backwards(sessionId)) {
    if (row.revision <= since) return amended;
    if (row.amended !== null) {
      if (!isJson(row.amended)) return null;
      for (const id of JSON.parse(row.amended)) amended.add(id);
    }
    // The session's first: there is nothing before it.
    if (row.seq === 1) return amended;
    events += 1;
    if (events > MAX_EVENTS) return null;
  }
  return null;
}

/** New ones from the end of the conversation backwards, for numbers are given in its order; then the others. */
function* changedMessages(
  { newestMessages, message: byId }: Statements,
  sessionId: string,
  since: number,
  amended: ReadonlySet<string>,
): Generator<MessageRow> {
  const sent = new Set<string>();
  for (const message of newestMessages.iterate(sessionId)) {
    if (message.created_revision <= since) break;
    sent.add(message.id);
    yield message;
  }
  for (const id of amended) {
    const message = sent.has(id) ? undefined : byId.get(id, sessionId);
    if (message !== undefined) yield message;
  }
}

/**
 * Puts fields between the rows, by the revision that changed them last. Each revision has one frame, in
 * ascending order, and a frame says the last that its revision changed: a client that is cut off anywhere,
 * and one that drops each frame whose revision it has, miss nothing. Only what repeats an earlier frame
 * shares its revision: an open request behind the messages, because the app takes it for the newest thing
 * that happened, and the status behind it, because the app takes every request for a permission.
 */
function withFields(rows: Stamped[], parts: FieldParts): Stamped[] {
  const { row, since, open } = parts;
  const fields = [...parts.fields].sort((a, b) => a.revision - b.revision);
  const frames: Stamped[] = [];
  const say = (revision: number, changes: StateChanges) =>
    frames.push({ revision, message: { type: 'session_delta', session_id: row.id, changes } });
  let next = 0;
  for (const frame of rows) {
    const first = next;
    while ((fields[next]?.revision ?? Number.POSITIVE_INFINITY) < frame.revision) next += 1;
    const newest = fields[next - 1];
    if (newest && next > first) say(newest.revision, merged(fields.slice(first, next)));
    frames.push(frame);
  }
  if (open !== undefined) {
    const revision = frames.at(-1)?.revision ?? since;
    frames.push({ revision, message: approvalFrame(row.id, open) });
  }
  const rest = merged(fields.slice(next));
  if (open !== undefined)
    say(row.revision, { ...rest, work_status: summaryFromRow(row).work_status });
  else if (frames.at(-1)?.revision !== row.revision) say(row.revision, rest);
  return frames;
}

interface FieldParts {
  row: SessionRow;
  since: number;
  fields: StampedChanges[];
  open: OpenApprovalRow | undefined;
}

/** Fields as one delta; subagents of several revisions are one list. */
function merged(fields: StampedChanges[]): StateChanges {
  const subagents = fields.flatMap(({ changes }) => changes.subagents ?? []);
  const changes: StateChanges = Object.assign({}, ...fields.map((each) => each.changes));
  return subagents.length > 0 ? { ...changes, subagents } : changes;
}

function encodeWithin(stamped: Stamped[]): string[] | null {
  const frames: string[] = [];
  let bytes = 0;
  for (const { message, revision } of stamped) {
    const frame = encode(message, revision);
    bytes += byteLength(frame);
    if (bytes > MAX_FRAME_BYTES) return null;
    frames.push(frame);
  }
  return frames;
}
