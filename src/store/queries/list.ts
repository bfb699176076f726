/**
 * The `sessions_list` frame, finished: live sessions first, then the newest, as many as fit a frame.
 * Called by the writer thread, which is where the rows are.
 */
import { MAX_FRAME_BYTES } from '../../protocol/encode.ts';
import type { Sqlite } from '../database.ts';
import type { ReadResults } from '../items.ts';
import { byteLength, head } from '../text.ts';
import { SUMMARY_COLUMNS, type SummaryRow, summaryFromRow } from './session-rows.ts';

/** Longest text of one field in a list, UTF-16 units: a title bar shows less. */
const FIELD_CHARS = 4_096;

/** Reads the list on one connection. */
export function createListRead(database: Sqlite): () => ReadResults['list'] {
  const select = (where: string) =>
    database.prepare<[], SummaryRow>(
      `SELECT ${SUMMARY_COLUMNS} FROM sessions WHERE ${where} ORDER BY last_activity_at DESC`,
    );
  const parts = [select(`status = 'active'`), select(`status = 'ended'`)];
  const count = database.prepare<[], number>('SELECT count(*) FROM sessions').pluck();

  return () => {
    const open = '{"type":"sessions_list","sessions":[';
    const close = ']}';
    const shown: string[] = [];
    let bytes = open.length + close.length;
    cut: for (const part of parts) {
      for (const row of part.iterate()) {
        const text = JSON.stringify(summaryFromRow(row), shorten);
        bytes += byteLength(text) + 1;
        if (bytes > MAX_FRAME_BYTES) break cut;
        shown.push(text);
      }
    }
    const text = open + shown.join(',') + close;
    return { text, total: count.get() ?? 0, shown: shown.length };
  };
}

function shorten(_: string, value: unknown): unknown {
  return typeof value === 'string' ? head(value, FIELD_CHARS) : value;
}
