-- Makes the reference's rows mean what they say, and the file ours.
-- iso_ms(text) is a function of migrate.ts: ISO 8601 UTC with milliseconds out of every form the
-- reference wrote ("<unix seconds>Z", ISO with seconds, SQLite's own with a blank, "0").

-- They ignore writes in silence; whose session a row is gets decided before it is written.
DROP TRIGGER IF EXISTS trg_sessions_block_direct_thread_shadow_insert;
DROP TRIGGER IF EXISTS trg_sessions_block_direct_thread_shadow_update;
DROP TRIGGER IF EXISTS trg_sessions_normalize_codex_cli_rs_insert;
DROP TRIGGER IF EXISTS trg_sessions_normalize_codex_cli_rs_update;

-- The reference kept the error flag of a message in is_in_progress.
ALTER TABLE messages ADD COLUMN is_error INTEGER NOT NULL DEFAULT 0;
UPDATE messages SET is_error = 1, is_in_progress = 0 WHERE is_in_progress <> 0;

UPDATE messages SET timestamp = iso_ms(timestamp) WHERE timestamp <> iso_ms(timestamp);
UPDATE sessions SET
  started_at = iso_ms(started_at),
  ended_at = iso_ms(ended_at),
  last_activity_at = iso_ms(last_activity_at),
  last_tool_at = iso_ms(last_tool_at);
UPDATE subagents SET
  started_at = iso_ms(started_at),
  ended_at = iso_ms(ended_at),
  created_at = iso_ms(created_at);
UPDATE turn_diffs SET created_at = iso_ms(created_at);
UPDATE approval_history SET created_at = iso_ms(created_at), decided_at = iso_ms(decided_at);
UPDATE review_comments SET created_at = iso_ms(created_at), updated_at = iso_ms(updated_at);

-- It wrote `branch` and read `git_branch`.
UPDATE sessions SET git_branch = COALESCE(git_branch, branch) WHERE branch IS NOT NULL;
UPDATE sessions SET status = 'ended' WHERE status NOT IN ('active', 'ended');

-- 'OrDc': says whose file this is, so that no other SQLite file is ever taken for ours.
PRAGMA application_id = 1332888675;
