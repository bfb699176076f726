/**
 * Looks for damage after a stop that was not clean, on a connection and in a thread of its own: commits go
 * on meanwhile. Called by writer-thread.ts when it is started for that.
 */
import { openDatabase } from '../database.ts';

/** What is wrong with the file, in SQLite's words; null when nothing is. */
export function findDamage(path: string): string | null {
  const database = openDatabase(path, { durability: 'normal', readonly: true });
  try {
    const found = database.prepare<[], string>('PRAGMA quick_check(10)').pluck().all();
    return found.length === 1 && found[0] === 'ok' ? null : found.join('; ');
  } finally {
    database.close();
  }
}
