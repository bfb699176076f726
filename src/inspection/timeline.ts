/**
 * A whole journal in real time: when each event happened, and what lasted from one event to another (states,
 * requests, turns, tools, subagents, the link). Built from the rows alone, nothing is folded, so that thousands of
 * events cost milliseconds; a journal that was read once is only read on.
 */

import type { JournalTimeline, StateValue, TimelineSpan } from '../protocol/inspect.ts';
import type { JournalRange } from '../store/items.ts';
import type { JournalRow } from '../store/queries/journal.ts';
import type { Writer } from '../store/writer.ts';
import { redactText } from './redact.ts';
import { linkOf, pathsOf, valueFrom } from './view.ts';

/** Characters of a name on a bar. */
const TEXT_CHARS = 120;
/** Journals that are kept, so that a page which asks again costs only what is new. */
const MAX_KEPT = 6;

/** The parts of an event that a timeline reads. */
interface TimedEvent {
  type: string;
  request?: { id: string; type: string };
  requestId?: string | null;
  tool?: { toolUseId: string; name: string } | null;
  tools?: { toolUseId: string }[];
  outcome?: string;
  agentId?: string;
  agentType?: string;
  usage?: { input_tokens?: number; context_window?: number };
}

/** Events after which the person has nothing more to say about a request. */
const ANSWERS = new Set([
  'approval.decided',
  'approval.resolved',
  'question.answered',
  'decision.seen',
]);
const TURN_ENDS = new Set(['turn.completed', 'turn.aborted', 'turn.failed']);
const WAITS = /\.(permission|question)$/;

/** A timeline that grows by rows of a journal. */
export interface TimelineBuilder {
  add(row: JournalRow): void;
  /** Number of the newest row that was added; 0 before the first. */
  readonly last: number;
  view(ends: { first: number; last: number }): JournalTimeline;
}

/** Builds a timeline, row by row. */
export function createTimelineBuilder(): TimelineBuilder {
  const times: number[] = [];
  const kinds: number[] = [];
  const types = new Map<string, number>();
  const spans: TimelineSpan[] = [];
  const context: JournalTimeline['context'] = [];
  /** What goes on, by row and id. */
  const open = new Map<string, TimelineSpan>();
  let firstSeq = 0;
  let last = 0;
  let now = { seq: 0, at: 0 };

  const begin = (row: TimelineSpan['row'], id: string, text: string): void => {
    if (open.has(`${row} ${id}`)) return;
    const span: TimelineSpan = {
      row,
      // Ids come from outside as well: one may look like a secret.
      id: redactText(id, TEXT_CHARS),
      text,
      from: now.at,
      seq: now.seq,
      to: null,
      endSeq: null,
    };
    open.set(`${row} ${id}`, span);
    spans.push(span);
  };
  const end = (key: string, failed = false): void => {
    const span = open.get(key);
    if (!span) return;
    open.delete(key);
    span.to = now.at;
    span.endSeq = now.seq;
    if (failed) span.failed = true;
  };
  const endAll = (row: TimelineSpan['row'], failed = false): void => {
    for (const key of [...open.keys()]) if (key.startsWith(`${row} `)) end(key, failed);
  };
  /** Of states one holds at a time: another one ends it. */
  const enter = (row: 'state' | 'link', text: string): void => {
    if (open.get(`${row} `)?.text === text) return;
    end(`${row} `);
    begin(row, '', text);
  };

  function show(event: TimedEvent): void {
    const { type, tool, requestId } = event;
    if (type === 'turn.started') {
      endAll('turn');
      begin('turn', '', '');
    }
    if (TURN_ENDS.has(type)) {
      endAll('turn', type === 'turn.failed');
      endAll('tool');
    }
    if (type === 'tool.started' && tool) begin('tool', tool.toolUseId, toolName(tool.name));
    if (type === 'tool.finished' && tool) {
      // One that began before the oldest event that is kept, or whose beginning nobody reported.
      begin('tool', tool.toolUseId, toolName(tool.name));
      end(`tool ${tool.toolUseId}`, event.outcome === 'failed');
    }
    for (const { toolUseId } of type === 'tools.settled' ? (event.tools ?? []) : []) {
      end(`tool ${toolUseId}`);
    }
    if (type === 'agent.started' && event.agentId) {
      begin('agent', event.agentId, toolName(event.agentType ?? ''));
    }
    if (type === 'agent.finished' && event.agentId) end(`agent ${event.agentId}`);
    if (type === 'compaction.started') begin('compaction', '', '');
    if (type === 'compaction.finished') end('compaction ');
    if (ANSWERS.has(type) && requestId) end(`request ${requestId}`);
    if (type === 'approval.requested' && event.request) {
      begin('request', event.request.id, event.request.type);
    }
    const { input_tokens: used = 0, context_window: size = 0 } = event.usage ?? {};
    if (used > 0 && size > 0) context.push([now.at, Math.min(1, used / size)]);
  }

  function settle(value: StateValue): void {
    const paths = pathsOf(value);
    enter('state', paths.filter((path) => !path.startsWith('link.')).join(' '));
    enter('link', linkOf(value) ?? '');
    const isWaiting = paths.some((path) => WAITS.test(path));
    if (!isWaiting) endAll('request');
    // A source that only says that the session waits, not for what.
    else if (![...open.keys()].some((key) => key.startsWith('request '))) begin('request', '', '');
    if (paths.includes('phase.ended')) {
      for (const row of ['turn', 'tool', 'agent', 'compaction'] as const) endAll(row);
    }
  }

  return {
    get last() {
      return last;
    },
    add(row) {
      if (row.seq <= last) return;
      if (last === 0) firstSeq = row.seq;
      last = row.seq;
      now = { seq: row.seq, at: Date.parse(row.at) };
      const event = JSON.parse(row.event) as TimedEvent;
      const kind = types.get(event.type) ?? types.size;
      types.set(event.type, kind);
      times.push(now.at);
      kinds.push(row.accepted ? kind : -1 - kind);
      if (row.accepted) show(event);
      settle(valueFrom(row.value));
    },
    view: ({ first, last: newest }) => ({
      first: firstSeq,
      last: newest,
      cut: first > 1,
      times: [...times],
      kinds: [...kinds],
      types: [...types.keys()],
      spans: spans.map((span) => ({ ...span })),
      context: [...context],
    }),
  };
}

function toolName(name: string): string {
  return redactText(name, TEXT_CHARS);
}

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
    const entry = known ?? { builder: createTimelineBuilder(), first };
    for (const row of rows) entry.builder.add(row);
    kept.delete(sessionId);
    kept.set(sessionId, entry);
    for (const oldest of kept.keys()) {
      if (kept.size <= MAX_KEPT) break;
      kept.delete(oldest);
    }
    return entry.builder.view({ first, last });
  };
}
