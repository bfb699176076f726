-- Less to write with each event: a page that is touched is a page in the log and another at a checkpoint.

-- The machine of each session, out of the row that nearly every event rewrites, and not renewed with every
-- event: `seq` is the event it was taken after. The journal's events behind it, folded into it, give the
-- state of the machine.
CREATE TABLE machines (
  session_id TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,
  version INTEGER NOT NULL,
  snapshot TEXT NOT NULL
);
INSERT INTO machines (session_id, seq, version, snapshot)
  SELECT id, journal_seq, machine_version, machine_snapshot FROM sessions
  WHERE machine_snapshot IS NOT NULL AND machine_version IS NOT NULL;
ALTER TABLE sessions DROP COLUMN machine_snapshot;
ALTER TABLE sessions DROP COLUMN machine_version;

-- What a turn changes and plans; both may be long, and hardly any event changes them.
CREATE TABLE papers (
  session_id TEXT PRIMARY KEY,
  current_diff TEXT,
  current_plan TEXT
);
INSERT INTO papers (session_id, current_diff, current_plan)
  SELECT id, current_diff, current_plan FROM sessions
  WHERE current_diff IS NOT NULL OR current_plan IS NOT NULL;
ALTER TABLE sessions DROP COLUMN current_diff;
ALTER TABLE sessions DROP COLUMN current_plan;

-- New messages are found by their place in the conversation; only those that changed later need this one.
DROP INDEX idx_messages_changed;
CREATE INDEX idx_messages_amended ON messages(session_id, changed_revision)
  WHERE changed_revision > created_revision;

-- One tree instead of two. Keys of hook.sh begin with their time, so new ones stand side by side.
CREATE TABLE keys (
  key TEXT PRIMARY KEY,
  at TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO keys (key, at) SELECT key, at FROM hook_keys ORDER BY key;
DROP TABLE hook_keys;
ALTER TABLE keys RENAME TO hook_keys;
