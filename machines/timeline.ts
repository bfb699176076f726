/**
 * A journal in real time: when each event happened, and what lasted from one event to another (states, requests,
 * turns, tools, subagents, the link). Built from the rows alone, nothing is folded, so that thousands of events cost
 * milliseconds. The server builds it, and the page for a file that it has opened.
 */
import type { JournalTimeline, StateValue, TimelineSpan } from '../src/protocol/inspect.ts';

/** A row of a journal, as far as a timeline reads it. */
interface TimedRow {
  seq: number;
  /** When the event came, ms since 1970. */
  at: number;
  /** The event and the state value that it left, JSON. */
  event: string;
  value: string;
  accepted: boolean;
}

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
  add(row: TimedRow): void;
  /** Number of the newest row that was added; 0 before the first. */
  readonly last: number;
  view(ends: { first: number; last: number }): JournalTimeline;
}

/**
 * Builds a timeline, row by row.
 *
 * @param shown  makes a text that comes from outside fit to be shown: redacted, cut to a bar
 */
export function createTimelineBuilder(shown: (text: string) => string): TimelineBuilder {
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
      id: shown(id),
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
    if (type === 'tool.started' && tool) begin('tool', tool.toolUseId, shown(tool.name));
    if (type === 'tool.finished' && tool) {
      // One that began before the oldest event that is kept, or whose beginning no source reported.
      begin('tool', tool.toolUseId, shown(tool.name));
      end(`tool ${tool.toolUseId}`, event.outcome === 'failed');
    }
    for (const { toolUseId } of type === 'tools.settled' ? (event.tools ?? []) : []) {
      end(`tool ${toolUseId}`);
    }
    if (type === 'agent.started' && event.agentId) {
      begin('agent', event.agentId, shown(event.agentType ?? ''));
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
    enter('link', typeof value === 'object' && typeof value.link === 'string' ? value.link : '');
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
      now = { seq: row.seq, at: row.at };
      const event = JSON.parse(row.event) as TimedEvent;
      const kind = types.get(event.type) ?? types.size;
      types.set(event.type, kind);
      times.push(now.at);
      kinds.push(row.accepted ? kind : -1 - kind);
      if (row.accepted) show(event);
      settle(JSON.parse(row.value) as StateValue);
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

/** Innermost active states as dotted paths, one a region. */
function pathsOf(value: StateValue, prefix = ''): string[] {
  if (typeof value === 'string') return [prefix + value];
  return Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, `${prefix}${key}.`));
}
