-- Who sent a command: the journal names the caller of every event that came over a connection. JSON; null where
-- nobody asked, and for everything before.
ALTER TABLE journal ADD COLUMN caller TEXT;
