/**
 * The socket.io namespace `/inspect` (protocol/inspect.ts): greets a page, answers its questions, sends
 * it rows and the records of what it watches. It only looks, but for `send`: what each request needs is in
 * protocol/scopes.ts. A page that does not keep up loses rows first, then its watches, and receives `lag`; it never holds
 * anything up.
 */
import type { Namespace, Socket } from 'socket.io';
import { isAllowed, refusalOf } from '../access.ts';
import { OrbitError } from '../errors.ts';
import { type Inspection, MAX_WATCHES } from '../inspection/inspection.ts';
import type { Logger } from '../log.ts';
import type {
  InspectClientEvents,
  InspectRequests,
  InspectScope,
  InspectServerEvents,
} from '../protocol/inspect.ts';
import { INSPECT_SCOPES } from '../protocol/scopes.ts';
import { type Caller, senderOf } from '../runtime/rooms/rooms.ts';
import { STATELY_PATH, type Tickets } from './admission/credential.ts';
import { type Clock, createBucket, errorFrom } from './dependencies.ts';
import type { TransportLimits } from './limits.ts';
import { backlogOf } from './socketio-connection.ts';

/** Pages that have their greeting. */
const ROWS_ROOM = 'rows';

/** The namespace for viewers. */
export type InspectNamespace = Namespace<InspectClientEvents, InspectServerEvents>;
/** One page. */
type PageSocket = Socket<InspectClientEvents, InspectServerEvents>;

/** What the namespace leads to. */
export interface InspectDeps {
  inspection: Inspection;
  tickets: Tickets;
  limits: TransportLimits;
  clock: Clock;
  log: Logger;
  /** Who the gate has let in. */
  callerOf: (socket: PageSocket) => Caller;
  /** Consumers of the raw endpoint. */
  statelyCount: () => number;
}

/** Opens the namespace; its gate is in front already. */
export function openInspect(namespace: InspectNamespace, deps: InspectDeps): void {
  const { inspection, limits } = deps;
  const watchers = createWatchers(inspection, limits.slowConsumer.highBytes);
  const questions = createQuestions({ ...deps, pages: () => namespace.sockets.size });
  const outlet = {
    rows: (rows: Parameters<InspectServerEvents['rows']>[0]) => {
      namespace.to(ROWS_ROOM).volatile.emit('rows', rows);
    },
    records: watchers.send,
  };
  let detach: (() => void) | null = null;

  namespace.on('connection', (socket) => {
    detach ??= inspection.attach(outlet);
    const { messageRate: perSecond, messageBurst: burst } = limits;
    const mayAsk = createBucket({ perSecond, burst, clock: deps.clock });
    listen(socket, {
      questions: {
        ...questions,
        ...watchers.questionsOf(socket),
        send: sendFor(socket, deps),
        ticket: async ({ session }) => {
          const of = session === undefined ? '' : `session=${encodeURIComponent(session)}&`;
          const ticket = deps.tickets.issue(deps.callerOf(socket));
          return { path: `${STATELY_PATH}?${of}ticket=${ticket}` };
        },
      },
      refuse: (name) =>
        mayAsk()
          ? refusalOf(deps.callerOf(socket).rights, INSPECT_SCOPES[name], `Request ${name}`)
          : new OrbitError('rate_limited', { limit: perSecond }),
      log: deps.log,
    });
    socket.once('disconnect', () => {
      watchers.leave(socket);
      if (namespace.sockets.size > 0) return;
      detach?.();
      detach = null;
    });
    greet(socket, deps);
  });
}

/** Which page watches what. */
function createWatchers(inspection: Inspection, highBytes: number) {
  const watchers = new Map<string, Set<PageSocket>>();

  function unwatch(socket: PageSocket, session: string): void {
    const pages = watchers.get(session);
    if (!pages?.delete(socket)) return;
    if (pages.size === 0) watchers.delete(session);
    inspection.unwatch(session);
  }

  /** @returns the sessions it watched */
  function leave(socket: PageSocket): string[] {
    const sessions = [...watchers].filter(([, pages]) => pages.has(socket)).map(([id]) => id);
    for (const session of sessions) unwatch(socket, session);
    return sessions;
  }

  async function watch(socket: PageSocket, { session, sinceSeq }: InspectRequests['watch'][0]) {
    const watched = [...watchers.values()].filter((pages) => pages.has(socket)).length;
    if (watched >= MAX_WATCHES && !watchers.get(session)?.has(socket)) {
      throw new OrbitError('too_many_subscriptions', { limit: MAX_WATCHES });
    }
    const answer = await inspection.watch(session, sinceSeq ?? null);
    // No await up to here since the answer was complete: the next record is sent, and none is sent twice.
    if (!socket.connected || watchers.get(session)?.has(socket)) inspection.unwatch(session);
    else watchers.set(session, (watchers.get(session) ?? new Set()).add(socket));
    return answer;
  }

  return {
    leave,
    send(...[session, records]: Parameters<InspectServerEvents['records']>): void {
      for (const socket of watchers.get(session) ?? []) {
        if (backlogOf(socket) > highBytes) socket.emit('lag', { sessions: leave(socket) });
        else socket.emit('records', session, records);
      }
    },
    questionsOf: (socket: PageSocket): Pick<Questions, 'watch' | 'unwatch'> => ({
      watch: (request) => watch(socket, request),
      unwatch: async ({ session }) => {
        unwatch(socket, session);
        return {};
      },
    }),
  };
}

/** The one request that moves something. */
function sendFor(
  socket: PageSocket,
  { inspection, callerOf }: Pick<InspectDeps, 'inspection' | 'callerOf'>,
): Questions['send'] {
  return async ({ session, event }) => {
    const caller = callerOf(socket);
    if (!scopesOf(caller).includes('control')) {
      const reason = 'Sending events needs a token; this connection may only read';
      throw new OrbitError('forbidden', { reason });
    }
    const sender = senderOf({ caller, id: `inspect-${socket.id}` });
    return inspection.send(session, event, sender);
  };
}

function greet(
  socket: PageSocket,
  { inspection, callerOf, log }: Pick<InspectDeps, 'inspection' | 'callerOf' | 'log'>,
): void {
  inspection.hello(scopesOf(callerOf(socket))).then(
    (hello) => {
      socket.emit('hello', hello);
      void socket.join(ROWS_ROOM);
    },
    (error: unknown) => {
      log.warn('inspect.greeting_failed', { error: errorFrom(error) });
      // Its client tries again by itself.
      socket.conn.close();
    },
  );
}

/** What a caller may do here: every admitted caller may look; where no token is needed, a caller without one may not send. */
export function scopesOf({ kind, rights }: Pick<Caller, 'kind' | 'rights'>): InspectScope[] {
  const mayControl = kind !== 'anonymous' && isAllowed(rights, INSPECT_SCOPES.send);
  return mayControl ? ['read', 'control'] : ['read'];
}

/** Answers the requests of one page; what is not in the protocol is ignored. */
function listen(
  socket: PageSocket,
  deps: { questions: Questions; refuse: (name: Name) => OrbitError | null; log: Logger },
): void {
  for (const [name, answer] of Object.entries(deps.questions)) {
    const take = async (request: unknown, acknowledge: unknown): Promise<void> => {
      if (typeof acknowledge !== 'function') return;
      try {
        const refusal = deps.refuse(name as Name);
        if (refusal) throw refusal;
        const result = await (answer as (request: unknown) => Promise<object>)(
          checkRequest(name as Name, request),
        );
        acknowledge({ ok: true, ...result });
      } catch (error) {
        acknowledge(refusalFrom(error, name, deps.log));
      }
    };
    (socket as unknown as Socket).on(name, take);
  }
}

function refusalFrom(error: unknown, name: string, log: Logger): object {
  const isOurs = error instanceof OrbitError;
  if (!isOurs) log.error('inspect.failed', { request: name, error: errorFrom(error) });
  const refusal = isOurs ? error : new OrbitError('internal_error', {}, { cause: error });
  const { code, message, details } = refusal;
  return { ok: false, code, message, detail: details };
}

/*
 * What a page may ask, checked and passed on. One entry for each request of protocol/inspect.ts: a new one
 * does not compile without its check and its answer.
 */

type Name = keyof InspectRequests;

/** The answer of a request without its `ok`. */
type Result<N extends Name> = Omit<Extract<InspectRequests[N][1], { ok: true }>, 'ok'>;

/** A question about the charts, with its answer's way. */
type Question<N extends Name> = (request: InspectRequests[N][0]) => Promise<Result<N>>;

/** All questions; `watch`, `unwatch`, `send` and `ticket` belong to a socket. */
type Questions = { [N in Name]: Question<N> };

/** Longest event of a dry run, characters of JSON. */
const MAX_EVENT_CHARS = 64 * 1024;

const ID = /^[\w.:-]{1,128}$/;

/** The questions that need no socket. */
function createQuestions(deps: {
  inspection: Inspection;
  pages: () => number;
  statelyCount: () => number;
}): Omit<Questions, 'watch' | 'unwatch' | 'send' | 'ticket'> {
  const { inspection } = deps;
  return {
    history: ({ session, beforeSeq, limit }) =>
      inspection.history(session, beforeSeq ?? null, limit),
    timeline: ({ session }) => inspection.timeline(session),
    at: ({ session, seq }) => inspection.at(session, seq),
    why: ({ session, state, seq }) => inspection.why(session, state, seq ?? null),
    next: ({ session, seq }) => inspection.next(session, seq ?? null),
    child: ({ session, child, seq }) => inspection.child(session, child, seq ?? null),
    dryRun: ({ session, seq, event }) => inspection.dryRun(session, seq ?? null, event),
    export: ({ session }) => inspection.bundle(session),
    chart: async ({ machine, format }) => inspection.chart(machine, format),
    stats: async () => inspection.stats({ pages: deps.pages(), stately: deps.statelyCount() }),
  };
}

type Check = (value: unknown) => boolean;

const isId: Check = (value) => typeof value === 'string' && ID.test(value);
const isSeq: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isLimit: Check = (value) => isSeq(value) && (value as number) >= 1;
const isEvent: Check = (value) =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as { type?: unknown }).type === 'string' &&
  JSON.stringify(value).length <= MAX_EVENT_CHARS;
const isFormat: Check = (value) => ['mermaid', 'scxml', 'json'].includes(value as string);

/** Fields of each request; a name with `?` may be missing or null. */
const FIELDS: { [N in Name]: Record<string, Check> } = {
  watch: { session: isId, 'sinceSeq?': isSeq },
  unwatch: { session: isId },
  history: { session: isId, 'beforeSeq?': isSeq, 'limit?': isLimit },
  timeline: { session: isId },
  at: { session: isId, seq: isSeq },
  why: { session: isId, state: isId, 'seq?': isSeq },
  next: { session: isId, 'seq?': isSeq },
  child: { session: isId, child: isId, 'seq?': isSeq },
  dryRun: { session: isId, 'seq?': isSeq, event: isEvent },
  send: { session: isId, event: isEvent },
  export: { session: isId },
  chart: { machine: isId, format: isFormat },
  stats: {},
  ticket: { 'session?': isId },
};

/**
 * The known fields of a request, checked.
 *
 * @throws OrbitError `bad_request` that names the field
 */
function checkRequest<N extends Name>(name: N, request: unknown): InspectRequests[N][0] {
  const given = (typeof request === 'object' && request !== null ? request : {}) as {
    [field: string]: unknown;
  };
  const checked: Record<string, unknown> = {};
  for (const [label, isGood] of Object.entries(FIELDS[name])) {
    const field = label.replace('?', '');
    const value = given[field] ?? undefined;
    if (value === undefined && label.endsWith('?')) continue;
    if (!isGood(value)) {
      throw new OrbitError('bad_request', { reason: `${name}: field ${field} is not valid` });
    }
    checked[field] = value;
  }
  return checked as InspectRequests[N][0];
}
