/**
 * The page's connection for looking: socket.io's namespace `/inspect`. Taking part has a connection of its
 * own, the one that every client has (session-client.ts). Writes into page-state.ts; asks nothing of panels.
 */
import { batch } from '@preact/signals';
import { Manager } from 'socket.io-client';
import type {
  Answer,
  HistoryPage,
  InspectHello,
  InspectRequests,
  InspectServerEvents,
} from '../../src/protocol/inspect.ts';
import { answerImported, isImported, listImported } from './imported-file.ts';
import { EMPTY_HISTORY, extended, type History, historyFrom, prepended } from './loaded-records.ts';
import * as model from './page-state.ts';
import { SOCKET_PATH } from './server-url.ts';
import { forgetToken, readToken } from './token.ts';

const PROTOCOL = 1;
const ANSWER_WITHIN_MS = 10_000;
/** A namespace the server has closed by itself (it stops, or the page asked too much) is tried again, ms. */
const RETRY_MS = 1_000;
/** A server that cannot be reached is tried ever more slowly, ms. */
const RETRY_MAX_MS = 4_000;
/** What was missed while the line was down is fetched, up to so many pages. */
const MAX_BRIDGE_PAGES = 10;
/** One that refuses for another reason than the token, s, when it names no time. */
const RETRY_REFUSED_S = 4;

/** Why a namespace does not let this page in. */
interface Refusal {
  code?: string;
  retry_after?: number;
}

type AskName = keyof InspectRequests;
/** What an acknowledged request brings when it went well. */
export type ResultOf<Name extends AskName> = Extract<InspectRequests[Name][1], { ok: true }>;

const manager = new Manager(window.location.origin, {
  path: SOCKET_PATH,
  // No polling: one connection, and the page's policy is about it alone.
  transports: ['websocket'],
  autoConnect: false,
  reconnectionDelay: RETRY_MS,
  reconnectionDelayMax: RETRY_MAX_MS,
  randomizationFactor: 0,
  timeout: ANSWER_WITHIN_MS,
});
// The token goes inside of the handshake, never in the address.
const inspect = manager.socket('/inspect', {
  auth: (give: (credentials: object) => void) => {
    const token = readToken();
    give(token === null ? {} : { token });
  },
});

/** Connects, and listens until the page is closed. */
export function connect(): void {
  on('hello', greeted);
  on('rows', (rows) => model.takeRows(rows));
  on('records', (session, records) => model.takeRecords(session, records));
  on('lag', () => {
    model.notice.value = 'This page was too slow for every update: they are thinned.';
    const session = model.selected.peek();
    if (session !== null) void watch(session, true);
  });
  inspect.on('disconnect', (reason) => {
    if (reason === 'io client disconnect') return;
    lost(RETRY_MS);
    // The connection comes back by itself; a namespace that the server closed on it does not.
    if (!inspect.active) retryLater(RETRY_MS);
  });
  inspect.on('connect_error', (error: Error & { data?: Refusal }) => refused(error));
  manager.on('reconnect_attempt', () => lost(0));
  reconnect();
}

/** Connects anew after a while, unless it is connected by then. */
function retryLater(afterMs: number): void {
  window.setTimeout(() => {
    if (!inspect.connected && model.connection.peek().kind === 'offline') reconnect();
  }, afterMs);
}

/** Tries at once: a new token, or "retry now". */
export function reconnect(): void {
  attempts = 0;
  inspect.disconnect();
  inspect.connect();
}

function on<Name extends keyof InspectServerEvents>(
  name: Name,
  take: InspectServerEvents[Name],
): void {
  inspect.on(name as string, take as (...args: unknown[]) => void);
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
  const { session } = request as { session?: string };
  if (session !== undefined && isImported(session)) {
    return resultOf(answerImported(name, request as { session: string })) as ResultOf<Name>;
  }
  if (!inspect.connected) throw new AskError('offline', 'There is no connection to the server.');
  const answer = await inspect
    .timeout(ANSWER_WITHIN_MS)
    .emitWithAck(name, request)
    .then(
      (given) => given as Answer<object>,
      () => {
        throw new AskError('timeout', 'The server did not answer in time.');
      },
    );
  return resultOf(answer) as ResultOf<Name>;
}

function resultOf(answer: Answer<object>): object {
  if (!answer.ok) throw new AskError(answer.code, answer.message, answer.detail);
  return answer;
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
  if (before !== null && (inspect.connected || isImported(before)))
    void ask('unwatch', { session: before }).catch(ignored);
  model.dropWaiting();
  batch(() => {
    model.selected.value = session;
    model.actor.value = null;
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
  const isKnown = inspect.connected && model.hello.peek() !== null;
  if (!isKnown && !isImported(session)) return;
  const sinceSeq = isContinued ? model.history.peek().records.at(-1)?.seq : undefined;
  try {
    const page = await ask('watch', { session, ...(sinceSeq !== undefined && { sinceSeq }) });
    if (model.selected.peek() !== session) return;
    model.takeRows([page.row]);
    model.watchFailure.value = null;
    // What happened before the page looked is history, not news: it does not light the chart.
    if (sinceSeq !== undefined && !page.gap) model.takeRecords(session, page.records);
    else {
      const whole = await bridged(session, page);
      if (model.selected.peek() !== session) return;
      // Live ones came meanwhile.
      model.history.value = extended(whole, model.history.peek().records);
    }
  } catch (cause) {
    if (model.selected.peek() === session) model.watchFailure.value = (cause as Error).message;
  }
}

/** A page of the newest records, with what is between it and those that are held already. */
async function bridged(session: string, page: HistoryPage): Promise<History> {
  const held = model.history.peek();
  const end = held.records.at(-1)?.seq;
  let whole = historyFrom(page);
  if (end === undefined) return whole;
  for (let pages = 0; pages < MAX_BRIDGE_PAGES; pages += 1) {
    const start = whole.records[0]?.seq ?? 0;
    if (start <= end + 1) return prepended(whole, { ...held, first: whole.first });
    const older = await ask('history', { session, beforeSeq: start });
    if (older.records.length === 0) break;
    whole = prepended(whole, older);
  }
  return whole;
}

function greeted(hello: InspectHello): void {
  const before = model.hello.peek();
  if (hello.protocol !== PROTOCOL) {
    model.connection.value = { kind: 'mismatch', protocol: hello.protocol };
    inspect.disconnect();
    return;
  }
  attempts = 0;
  const isOther = before !== null && (before.boot !== hello.boot || before.epoch !== hello.epoch);
  batch(() => {
    model.hello.value = hello;
    model.connection.value = { kind: 'online' };
    model.replaceRows(hello.rows);
    listImported();
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

/** @param retryInMs  when the next attempt is due */
function lost(retryInMs: number): void {
  const current = model.connection.peek();
  if (current.kind === 'unauthorized' || current.kind === 'mismatch') return;
  const since = current.kind === 'offline' ? current.since : Date.now();
  model.connection.value = { kind: 'offline', since, retryAt: Date.now() + retryInMs };
}

/** Attempts since the connection was up last. */
let attempts = 0;

/** The server cannot be reached, or its namespace does not let this page in; the latter names why. */
function refused({ data }: { data?: Refusal }): void {
  if (data?.code === 'unauthorized') {
    const isKnown = readToken() !== null;
    forgetToken();
    model.connection.value = {
      kind: 'unauthorized',
      message: isKnown ? 'The server does not accept this token.' : '',
    };
    inspect.disconnect();
    return;
  }
  if (inspect.active) {
    lost(Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** attempts));
    attempts += 1;
    return;
  }
  const { retry_after: seconds = RETRY_REFUSED_S } = data ?? {};
  lost(seconds * 1000);
  retryLater(seconds * 1000);
}

/** For commands whose failure changes nothing. */
function ignored(): void {}
