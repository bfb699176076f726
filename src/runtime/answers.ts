/**
 * Hooks that wait for an answer, beside the dialog that their CLI shows in its terminal. The chart says which
 * request may be answered and what an answer means; here are the open lines to the processes that wait. A
 * line is let go with nothing as soon as its request is over, however that came: no process is left behind.
 */
import type { ConnectorCommand } from '../../machines/session-facts.ts';
import type { OpenApproval } from '../../machines/session-types.ts';
import { hasWaiter } from '../../machines/steps/answers.ts';
import type { Logger } from '../log.ts';
import type { HookAnswer } from '../providers/provider.ts';
import type { LiveSession } from './sessions/live-session.ts';

/** Processes that may wait at a time; the sockets are needed for other things too. */
const MAX_WAITING = 256;
/** A hook that said it will wait asks within this time, or it does not wait. */
const ARRIVES_WITHIN_MS = 10_000;

/** One hook that waits, or is about to. */
interface Waiter {
  readonly key: string;
  readonly sessionId: string;
  readonly requestId: string;
  readonly answer: (order: ConnectorCommand) => HookAnswer;
  /** The event of its request is on disk. */
  isTaken: boolean;
  /** Gives its process the text, or nothing; null while it has not asked yet. */
  resolve: ((text: string | null) => void) | null;
  /** Decided before it asked. */
  text: string | null;
  readonly overdue: NodeJS.Timeout;
}

/** The open line of a hook that waits. */
export interface AnswerLine {
  /** What its process shall print; null: nothing, because nobody here decides. */
  readonly answer: Promise<string | null>;
  /** The process went away, or what it should print did not reach it. */
  lost(): void;
}

interface AnswersDeps {
  /** A session that is live. */
  peek: (sessionId: string) => LiveSession | null;
  /** Tells a session that the hook of a request does not wait any more. */
  tellLeft: (sessionId: string, requestId: string) => Promise<void>;
  log: Logger;
}

/** The hooks that wait. */
export class Answers {
  readonly #deps: AnswersDeps;
  /** By the key of the hook. */
  readonly #waiters = new Map<string, Waiter>();
  #isClosed = false;

  constructor(deps: AnswersDeps) {
    this.#deps = deps;
  }

  /** Whether one more may wait. */
  get hasRoom(): boolean {
    return !this.#isClosed && this.#waiters.size < MAX_WAITING;
  }

  /** The hook of this request is about to be stored, and its process will ask. */
  expect(key: string, sessionId: string, requestId: string, answer: Waiter['answer']): void {
    const overdue = setTimeout(() => this.#drop(key), ARRIVES_WITHIN_MS).unref();
    const waiter = { key, sessionId, requestId, answer, isTaken: false, resolve: null, text: null };
    this.#waiters.set(key, { ...waiter, overdue });
  }

  /** The hook is stored, or will never be. */
  taken(key: string, live: LiveSession, isStored: boolean): void {
    const waiter = this.#waiters.get(key);
    if (waiter === undefined) return;
    waiter.isTaken = true;
    if (isStored) this.noticed(live);
    else this.#letGo(waiter);
  }

  /** The process of a stored hook asks; nothing for one that is not waited for. */
  wait(key: string): AnswerLine {
    const waiter = this.#waiters.get(key);
    if (waiter === undefined) return { answer: Promise.resolve(null), lost: () => {} };
    clearTimeout(waiter.overdue);
    // Asked a second time: the first line is not of use any more.
    waiter.resolve?.(null);
    let mine: Waiter['resolve'] = null;
    const answer = new Promise<string | null>((resolve) => {
      mine = waiter.resolve = resolve;
      if (waiter.text !== null) this.#letGo(waiter, waiter.text);
    });
    return {
      answer,
      lost: () => {
        // Another line took over: that one is not lost.
        if (waiter.resolve !== mine) return;
        this.#waiters.delete(key);
        this.#left(waiter);
      },
    };
  }

  /** Why the CLI would not take this answer; null when it would. */
  refusalOf(requestId: string, order: ConnectorCommand): string | null {
    const waiter = this.#ofRequest(requestId);
    if (waiter === undefined) return 'its hook does not wait any more';
    const answer = waiter.answer(order);
    return 'refusal' in answer ? answer.refusal : null;
  }

  /** Gives stored decisions to the hooks that wait for them. Never throws. */
  release({ id: sessionId }: LiveSession, orders: readonly ConnectorCommand[]): void {
    for (const order of orders) {
      if (!('requestId' in order)) continue;
      const waiter = this.#ofRequest(order.requestId);
      const answer = waiter?.answer(order);
      if (waiter === undefined || answer === undefined || 'refusal' in answer) {
        this.#left({ sessionId, requestId: order.requestId });
      } else if (waiter.resolve === null) waiter.text = answer.text;
      else this.#letGo(waiter, answer.text);
    }
  }

  /** Something happened in a session: hooks whose request is over are let go. */
  noticed(live: LiveSession): void {
    if (this.#waiters.size === 0) return;
    for (const waiter of this.#waiters.values()) {
      if (waiter.sessionId !== live.id || !waiter.isTaken) continue;
      const request = requestIn(live, waiter.requestId);
      if (request === undefined || !hasWaiter(request)) this.#letGo(waiter);
    }
  }

  /** Lets all go; nobody waits here any more. */
  close(): void {
    this.#isClosed = true;
    for (const waiter of this.#waiters.values()) this.#letGo(waiter);
  }

  #ofRequest(requestId: string): Waiter | undefined {
    for (const waiter of this.#waiters.values()) if (waiter.requestId === requestId) return waiter;
    return undefined;
  }

  #letGo(waiter: Waiter, text: string | null = null): void {
    clearTimeout(waiter.overdue);
    this.#waiters.delete(waiter.key);
    waiter.resolve?.(text);
  }

  /** It said that it would ask, and did not. */
  #drop(key: string): void {
    const waiter = this.#waiters.get(key);
    if (waiter === undefined) return;
    this.#waiters.delete(key);
    this.#left(waiter);
  }

  /** Only the terminal can answer now; told where the chart shows otherwise. */
  #left({ sessionId, requestId }: Pick<Waiter, 'sessionId' | 'requestId'>): void {
    const live = this.#deps.peek(sessionId);
    const request = live ? requestIn(live, requestId) : undefined;
    if (this.#isClosed || request === undefined || !hasWaiter(request)) return;
    const told = this.#deps.tellLeft(sessionId, requestId);
    told.catch((error: Error) =>
      this.#deps.log.warn('answer.loss_not_stored', { session_id: sessionId, error }),
    );
  }
}

function requestIn(live: LiveSession, requestId: string): OpenApproval | undefined {
  return live.head.snapshot.context.approvals.find(({ request }) => request.id === requestId);
}
