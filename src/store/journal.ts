/**
 * Writing the journal: one row for each event of a session, numbered without gaps, and from time to time
 * the machine's snapshot, so that the states can be folded from there when older rows are gone. Called by
 * commit.ts inside its transaction; retention.ts takes old rows away.
 */
import type { Sqlite } from './database.ts';
import type { JournalRow } from './queries/journal.ts';
import { byteLength, MAX_STORED_BYTES } from './text.ts';

/** A snapshot is kept every so many events. */
const BASE_EVERY = 500;

/** Sessions whose newest base is remembered; the others are looked up again. */
const BASES_KEPT = 2_000;

/** A row on its way into the journal of this session. */
export interface JournalEntry extends JournalRow {
  sessionId: string;
  /** `id` of the session's event before it. */
  before: number | null;
  /** Ids of the earlier messages that the event changed. */
  amended: readonly string[];
}

/** The journal of one write connection. */
export function createJournal(database: Sqlite) {
  const insert = database.prepare(
    `INSERT INTO journal (session_id, seq, at, origin, caller, event, value, accepted, revision, before,
       amended)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertBase = database.prepare(
    `INSERT OR REPLACE INTO journal_bases (session_id, seq, machine_version, snapshot)
     VALUES (?, ?, ?, ?)`,
  );
  const newestBase = database
    .prepare<[string], number>(
      'SELECT seq FROM journal_bases WHERE session_id = ? ORDER BY seq DESC LIMIT 1',
    )
    .pluck();
  const bases = new Map<string, number>();
  const rememberBase = (sessionId: string, seq: number) => {
    if (bases.size >= BASES_KEPT) bases.clear();
    bases.set(sessionId, seq);
    return seq;
  };
  return {
    /** @returns the row's `id`, which the session's next one names */
    append(entry: JournalEntry): number {
      const { sessionId, seq, at, origin, caller, value, accepted, revision, before, amended } =
        entry;
      const event = eventText(entry.event);
      const names = amended.length === 0 ? null : JSON.stringify(amended);
      return insert.run(
        sessionId,
        seq,
        at,
        origin,
        caller,
        event,
        value,
        +accepted,
        revision,
        before,
        names,
      ).lastInsertRowid as number;
    },
    /** Keeps the snapshot of the state after event `seq`. */
    keepBase(sessionId: string, seq: number, machineVersion: number, snapshot: string) {
      insertBase.run(sessionId, seq, machineVersion, snapshot);
      rememberBase(sessionId, seq);
    },
    /** Whether the newest base is so far back that the next snapshot should become one. */
    isBaseDue(sessionId: string, seq: number): boolean {
      const newest =
        bases.get(sessionId) ?? rememberBase(sessionId, newestBase.get(sessionId) ?? 0);
      return seq - newest >= BASE_EVERY;
    },
    /** Forgets what is remembered of a session, or of all, after a rollback. */
    forget(sessionId?: string) {
      if (sessionId === undefined) bases.clear();
      else bases.delete(sessionId);
    },
  };
}

/** Message bodies are not in it, so a large event is an odd one: its size is kept, not its body. */
function eventText(event: string): string {
  if (event.length * 3 <= MAX_STORED_BYTES || byteLength(event) <= MAX_STORED_BYTES) return event;
  const type = /^\{"type":"([\w.]{1,100})"/.exec(event)?.[1] ?? 'unknown';
  return JSON.stringify({ type, truncated: true, bytes: byteLength(event) });
}
