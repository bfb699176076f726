/**
 * The `sessions_list` frame, finished: live sessions first, then the newest, as many as fit a frame.
 * Every client asks for it when it connects, so what has not changed is not written again. Called by the
 * writer thread, which is where the rows are.
 */
import { MAX_FRAME_BYTES } from '../../protocol/encode.ts';
import type { Sqlite } from '../database.ts';
import type { ReadResults } from '../items.ts';
import { byteLength, head } from '../text.ts';
import { SUMMARY_COLUMNS, type SummaryRow, summaryFromRow } from './session-rows.ts';

/** Longest text of one field in a list, UTF-16 units: a title bar shows less. */
const FIELD_CHARS = 4_096;

const OPEN = '{"type":"sessions_list","sessions":[';
const CLOSE = ']}';

/** A session's place in the list; every item that changes anything of it raises `journal_seq`. */
interface Place {
  id: string;
  journal_seq: number;
}

/** A session as it was written last. */
interface Written {
  seq: number;
  text: string;
  bytes: number;
}

/** Reads the list on one connection. */
export function createListRead(database: Sqlite): () => ReadResults['list'] {
  const places = (status: string) =>
    database.prepare<[], Place>(
      `SELECT id, journal_seq FROM sessions WHERE status = '${status}'
       ORDER BY last_activity_at DESC`,
    );
  const parts = [places('active'), places('ended')];
  const session = database.prepare<[string], SummaryRow>(
    `SELECT ${SUMMARY_COLUMNS} FROM sessions WHERE id = ?`,
  );
  const count = database.prepare<[], number>('SELECT count(*) FROM sessions').pluck();
  let written = new Map<string, Written>();

  const write = ({ id, journal_seq }: Place): Written | null => {
    const known = written.get(id);
    if (known?.seq === journal_seq) return known;
    const row = session.get(id);
    if (row === undefined) return null;
    const text = JSON.stringify(summaryFromRow(row), shorten);
    return { seq: journal_seq, text, bytes: byteLength(text) };
  };

  return () => {
    const shown = new Map<string, Written>();
    let bytes = OPEN.length + CLOSE.length;
    cut: for (const part of parts) {
      for (const place of part.iterate()) {
        const session = write(place);
        if (session === null) continue;
        bytes += session.bytes + 1;
        if (bytes > MAX_FRAME_BYTES) break cut;
        shown.set(place.id, session);
      }
    }
    // Only what is shown is remembered, so the memory is bounded by one frame.
    written = shown;
    const texts = [...shown.values()].map(({ text }) => text);
    return { text: OPEN + texts.join(',') + CLOSE, total: count.get() ?? 0, shown: shown.size };
  };
}

function shorten(_: string, value: unknown): unknown {
  return typeof value === 'string' ? head(value, FIELD_CHARS) : value;
}
