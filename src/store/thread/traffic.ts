/**
 * The words between writer.ts and writer-thread.ts; the items and reads inside them are in items.ts.
 * Types only. One batch is on its way at a time, and one message ends it: each one wakes a thread.
 */
import type { Config, DataPaths, RetentionLimits } from '../../config.ts';
import type { Damage } from '../damage.ts';
import type { Item, ItemResult, Opened, Read, ReadResults } from '../items.ts';

/** What a thread is started for. */
export type ThreadStart =
  | {
      task: 'write';
      paths: DataPaths;
      durability: Config['durability'];
      retention: RetentionLimits;
    }
  /** Looks for damage, puts a copy aside where there is some or a suspicion, says `checked` and ends. */
  | { task: 'check'; paths: DataPaths; suspicion: string | null };

/**
 * A read's answer, or the word for the storage trouble that prevented it, with SQLite's reason; `row` when only
 * the rows that it asked for are not what they should be.
 */
export type Answer =
  /** `damage`: rows that could not be read are left out of it. */
  { value: ReadResults[Read['kind']]; damage?: string } | { trouble: string; reason: string };

/** What became of a batch's items; after a failure nothing of it was kept, and it may be sent again. */
export type CommitOutcome = { results: ItemResult[] } | { trouble: string; reason: string };

/** What the main thread says, once the thread serves. */
export type ToThread =
  | { type: 'batch'; items: Item[]; reads: Read[] }
  | { type: 'close'; isFrozen: boolean };

/** What the thread says. */
export type FromThread =
  | { type: 'opened'; opened: Opened }
  /** It does not run: the lock is held, or the database cannot be used. */
  | { type: 'refused'; exitCode: number; message: string }
  /** The batch's end: what became of its items, then the answers to its reads. */
  | { type: 'done'; commit: CommitOutcome; answers: Answer[] }
  /** Rows that another program changed while we run were put back. */
  | { type: 'undone'; sessions: string[] }
  | { type: 'checked'; damage: Damage | null }
  | { type: 'closed' };
