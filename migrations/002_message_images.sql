-- The reference's second and last migration: images of a message as JSON.
ALTER TABLE messages ADD COLUMN images_json TEXT;
