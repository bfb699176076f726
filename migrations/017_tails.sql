-- How far the files were read that sessions are told from, such as transcripts: stored together with what they brought.
CREATE TABLE tails (
  session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
  -- Which of the session's files; empty for the transcript itself.
  source TEXT NOT NULL DEFAULT '',
  path TEXT NOT NULL,
  -- Device and inode.
  file TEXT NOT NULL,
  -- Bytes that were read.
  offset INTEGER NOT NULL,
  -- Digest of the last bytes before the offset.
  mark TEXT NOT NULL,
  PRIMARY KEY (session_id, source)
) WITHOUT ROWID;
