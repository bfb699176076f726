/**
 * The page's line for looking: the namespace `/inspect`. Taking part has a line of its own, the one that
 * every client has (conversation.ts). Writes into model.ts; asks nothing of panels.
 */
import { batch } from '@preact/signals';
import type {
  Answer,
  HistoryPage,
  InspectHello,
  InspectRequests,
  InspectServerEvents,
} from '../../src/protocol/inspect.ts';
import { EMPTY_HISTORY, extended, type History, historyFrom, prepended } from './history.ts';
import { createLine, type Refused } from './line.ts';
import * as model from './model.ts';
import { forgetToken, readToken } from './token.ts';

const PROTOCOL = 1;
const ANSWER_WITHIN_MS = 10_000;
/** A namespace the server has closed by itself (it stops, or the page asked too much) is tried again, ms. */
const RETRY_MS = 1_000;
/** What was missed while the line was down is fetched, up to so many pages. */
const MAX_BRIDGE_PAGES = 10;
/** One that refuses for another reason than the token, s, when it names no time. */
const RETRY_REFUSED_S = 4;

type AskName = keyof InspectRequests;
/** What an acknowledged request brings when it went well. */
export type ResultOf<Name extends AskName> = Extract<InspectRequests[Name][1], { ok: true }>;

const line = createLine(`${window.location.origin.replace(/^http/, 'ws')}/socket.io/`, () => {
  const token = readToken();
  return token === null ? {} : { token };
});
const inspect = line.space('/inspect');

/** Connects, and listens until the page is closed. */
export function connect(): void {
  hear('hello', greeted);
  hear('rows', (rows) => model.takeRows(rows));
  hear('records', (session, records) => model.takeRecords(session, records));
  hear('lag', () => {
    model.notice.value = 'This page was too slow for every update: they are thinned.';
    const session = model.selected.peek();
    if (session !== null) void watch(session, true);
  });
  inspect.on('disconnect', () => {
    lost();
    // The line comes back by itself; a namespace that was closed on a line that stands does not.
    if (line.retryAt === 0) retryLater(RETRY_MS);
  });
  inspect.on('refused', refused);
  reconnect();
}

/** Opens the line anew after a while, unless it stands by then. */
function retryLater(afterMs: number): void {
  window.setTimeout(() => {
    if (!inspect.isConnected && model.connection.peek().kind === 'offline') reconnect();
  }, afterMs);
}

/** Tries at once: a new token, or "retry now". */
export function reconnect(): void {
  line.open();
}

function hear<Name extends keyof InspectServerEvents>(
  name: Name,
  take: InspectServerEvents[Name],
): void {
  inspect.on(name, take as (...args: never[]) => void);
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
  if (!inspect.isConnected) throw new AskError('offline', 'There is no connection to the server.');
  const answer = await new Promise<Answer<object>>((resolve, reject) => {
    const timer = window.setTimeout(
      () => reject(new AskError('timeout', 'The server did not answer in time.')),
      ANSWER_WITHIN_MS,
    );
    inspect.send(name, request, (given) => {
      clearTimeout(timer);
      resolve(given as Answer<object>);
    });
  });
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
  if (before !== null && inspect.isConnected)
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
  if (!inspect.isConnected || model.hello.peek() === null) return;
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

/** A page of the newest records, with what lies between it and those that are held already. */
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
    line.close();
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
  const current = model.connection.peek();
  if (current.kind === 'unauthorized' || current.kind === 'mismatch') return;
  const since = current.kind === 'offline' ? current.since : Date.now();
  const retryAt = line.retryAt || Date.now() + RETRY_MS;
  model.connection.value = { kind: 'offline', since, retryAt };
}

/** @param refusal  the namespace's words; null when there was nobody to say them */
function refused(refusal: Refused | null): void {
  if (refusal?.data?.code !== 'unauthorized') {
    // A line that is just being opened is not lost yet.
    if (refusal !== null || line.retryAt > 0) lost();
    const { retry_after: seconds = RETRY_REFUSED_S } = refusal?.data ?? {};
    if (refusal !== null) retryLater(seconds * 1000);
    return;
  }
  const isKnown = readToken() !== null;
  forgetToken();
  model.connection.value = {
    kind: 'unauthorized',
    message: isKnown ? 'The server does not accept this token.' : '',
  };
  line.close();
}

/** For wishes whose failure changes nothing. */
function ignored(): void {}
