-- What sessions have read, written and cost, by when: one row for each session and quarter of an hour, so that a day
-- of any time zone is a sum of rows. What a provider counts in all stands in the session; here is what was added.
ALTER TABLE sessions ADD COLUMN total_output_tokens INTEGER;
CREATE TABLE usage (
  session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
  -- Quarters of an hour since 1970, UTC.
  quarter INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  -- US dollars; null where nobody has told.
  cost_usd REAL,
  PRIMARY KEY (session_id, quarter)
) WITHOUT ROWID;
CREATE INDEX idx_usage_quarter ON usage(quarter);
-- Of what was before, only the sum is known, and when the session was last heard of.
INSERT INTO usage
  SELECT id,
    COALESCE(unixepoch(last_activity_at), unixepoch(started_at), unixepoch()) / 900,
    COALESCE(total_input_tokens, 0),
    CASE WHEN total_input_tokens IS NULL THEN 0 ELSE COALESCE(output_tokens, 0) END,
    COALESCE(cache_read_tokens, 0),
    COALESCE(cache_write_tokens, 0),
    cost_usd
  FROM sessions
  WHERE total_input_tokens IS NOT NULL OR cost_usd IS NOT NULL;
