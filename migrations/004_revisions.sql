-- Every row knows the session revision that made it and the one that last changed it, so that a
-- subscriber catches up by the rows that changed, whatever happened to the process in between.

ALTER TABLE sessions ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
-- Below it a subscriber needs a snapshot: something was taken back, or the epoch changed.
ALTER TABLE sessions ADD COLUMN snapshot_base INTEGER NOT NULL DEFAULT 0;
-- JSON {"work_status": 12}: the revision that last changed each field of the wire.
ALTER TABLE sessions ADD COLUMN field_revisions TEXT NOT NULL DEFAULT '{}';
ALTER TABLE sessions ADD COLUMN message_count INTEGER NOT NULL DEFAULT 0;
-- Never goes back: a turn id is never used twice.
ALTER TABLE sessions ADD COLUMN turn_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN current_turn_id TEXT;
ALTER TABLE sessions ADD COLUMN agent_pid INTEGER;

UPDATE sessions SET
  message_count = (SELECT count(*) FROM messages WHERE session_id = sessions.id),
  turn_count = (
    SELECT max(count(*), COALESCE(max(CAST(substr(turn_id, 6) AS INTEGER)), 0))
    FROM turn_diffs WHERE session_id = sessions.id
  );

-- The list: live sessions first, the newest first. It also serves what the status index served.
DROP INDEX IF EXISTS idx_sessions_status;
CREATE INDEX idx_sessions_list ON sessions(status, last_activity_at);

ALTER TABLE messages ADD COLUMN created_revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN changed_revision INTEGER NOT NULL DEFAULT 0;
-- (session_id, sequence) serves all that the index on session_id alone did.
DROP INDEX IF EXISTS idx_messages_session;
CREATE INDEX idx_messages_changed ON messages(session_id, changed_revision);

ALTER TABLE turn_diffs ADD COLUMN changed_revision INTEGER NOT NULL DEFAULT 0;
DROP INDEX IF EXISTS idx_turn_diffs_session;
CREATE INDEX idx_turn_diffs_changed ON turn_diffs(session_id, changed_revision);

-- The whole request as JSON. Rows of the reference have none: nobody can answer them any more.
ALTER TABLE approval_history ADD COLUMN request TEXT;
-- What the decision is known from.
ALTER TABLE approval_history ADD COLUMN evidence TEXT;
ALTER TABLE approval_history ADD COLUMN created_revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE approval_history ADD COLUMN changed_revision INTEGER NOT NULL DEFAULT 0;
CREATE INDEX idx_approval_history_open ON approval_history(session_id, id)
  WHERE request IS NOT NULL AND decided_at IS NULL;

-- An agent's id is unique within its session only.
CREATE TABLE subagents_by_session (
  session_id TEXT NOT NULL REFERENCES sessions(id),
  id TEXT NOT NULL,
  agent_type TEXT NOT NULL,
  transcript_path TEXT,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  changed_revision INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (session_id, id)
);
INSERT INTO subagents_by_session
  (session_id, id, agent_type, transcript_path, started_at, ended_at, created_at)
  SELECT session_id, id, agent_type, transcript_path, started_at, ended_at, created_at
  FROM subagents ORDER BY rowid;
DROP TABLE subagents;
ALTER TABLE subagents_by_session RENAME TO subagents;
