-- Who decided a request: the caller of the command that did, as the journal names it. JSON; null where no client
-- of this server decided, and for everything before.
ALTER TABLE approval_history ADD COLUMN decided_by TEXT;
