/**
 * Sessions as the registry needs them to open an actor, and the sessions that have not done anything yet.
 * Called by the writer thread, at boot and when an actor is first needed.
 */
import { isDamage } from '../damage.ts';
import type { Sqlite } from '../database.ts';
import type { Opened, ReadResults, StoredActor, StoredTail } from '../writer-messages.ts';
import { createJournalRead, type JournalRead } from './journal.ts';
import { SUMMARY_COLUMNS, type SummaryRow, summaryFromRow } from './session-rows.ts';

interface ActorRow extends SummaryRow {
  codex_thread_id: string | null;
  turn_count: number;
  revision: number;
  /** All three are null for a session that has no machine yet. */
  snapshot: string | null;
  machine_version: number | null;
  machine_seq: number | null;
}

/** More terminals than are ever open. */
const MAX_PROCESSES = 200;

/** Files looked at after a start: what older sessions wrote meanwhile is read when they are reported again. */
const MAX_TAILS = 256;

/** Sessions at work that are made live behind the start: the others when they are reported or asked for. */
const MAX_WORKING = 64;

const WAITING = new Set(['permission', 'question']);

const SELECT_ACTORS = `SELECT ${SUMMARY_COLUMNS}, codex_thread_id, turn_count, revision,
    machines.snapshot, machines.version AS machine_version, machines.seq AS machine_seq
  FROM sessions LEFT JOIN machines ON machines.session_id = sessions.id`;

/** Reads actors on one connection. */
export class ActorReads {
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #journal: JournalRead;

  constructor(database: Sqlite) {
    this.#statements = prepareStatements(database);
    this.#journal = createJournalRead(database);
  }

  /** A session's row and its pending start; null for what there is not. */
  actor(sessionId: string): ReadResults['actor'] {
    const row = this.#statements.one.get(sessionId);
    return {
      stored: row === undefined ? null : this.#actorFrom(row),
      pendingStart: this.#statements.pending.get(sessionId) ?? null,
    };
  }

  /** Sessions that waited for an answer or had a connector when they were last reported: the restart changes them. */
  interrupted(): StoredActor[] {
    try {
      return this.#statements.interrupted.all().map((row) => this.#actorFrom(row));
    } catch (error) {
      if (!isDamage(error)) throw error;
      return this.#salvaged();
    }
  }

  /** The newest of the sessions that worked. */
  working(): string[] {
    return orNothing(() => this.#statements.working.all());
  }

  /** Row by row, without those that are damaged. */
  #salvaged(): StoredActor[] {
    return orNothing(() => this.#statements.activeRows.all()).flatMap((rowid) => {
      try {
        const row = this.#statements.byRowid.get(rowid);
        return row && WAITING.has(row.work_status) ? [this.#actorFrom(row)] : [];
      } catch (error) {
        if (!isDamage(error)) throw error;
        return [];
      }
    });
  }

  /** How many sessions there are. */
  sessions(): number {
    return orNothing(() => [this.#statements.count.get() ?? 0])[0] ?? 0;
  }

  /** CLI processes and the session each reported last, oldest first. */
  processes(): Opened['processes'] {
    return orNothing(() => this.#statements.processes.all());
  }

  /** Processes that run sessions which have not ended. */
  bearers(): Opened['bearers'] {
    return orNothing(() => this.#statements.bearers.all()).flatMap(bearersIn);
  }

  /** Files from which sessions are shown, of the watched sessions that were last reported. */
  tails(): Opened['tails'] {
    return orNothing(() => this.#statements.tails.all());
  }

  /** Transcripts that were named and not read, of the watched sessions that were last reported. */
  unread(): Opened['unread'] {
    return orNothing(() => this.#statements.unread.all());
  }

  /** The session that steers this thread; null while none does. */
  ofThread(threadId: string): ReadResults['session-of-thread'] {
    return this.#statements.ofThread.get(threadId) ?? null;
  }

  /** The provider's ids of the turns whose messages a session shows, in no order. */
  turnsOf(sessionId: string): ReadResults['turns'] {
    return this.#statements.turnsOf.all(sessionId);
  }

  /** How far the files of a session were read. */
  tailsOf(sessionId: string): StoredTail[] {
    return this.#statements.tailsOf.all(sessionId);
  }

  /** Commands that were running when the last writer stopped. */
  commands(): Opened['commands'] {
    return orNothing(() => this.#statements.commands.all());
  }

  /** Null for a subagent that this session does not have. */
  subagent(sessionId: string, id: string): ReadResults['subagent'] {
    return this.#statements.subagent.get(sessionId, id) ?? null;
  }

  #actorFrom(row: ActorRow): StoredActor {
    return {
      summary: summaryFromRow(row),
      snapshot: row.snapshot,
      tail: row.machine_seq === null ? [] : this.#tailOf(row.id, row.machine_seq),
      machineVersion: row.machine_version,
      turnCount: row.turn_count,
      revision: row.revision,
      threadId: row.codex_thread_id,
      requests: row.has_open > 0 ? this.#statements.requests.all(row.id) : [],
    };
  }

  #tailOf(sessionId: string, after: number): string[] {
    return this.#journal
      .between(sessionId, after, Number.MAX_SAFE_INTEGER)
      .filter(({ accepted }) => accepted)
      .map(({ event }) => event);
  }
}

interface BearersRow {
  sessionId: string;
  provider: string;
  /** JSON, as the chart wrote it. */
  processes: string;
  threadId: string | null;
}

/** What another program wrote there counts for nothing. */
function bearersIn({ processes, ...of }: BearersRow): Opened['bearers'] {
  try {
    const known = JSON.parse(processes) as unknown;
    if (!Array.isArray(known)) return [];
    return known.flatMap(({ pid, start }) =>
      Number.isSafeInteger(pid) && pid > 0
        ? [{ ...of, pid, start: typeof start === 'string' ? start : null }]
        : [],
    );
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return [];
    throw error;
  }
}

/** What is only of help is done without where the database is damaged; a check will say so. */
function orNothing<Row>(read: () => Row[]): Row[] {
  try {
    return read();
  } catch (error) {
    if (!isDamage(error)) throw error;
    return [];
  }
}

function prepareStatements(database: Sqlite) {
  return {
    one: database.prepare<[string], ActorRow>(`${SELECT_ACTORS} WHERE id = ?`),
    interrupted: database.prepare<[], ActorRow>(
      `${SELECT_ACTORS}
       WHERE (status = 'active' AND work_status IN ('permission', 'question'))
         OR link_state IN ('attaching', 'attached')`,
    ),
    working: database
      .prepare<[], string>(
        `SELECT id FROM sessions WHERE status = 'active' AND work_status = 'working'
         ORDER BY last_activity_at DESC LIMIT ${MAX_WORKING}`,
      )
      .pluck(),
    activeRows: database
      .prepare<[], number>(
        `SELECT rowid FROM sessions INDEXED BY idx_sessions_list WHERE status = 'active'`,
      )
      .pluck(),
    byRowid: database.prepare<[number], ActorRow>(`${SELECT_ACTORS} WHERE sessions.rowid = ?`),
    pending: database
      .prepare<[string], string>('SELECT start FROM pending_sessions WHERE session_id = ?')
      .pluck(),
    count: database.prepare<[], number>('SELECT count(*) FROM sessions').pluck(),
    processes: database.prepare<[], Opened['processes'][number]>(
      `SELECT agent_pid AS pid, id AS sessionId FROM
         (SELECT agent_pid, id, last_activity_at FROM sessions WHERE agent_pid IS NOT NULL
          ORDER BY last_activity_at DESC LIMIT ${MAX_PROCESSES})
       ORDER BY last_activity_at`,
    ),
    bearers: database.prepare<[], BearersRow>(
      `SELECT id AS sessionId, provider, codex_thread_id AS threadId, agent_processes AS processes
       FROM sessions
       WHERE status = 'active' AND agent_processes IS NOT NULL`,
    ),
    ofThread: database.prepare<[string], { sessionId: string }>(
      `SELECT id AS sessionId FROM sessions WHERE codex_thread_id = ?
       ORDER BY last_activity_at DESC LIMIT 1`,
    ),
    turnsOf: database
      .prepare<[string], string>(
        `SELECT DISTINCT provider_turn_id FROM messages
         WHERE session_id = ? AND provider_turn_id IS NOT NULL`,
      )
      .pluck(),
    tails: database.prepare<[], Opened['tails'][number]>(
      `SELECT session_id AS sessionId, provider, tails.source, path, file, offset, mark
       FROM tails JOIN sessions ON sessions.id = tails.session_id
       WHERE 'direct' NOT IN (ifnull(codex_integration_mode, ''), ifnull(claude_integration_mode, ''))
       ORDER BY last_activity_at DESC LIMIT ${MAX_TAILS}`,
    ),
    unread: database.prepare<[], Opened['unread'][number]>(
      `SELECT id AS sessionId, provider, transcript_path AS path, project_path AS cwd,
         last_message IS NOT NULL AS hasHistory
       FROM sessions
       WHERE transcript_path IS NOT NULL
         AND last_activity_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 day')
         AND 'direct' NOT IN (ifnull(codex_integration_mode, ''), ifnull(claude_integration_mode, ''))
         AND NOT EXISTS (SELECT 1 FROM tails WHERE tails.session_id = sessions.id AND source = '')
       ORDER BY last_activity_at DESC LIMIT ${MAX_TAILS}`,
    ),
    tailsOf: database.prepare<[string], StoredTail>(
      `SELECT session_id AS sessionId, source, path, file, offset, mark
       FROM tails WHERE session_id = ?`,
    ),
    commands: database.prepare<[], Opened['commands'][number]>(
      `SELECT session_id AS sessionId, id AS messageId, tool_output AS output FROM messages
       WHERE is_in_progress <> 0 AND type = 'shell'`,
    ),
    requests: database
      .prepare<[string], string>(
        `SELECT request FROM approval_history
         WHERE session_id = ? AND request IS NOT NULL AND decided_at IS NULL ORDER BY id`,
      )
      .pluck(),
    subagent: database.prepare<
      [string, string],
      { provider: string; transcriptPath: string | null }
    >(
      `SELECT sessions.provider, sessions.transcript_path AS transcriptPath FROM subagents
       JOIN sessions ON sessions.id = subagents.session_id
       WHERE subagents.session_id = ? AND subagents.id = ?`,
    ),
  };
}
