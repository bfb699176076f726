/**
 * What inspection asks of the journal: the stretch around one event with the snapshot it can be folded
 * from, and one line for each session. Called by the writer thread between commits, so that a page that
 * begins to watch neither misses an event nor sees one twice.
 */
import type { Sqlite } from '../database.ts';
import type { InspectedSession, JournalStretch } from '../items.ts';
import { createJournalRead, type JournalBase } from './journal.ts';

/** Rows of one stretch at most: two distances of bases, and then some for refused events. */
const STRETCH_ROWS = 1_200;

/** Reads stretches of journals on one connection. */
export function createStretchRead(database: Sqlite) {
  const base = database.prepare<[string, number], JournalBase>(
    `SELECT seq, machine_version AS machineVersion, snapshot FROM journal_bases
     WHERE session_id = ? AND seq < ? ORDER BY seq DESC LIMIT 1`,
  );
  const nextBase = database
    .prepare<[string, number], number>(
      'SELECT seq FROM journal_bases WHERE session_id = ? AND seq >= ? ORDER BY seq LIMIT 1',
    )
    .pluck();
  const journal = createJournalRead(database);

  /**
   * @param seq  the event the stretch shall reach; null for the newest
   * @param after  rows up to this one are known already
   */
  return (sessionId: string, seq: number | null, after: number): JournalStretch => {
    const ends = journal.ends(sessionId);
    const wanted = seq ?? ends.last;
    const from = base.get(sessionId, wanted) ?? null;
    const until = nextBase.get(sessionId, wanted) ?? ends.last;
    const begin = Math.max(from?.seq ?? 0, after, wanted - STRETCH_ROWS + 1);
    return {
      base: from?.seq === begin ? from : null,
      rows: journal.between(sessionId, begin, Math.min(until, begin + STRETCH_ROWS)),
      ...ends,
    };
  };
}

type SessionLine = Omit<InspectedSession, 'accepted'> & { accepted: number | null };

/** Reads the lines of the overview on one connection. */
export function createInspectedRead(database: Sqlite) {
  const columns = `SELECT s.id, s.provider, s.custom_name, s.summary, s.first_prompt, s.last_message,
      s.project_name, s.git_branch, s.model, s.started_at, s.codex_integration_mode,
      s.claude_integration_mode, a.request, a.created_at AS requested_at, s.work_status, coalesce(j.at, s.last_activity_at) AS at, s.journal_seq AS seq, j.value,
      json_extract(j.event, '$.type') AS event, j.accepted
    FROM sessions s LEFT JOIN journal j ON j.id = s.journal_id AND j.session_id = s.id
      LEFT JOIN approval_history a ON a.id = (
        SELECT min(id) FROM approval_history
        WHERE session_id = s.id AND request IS NOT NULL AND decided_at IS NULL
      )`;
  // Live ones first, like the list; the index serves both halves.
  const some = (status: string) =>
    database.prepare<[number], SessionLine>(
      `${columns} WHERE s.status = '${status}' ORDER BY s.last_activity_at DESC LIMIT ?`,
    );
  const active = some('active');
  const ended = some('ended');
  const one = database.prepare<[string], SessionLine>(`${columns} WHERE s.id = ?`);
  const count = database.prepare<[], number>('SELECT count(*) FROM sessions').pluck();

  return {
    all(limit: number): { sessions: InspectedSession[]; total: number } {
      const lines = active.all(limit);
      if (lines.length < limit) lines.push(...ended.all(limit - lines.length));
      return { sessions: lines.map(sessionFrom), total: count.get() ?? 0 };
    },
    one(sessionId: string): InspectedSession | null {
      const line = one.get(sessionId);
      return line === undefined ? null : sessionFrom(line);
    },
  };
}

function sessionFrom(line: SessionLine): InspectedSession {
  return { ...line, accepted: line.accepted !== 0 };
}
