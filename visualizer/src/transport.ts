/**
 * The page's line to the server: one socket.io connection with two namespaces, `/inspect` for looking
 * and the public one for taking part (conversation.ts). Writes into model.ts; asks nothing of panels.
 */
import { batch } from '@preact/signals';
import { io, type Socket } from 'socket.io-client';
import type {
  Answer,
  InspectClientEvents,
  InspectHello,
  InspectRequests,
  InspectServerEvents,
} from '../../src/protocol/inspect.ts';
import { EMPTY_HISTORY, extended, historyFrom, prepended } from './history.ts';
import * as model from './model.ts';
import { forgetToken, readToken } from './token.ts';

const PROTOCOL = 1;
const ANSWER_WITHIN_MS = 10_000;
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 4_000;

type InspectSocket = Socket<InspectServerEvents, InspectClientEvents>;
type AskName = keyof InspectRequests;
/** What an acknowledged request brings when it went well. */
export type ResultOf<Name extends AskName> = Extract<InspectRequests[Name][1], { ok: true }>;

const auth = (answer: (credentials: object) => void): void => {
  const token = readToken();
  answer(token === null ? {} : { token });
};

const options = {
  auth,
  autoConnect: false,
  // Straight to a WebSocket: a server that goes away during an upgrade would be missed for long.
  transports: ['websocket', 'polling'],
  tryAllTransports: true,
  reconnectionDelay: RETRY_MS,
  reconnectionDelayMax: RETRY_MAX_MS,
  randomizationFactor: 0,
};

const inspect: InspectSocket = io('/inspect', options);
/** The public namespace: the same JSON as `/ws`, as the argument of `message`. */
export const door: Socket = io('/', options);

let attempts = 0;

/** Connects, and listens until the page is closed. */
export function connect(): void {
  inspect.on('hello', greeted);
  inspect.on('rows', (rows) => model.takeRows(rows));
  inspect.on('records', (session, records) => model.takeRecords(session, records));
  inspect.on('lag', () => {
    model.notice.value = 'This page was too slow for every update: they are thinned.';
    const session = model.selected.peek();
    if (session !== null) void watch(session, true);
  });
  inspect.on('disconnect', (reason) => {
    lost();
    if (reason === 'io server disconnect') window.setTimeout(reconnect, RETRY_MS);
  });
  inspect.on('connect_error', refused);
  inspect.io.on('reconnect_attempt', (attempt) => {
    attempts = attempt;
  });
  reconnect();
}

/** Tries at once: a new token, or "retry now". */
export function reconnect(): void {
  // A namespace that was refused is not tried again by itself.
  inspect.disconnect().connect();
  door.disconnect().connect();
}

/**
 * Asks the server.
 *
 * @throws AskError with the server's words, or when no answer comes
 */
export async function ask<Name extends AskName>(
  name: Name,
  request: InspectRequests[Name][0],
): Promise<ResultOf<Name>> {
  if (!inspect.connected) throw new AskError('offline', 'There is no connection to the server.');
  let answer: Answer<object>;
  try {
    // The typed client cannot follow a generic name; the argument and the result are typed above.
    const line = inspect.timeout(ANSWER_WITHIN_MS) as unknown as {
      emitWithAck(name: string, request: unknown): Promise<Answer<object>>;
    };
    answer = await line.emitWithAck(name, request);
  } catch {
    throw new AskError('timeout', 'The server did not answer in time.');
  }
  if (!answer.ok) throw new AskError(answer.code, answer.message, answer.detail);
  return answer as ResultOf<Name>;
}

/** A request that was not answered as hoped. */
export class AskError extends Error {
  override readonly name = 'AskError';
  readonly code: string;
  readonly detail: Record<string, unknown>;
  constructor(code: string, message: string, detail: Record<string, unknown> = {}) {
    super(message);
    this.code = code;
    this.detail = detail;
  }
}

/** Watches a session instead of the one before; `null` watches nothing. */
export function select(session: string | null): void {
  const before = model.selected.peek();
  if (before === session) return;
  if (before !== null && inspect.connected) void ask('unwatch', { session: before }).catch(ignored);
  model.dropWaiting();
  batch(() => {
    model.selected.value = session;
    model.history.value = EMPTY_HISTORY;
    model.watchFailure.value = null;
    model.position.value = null;
  });
  if (session !== null) void watch(session, false);
}

/** Loads the page of records before the oldest one held. */
export async function loadOlder(): Promise<void> {
  const session = model.selected.peek();
  const oldest = model.history.peek().records[0]?.seq;
  if (session === null || oldest === undefined || oldest <= model.history.peek().first) return;
  const page = await ask('history', { session, beforeSeq: oldest });
  if (model.selected.peek() === session) {
    model.history.value = prepended(model.history.peek(), page);
  }
}

async function watch(session: string, isContinued: boolean): Promise<void> {
  // Before the first greeting there is nothing to ask; `greeted` comes back here.
  if (!inspect.connected || model.hello.peek() === null) return;
  const sinceSeq = isContinued ? model.history.peek().records.at(-1)?.seq : undefined;
  try {
    const page = await ask('watch', { session, ...(sinceSeq !== undefined && { sinceSeq }) });
    if (model.selected.peek() !== session) return;
    model.takeRows([page.row]);
    model.watchFailure.value = null;
    // What happened before the page looked is history, not news: it does not light the chart.
    if (sinceSeq !== undefined && !page.gap) model.takeRecords(session, page.records);
    else model.history.value = extended(historyFrom(page), model.history.peek().records);
  } catch (cause) {
    if (model.selected.peek() === session) model.watchFailure.value = (cause as Error).message;
  }
}

function greeted(hello: InspectHello): void {
  const before = model.hello.peek();
  attempts = 0;
  if (hello.protocol !== PROTOCOL) {
    model.connection.value = { kind: 'mismatch', protocol: hello.protocol };
    inspect.disconnect();
    return;
  }
  const isOther = before !== null && (before.boot !== hello.boot || before.epoch !== hello.epoch);
  batch(() => {
    model.hello.value = hello;
    model.connection.value = { kind: 'online' };
    model.replaceRows(hello.rows);
    if (isOther) {
      model.dropWaiting();
      model.history.value = EMPTY_HISTORY;
      model.notice.value =
        before.epoch === hello.epoch
          ? 'The server was restarted. History was read again from its journal.'
          : 'The server has another database now. Everything was read again.';
    }
  });
  const session = model.selected.peek();
  if (session !== null) void watch(session, !isOther);
}

function lost(): void {
  const { kind } = model.connection.peek();
  if (kind === 'unauthorized' || kind === 'mismatch') return;
  const current = model.connection.peek();
  const since = current.kind === 'offline' ? current.since : Date.now();
  const wait = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** attempts);
  model.connection.value = { kind: 'offline', since, retryAt: Date.now() + wait };
}

function refused(error: Error & { data?: { code?: string }; description?: unknown }): void {
  // 401 comes as a status from the gate, or as a code from the namespace behind it.
  if (error.data?.code !== 'unauthorized' && error.description !== 401) {
    lost();
    return;
  }
  const isKnown = readToken() !== null;
  forgetToken();
  model.connection.value = {
    kind: 'unauthorized',
    message: isKnown ? 'The server does not accept this token.' : '',
  };
  inspect.disconnect();
  door.disconnect();
}

/** For wishes whose failure changes nothing. */
function ignored(): void {}
