/**
 * The words between writer.ts and writer-thread.ts; the items and reads inside them are in items.ts.
 * Types only. One batch is on its way at a time, and one message ends it: each one wakes a thread.
 */
import type { Config, DataPaths } from '../../config.ts';
import type { Item, ItemResult, Opened, Read, ReadResults } from '../items.ts';

/** What a thread is started for. */
export type ThreadStart =
  | { task: 'write'; paths: DataPaths; durability: Config['durability'] }
  /** Looks for damage, says `checked` and ends. */
  | { task: 'check'; paths: DataPaths };

/** A read's answer, or the word for the storage trouble that prevented it. */
export type Answer = { value: ReadResults[Read['kind']] } | { trouble: string };

/** What became of a batch's items; after a failure nothing of it was kept, and it may be sent again. */
export type CommitOutcome = { results: ItemResult[] } | { trouble: string; reason: string };

/** What the main thread says, once the thread serves. */
export type ToThread = { type: 'batch'; items: Item[]; reads: Read[] } | { type: 'close' };

/** What the thread says. */
export type FromThread =
  | { type: 'opened'; opened: Opened }
  /** It does not run: the lock is held, or the database cannot be used. */
  | { type: 'refused'; exitCode: number; message: string }
  /** The batch's end: what became of its items, then the answers to its reads. */
  | { type: 'done'; commit: CommitOutcome; answers: Answer[] }
  /** Rows that another program changed while we run were put back. */
  | { type: 'undone'; sessions: string[] }
  | { type: 'checked'; damage: string | null }
  | { type: 'closed' };
