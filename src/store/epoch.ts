/**
 * The epoch: the identity of a line of revisions. It changes when the database is new, turns out to be a
 * restored backup, or holds rows that another program wrote; clients then throw their revisions away. To notice a backup, epoch and commit count
 * also stand in a small file outside the database. Called by the writer thread only.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { systemCodeOf } from '../exit.ts';
import { writeFileAtomically } from '../files.ts';
import { adoptForeignRows } from './foreign.ts';

/** The file outside is at most this far behind while commits happen, ms. */
const MARK_EVERY_MS = 10_000;

/** What a new epoch adds to every revision, so that no number is ever used twice. */
const EPOCH_STRIDE = 1_000_000;

interface Mark {
  epoch: string;
  boots: number;
  commits: number;
}

/** The epoch of an open database. */
export interface Epoch {
  readonly id: string;
  /** True when the process before us did not close the database. */
  readonly wasDirty: boolean;
  /** Sessions whose rows another program wrote since the last process ended. */
  readonly foreign: readonly string[];
  /** Counts a commit, and notes the count when the file outside is due; to be called inside its transaction. */
  count(): void;
  /** Writes the file outside when it is due. Never throws: it is a witness, not a promise. */
  mark(): void;
  /** Notes in database and file that everything is done; nothing may be committed after it. */
  close(): void;
}

/**
 * Opens the epoch at boot: counts the boot, sees whether the database is the one the file outside knows,
 * and if it is not begins a new epoch, which lifts every session's revision.
 *
 * @param now  monotonic clock, ms
 */
export function openEpoch(deps: {
  database: Database.Database;
  path: string;
  now: () => number;
}): Epoch {
  const { database, path, now } = deps;
  const house = createHouse(database);
  let { state, wasDirty, foreign } = database.transaction(() =>
    boot(database, house, readMark(path)),
  )();
  let { commits } = state;
  let markedAt = now();
  // Database and file hold the same count. To write it with each commit would show a backup no sooner:
  // what was committed since the last mark is unknown to the file.
  const isDue = () => now() - markedAt >= MARK_EVERY_MS;
  const writeMark = () => {
    markedAt = now();
    state = { ...state, commits: Number(house.get('commits')) };
    try {
      writeFileAtomically(path, `${JSON.stringify(state)}\n`, { mode: 0o600 });
    } catch {
      // A full disk must not stop the commits that still fit; the next mark tries again.
    }
  };
  writeMark();
  return {
    id: state.epoch,
    wasDirty,
    foreign,
    count: () => {
      commits += 1;
      if (isDue()) house.set('commits', commits);
    },
    mark: () => {
      if (isDue()) writeMark();
    },
    close: () => {
      house.set('commits', commits);
      house.set('clean', '1');
      writeMark();
    },
  };
}

/** The epoch of a database that is only read: nothing is counted or marked. */
export function readEpoch(database: Database.Database): Epoch {
  const epoch = createHouse(database).get('epoch') ?? '';
  const nothing = () => {};
  const writes = { count: nothing, mark: nothing, close: nothing };
  return { id: epoch, wasDirty: true, foreign: [], ...writes };
}

type House = ReturnType<typeof createHouse>;

function createHouse(database: Database.Database) {
  const get = database.prepare<[string], string>('SELECT value FROM house WHERE key = ?').pluck();
  const set = database.prepare('INSERT OR REPLACE INTO house (key, value) VALUES (?, ?)');
  return {
    get: (key: string) => get.get(key) ?? null,
    set: (key: string, value: string | number) => void set.run(key, String(value)),
  };
}

function boot(database: Database.Database, house: House, mark: Mark | null) {
  const boots = Number(house.get('boots') ?? 0);
  const commits = Number(house.get('commits') ?? 0);
  const wasDirty = boots > 0 && house.get('clean') !== '1';
  const foreign = adoptForeignRows(database, new Date().toISOString());
  let epoch = house.get('epoch');
  const isOther = (of: string) =>
    foreign.length > 0 || (boots > 0 && !isSameLine({ epoch: of, boots, commits }, mark));
  if (epoch === null || isOther(epoch)) {
    if (epoch !== null) liftRevisions(database);
    epoch = randomUUID();
    house.set('epoch', epoch);
  }
  const state = { epoch, boots: boots + 1, commits };
  house.set('boots', state.boots);
  house.set('commits', commits);
  house.set('clean', '0');
  return { state, wasDirty, foreign };
}

/** A database behind the file, or one the file does not know, is a backup somebody put back. */
function isSameLine(stored: Mark, mark: Mark | null): boolean {
  if (mark === null || mark.epoch !== stored.epoch) return false;
  return stored.boots >= mark.boots && stored.commits >= mark.commits;
}

function liftRevisions(database: Database.Database): void {
  database.exec(
    `UPDATE sessions SET revision = revision + ${EPOCH_STRIDE},
       snapshot_base = revision + ${EPOCH_STRIDE}`,
  );
}

function readMark(path: string): Mark | null {
  try {
    const { epoch, boots, commits } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Mark>;
    if (typeof epoch !== 'string') return null;
    return { epoch, boots: Number(boots), commits: Number(commits) };
  } catch (error) {
    // An unreadable or broken mark knows nothing: the same as none.
    if (systemCodeOf(error) === null && !(error instanceof SyntaxError)) throw error;
    return null;
  }
}
