-- Where the thread of a steered session runs: in an engine of our own, or in one that terminals share.
ALTER TABLE sessions ADD COLUMN engine TEXT;
-- The command that opens the session in a terminal.
ALTER TABLE sessions ADD COLUMN resume_command TEXT;
-- The session of a thread.
CREATE INDEX idx_sessions_thread ON sessions(codex_thread_id) WHERE codex_thread_id IS NOT NULL;
