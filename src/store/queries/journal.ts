/**
 * Reading a session's journal: backwards along its chain, from its newest event or from the nearest mark.
 * Called by the writer thread between commits: by inspection, by actors that are opened, by catch-up and
 * by retention.
 */
import type { Sqlite } from '../database.ts';
import { listTokens } from '../tokens.ts';

/** The index knows every so many events of a session (migration 11 and the queries here say the same). */
export const MARK_EVERY = 64;

/** One event as it was journalled. */
export interface JournalRow {
  seq: number;
  /** ISO 8601 UTC with microseconds. */
  at: string;
  origin: string;
  /** JSON of who sent it; null for what no connection asked for. */
  caller: string | null;
  /** JSON of the event; message bodies are ids. */
  event: string;
  /** JSON of the chart's state value after it. */
  value: string;
  accepted: boolean;
  /** The session's revision after it. */
  revision: number;
}

/** A machine's snapshot after event `seq`. */
export interface JournalBase {
  seq: number;
  machineVersion: number;
  snapshot: string;
}

/** Part of a journal that can be folded. */
export interface JournalRange {
  /** Snapshot before the first row; null when there is none, or rows begin behind it (`after`). */
  base: JournalBase | null;
  /** Oldest first, up to the next base or the end. */
  rows: JournalRow[];
  /** The first and the last number the journal still holds; 0 and 0 when it is empty. */
  first: number;
  last: number;
}

/** A session as the overview of inspection shows it. */
export interface InspectedSession {
  id: string;
  provider: string;
  custom_name: string | null;
  summary: string | null;
  first_prompt: string | null;
  last_message: string | null;
  project_name: string | null;
  git_branch: string | null;
  model: string | null;
  started_at: string | null;
  codex_integration_mode: string | null;
  claude_integration_mode: string | null;
  /** JSON of the oldest open request, and when it was asked; null while there is none. */
  request: string | null;
  requested_at: string | null;
  work_status: string;
  input_tokens: number;
  output_tokens: number;
  cached_tokens: number;
  context_window: number;
  at: string | null;
  seq: number;
  /** JSON of the state value after the newest event, and that event; null when there was none. */
  value: string | null;
  event: string | null;
  accepted: boolean;
}

/** A row with its place in the chain. */
export interface ChainRow extends Omit<JournalRow, 'accepted'> {
  id: number;
  accepted: number;
  /** `id` of the session's event before; that row may be gone. */
  before: number | null;
  /** JSON list of the ids of earlier messages that the event changed; null for none. */
  amended: string | null;
}

/** Journals as one connection reads them. */
export type JournalRead = ReturnType<typeof createJournalRead>;

/** Reads journals on one connection. */
export function createJournalRead(database: Sqlite) {
  const row = database.prepare<[number, string, number], ChainRow>(
    `SELECT id, seq, at, origin, caller, event, value, accepted, revision, before, amended
     FROM journal WHERE id = ? AND session_id = ? AND seq <= ?`,
  );
  const markFrom = database
    .prepare<[string, number], number>(
      `SELECT id FROM journal WHERE session_id = ? AND seq >= ? AND seq % 64 = 0
       ORDER BY seq LIMIT 1`,
    )
    .pluck();
  const firstMark = database
    .prepare<[string], number>(
      'SELECT seq FROM journal WHERE session_id = ? AND seq % 64 = 0 ORDER BY seq LIMIT 1',
    )
    .pluck();
  const newest = database
    .prepare<[string], number | null>('SELECT journal_id FROM sessions WHERE id = ?')
    .pluck();

  /** Events up to number `upTo`, the newest first, as far back as the journal reaches. */
  function* backwards(sessionId: string, upTo = Number.MAX_SAFE_INTEGER): Generator<ChainRow> {
    let id = markFrom.get(sessionId, upTo) ?? newest.get(sessionId) ?? null;
    let limit = Number.MAX_SAFE_INTEGER;
    // A row that is gone may have left its id to another session's event, or to a later one of this.
    while (id !== null) {
      const found = row.get(id, sessionId, limit);
      if (found === undefined) return;
      if (found.seq <= upTo) yield found;
      id = found.before;
      limit = found.seq - 1;
    }
  }

  return {
    backwards,
    /** Events with numbers above `after` up to `upTo`, the oldest first. */
    between(sessionId: string, after: number, upTo: number): JournalRow[] {
      const rows: JournalRow[] = [];
      for (const { id: _, before: __, amended: ___, ...found } of backwards(sessionId, upTo)) {
        if (found.seq <= after) break;
        rows.push({ ...found, accepted: found.accepted !== 0 });
      }
      return rows.reverse();
    },
    /** The first and last number the journal still holds; 0 and 0 when it is empty. */
    ends(sessionId: string): { first: number; last: number } {
      const [newestRow] = backwards(sessionId);
      const last = newestRow?.seq ?? 0;
      let first = last;
      // From the first mark it is not far to the beginning.
      for (const { seq } of backwards(sessionId, firstMark.get(sessionId))) first = seq;
      return { first, last };
    },
  };
}

/** What a caller did, or tried: a row of the journal with a caller, or what became of a token. */
export interface AuditRow {
  /** ISO 8601 UTC. */
  at: string;
  /** Null for what is of no session. */
  session: string | null;
  /** Type of the event, or `token.created` and the like. */
  what: string;
  /** Whether the chart took it. */
  accepted: boolean;
  /** Who: kind, address, connection, and the name of the token (`holder`); null: the command line. */
  caller: { kind: string; address: string; connection: string; holder?: string } | null;
  /** What the event names besides: the request and the decision, or the token. */
  about: Record<string, string | number>;
}

/** Which rows are wanted; null: all. Times are ISO 8601 UTC. */
export interface AuditFilter {
  session: string | null;
  since: string | null;
  until: string | null;
  limit: number;
}

/** Fields of an event that say what was done and hold no text of a person. */
const ABOUT = ['requestId', 'decision', 'approvalId', 'turns', 'commentId', 'exitCode'] as const;

/** Reads who did what, the newest first; hooks that agents report are not among them. */
export function readAudit(database: Sqlite, filter: AuditFilter): AuditRow[] {
  const rows = database
    .prepare<
      AuditFilter,
      Pick<ChainRow, 'at' | 'event' | 'accepted' | 'caller'> & { session: string }
    >(
      `SELECT session_id AS session, at, event, accepted, caller FROM journal
       WHERE caller IS NOT NULL AND (@session IS NULL OR session_id = @session)
         AND (@since IS NULL OR at >= @since) AND (@until IS NULL OR at < @until)
       ORDER BY id DESC LIMIT @limit`,
    )
    .all(filter);
  const done = rows.map(({ session, at, event, accepted, caller }): AuditRow => {
    const { type, ...fields } = JSON.parse(event) as { type: string; [field: string]: unknown };
    const about = ABOUT.flatMap((name) => {
      const value = fields[name];
      return typeof value === 'string' || typeof value === 'number' ? [[name, value] as const] : [];
    });
    return {
      ...{ at, session, what: type, accepted: accepted !== 0 },
      ...{
        caller: JSON.parse(caller ?? 'null') as AuditRow['caller'],
        about: Object.fromEntries(about),
      },
    };
  });
  const tokens = filter.session === null ? tokenEvents(database, filter) : [];
  return [...done, ...tokens].sort((a, b) => (a.at < b.at ? 1 : -1)).slice(0, filter.limit);
}

function tokenEvents(database: Sqlite, { since, until }: AuditFilter): AuditRow[] {
  return listTokens(database)
    .flatMap((token) => {
      const about = { token: token.name, id: token.id, scopes: token.scopes.join(' ') };
      const event = (at: string | null, what: string): AuditRow[] =>
        at === null ? [] : [{ at, session: null, what, accepted: true, caller: null, about }];
      const isByCalendar = token.revoked_at === token.expires_at;
      return [
        ...event(token.created_at, token.made_by === 'pair' ? 'token.paired' : 'token.created'),
        ...event(token.replaced_at, 'token.rotated'),
        ...event(isByCalendar ? null : token.revoked_at, 'token.revoked'),
      ];
    })
    .filter(({ at }) => (since === null || at >= since) && (until === null || at < until));
}

/*
 * What inspection asks of the journal: the stretch around one event with the snapshot it can be folded
 * from, and one line for each session. Called by the writer thread between commits, so that a page that
 * begins to watch neither misses an event nor sees one twice.
 */

/** Rows of one stretch at most: two distances of bases, and then some for refused events. */
const STRETCH_ROWS = 1_200;

/** Reads stretches of journals on one connection. */
export function createRangeRead(database: Sqlite) {
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
  return (sessionId: string, seq: number | null, after: number): JournalRange => {
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
      s.claude_integration_mode, a.request, a.created_at AS requested_at, s.work_status,
      s.input_tokens, s.output_tokens, s.cached_tokens, s.context_window,
      coalesce(j.at, s.last_activity_at) AS at, s.journal_seq AS seq, j.value,
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
