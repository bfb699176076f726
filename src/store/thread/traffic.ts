/**
 * The words between writer.ts and writer-thread.ts; the items and reads inside them are in items.ts.
 * Types only. One batch is on its way at a time: `committed` or `failed`, then `answered`, end it.
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

export type ToThread = { type: 'batch'; items: Item[]; reads: Read[] } | { type: 'close' };

export type FromThread =
  | { type: 'opened'; opened: Opened }
  /** It does not run: the lock is held, or the database cannot be used. */
  | { type: 'refused'; exitCode: number; message: string }
  | { type: 'committed'; results: ItemResult[] }
  /** Nothing of the batch was kept; the same items may be sent again. */
  | { type: 'failed'; trouble: string; reason: string }
  | { type: 'answered'; answers: Answer[] }
  | { type: 'checked'; damage: string | null }
  | { type: 'closed' };
