/**
 * The list of sessions: live ones first, then the newest. The `sessions_list` frame holds as many as fit and
 * says how many there are and where to go on; pages bring the rest. Every client asks for the frame when it
 * connects, so a session that has not changed is not written again. Called by the writer thread.
 */
import { MAX_FRAME_BYTES } from '../../protocol/encode.ts';
import type { SessionStatus } from '../../protocol/nouns.ts';
import type { RecentProject } from '../../protocol/reply-nouns.ts';
import { isDamage } from '../damage.ts';
import type { Sqlite } from '../database.ts';
import { byteLength, type Fit, head, newestThatFit } from '../text.ts';
import type { ReadResults, Totals } from '../writer-messages.ts';
import { SUMMARY_COLUMNS, type SummaryRow, summaryFromRow } from './session-rows.ts';

/** Longest text of one field in a list, UTF-16 units: a title bar shows less. */
const FIELD_CHARS = 4_096;

/** What a reply holds besides its sessions: its type, counts, a cursor, a request id. */
const AROUND_BYTES = 1_024;

/** A session's place in the list; every item that changes anything of it raises `journal_seq`. */
interface ListPosition {
  id: string;
  journal_seq: number;
  rowid: number;
  last_activity_at: string | null;
}

/** A session as it was written last. */
interface Written {
  seq: number;
  text: string;
  bytes: number;
}

/** A cursor: the part of the list, and the place in it after which the next page begins. */
interface Cursor {
  part: number;
  at: string;
  rowid: number;
}

/** Cursors are handed in by clients: this is behind every time and every row. */
const BEGIN = { at: '￿', rowid: Number.MAX_SAFE_INTEGER };

/** The parts of the list in their order; sessions without a time come last in their status. */
const PARTS = [
  { status: 'active', hasTime: true },
  { status: 'active', hasTime: false },
  { status: 'ended', hasTime: true },
  { status: 'ended', hasTime: false },
] as const;

/** Reads lists on one connection. */
export function createListRead(database: Sqlite) {
  const parts = PARTS.map(({ status, hasTime }) =>
    database.prepare<[Pick<Cursor, 'at' | 'rowid'>], ListPosition>(
      `SELECT id, journal_seq, rowid, last_activity_at FROM sessions
       WHERE status = '${status}' AND ${
         hasTime
           ? '(last_activity_at, rowid) < (@at, @rowid)'
           : "last_activity_at IS NULL AND rowid < @rowid AND @at <> ''"
       }
       ORDER BY last_activity_at DESC, rowid DESC`,
    ),
  );
  const session = database.prepare<[string], SummaryRow>(
    `SELECT ${SUMMARY_COLUMNS} FROM sessions WHERE id = ?`,
  );
  const count = database.prepare<[], number>('SELECT count(*) FROM sessions').pluck();
  const countOf = database
    .prepare<[string], number>('SELECT count(*) FROM sessions WHERE status = ?')
    .pluck();
  let written = new Map<string, Written>();

  /** Places by the index alone: for a database in which rows of the table are damaged. */
  const salvaged = PARTS.map(({ status, hasTime }) =>
    database.prepare<[], Pick<ListPosition, 'rowid' | 'last_activity_at'>>(
      `SELECT rowid, last_activity_at FROM sessions INDEXED BY idx_sessions_list
       WHERE status = '${status}' AND last_activity_at IS ${hasTime ? 'NOT NULL' : 'NULL'}
       ORDER BY last_activity_at DESC, rowid DESC`,
    ),
  );
  const placeOf = database.prepare<[number], ListPosition>(
    'SELECT id, journal_seq, rowid, last_activity_at FROM sessions WHERE rowid = ?',
  );

  const write = ({ id, journal_seq }: ListPosition): Written | null => {
    const known = written.get(id);
    if (known?.seq === journal_seq) return known;
    const row = session.get(id);
    if (row === undefined) return null;
    const summary = summaryFromRow(row);
    const whole = JSON.stringify(summary);
    // No field is longer than the whole, which hardly ever is so long.
    const text = whole.length <= FIELD_CHARS ? whole : JSON.stringify(summary, shorten);
    return { seq: journal_seq, text, bytes: byteLength(text) };
  };

  /** All that can be read of a damaged table, as far as a frame goes. */
  const salvage = () => {
    const shown = new Map<string, Written>();
    let bytes = AROUND_BYTES;
    let unreadable = 0;
    for (const { rowid } of salvaged.flatMap((part) => part.all())) {
      try {
        const place = placeOf.get(rowid);
        const session = place === undefined ? null : write(place);
        if (!place || !session) continue;
        bytes += session.bytes + 1;
        if (bytes > MAX_FRAME_BYTES) break;
        shown.set(place.id, session);
      } catch (error) {
        if (!isDamage(error)) throw error;
        unreadable += 1;
      }
    }
    return { shown, unreadable };
  };

  /** Sessions from the cursor on that fit a frame, and the cursor of the next page. */
  const take = (from: Cursor, status: SessionStatus | null, limit: number) => {
    const shown = new Map<string, Written>();
    let bytes = AROUND_BYTES;
    let last = from;
    for (const [part, { status: of }] of PARTS.entries()) {
      if (part < from.part || (status !== null && of !== status)) continue;
      const begin = part === from.part ? { at: from.at, rowid: from.rowid } : BEGIN;
      for (const place of parts[part]?.iterate(begin) ?? []) {
        const session = write(place);
        if (session === null) continue;
        bytes += session.bytes + 1;
        if (bytes > MAX_FRAME_BYTES || shown.size >= limit) {
          return { shown, next: cursorText(last) };
        }
        shown.set(place.id, session);
        last = { part, at: place.last_activity_at ?? BEGIN.at, rowid: place.rowid };
      }
    }
    return { shown, next: null };
  };
  const textsOf = (shown: Map<string, Written>) => [...shown.values()].map(({ text }) => text);

  const frameOf = (list: {
    shown: Map<string, Written>;
    next: string | null;
    unreadable?: number;
  }) => {
    const { shown, next, unreadable = 0 } = list;
    // Only what is shown is remembered, so the memory is bounded by one frame.
    written = shown;
    const total = count.get() ?? 0;
    const marks = next === null ? '' : `,"truncated":true,"next":${JSON.stringify(next)}`;
    const lost = unreadable === 0 ? '' : `,"unreadable":${unreadable}`;
    const sessions = textsOf(shown).join(',');
    const text = `{"type":"sessions_list","sessions":[${sessions}],"total":${total}${marks}${lost}}`;
    return { text, total, shown: shown.size };
  };

  return {
    /** The finished `sessions_list` frame. */
    frame(): ReadResults['list'] {
      try {
        return frameOf(take({ part: 0, ...BEGIN }, null, Number.POSITIVE_INFINITY));
      } catch (error) {
        if (!isDamage(error)) throw error;
        return { ...frameOf({ next: null, ...salvage() }), damage: (error as Error).message };
      }
    },
    /** @returns null for a cursor that none of our pages gave */
    page(read: {
      after: string | null;
      status: SessionStatus | null;
      limit: number;
    }): ReadResults['sessions'] {
      const from = read.after === null ? { part: 0, ...BEGIN } : cursorFrom(read.after);
      if (from === null) return null;
      const { shown, next } = take(from, read.status, read.limit);
      const total = (read.status === null ? count.get() : countOf.get(read.status)) ?? 0;
      return { sessions: textsOf(shown).map((text) => JSON.parse(text)), total, next };
    },
  };
}

function cursorText({ part, at, rowid }: Cursor): string {
  return `${part}~${rowid}~${at}`;
}

function cursorFrom(text: string): Cursor | null {
  const [, part, rowid, at] = /^([0-3])~(\d{1,15})~(.{1,64})$/s.exec(text) ?? [];
  if (part === undefined || rowid === undefined || at === undefined) return null;
  return { part: Number(part), rowid: Number(rowid), at };
}

function shorten(_: string, value: unknown): unknown {
  return typeof value === 'string' ? head(value, FIELD_CHARS) : value;
}

/* The directories sessions ran in. Called by the reads that ride the writer's queue. */

/** More than a picker shows. */
const MAX_PROJECTS = 500;

interface ProjectRow {
  path: string;
  session_count: number;
  last_active: string | null;
}

/** Reads projects on one connection: the one worked in last comes first. */
export function createProjectsRead(database: Sqlite): () => Fit<RecentProject> {
  const projects = database.prepare<[], ProjectRow>(
    `SELECT project_path AS path, count(*) AS session_count, max(last_activity_at) AS last_active
     FROM sessions WHERE project_path LIKE '/%' AND project_path <> '/unknown'
     GROUP BY project_path ORDER BY last_active DESC, path LIMIT ${MAX_PROJECTS}`,
  );
  return () =>
    newestThatFit(projects.iterate(), ({ path, session_count, last_active }) => ({
      path,
      session_count,
      ...(last_active !== null && { last_active }),
    }));
}

/** Sums over all sessions; one pass over their rows. */
export function createTotalsRead(database: Sqlite): () => Totals {
  const sessions = database.prepare<[], Totals['sessions'][number]>(
    'SELECT provider, work_status, count(*) AS count FROM sessions GROUP BY provider, work_status',
  );
  const tokens = database.prepare<[], Totals['tokens'][number]>(
    `SELECT provider, coalesce(model, '') AS model, sum(coalesce(input_tokens, 0)) AS input,
       sum(coalesce(output_tokens, 0)) AS output, sum(coalesce(cached_tokens, 0)) AS cached
     FROM sessions GROUP BY 1, 2`,
  );
  const bytes = database
    .prepare<[], number>('SELECT page_count * page_size FROM pragma_page_count, pragma_page_size')
    .pluck();
  return () => ({ sessions: sessions.all(), tokens: tokens.all(), bytes: bytes.get() ?? 0 });
}
