-- What happened to each session, in order: the audit, and what a session's states can be folded from.

ALTER TABLE sessions ADD COLUMN machine_snapshot TEXT;
ALTER TABLE sessions ADD COLUMN machine_version INTEGER;
ALTER TABLE sessions ADD COLUMN journal_seq INTEGER NOT NULL DEFAULT 0;

-- A plain table with an index: clustered by session, each insert would split pages in the middle.
CREATE TABLE journal (
  session_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at TEXT NOT NULL,
  origin TEXT NOT NULL,
  event TEXT NOT NULL,
  value TEXT NOT NULL,
  accepted INTEGER NOT NULL,
  revision INTEGER NOT NULL
);
CREATE UNIQUE INDEX idx_journal_session ON journal(session_id, seq);

-- The machine's snapshot after event `seq`: folding the events behind it gives the states after it.
CREATE TABLE journal_bases (
  session_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  machine_version INTEGER NOT NULL,
  snapshot TEXT NOT NULL,
  PRIMARY KEY (session_id, seq)
);
