-- The processes that bear a session (JSON, pid and start time): those that are gone at the next start have ended meanwhile.
ALTER TABLE sessions ADD COLUMN agent_processes TEXT;
