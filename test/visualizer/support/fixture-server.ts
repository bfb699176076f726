/**
 * A small server that serves `/inspect` and enough of the public protocol for the page: the real chart,
 * no disk, any number of sessions, events at any rate. For load and for moments the real server
 * reaches only slowly; what must be true of the real one is tested against it.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { extname, join, normalize } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Server, type Socket } from 'socket.io';
import { transition } from 'xstate';
import { createTimelineBuilder, sessionMachine } from '../../../machines/index.ts';
import { nextEvents } from '../../../src/inspection/dry-run.ts';
import { edgeOf } from '../../../src/inspection/fold.ts';
import type {
  Cause,
  ChildLifetime,
  HistoryPage,
  InspectHello,
  InspectRow,
  InspectScope,
  StateValue,
} from '../../../src/protocol/inspect.ts';
import { MANUAL_EVENT_TYPES } from '../../../src/protocol/manual-event.ts';
import type { ServerMessage } from '../../../src/protocol/server.ts';
import { indexAt, wayToPage } from '../../../src/transports/http/page-files.ts';
import { childrenAt } from '../../../visualizer/src/child-actors.ts';
import { createSession, type FakeSession } from './actors.ts';
import { answerPublic } from './public-endpoint.ts';

const PAGE = fileURLToPath(new URL('../../../dist/visualizer/', import.meta.url));
const PAGE_RECORDS = 300;
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
};
/** The policy of the real server. */
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob:; manifest-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'";

export interface FixtureOptions {
  sessions: number;
  /** Wanted at both transports; none: everybody may look. */
  token?: string;
  port?: number;
  boot?: string;
  protocol?: number;
  scopes?: InspectScope[];
  /** Nothing happens by itself. */
  isQuiet?: boolean;
}

type Recipients = Extract<ServerMessage, { type: 'notifications' }>;
export type Fixture = Awaited<ReturnType<typeof startFixture>>;

/** Starts it; `close()` cuts every line. */
export async function startFixture({
  sessions: count,
  token,
  port = 0,
  boot = 'boot-1',
  protocol = 1,
  scopes = ['read', 'control'],
}: FixtureOptions) {
  const health: { degraded?: string; remedy?: string } = {};
  const http = createServer((request, response) => {
    if (request.url === '/health') response.end(JSON.stringify({ status: 'ok', ...health }));
    else serve(request, response);
  });
  const io = new Server(http, { serveClient: false, destroyUpgrade: false });
  const changed = new Set<FakeSession>();
  const watched = new Map<Socket, Map<string, number>>();
  const sessions = Array.from({ length: count }, (_, index) =>
    createSession(index, (session) => changed.add(session)),
  );
  const byId = new Map(sessions.map((session) => [session.id, session]));
  const namespace = io.of('/inspect');
  const said: unknown[] = [];
  namespace.use((socket, next) => {
    if (token === undefined || socket.handshake.auth.token === token) return next();
    next(Object.assign(new Error('unauthorized'), { data: { code: 'unauthorized' } }));
  });
  namespace.on('connection', (socket) => {
    watched.set(socket, new Map());
    socket.on('disconnect', () => watched.delete(socket));
    socket.emit('hello', helloOf(sessions, { boot, protocol, scopes }));
    answerInspect(socket, byId, watched.get(socket) ?? new Map());
  });
  const usage: { cost_usd: number | null; asked: number } = { cost_usd: 4.123, asked: 0 };
  const accepted = new Set<string>();
  const files = new Map<string, readonly string[]>();
  const recipients: Recipients = {
    ...{ type: 'notifications', public_key: 'B', quiet: null, muted: [], devices: [] },
  };
  const answered = { byId, said, usage, token, accepted, files, recipients };
  const cutPublic = answerPublic(http, answered);
  const ticks = [
    setInterval(() => {
      if (changed.size === 0) return;
      namespace.volatile.emit(
        'rows',
        [...changed].map((session) => session.row()) satisfies InspectRow[],
      );
      changed.clear();
    }, 100),
    setInterval(() => {
      for (const [socket, received] of watched) {
        for (const [id, seq] of received) {
          const fresh = byId.get(id)?.records.filter((record) => record.seq > seq) ?? [];
          if (fresh.length === 0) continue;
          received.set(id, fresh.at(-1)?.seq ?? seq);
          socket.emit('records', id, fresh);
        }
      }
    }, 50),
  ];
  await listening(http, port);
  const address = http.address();
  const chosen = typeof address === 'object' && address ? address.port : port;
  return {
    port: chosen,
    url: `http://127.0.0.1:${chosen}/visualizer/`,
    sessions,
    io,
    /** What `/health` says beside `ok`. */
    health,
    /** What all sessions have cost, and how often the page asked. */
    usage,
    /** What the page sent at the public endpoint. */
    said,
    /** Who is notified; may be changed. */
    recipients,
    /** Types of messages that the public endpoint takes, beside those that it answers. */
    accepted,
    /** What directories hold, by path; those that end with a slash are directories. */
    files,
    /** Lets all sessions live at this many events a second together; returns how to stop. */
    run(perSecond: number): () => void {
      let at = 0;
      let owed = 0;
      const timer = setInterval(() => {
        for (owed += perSecond / 50; owed >= 1; owed -= 1) sessions[at++ % sessions.length]?.step();
      }, 20);
      return () => clearInterval(timer);
    },
    async close() {
      for (const tick of ticks) clearInterval(tick);
      cutPublic();
      await io.close();
      http.closeAllConnections();
    },
  };
}

function serve(request: IncomingMessage, response: ServerResponse): void {
  const path = normalize(new URL(request.url ?? '/', 'http://x').pathname).replace(
    '/visualizer/',
    '',
  );
  const file = extname(path) === '' ? 'index.html' : path;
  try {
    const bytes = readFileSync(join(PAGE, file));
    const way = wayToPage(new URL(request.url ?? '/', 'http://x').pathname);
    const body = file === 'index.html' ? indexAt(bytes.toString(), way) : bytes;
    response.writeHead(200, {
      'Content-Type': TYPES[extname(file)] ?? 'text/plain',
      'Content-Security-Policy': CSP,
    });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}

function helloOf(
  sessions: FakeSession[],
  { boot, protocol, scopes }: { boot: string; protocol: number; scopes: InspectScope[] },
): InspectHello {
  return {
    protocol: protocol as 1,
    version: 'fixture',
    boot,
    epoch: 'epoch-1',
    xstate: '5',
    machines: [],
    scopes,
    sendable: scopes.includes('control') ? [...MANUAL_EVENT_TYPES] : [],
    limits: {
      rows: 2000,
      watches: 4,
      page: PAGE_RECORDS,
      journalRows: 2000,
      journalDays: 30,
      textChars: 2000,
      listItems: 100,
      depth: 8,
    },
    now: new Date().toISOString(),
    rows: sessions.map((session) => session.row()),
    sessions: sessions.length,
  };
}

function pageOf({ records }: FakeSession, beforeSeq = Number.POSITIVE_INFINITY): HistoryPage {
  const page = records.filter(({ seq }) => seq < beforeSeq).slice(-PAGE_RECORDS);
  const first = records[0]?.seq ?? 0;
  return {
    records: page,
    first,
    last: records.at(-1)?.seq ?? 0,
    cut: first > 1 && page[0]?.seq === first,
  };
}

type Done = (answer: object) => void;
interface Wanted {
  session: string;
  seq?: number;
  sinceSeq?: number;
  beforeSeq?: number;
  state?: string;
  child?: string;
  event?: { type: string };
}

function answerInspect(
  socket: Socket,
  byId: Map<string, FakeSession>,
  received: Map<string, number>,
): void {
  const on = (name: string, answer: (session: FakeSession, wanted: Wanted) => object): void => {
    socket.on(name, (wanted: Wanted, done: Done) => {
      const session = byId.get(wanted.session);
      // An answer may be a refusal of its own.
      if (session) return done({ ok: true, ...answer(session, wanted) });
      done({ ok: false, code: 'not_found', message: `Session ${wanted.session} does not exist` });
    });
  };
  on('watch', (session, { sinceSeq }) => {
    received.set(session.id, session.records.at(-1)?.seq ?? 0);
    const records = session.records.filter(({ seq }) => seq > (sinceSeq ?? 0)).slice(-PAGE_RECORDS);
    return { ...pageOf(session), records, row: session.row(), gap: false };
  });
  on('unwatch', (session) => ({ was: received.delete(session.id) }));
  on('history', (session, { beforeSeq }) => pageOf(session, beforeSeq));
  on('timeline', (session) => timelineOf(session));
  on('at', (session, { seq = 0 }) => momentOf(session, seq));
  on('why', (session, { seq, state }) => {
    const record = session.records.find((one) => one.seq === seq) ?? session.records.at(-1);
    const active =
      state !== undefined && JSON.stringify(record?.value).includes(`"${state.split('.').at(-1)}"`);
    return {
      seq: record?.seq ?? 0,
      state,
      active,
      left: null,
      forMs: 4_200,
      reason: null,
      events: active ? nextEvents(session.chart.snapshot, record?.at ?? '') : [],
      entered: record && {
        seq: record.seq,
        at: record.at,
        event: record.event.type,
        origin: record.origin,
        ...(record.caller && { caller: record.caller }),
        edges: (record.edges ?? []).flatMap((id) => {
          const edge = edgeOf(id);
          return edge
            ? [{ edge: id, source: edge.source, event: edge.event, guard: edge.guard }]
            : [];
        }),
      },
    };
  });
  on('child', (session, { child = '', seq }) => lifeOf(session, child, seq));
  on('next', (session, { seq = 0 }) => ({
    seq,
    value: session.chart.snapshot.value as StateValue,
    events: nextEvents(session.chart.snapshot, new Date().toISOString()),
  }));
  on('send', (session, { event }) => {
    const at = `${new Date().toISOString().slice(0, -1)}000Z`;
    const { accepted, value } = session.send({ ...event, at } as never, 'visualizer');
    return { accepted, reason: accepted ? null : 'No active state takes it', value };
  });
  on('dryRun', (session, { event }) => {
    const before = session.chart.snapshot;
    if (!event || !before.can(event as never))
      return { possible: false, reason: 'No active state takes it.', ways: [] };
    const [after] = transition(sessionMachine, before, event as never);
    return {
      possible: true,
      value: after.value,
      changed: true,
      edges: [],
      actions: [],
      facts: ['session_delta'],
      context: {},
    };
  });
  socket.on('stats', (_: unknown, done: Done) =>
    done({
      ok: true,
      pages: 1,
      watched: received.size,
      stately: 0,
      records: 0,
      rows: 0,
      errors: 0,
      eventsPerSecond: 0,
      segments: 0,
      steps: 0,
      liveSessions: byId.size,
      rss: 1e8,
      uptimeMs: 60_000,
    }),
  );
}

/** The newest life of a child, from the records that are kept. */
function lifeOf({ records }: FakeSession, id: string, seq?: number): object {
  const last = records.at(-1)?.seq ?? 0;
  const child = childrenAt(records, seq ?? last).find((one) => one.id === id);
  if (!child) return { ok: false, code: 'not_found', message: `Child actor ${id} does not exist` };
  const causeOf = (at: number | null): Cause | null => {
    const found = records.find((one) => one.seq === at);
    return found
      ? { seq: found.seq, at: found.at, event: found.event.type, origin: found.origin }
      : null;
  };
  const [started, ended] = [causeOf(child.started), causeOf(child.ended)];
  const until = ended?.at ?? records.find((one) => one.seq === seq)?.at ?? new Date().toISOString();
  const forMs = started && Date.parse(until) - Date.parse(started.at);
  return { ...child, started, ended, reason: null, forMs } satisfies ChildLifetime;
}

/** A port that is wanted again may be taken for a moment, by a browser that asks whether somebody is there. */
async function listening(http: HttpServer, port: number): Promise<void> {
  for (let left = 100; ; left -= 1) {
    http.listen(port, '127.0.0.1');
    try {
      await once(http, 'listening');
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || left === 0) throw error;
      await pause(50);
    }
  }
}

/** The timeline as the server builds it, from the records that are kept. */
function timelineOf({ records, contexts }: FakeSession): object {
  const builder = createTimelineBuilder((text) => text);
  for (const { seq, at, value, accepted, event } of records) {
    builder.add({
      ...{ seq, at: Date.parse(at), accepted },
      event: JSON.stringify(contexts.get(seq)?.event ?? event),
      value: JSON.stringify(value),
    });
  }
  return builder.view({ first: records[0]?.seq ?? 0, last: records.at(-1)?.seq ?? 0 });
}

function momentOf(session: FakeSession, seq: number): object {
  const record = session.records.find((one) => one.seq === seq);
  const known = session.contexts.get(seq);
  return {
    ...record,
    edges: record?.edges ?? [],
    facts: record?.facts ?? [],
    context: known?.context ?? {},
    previous: { value: record?.value, context: session.contexts.get(seq - 1)?.context ?? {} },
    event: known?.event ?? { type: '' },
  };
}
