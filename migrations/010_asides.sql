-- What goes on beside the conversation: remarks about it, commands in its directory.

ALTER TABLE review_comments ADD COLUMN created_revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE review_comments ADD COLUMN changed_revision INTEGER NOT NULL DEFAULT 0;
-- A deleted comment leaves an empty row: subscribers that come back later hear that it is gone.
ALTER TABLE review_comments ADD COLUMN is_deleted INTEGER NOT NULL DEFAULT 0;
DROP INDEX IF EXISTS idx_review_comments_session;
CREATE INDEX idx_review_comments_changed ON review_comments(session_id, changed_revision);

-- Commands that run; after a crash they are found here and never run again.
CREATE INDEX idx_messages_in_progress ON messages(session_id) WHERE is_in_progress <> 0;
