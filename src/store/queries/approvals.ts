/** The history of requests, newest first. Called by the reads that ride the writer's queue. */
import { cut } from '../../protocol/encode.ts';
import type { ApprovalHistoryItem, ApprovalType, Decider } from '../../protocol/nouns.ts';
import type { Sqlite } from '../database.ts';
import type { ReadResults } from '../items.ts';
import { newestThatFit } from './fit.ts';

/** Longest command of an entry, UTF-16 units: a history shows what was asked, not a whole file. */
const COMMAND_CHARS = 4_000;

interface HistoryRow
  extends Omit<ApprovalHistoryItem, 'approval_type' | 'proposed_amendment' | 'decided_by'> {
  approval_type: string;
  proposed_amendment: string | null;
  decided_by: string | null;
}

const COLUMNS = `id, session_id, request_id, approval_type, tool_name, command, file_path, cwd,
  decision, proposed_amendment, created_at, decided_at, decided_by`;

/** Reads the history on one connection. */
export function createApprovalReads(database: Sqlite) {
  const all = database.prepare<[number], HistoryRow>(
    `SELECT ${COLUMNS} FROM approval_history ORDER BY id DESC LIMIT ?`,
  );
  const ofSession = database.prepare<[string, number], HistoryRow>(
    `SELECT ${COLUMNS} FROM approval_history WHERE session_id = ? ORDER BY id DESC LIMIT ?`,
  );
  const one = database.prepare<[number], { session_id: string; is_open: number }>(
    `SELECT session_id, request IS NOT NULL AND decided_at IS NULL AS is_open
     FROM approval_history WHERE id = ?`,
  );
  return {
    /** The newest entries of a session, or of all; as many as fit a frame. */
    newest(sessionId: string | null, limit: number): ReadResults['approvals'] {
      const rows = sessionId === null ? all.iterate(limit) : ofSession.iterate(sessionId, limit);
      return newestThatFit(rows, itemFromRow).items;
    },
    /** Whose request an entry is, and whether it still waits. */
    one(id: number): ReadResults['approval'] {
      const row = one.get(id);
      return row === undefined ? null : { sessionId: row.session_id, isOpen: row.is_open !== 0 };
    },
  };
}

function itemFromRow({ decided_by: by, ...row }: HistoryRow): ApprovalHistoryItem {
  return {
    ...row,
    approval_type: typeOf(row.approval_type),
    command: row.command === null ? null : cut(row.command, COMMAND_CHARS),
    proposed_amendment: amendmentFrom(row.proposed_amendment),
    ...(by !== null && { decided_by: JSON.parse(by) as Decider }),
  };
}

/** One word outside the closed set would cost the app the whole list. */
function typeOf(word: string): ApprovalType {
  return word === 'patch' || word === 'question' ? word : 'exec';
}

function amendmentFrom(json: string | null): string[] | null {
  if (json === null) return null;
  try {
    const words: unknown = JSON.parse(json);
    return Array.isArray(words) ? words.map(String) : null;
  } catch {
    // A foreign writer's text that is no list must not hide the entry it stands in.
    return null;
  }
}
