-- Who is notified when a session needs a person, and of which needs they were told.

CREATE TABLE notify_channels (
  id TEXT PRIMARY KEY,
  -- 'push', 'webhook' or 'ntfy'.
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  -- JSON: where to send, and the keys for it.
  config TEXT NOT NULL,
  -- Of a device: the named token it subscribed with; null: it needed none, or has the configured one.
  token_id TEXT,
  created_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX notify_channels_by_name ON notify_channels (name);

-- Each was told once. Kept so that a restart does not tell it again.
CREATE TABLE notify_needs (
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL,
  told_at TEXT NOT NULL,
  settled_at TEXT
) WITHOUT ROWID;

CREATE TABLE notify_muted (session_id TEXT PRIMARY KEY) WITHOUT ROWID;

-- Name 'quiet': JSON {from, to}, minutes since midnight by the server's clock.
CREATE TABLE notify_settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
