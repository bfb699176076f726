/**
 * Timelines of journals (machines/timeline.ts), read through the writer; a journal that was read once is only read on.
 */
import { createTimelineBuilder, type TimelineBuilder } from '../../machines/index.ts';
import type { JournalTimeline } from '../protocol/inspect.ts';
import type { JournalRange } from '../store/items.ts';
import type { JournalRow } from '../store/queries/journal.ts';
import type { Writer } from '../store/writer.ts';
import { redactText } from './redact.ts';

/** Characters of a name on a bar. */
const TEXT_CHARS = 120;
/** Journals that are kept, so that a page which asks again costs only what is new. */
const MAX_KEPT = 6;

/** A builder whose texts are redacted. */
const builder = () => createTimelineBuilder((text) => redactText(text, TEXT_CHARS));

/** Timelines of journals, read through the writer; the newest few go on where they ended. */
export function createTimelines(writer: Pick<Writer, 'read'>) {
  const kept = new Map<string, { builder: TimelineBuilder; first: number }>();

  /** Rows above a number, a stretch at a time: the writer commits between two of them. */
  async function rowsAfter(sessionId: string, after: number) {
    const rows: JournalRow[] = [];
    let ends: { first: number; last: number } | null = null;
    let seq: number | null = null;
    for (;;) {
      const range: JournalRange = await writer.read({ kind: 'stretch', sessionId, seq, after });
      ends ??= { first: range.first, last: range.last };
      const newest: number = seq ?? range.last;
      const part = range.rows.filter((row) => row.seq > after && row.seq <= newest);
      rows.unshift(...part);
      const oldest = part[0]?.seq ?? 0;
      if (oldest <= Math.max(range.first, after + 1)) return { rows, ...ends };
      seq = oldest - 1;
    }
  }

  /** The journal of a session in real time. @throws OrbitError what the writer's reads throw */
  return async function timeline(sessionId: string): Promise<JournalTimeline> {
    const { rows, first, last } = await rowsAfter(
      sessionId,
      kept.get(sessionId)?.builder.last ?? 0,
    );
    const known = kept.get(sessionId);
    const next = rows[0]?.seq ?? 0;
    // Retention has cut the journal: what is kept shows events that are gone, so it is read anew.
    if (known && (known.first !== first || next > known.builder.last + 1)) {
      kept.delete(sessionId);
      return timeline(sessionId);
    }
    const entry = known ?? { builder: builder(), first };
    for (const row of rows) entry.builder.add({ ...row, at: Date.parse(row.at) });
    kept.delete(sessionId);
    kept.set(sessionId, entry);
    for (const oldest of kept.keys()) {
      if (kept.size <= MAX_KEPT) break;
      kept.delete(oldest);
    }
    return entry.builder.view({ first, last });
  };
}
