/** Whether the house can take more in right now. Asked before anything moves. */
import { OrbitError } from '../errors.ts';
import type { Writer } from '../store/writer.ts';

/** Beyond these the house says "busy" before it takes anything in. */
const MAX_BACKLOG_ITEMS = 5000;
const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;
/** While storage fails, senders wait this long before they are sent away. */
const MAX_TROUBLE_MS = 2000;

/**
 * Says no before anything moves: what cannot be stored soon must stay with its sender.
 *
 * @returns `storage_unavailable`, `database_damaged`, `server_busy`, or null when there is room
 */
export function refusalOf({ trouble, backlog }: Pick<Writer, 'trouble' | 'backlog'>) {
  // A damaged database is not written any more: nobody has to wait to learn it.
  if (trouble === 'corrupt') return new OrbitError('database_damaged', { what: 'The database' });
  if (trouble !== null && backlog.oldestAgeMs > MAX_TROUBLE_MS) {
    return new OrbitError('storage_unavailable', { reason: trouble });
  }
  const isFull = backlog.items > MAX_BACKLOG_ITEMS || backlog.bytes > MAX_BACKLOG_BYTES;
  return isFull ? new OrbitError('server_busy') : null;
}
