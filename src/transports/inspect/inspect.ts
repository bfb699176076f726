/**
 * The socket.io namespace `/inspect` (protocol/inspect.ts): greets a page, answers its questions, tells
 * it rows and the records of what it watches. It only looks, but for `send`, which needs the scope
 * `control`. A page that does not keep up loses rows first, then its watches, and is told so; it never holds
 * anything up.
 */
import type { Namespace, Socket } from 'socket.io';
import { OrbitError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type {
  InspectClientEvents,
  InspectRequests,
  InspectScope,
  InspectServerEvents,
} from '../../protocol/inspect.ts';
import { type Inspection, MAX_WATCHES } from '../../runtime/inspection/inspection.ts';
import type { Caller } from '../../runtime/rooms/rooms.ts';
import { createBucket } from '../connection.ts';
import type { DoorLimits } from '../limits.ts';
import { backlogOf } from '../lines/socketio-connection.ts';
import { type Clock, errorFrom } from '../ports.ts';
import { checkRequest, createQuestions, type Questions } from './inspect-questions.ts';
import type { Tickets } from './tickets.ts';

/** Pages that have their greeting. */
const ROWS_ROOM = 'rows';

/** The namespace for those who look. */
export type InspectNamespace = Namespace<InspectClientEvents, InspectServerEvents>;
/** One page. */
type PageSocket = Socket<InspectClientEvents, InspectServerEvents>;

/** What the namespace leads to. */
export interface InspectDeps {
  inspection: Inspection;
  tickets: Tickets;
  limits: DoorLimits;
  clock: Clock;
  log: Logger;
  /** Who the gate has let in. */
  callerOf: (socket: PageSocket) => Caller;
  /** Consumers of the raw door. */
  statelyCount: () => number;
}

/** Opens the namespace; its gate stands in front already. */
export function openInspect(namespace: InspectNamespace, deps: InspectDeps): void {
  const { inspection, limits } = deps;
  const watchers = createWatchers(inspection, limits.slowConsumer.highBytes);
  const questions = createQuestions({ ...deps, pages: () => namespace.sockets.size });
  const outlet = {
    rows: (rows: Parameters<InspectServerEvents['rows']>[0]) => {
      namespace.to(ROWS_ROOM).volatile.emit('rows', rows);
    },
    records: watchers.tell,
  };
  let detach: (() => void) | null = null;

  namespace.on('connection', (socket) => {
    detach ??= inspection.attach(outlet);
    const { messageRate: perSecond, messageBurst: burst } = limits;
    const mayAsk = createBucket({ perSecond, burst, clock: deps.clock });
    listen(socket, {
      questions: { ...questions, ...watchers.questionsOf(socket), send: sendFor(socket, deps) },
      refuse: () => (mayAsk() ? null : new OrbitError('rate_limited', { limit: perSecond })),
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
    // No await up to here since the answer was complete: the next record is told, none is told twice.
    if (!socket.connected || watchers.get(session)?.has(socket)) inspection.unwatch(session);
    else watchers.set(session, (watchers.get(session) ?? new Set()).add(socket));
    return answer;
  }

  return {
    leave,
    tell(...[session, records]: Parameters<InspectServerEvents['records']>): void {
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

/** The one request that moves something: for callers with control. */
function sendFor(
  socket: PageSocket,
  { inspection, callerOf }: Pick<InspectDeps, 'inspection' | 'callerOf'>,
): Questions['send'] {
  return async ({ session, event }) => {
    const caller = callerOf(socket);
    if (!scopesOf(caller).includes('control')) {
      const reason = 'Sending events needs a token; this connection may only look';
      throw new OrbitError('forbidden', { reason });
    }
    return inspection.send(session, event, { ...caller, connection: `inspect-${socket.id}` });
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

/** What a caller may do, as everywhere: whoever is known may do everything, anonymous ones may look. */
export function scopesOf({ kind }: Caller): InspectScope[] {
  return kind === 'anonymous' ? ['read'] : ['read', 'control'];
}

/** Answers the requests of one page; what is not in the protocol is not heard. */
function listen(
  socket: PageSocket,
  deps: { questions: Questions; refuse: () => OrbitError | null; log: Logger },
): void {
  for (const [name, answer] of Object.entries(deps.questions)) {
    const take = async (request: unknown, acknowledge: unknown): Promise<void> => {
      if (typeof acknowledge !== 'function') return;
      try {
        const refusal = deps.refuse();
        if (refusal) throw refusal;
        const result = await (answer as (request: unknown) => Promise<object>)(
          checkRequest(name as keyof Questions, request),
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
