-- Messages that were spread many times had got numbers that JavaScript cannot count exactly.
UPDATE messages SET sequence = placed.place * 1048576
FROM (
  SELECT id, row_number() OVER (PARTITION BY session_id ORDER BY sequence, rowid) AS place
  FROM messages
  WHERE session_id IN (SELECT session_id FROM messages WHERE sequence > 1000000000000)
) AS placed
WHERE messages.id = placed.id;
-- The subagent whose message it is; null for the main thread.
ALTER TABLE messages ADD COLUMN agent_id TEXT;
-- What fills the context, what was read and written in all, and what the provider says it has cost.
ALTER TABLE sessions ADD COLUMN context_tokens INTEGER;
ALTER TABLE sessions ADD COLUMN total_input_tokens INTEGER;
ALTER TABLE sessions ADD COLUMN cache_read_tokens INTEGER;
ALTER TABLE sessions ADD COLUMN cache_write_tokens INTEGER;
ALTER TABLE sessions ADD COLUMN cost_usd REAL;
