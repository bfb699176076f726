/** Lists that have to fit a frame: the newest entries are taken until the next one would not. */
import { MAX_FRAME_BYTES } from '../../protocol/encode.ts';
import { byteLength } from '../text.ts';

/** What of a list fits. */
export interface Fit<Item> {
  items: Item[];
  /** Whether older ones were left out. */
  truncated: boolean;
}

/** What stands around the entries: type, ids, a request id. */
const AROUND_BYTES = 2_048;

/**
 * Takes rows, newest first, as long as their JSON fits one frame.
 *
 * @param rows may be an open iteration; it is closed when enough is taken
 */
export function newestThatFit<Row, Item>(
  rows: Iterable<Row>,
  itemFrom: (row: Row) => Item,
): Fit<Item> {
  const items: Item[] = [];
  let room = MAX_FRAME_BYTES - AROUND_BYTES;
  for (const row of rows) {
    const item = itemFrom(row);
    room -= byteLength(JSON.stringify(item)) + 1;
    if (room < 0) return { items, truncated: true };
    items.push(item);
  }
  return { items, truncated: false };
}
