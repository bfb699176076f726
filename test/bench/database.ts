/**
 * Databases with many messages, written straight into the tables: sending a million
 * of them to the server would take longer than everything that is measured on them.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { ended, startServer } from './processes.ts';

/** A data directory with the newest schema and nothing in it. */
export async function makeDirectory(directory: string): Promise<void> {
  // The server itself makes it: then no path and no schema is known twice.
  const { child } = await startServer(directory);
  await ended(child);
}

/** Indexes that are made again afterwards: that is faster than keeping them up to date. */
const REBUILT = /^CREATE INDEX \w+ ON messages\b/i;

/** A session as it is written; it waits for its user unless said. */
export interface StoredSession {
  id: string;
  messages: number;
  working?: boolean;
  ended?: boolean;
}

/**
 * Adds Claude sessions of so many messages each to a data directory nobody uses.
 *
 * @param idOf  id of the session of that number
 */
export function addSessions(directory: string, sessions: readonly StoredSession[]): void {
  const database = new Database(join(directory, 'orbitdock.db'));
  try {
    database.pragma('synchronous = OFF');
    const indexes = database
      .prepare<[], { name: string; sql: string }>(
        `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'messages' AND sql IS NOT NULL`,
      )
      .all()
      .filter(({ sql }) => REBUILT.test(sql));
    database.transaction(() => {
      for (const { name } of indexes) database.exec(`DROP INDEX ${name}`);
      for (const session of sessions) addSession(database, session);
      for (const { sql } of indexes) database.exec(sql);
    })();
    database.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    database.close();
  }
}

function addSession(
  database: Database.Database,
  { id, messages, working = false, ended = false }: StoredSession,
): void {
  const words = ended ? ['ended', 'ended'] : ['active', working ? 'working' : 'waiting'];
  const time = '2026-01-01T00:00:00.000Z';
  database
    .prepare(
      `INSERT INTO sessions (id, provider, project_path, status, work_status, started_at,
         last_activity_at, revision, message_count)
       VALUES (?, 'claude', ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(id, process.cwd(), ...words, time, time, messages, messages);
  database
    .prepare(
      `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < @messages)
       INSERT INTO messages (id, session_id, type, content, timestamp, sequence, tool_name, tool_input,
         tool_output, created_revision, changed_revision)
       SELECT printf('%s:%07d', @id, i), @id, 'tool', 'wc -l src/runtime/ledger.ts', @time, i, 'Bash',
         '{"command":"wc -l src/runtime/ledger.ts && git log -1","description":"Look at it"}',
         printf('%0200d', i), i + 1, i + 1
       FROM n WHERE @messages > 0`,
    )
    .run({ id, messages, time });
}
