/**
 * Inspection as transports see it: greets, answers, lets sessions be watched. Puts hub, history and the
 * questions together; knows no socket. `runtime/runtime.ts` builds it; the ledger only calls `onCommitted`.
 */
import { randomUUID } from 'node:crypto';
import { CHART_ENDINGS, type ChartFormat, exportChart } from '../../machines/index.ts';
import { OrbitError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type {
  HistoryPage,
  InspectHello,
  InspectRequests,
  InspectRow,
  InspectScope,
  InspectStats,
} from '../protocol/inspect.ts';
import { MANUAL_EVENT_TYPES } from '../protocol/manual-event.ts';
import type { Registry } from '../runtime/sessions/registry.ts';
import type { Writer } from '../store/writer.ts';
import { bundleOf } from './bundle.ts';
import { createSend, dryRun, type Send, type SendDeps } from './dry-run.ts';
import { inspectedMachines, machineOf, sessionHash } from './fold.ts';
import {
  type ActorLifetimes,
  createActorLifetimes,
  createHistory,
  createTimelines,
  MAX_PAGE,
  recordOf,
} from './history.ts';
import { type CommitListener, createHub, type Hub, type InspectOutlet } from './hub.ts';
import { REDACT_LIMITS } from './redact.ts';
import { storedRow } from './rows.ts';
import { createSegments, endOf, type Segments } from './segments.ts';
import { createStatelyFeed, type StatelyFeed } from './stately.ts';
import { createWhy, type Why } from './why.ts';

/** Rows of the first overview. */
const MAX_ROWS = 1_000;
/** Sessions one page may watch at once: side by side. */
export const MAX_WATCHES = 4;

type Result<Name extends keyof InspectRequests> = Omit<
  Extract<InspectRequests[Name][1], { ok: true }>,
  'ok'
>;

/** All that can be asked about the charts. */
export interface Inspection {
  onCommitted: CommitListener;
  attach(outlet: InspectOutlet): () => void;
  hello(scopes: InspectScope[]): Promise<InspectHello>;
  /**
   * Brings a page up to date about a session. When it resolves, everything up to the answer's end has been
   * sent or is in the answer; the caller joins the session's room at once, without an await.
   *
   * @throws OrbitError `not_found` and what reads throw
   */
  watch(session: string, sinceSeq: number | null): Promise<Result<'watch'>>;
  unwatch(session: string): void;
  history(session: string, beforeSeq: number | null, limit?: number): Promise<HistoryPage>;
  at(session: string, seq: number): Promise<Result<'at'>>;
  timeline(session: string): Promise<Result<'timeline'>>;
  why: Why['why'];
  next: Why['next'];
  child: ActorLifetimes['life'];
  dryRun(
    session: string,
    seq: number | null,
    event: InspectRequests['dryRun'][0]['event'],
  ): Promise<Result<'dryRun'>>;
  /** @throws OrbitError `not_found` for a session without a journal */
  bundle(session: string): Promise<Result<'export'>>;
  /** An event for the live session; the transport has checked the caller's scope. */
  send: Send;
  stats(consumers: Pick<InspectStats, 'pages' | 'stately'>): InspectStats;
  /** A chart as text. @throws OrbitError `not_found` */
  chart(machine: string, format: ChartFormat): Result<'chart'>;
  /** The same sessions for consumers of `@statelyai/inspect`. */
  stately: StatelyFeed;
}

interface InspectionDeps extends Pick<SendDeps, 'ledger' | 'clock' | 'codec' | 'isDraining'> {
  writer: Pick<Writer, 'read' | 'opened' | 'storageError'>;
  registry: Pick<Registry, 'peek' | 'live' | 'liveCount' | 'enter'>;
  log: Logger;
  version: string;
  now?: () => string;
}

/** Inspection over the writer and the registry. */
export function createInspection(deps: InspectionDeps): Inspection {
  const { writer, registry, version, now = () => new Date().toISOString() } = deps;
  const segments = createSegments(writer);
  const hub = createHub({ segments, log: deps.log });
  const history = createHistory(segments);
  const why = createWhy({ history, segments, now });
  const rows = createOverview({ writer, registry, hub });
  const greeting = { version, boot: randomUUID() };

  return {
    onCommitted: hub.onCommitted,
    attach: hub.attach,
    async hello(scopes) {
      const overview = await rows(null);
      return { ...greeting, ...helloOf(scopes, overview), epoch: writer.opened.epoch, now: now() };
    },
    async watch(session, sinceSeq) {
      const [row] = (await rows(session)).rows;
      if (!row) throw new OrbitError('not_found', { what: 'Session', id: session });
      return watchFrom({ segments, hub, history }, row, sinceSeq);
    },
    unwatch: hub.unfollow,
    history: history.page,
    at: history.at,
    timeline: createTimelines(writer),
    why: why.why,
    next: why.next,
    child: createActorLifetimes({ history, segments, now }).life,
    async dryRun(session, seq, event) {
      const { step } = await history.find(session, seq);
      const { snapshot, row } = step;
      if (!snapshot) throw new OrbitError('no_snapshot', { seq: row.seq }, { sessionId: session });
      return dryRun(snapshot, event, row.at);
    },
    async bundle(session) {
      const machine = sessionHash();
      const jsonl = await bundleOf(writer, session, { server: version, machine, now: now() });
      if (jsonl === null) throw new OrbitError('not_found', { what: 'Journal of', id: session });
      return { filename: `orbitdock-${session.slice(0, 40)}.jsonl`, jsonl };
    },
    send: createSend(deps),
    stats: (consumers) => ({
      ...consumers,
      ...statsOf(hub, segments),
      liveSessions: registry.liveCount,
    }),
    chart: chartOf,
    stately: createStatelyFeed({ writer, registry, history }),
  };
}

/** Reads the rows of all sessions, or of one. */
function createOverview(deps: {
  writer: Pick<Writer, 'read'>;
  registry: Pick<Registry, 'peek'>;
  hub: Pick<Hub, 'rate'>;
}) {
  const { writer, registry, hub } = deps;
  return async (sessionId: string | null): Promise<{ rows: InspectRow[]; total: number }> => {
    const limit = sessionId === null ? MAX_ROWS : 1;
    const { sessions, total } = await writer.read({ kind: 'inspected', sessionId, limit });
    const rows = sessions.map((session) =>
      storedRow(session, {
        live: registry.peek(session.id) !== null,
        eventsPerSecond: hub.rate(session.id),
      }),
    );
    return { rows, total };
  };
}

/** The greeting but for what names this run, this database and this moment. */
function helloOf(
  scopes: InspectScope[],
  { rows, total }: { rows: InspectRow[]; total: number },
): Omit<InspectHello, 'version' | 'boot' | 'epoch' | 'now'> {
  return {
    protocol: 1,
    xstate: XSTATE,
    machines: [...inspectedMachines()],
    scopes,
    sendable: scopes.includes('control') ? [...MANUAL_EVENT_TYPES] : [],
    limits: LIMITS,
    rows,
    sessions: total,
  };
}

function statsOf(
  { counts, rate }: Hub,
  segments: Segments,
): Omit<InspectStats, 'pages' | 'stately' | 'liveSessions'> {
  const { followed: watched, records, rows, errors } = counts;
  return {
    watched,
    records,
    rows,
    errors,
    eventsPerSecond: rate(),
    ...segments.size,
    rss: process.memoryUsage.rss(),
    uptimeMs: Math.round(performance.now()),
  };
}

function chartOf(id: string, format: ChartFormat): Result<'chart'> {
  const machine = machineOf(id);
  if (!machine) throw new OrbitError('not_found', { what: 'Machine', id });
  return { filename: `${id}.${CHART_ENDINGS[format]}`, text: exportChart(machine, format) };
}

/** Answers with what a page lacks and follows the session from the answer's end on. */
async function watchFrom(
  deps: { segments: Segments; hub: Hub; history: ReturnType<typeof createHistory> },
  row: InspectRow,
  sinceSeq: number | null,
): Promise<Result<'watch'>> {
  const { segments, hub, history } = deps;
  const session = row.id;
  const earlier = await history.page(session, null);
  const { segment, first, last } = await segments.load(session, null);
  // No await from here to the end: what is committed next is sent into the room.
  hub.flush(session);
  hub.follow(segment);
  const fresh = segment.steps.filter((step) => step.row.seq <= last);
  const older = earlier.records.filter(({ seq }) => seq <= segment.from);
  const isWhole = older.at(-1)?.seq === segment.from || older.length === 0;
  const known = [...(isWhole ? older : []), ...fresh.map((step) => recordOf(session, step))];
  const newest = known.slice(-MAX_PAGE);
  const reaches = sinceSeq !== null && sinceSeq + 1 >= (newest[0]?.seq ?? 1);
  const records = reaches ? newest.filter(({ seq }) => seq > sinceSeq) : newest;
  const end = Math.max(endOf(segment), row.seq);
  return {
    records,
    first,
    last,
    cut: (records[0]?.seq ?? first) <= first && first > 1,
    gap: sinceSeq !== null && !reaches,
    row: { ...row, seq: end },
  };
}

const LIMITS: InspectHello['limits'] = {
  rows: MAX_ROWS,
  watches: MAX_WATCHES,
  page: MAX_PAGE,
  journalRows: 2_000,
  journalDays: 30,
  textChars: REDACT_LIMITS.textChars,
  listItems: REDACT_LIMITS.listItems,
  depth: REDACT_LIMITS.depth,
};

/** As package.json pins it; a test compares it with what is installed. */
export const XSTATE = '5.33.3';
