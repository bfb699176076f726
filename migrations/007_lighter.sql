-- Less to write with each event: a page that is touched is a page in the log and another at a checkpoint.

-- The snapshot is not renewed with every event. `snapshot_seq` is the event it was taken after; the
-- journal's events behind it, folded into it, give the state of the machine.
ALTER TABLE sessions ADD COLUMN snapshot_seq INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET snapshot_seq = journal_seq WHERE machine_snapshot IS NOT NULL;

-- New messages are found by their place in the conversation; only those that changed later need this one.
DROP INDEX idx_messages_changed;
CREATE INDEX idx_messages_amended ON messages(session_id, changed_revision)
  WHERE changed_revision > created_revision;
