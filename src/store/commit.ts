/**
 * One batch of items, one transaction. An item that can never be stored is set aside alone: a batch with
 * one in it is done again with a savepoint around each item, which all others are spared. An error of the
 * storage fails the batch as a whole, so that it can be tried again as it is. Numbers are given in here
 * and nowhere else. Called by the writer thread.
 */
import Database from 'better-sqlite3';
import { FACTS, type Fact } from '../../machines/session-facts.ts';
import type { Sqlite } from './database.ts';
import type { Epoch } from './epoch.ts';
import { createRows } from './fact-rows.ts';
import { applyNotifyChange } from './notifications.ts';
import type { JournalRow } from './queries/journal.ts';
import { byteLength, MAX_STORED_BYTES, storable } from './text.ts';
import { applyTokenChange } from './tokens.ts';
import type {
  AccessItem,
  CheckpointItem,
  EventItem,
  Item,
  ItemResult,
  KnownFact,
  NotifyItem,
  PendingItem,
} from './writer-messages.ts';

/** SQLite's codes that mean: this item, not the storage. Every other one is an error of the storage. */
const ITEM_ERROR = /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE|ERROR)/;

/** The word for each kind of storage error, as `/health` shows it. */
const STORAGE_ERRORS: ReadonlyArray<[RegExp, string]> = [
  [/^SQLITE_FULL/, 'disk_full'],
  [/^SQLITE_(BUSY|LOCKED|PROTOCOL)/, 'busy'],
  [/^SQLITE_READONLY/, 'read_only'],
  [/^SQLITE_(CORRUPT|NOTADB)/, 'corrupt'],
  [/^SQLITE_NOMEM/, 'out_of_memory'],
  [/^SQLITE_CANTOPEN/, 'cannot_open'],
];

/** The word for a storage error; null when the error is about the work and not about the storage. */
export function storageErrorOf(error: unknown): string | null {
  if (!(error instanceof Database.SqliteError) || ITEM_ERROR.test(error.code)) return null;
  return STORAGE_ERRORS.find(([code]) => code.test(error.code))?.[1] ?? 'io_error';
}

/** Commits batches on one write connection. */
export class Committer {
  readonly #database: Sqlite;
  readonly #epoch: Epoch;
  readonly #context: ItemContext;

  /** Prepares its statements; the schema must be the newest. */
  constructor({ database, epoch }: { database: Sqlite; epoch: Epoch }) {
    this.#database = database;
    this.#epoch = epoch;
    this.#context = {
      database,
      rows: createRows(database),
      journal: createJournal(database),
      statements: prepareStatements(database),
      refused: new Set(),
    };
  }

  /**
   * Commits the items in order and says what became of each.
   *
   * @throws SqliteError when the storage fails; then nothing of the batch is kept or remembered, and
   *   the same batch may be given again
   */
  commit(items: readonly Item[]): ItemResult[] {
    try {
      return this.#transact(items, (item) => commitOne(this.#context, item));
    } catch (error) {
      if (storageErrorOf(error) !== null) throw error;
      return this.#transact(items, (item) => this.#commitOrSetAside(item));
    } finally {
      this.#epoch.mark();
    }
  }

  /** To be called when the rows of a session are removed: nothing that is remembered of it holds. */
  forget(sessionId: string): void {
    this.#context.rows.forget(sessionId);
    this.#context.journal.forget(sessionId);
  }

  /** Runs one transaction; nothing is kept or remembered of one that throws. */
  #transact(items: readonly Item[], take: (item: Item) => ItemResult): ItemResult[] {
    const { statements, rows, journal } = this.#context;
    this.#context.refused = new Set();
    try {
      statements.begin.run();
      const results = items.map(take);
      this.#epoch.count();
      statements.commit.run();
      return results;
    } catch (error) {
      if (this.#database.inTransaction) statements.rollback.run();
      rows.forget();
      journal.forget();
      throw error;
    }
  }

  #commitOrSetAside(item: Item): ItemResult {
    const { statements, rows, journal } = this.#context;
    statements.savepoint.run();
    try {
      const result = commitOne(this.#context, item);
      statements.release.run();
      return result;
    } catch (error) {
      if (storageErrorOf(error) !== null) throw error;
      statements.rollbackTo.run();
      statements.release.run();
      rows.forget(item.sessionId);
      journal.forget(item.sessionId);
      return setAside(this.#context, item, error);
    }
  }
}

function commitOne(context: ItemContext, item: Item): ItemResult {
  switch (item.kind) {
    case 'event':
      return commitEvent(context, item);
    case 'pending':
      return commitPending(context, item);
    case 'checkpoint':
      return commitCheckpoint(context, item);
    case 'access':
      return commitAccess(context, item);
    case 'notify':
      return commitNotify(context, item);
  }
}

interface ItemContext {
  database: Sqlite;
  rows: ReturnType<typeof createRows>;
  journal: ReturnType<typeof createJournal>;
  statements: ReturnType<typeof prepareStatements>;
  /** Chains of this batch of which an item was refused. */
  refused: Set<number>;
}

function prepareStatements(database: Sqlite) {
  return {
    begin: database.prepare('BEGIN IMMEDIATE'),
    commit: database.prepare('COMMIT'),
    rollback: database.prepare('ROLLBACK'),
    savepoint: database.prepare('SAVEPOINT item'),
    release: database.prepare('RELEASE item'),
    rollbackTo: database.prepare('ROLLBACK TO item'),
    addKey: database.prepare(
      'INSERT INTO hook_keys (key, at) VALUES (?, ?) ON CONFLICT (key) DO NOTHING',
    ),
    putPending: database.prepare(
      'INSERT OR REPLACE INTO pending_sessions (session_id, at, start) VALUES (?, ?, ?)',
    ),
    forgetPending: database.prepare('DELETE FROM pending_sessions WHERE session_id = ?'),
    checkpoint: database.prepare('UPDATE messages SET content = ? WHERE id = ? AND session_id = ?'),
    checkpointOutput: database.prepare(
      `UPDATE messages SET tool_output = ? WHERE id = ? AND session_id = ? AND is_in_progress <> 0`,
    ),
    quarantine: database.prepare(
      'INSERT INTO quarantine (at, session_id, body, error) VALUES (?, ?, ?, ?)',
    ),
  };
}

function commitEvent(context: ItemContext, item: EventItem): ItemResult {
  const { rows, journal, refused } = context;
  const { sessionId, chain } = item;
  if (refused.has(chain)) return { outcome: 'skipped' };
  if (!isFirst(context, item)) {
    refused.add(chain);
    return { outcome: 'duplicate' };
  }
  const draft = rows.open(sessionId, item);
  const known = applyFacts(rows, draft, JSON.parse(item.facts) as Fact[]);
  draft.journalSeq += 1;
  const { journalSeq: seq, revision, journalId: before, amended } = draft;
  draft.journalId = journal.append({ ...item, seq, revision, before, amended });
  rows.close(draft, item);
  if (item.base !== null) journal.keepBase(sessionId, seq - 1, item.machineVersion, item.base);
  if (item.snapshot !== null && journal.isBaseDue(sessionId, seq)) {
    journal.keepBase(sessionId, seq, item.machineVersion, item.snapshot);
  }
  return { outcome: 'committed', seq, revision, ...(known.length > 0 && { known }) };
}

/** Applies facts in their order, each that says something new under a number of its own. */
function applyFacts(
  rows: ItemContext['rows'],
  draft: ReturnType<ItemContext['rows']['open']>,
  facts: readonly Fact[],
): KnownFact[] {
  const known: KnownFact[] = [];
  for (const [at, fact] of facts.entries()) {
    const revision = draft.revision + (FACTS[fact.type].takesRevision ? 1 : 0);
    const instead = rows.applyFact(draft, fact, revision);
    if (instead !== undefined) known.push({ at, fact: instead && JSON.stringify(instead) });
    if (instead !== null) draft.revision = revision;
  }
  return known;
}

function commitPending(context: ItemContext, item: PendingItem): ItemResult {
  const { statements } = context;
  if (!isFirst(context, item)) return { outcome: 'duplicate' };
  if (item.start === null) statements.forgetPending.run(item.sessionId);
  else statements.putPending.run(item.sessionId, item.at, item.start);
  return { outcome: 'committed', seq: 0, revision: 0 };
}

/** The text so far: no fact, no revision; a later subscriber reads it from the row. */
function commitCheckpoint({ statements }: ItemContext, item: CheckpointItem): ItemResult {
  const { checkpoint, checkpointOutput } = statements;
  const update = item.field === 'tool_output' ? checkpointOutput : checkpoint;
  update.run(storable(item.content), item.messageId, item.sessionId);
  return { outcome: 'committed', seq: 0, revision: 0 };
}

function commitAccess({ database }: ItemContext, { change, at }: AccessItem): ItemResult {
  const isDone = applyTokenChange(database, change, at);
  return isDone ? { outcome: 'committed', seq: 0, revision: 0 } : { outcome: 'duplicate' };
}

function commitNotify({ database }: ItemContext, { change, at }: NotifyItem): ItemResult {
  const isDone = applyNotifyChange(database, change, at);
  return isDone ? { outcome: 'committed', seq: 0, revision: 0 } : { outcome: 'duplicate' };
}

function isFirst({ statements }: ItemContext, item: Item): boolean {
  return item.key === null || statements.addKey.run(item.key, item.at).changes > 0;
}

function setAside({ statements, refused }: ItemContext, item: Item, error: unknown): ItemResult {
  const reason = error instanceof Error ? error.message : String(error);
  // Of an item about access nothing is kept, not even a digest, and of a channel not its keys.
  const isSecret = item.kind === 'access' || item.kind === 'notify';
  const body = isSecret ? '{}' : JSON.stringify(item);
  statements.quarantine.run(item.at, item.sessionId, storable(body), reason);
  if (item.kind === 'event') refused.add(item.chain);
  return { outcome: 'quarantined', error: reason };
}

/*
 * Writing the journal: one row for each event of a session, numbered without gaps, and from time to time
 * the machine's snapshot, so that the states can be folded from there when older rows are gone. Called by
 * commit.ts inside its transaction; retention.ts takes old rows away.
 */

/** A snapshot is kept every so many events. */
const BASE_EVERY = 500;

/** Sessions whose newest base is remembered; the others are looked up again. */
const BASES_KEPT = 2_000;

/** A row on its way into the journal of this session. */
interface JournalEntry extends JournalRow {
  sessionId: string;
  /** `id` of the session's event before it. */
  before: number | null;
  /** Ids of the earlier messages that the event changed. */
  amended: readonly string[];
}

/** The journal of one write connection. */
function createJournal(database: Sqlite) {
  const insert = database.prepare(
    `INSERT INTO journal (session_id, seq, at, origin, caller, event, value, accepted, revision, before,
       amended)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertBase = database.prepare(
    `INSERT OR REPLACE INTO journal_bases (session_id, seq, machine_version, snapshot)
     VALUES (?, ?, ?, ?)`,
  );
  const newestBase = database
    .prepare<[string], number>(
      'SELECT seq FROM journal_bases WHERE session_id = ? ORDER BY seq DESC LIMIT 1',
    )
    .pluck();
  const bases = new Map<string, number>();
  const storeBase = (sessionId: string, seq: number) => {
    if (bases.size >= BASES_KEPT) bases.clear();
    bases.set(sessionId, seq);
    return seq;
  };
  return {
    /** @returns the row's `id`, which the session's next one names */
    append(entry: JournalEntry): number {
      const { sessionId, seq, at, origin, caller, value, accepted, revision, before, amended } =
        entry;
      const event = eventText(entry.event);
      const names = amended.length === 0 ? null : JSON.stringify(amended);
      return insert.run(
        sessionId,
        seq,
        at,
        origin,
        caller,
        event,
        value,
        +accepted,
        revision,
        before,
        names,
      ).lastInsertRowid as number;
    },
    /** Keeps the snapshot of the state after event `seq`. */
    keepBase(sessionId: string, seq: number, machineVersion: number, snapshot: string) {
      insertBase.run(sessionId, seq, machineVersion, snapshot);
      storeBase(sessionId, seq);
    },
    /** Whether the newest base is so far back that the next snapshot should become one. */
    isBaseDue(sessionId: string, seq: number): boolean {
      const newest = bases.get(sessionId) ?? storeBase(sessionId, newestBase.get(sessionId) ?? 0);
      return seq - newest >= BASE_EVERY;
    },
    /** Forgets what is remembered of a session, or of all, after a rollback. */
    forget(sessionId?: string) {
      if (sessionId === undefined) bases.clear();
      else bases.delete(sessionId);
    },
  };
}

/** Message bodies are not in it, so a large event is an odd one: its size is kept, not its body. */
function eventText(event: string): string {
  if (event.length * 3 <= MAX_STORED_BYTES || byteLength(event) <= MAX_STORED_BYTES) return event;
  const type = /^\{"type":"([\w.]{1,100})"/.exec(event)?.[1] ?? 'unknown';
  return JSON.stringify({ type, truncated: true, bytes: byteLength(event) });
}
