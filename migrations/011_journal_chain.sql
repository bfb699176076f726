-- An index over the journal has a page for each session, so that every event wrote a page of it. Instead
-- each row knows the one before it of its session, the session knows its newest, and the index has one row
-- in 64, to begin near where somebody wants to read.
CREATE TABLE journal_chain (
  id INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at TEXT NOT NULL,
  origin TEXT NOT NULL,
  event TEXT NOT NULL,
  value TEXT NOT NULL,
  accepted INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  -- `id` of the session's event before it; that row may be gone already.
  before INTEGER,
  -- JSON list of the earlier messages that it changed.
  amended TEXT
);
INSERT INTO journal_chain (id, session_id, seq, at, origin, event, value, accepted, revision, before)
  SELECT rowid, session_id, seq, at, origin, event, value, accepted, revision,
    lag(rowid) OVER (PARTITION BY session_id ORDER BY seq)
  FROM journal;
ALTER TABLE sessions ADD COLUMN journal_id INTEGER;
UPDATE sessions SET journal_id =
  (SELECT rowid FROM journal WHERE session_id = sessions.id ORDER BY seq DESC LIMIT 1);
DROP TABLE journal;
ALTER TABLE journal_chain RENAME TO journal;
CREATE UNIQUE INDEX idx_journal_marks ON journal(session_id, seq) WHERE seq % 64 = 0;

-- The journal tells which messages changed after their birth. What it did not tell so far, a snapshot does.
DROP INDEX idx_messages_amended;
UPDATE sessions SET snapshot_base = revision;
