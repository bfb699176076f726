-- Old messages and sessions go after a time. A session says how many of its messages are gone, and images are
-- found by the messages that show them.
ALTER TABLE sessions ADD COLUMN messages_removed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX idx_messages_images ON messages(images_json) WHERE images_json IS NOT NULL;
