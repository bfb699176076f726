-- Who may come in besides the owner: named tokens, of which only a digest is kept, and pairing codes that become one.
CREATE TABLE tokens (
  -- The part of the token that may be shown.
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  -- SHA-256 of the token, hexadecimal.
  digest TEXT NOT NULL,
  -- Words separated by spaces.
  scopes TEXT NOT NULL,
  -- 'command': by `tokens create`; 'pair': by a device.
  made_by TEXT NOT NULL,
  created_at TEXT NOT NULL,
  expires_at TEXT,
  last_used_at TEXT,
  revoked_at TEXT,
  -- When `rotate` put another in its place; it may be good until `expires_at`.
  replaced_at TEXT
) WITHOUT ROWID;

-- A name means one token; those that are over keep theirs.
CREATE UNIQUE INDEX tokens_by_name ON tokens (name) WHERE revoked_at IS NULL AND replaced_at IS NULL;

CREATE TABLE pairings (
  -- SHA-256 of the code, hexadecimal.
  digest TEXT PRIMARY KEY,
  -- Of the token that it becomes; empty: the device names itself.
  name TEXT NOT NULL,
  scopes TEXT NOT NULL,
  -- How long the token is good, days; null: for ever.
  days INTEGER,
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  used_at TEXT
) WITHOUT ROWID;
