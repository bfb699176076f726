-- What the house remembers about itself and about what it took in.

-- epoch, boots, commits, clean: see epoch.ts.
CREATE TABLE house (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- Idempotency keys of what was taken in. The order of the row ids is the order of time.
CREATE TABLE hook_keys (
  key TEXT NOT NULL UNIQUE,
  at TEXT NOT NULL
);

-- Sessions that started and have not done anything yet. They wait without a clock.
CREATE TABLE pending_sessions (
  session_id TEXT PRIMARY KEY,
  at TEXT NOT NULL,
  start TEXT NOT NULL
);

-- What could not be stored, with the reason.
CREATE TABLE quarantine (
  id INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  session_id TEXT NOT NULL,
  body TEXT NOT NULL,
  error TEXT NOT NULL
);
