/**
 * Notifications in the database: channels, needs that were sent, muted sessions, quiet hours. As with tokens the command
 * line changes channels beside a running server, which notices within half a second.
 */
import Database from 'better-sqlite3';
import { EXIT, ExitError } from '../exit.ts';
import type { Sqlite } from './database.ts';

/** Where a channel sends, and what it needs for that. Holds secrets: never sent to a client. */
export type ChannelConfig =
  | { kind: 'push'; endpoint: string; p256dh: string; auth: string }
  /** `secret`: `whsec_` and base64, as the Standard Webhooks write it. */
  | { kind: 'webhook'; url: string; secret: string }
  /** `token`: of the ntfy server; null where it asks for none. */
  | { kind: 'ntfy'; server: string; topic: string; token: string | null };

/** A recipient of notifications. */
export interface Channel {
  id: string;
  name: string;
  config: ChannelConfig;
  /** The named token of the device; null for all others. */
  token_id: string | null;
  /** ISO 8601 UTC. */
  created_at: string;
}

/** Hours without notifications: minutes since midnight by the server's clock; may go over midnight. */
export interface QuietHours {
  from: number;
  to: number;
}

/** What the server asks the writer to change. */
export type NotifyChange =
  | { type: 'channel'; channel: Channel }
  | { type: 'channel-gone'; id: string }
  | { type: 'sent'; need: string; sessionId: string }
  | { type: 'settled'; need: string }
  | { type: 'mute'; sessionId: string; isMuted: boolean }
  | { type: 'quiet'; quiet: QuietHours | null };

/** All that the server needs to know. */
export interface NotifyState {
  channels: Channel[];
  /** Needs that were sent and are not settled. */
  open: { id: string; session_id: string }[];
  muted: string[];
  quiet: QuietHours | null;
}

/** What a read brings; `now` is null when no other connection has changed anything since `seen`. */
export interface NotifyRead {
  version: number;
  now: NotifyState | null;
}

/** Needs that were settled are remembered for so long: a late report may show one again. */
const KEEP_MS = 30 * 86_400_000;

type Stored = Omit<Channel, 'config'> & { kind: string; config: string };

/** All channels, the oldest first. @public: loaded when a command needs it */
export function listChannels(database: Sqlite): Channel[] {
  return database
    .prepare<[], Stored>('SELECT * FROM notify_channels ORDER BY created_at, id')
    .all()
    .map(({ kind: _, config, ...row }) => ({ ...row, config: JSON.parse(config) }));
}

/** Adds a channel, or replaces the one of its id. @throws ExitError 64 when another has its name @public */
export function putChannel(database: Sqlite, channel: Channel): void {
  const { config, ...row } = channel;
  try {
    database
      .prepare(
        `INSERT INTO notify_channels (id, kind, name, config, token_id, created_at)
         VALUES (@id, @kind, @name, @config, @token_id, @created_at)
         ON CONFLICT (id) DO UPDATE SET config = excluded.config, token_id = excluded.token_id`,
      )
      .run({ ...row, kind: config.kind, config: JSON.stringify(config) });
  } catch (error) {
    if (!(error instanceof Database.SqliteError && error.code === 'SQLITE_CONSTRAINT_UNIQUE')) {
      throw error;
    }
    const reason = `There is a channel ${JSON.stringify(channel.name)} already`;
    throw new ExitError(EXIT.usage, `${reason}; choose another name, or remove that one first`);
  }
}

/** Removes the channels of that name or id. @returns how many @public */
export function removeChannel(database: Sqlite, name: string): number {
  return database
    .prepare('DELETE FROM notify_channels WHERE name = @name OR id = @name')
    .run({ name }).changes;
}

/** Reads for the server. @param seen  version of the read before; null: read all */
export function createNotifyRead(database: Sqlite): (seen: number | null) => NotifyRead {
  const has = database.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'notify_channels'`).get();
  // A damaged database is not migrated: it may be older than the table.
  if (has === undefined) {
    return () => ({ version: 0, now: { channels: [], open: [], muted: [], quiet: null } });
  }
  const open = database.prepare<[], { id: string; session_id: string }>(
    'SELECT id, session_id FROM notify_needs WHERE settled_at IS NULL',
  );
  const muted = database.prepare<[], string>('SELECT session_id FROM notify_muted').pluck();
  const quiet = database
    .prepare<[], string>(`SELECT value FROM notify_settings WHERE name = 'quiet'`)
    .pluck();
  return (seen) => {
    const version = database.pragma('data_version', { simple: true }) as number;
    if (version === seen) return { version, now: null };
    const hours = quiet.get();
    const now = {
      channels: listChannels(database),
      open: open.all(),
      muted: muted.all(),
      quiet: hours === undefined ? null : (JSON.parse(hours) as QuietHours),
    };
    return { version, now };
  };
}

/**
 * Makes a change for the server, inside its transaction.
 *
 * @returns false for a need that was sent before
 */
export function applyNotifyChange(database: Sqlite, change: NotifyChange, at: string): boolean {
  const run = (sql: string, ...values: unknown[]) => database.prepare(sql).run(...values).changes;
  switch (change.type) {
    case 'channel':
      putChannel(database, change.channel);
      return true;
    case 'channel-gone':
      return removeChannel(database, change.id) > 0;
    case 'sent':
      run('DELETE FROM notify_needs WHERE settled_at < ?', before(at));
      return (
        run(
          'INSERT OR IGNORE INTO notify_needs (id, session_id, told_at) VALUES (?, ?, ?)',
          change.need,
          change.sessionId,
          at,
        ) > 0
      );
    case 'settled':
      return run('UPDATE notify_needs SET settled_at = ? WHERE id = ?', at, change.need) > 0;
    case 'mute':
      run('DELETE FROM notify_muted WHERE session_id NOT IN (SELECT id FROM sessions)');
      if (!change.isMuted) {
        return run('DELETE FROM notify_muted WHERE session_id = ?', change.sessionId) > 0;
      }
      return run('INSERT OR IGNORE INTO notify_muted VALUES (?)', change.sessionId) > 0;
    case 'quiet':
      if (change.quiet === null) return run(`DELETE FROM notify_settings WHERE name = 'quiet'`) > 0;
      run(
        `INSERT OR REPLACE INTO notify_settings VALUES ('quiet', ?)`,
        JSON.stringify(change.quiet),
      );
      return true;
  }
}

function before(at: string): string {
  return new Date(Date.parse(at) - KEEP_MS).toISOString();
}
