/**
 * What is kept and for how long, how safely it is written, and how many connections there may be: numbers of flags and
 * environment, each within its range.
 */
import { EXIT, ExitError } from './exit.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** What the command line of `start` says of it. */
export interface KeepingFlags {
  durability?: string | undefined;
  maxConnections?: string | undefined;
  keepDays?: string | undefined;
  keepEvents?: string | undefined;
  keepSessionsDays?: string | undefined;
  maxDbMb?: string | undefined;
}

/** How long what is kept; 0 days or bytes: no limit. */
export interface RetentionLimits {
  /** Events of the journal that are older may go. */
  readonly eventDays: number;
  /** So many of the newest events and messages of a session always stay. */
  readonly events: number;
  /** Sessions without activity for so long go with all that belongs to them, and so do messages of such an age. */
  readonly sessionDays: number;
  /** While the database holds more, the sessions that ended longest ago go. */
  readonly maxBytes: number;
}

/** What is kept unless it is configured otherwise. */
export const DEFAULT_RETENTION: RetentionLimits = Object.freeze({
  eventDays: 30,
  events: 10_000,
  sessionDays: 180,
  maxBytes: 4 * 1024 ** 3,
});

/** @throws ExitError 64 for another word */
export function parseDurability(text: string | undefined): 'full' | 'normal' {
  if (text === undefined || text === 'full') return 'full';
  if (text === 'normal') return 'normal';
  throw new ExitError(EXIT.usage, `--durability is full or normal, not ${JSON.stringify(text)}`);
}

/** Sockets of the port; one more is spent for each file that the process has open. */
const MAX_CONNECTIONS = { least: 16, unless: 4096, most: 1_000_000 };

/** @throws ExitError 64 for what is no whole number of the range */
export function maxConnectionsOf(flags: KeepingFlags, env: Env): number {
  const given = flags.maxConnections ?? env.ORBITDOCK_MAX_CONNECTIONS;
  const { least, unless, most } = MAX_CONNECTIONS;
  if (given === undefined || given === '') return unless;
  const value = /^\d{1,7}$/.test(given) ? Number(given) : Number.NaN;
  if (value >= least && value <= most) return value;
  const reason = `--max-connections is a whole number from ${least} to ${most}`;
  throw new ExitError(EXIT.usage, `${reason}, not ${JSON.stringify(given)}`);
}

/** @throws ExitError 64 for what is no whole number, or less than is always kept */
export function retentionOf(flags: KeepingFlags, env: Env): RetentionLimits {
  const number = (
    flag: string,
    given: string | undefined,
    least: number,
    unless: number,
  ): number => {
    if (given === undefined || given === '') return unless;
    const value = /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
    if (value === 0 || value >= least) return value;
    const reason = `${flag} is a whole number from ${least} on, or 0 for no limit`;
    throw new ExitError(EXIT.usage, `${reason}, not ${JSON.stringify(given)}`);
  };
  const { eventDays, events, sessionDays, maxBytes } = DEFAULT_RETENTION;
  const kept = flags.keepEvents ?? env.ORBITDOCK_KEEP_EVENTS;
  const mib = 1024 ** 2;
  const most = flags.maxDbMb ?? env.ORBITDOCK_MAX_DB_MB;
  const days = flags.keepSessionsDays ?? env.ORBITDOCK_KEEP_SESSIONS_DAYS;
  return {
    eventDays: number('--keep-days', flags.keepDays ?? env.ORBITDOCK_KEEP_DAYS, 30, eventDays),
    events: number('--keep-events', kept, 10_000, events) || Number.MAX_SAFE_INTEGER,
    sessionDays: number('--keep-sessions-days', days, 30, sessionDays),
    maxBytes: number('--max-db-mb', most, 64, maxBytes / mib) * mib,
  };
}
