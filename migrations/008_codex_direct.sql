-- Steered sessions: whether they have their connector, and which turn of the provider a message or a diff
-- belongs to, so that taking turns back removes exactly what was in them.

ALTER TABLE sessions ADD COLUMN link_state TEXT;
ALTER TABLE sessions ADD COLUMN link_reason TEXT;
ALTER TABLE messages ADD COLUMN provider_turn_id TEXT;
ALTER TABLE turn_diffs ADD COLUMN provider_turn_id TEXT;

-- At start: those that had a connector when the last process ended.
CREATE INDEX idx_sessions_link ON sessions(link_state) WHERE link_state IS NOT NULL;
