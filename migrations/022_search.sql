-- Search over all conversations. The index follows the messages behind their commit, a little at a time: a
-- message that is new, changed or gone waits in `search_waiting` until then.

-- The number of a message in the index; a message's own row number may change when the file is copied.
CREATE TABLE search_entries (
  id INTEGER PRIMARY KEY,
  message_id TEXT NOT NULL UNIQUE,
  session_id TEXT NOT NULL
);

-- The words alone: texts are read from `messages`.
CREATE VIRTUAL TABLE search_words USING fts5 (
  content, tool_input, tool_output,
  content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);

-- In the order of the changes; a message may wait more than once.
CREATE TABLE search_waiting (
  id INTEGER PRIMARY KEY,
  message_id TEXT NOT NULL
);
INSERT INTO search_waiting (message_id) SELECT id FROM messages ORDER BY timestamp;

CREATE TRIGGER search_message_new AFTER INSERT ON messages BEGIN
  INSERT INTO search_waiting (message_id) VALUES (new.id);
END;
CREATE TRIGGER search_message_changed AFTER UPDATE OF content, tool_input, tool_output ON messages
WHEN old.content IS NOT new.content OR old.tool_input IS NOT new.tool_input
  OR old.tool_output IS NOT new.tool_output
BEGIN
  INSERT INTO search_waiting (message_id) VALUES (new.id);
END;
CREATE TRIGGER search_message_gone AFTER DELETE ON messages BEGIN
  INSERT INTO search_waiting (message_id) VALUES (old.id);
END;
