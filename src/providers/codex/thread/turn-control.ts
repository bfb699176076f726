/**
 * The running turn of a thread and how it is stopped. Codex forgives little here: an
 * interrupt before `turn/started` hits nothing, and a second one for the same turn is never answered. So
 * there is one interrupt at a time, it waits for the turn to begin, and everything has a deadline.
 */
import { OrbitError } from '../../../errors.ts';
import { entry } from '../../../protocol/encode.ts';
import type { Message } from '../../../protocol/nouns.ts';
import type { Engine } from '../engine/engine.ts';
import type { TurnError } from '../protocol/generated/v2/TurnError.ts';

/** More turns than begin between a question and its answer. */
const MAX_BEGUN = 8;

/** An interrupt takes 15-55 ms; what takes this long, ms, did not work. */
const STOP_MS = 5_000;

/** What runs in a session's thread, and how it is stopped. */
/** A turn that was asked for. */
interface Expected {
  /** The answer: it is this turn, which may have begun, or even ended, already. */
  isTurn(turnId: string): void;
  /** It will not begin. */
  isOff(): void;
}

/** Which turn of a thread runs, and who waits for one to begin or to end. */
export interface TurnControl {
  readonly activeId: string | null;
  /** True while a turn runs or was asked for. */
  readonly isBusy: boolean;
  started(turnId: string): void;
  /** This turn is over; without a name everything is, also what was asked for. */
  ended(turnId?: string): void;
  /** A turn was asked for. */
  expect(): Expected;
  /** Settles when the turn that was asked for has begun, or will not. */
  begun(): Promise<void>;
  /** Settles when nothing runs and nothing was asked for, however long that takes. */
  over(): Promise<void>;
  /** Stops what runs or is about to; settles when it is over. @throws OrbitError when it will not stop */
  stop(): Promise<void>;
  /** Settles when no stop is under way. */
  calm(): Promise<void>;
}

/** Control over the turns of one thread. */
export function createTurnControl(engine: Pick<Engine, 'request'>, threadId: string): TurnControl {
  return new ThreadTurns(engine, threadId);
}

class ThreadTurns implements TurnControl {
  readonly #engine: Pick<Engine, 'request'>;
  readonly #threadId: string;
  #activeId: string | null = null;
  /** Turns that were asked for: those whose id is not known yet, and the others. */
  #unnamed = 0;
  readonly #named = new Set<string>();
  /** The newest that have begun. */
  #begun: string[] = [];
  #stopping: Promise<void> | null = null;
  #waiting: Array<() => void> = [];

  constructor(engine: Pick<Engine, 'request'>, threadId: string) {
    this.#engine = engine;
    this.#threadId = threadId;
  }

  get activeId(): string | null {
    return this.#activeId;
  }

  get isBusy(): boolean {
    return this.#activeId !== null || this.#isExpected();
  }

  started(turnId: string): void {
    this.#activeId = turnId;
    // A turn without a name (a compaction) is the next that begins.
    this.#unnamed = 0;
    this.#named.delete(turnId);
    this.#begun = [...this.#begun, turnId].slice(-MAX_BEGUN);
    this.#changed();
  }

  ended(turnId?: string): void {
    this.#activeId = null;
    if (turnId === undefined) {
      this.#unnamed = 0;
      this.#named.clear();
    } else this.#named.delete(turnId);
    this.#changed();
  }

  expect(): Expected {
    this.#unnamed += 1;
    const isKnown = () => {
      this.#unnamed = Math.max(0, this.#unnamed - 1);
      this.#changed();
    };
    return {
      isTurn: (turnId) => {
        if (!this.#begun.includes(turnId)) this.#named.add(turnId);
        isKnown();
      },
      isOff: isKnown,
    };
  }

  async begun(): Promise<void> {
    await this.#until(() => this.#activeId !== null || !this.#isExpected());
  }

  async over(): Promise<void> {
    while (this.#activeId !== null || this.#isExpected()) {
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#interrupt().finally(() => {
      this.#stopping = null;
    });
    return this.#stopping;
  }

  async calm(): Promise<void> {
    // The caller that asked for the stop gets its failure; those that only wait go on.
    await this.#stopping?.catch(() => {});
  }

  #isExpected() {
    return this.#unnamed > 0 || this.#named.size > 0;
  }

  #changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const proceed of waiting) proceed();
  }

  /** False when it did not come true in time. */
  async #until(isSo: () => boolean): Promise<boolean> {
    const deadline = performance.now() + STOP_MS;
    while (!isSo()) {
      const left = deadline - performance.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return true;
  }

  async #interrupt(): Promise<void> {
    await this.#until(() => this.#activeId !== null || !this.#isExpected());
    const turnId = this.#activeId;
    if (turnId === null) return;
    const isOver = () => this.#activeId !== turnId;
    try {
      await this.#engine.request(
        'turn/interrupt',
        { threadId: this.#threadId, turnId },
        { deadlineMs: STOP_MS },
      );
    } catch (error) {
      // It ended by itself a moment before: that is what was wanted.
      if (!isOver()) throw error;
    }
    await this.#until(isOver);
  }
}

/* What went wrong at the provider, in words that name the remedy. Pure. */

const REMEDIES: Record<string, string> = {
  contextWindowExceeded: 'The conversation is too long for the model: compact the context.',
  usageLimitExceeded: 'Your plan’s limit is reached: wait until it resets, or sign in differently.',
  rateLimitExceeded: 'Too many requests: wait a moment and send it again.',
  sessionBudgetExceeded: 'The budget of this session is used up: begin a new one.',
  serverOverloaded: 'The provider is overloaded: wait a moment and send it again.',
  internalServerError: 'The provider failed: send it again, or try another model.',
  unauthorized: 'Codex is not signed in: run `codex login`, or sign in from the app.',
  badRequest: 'The provider refused the request: try another model or another message.',
  sandboxError: 'The sandbox could not be set up: `codex doctor` says why.',
  httpConnectionFailed: 'The provider could not be reached: check network and sign-in.',
  responseStreamConnectionFailed: 'The provider could not be reached: check the network.',
  responseStreamDisconnected: 'The connection broke off: send it again.',
  responseTooManyFailedAttempts: 'The provider kept refusing: wait a moment and send it again.',
};

/** Words of a failed turn for the conversation. */
export function wordsOfTurnError(error: TurnError | null): string {
  if (error === null) return 'The turn failed and Codex did not say why. Send a message to go on.';
  const { codexErrorInfo: info, message } = error;
  const kind = typeof info === 'string' ? info : (Object.keys(info ?? {})[0] ?? '');
  const status = statusIn(info);
  const remedy =
    status === 401 || status === 403 ? REMEDIES.unauthorized : (REMEDIES[kind] ?? 'Send it again.');
  return `${message}\n\n${remedy}`;
}

/** A turn that failed, as the conversation says it. */
export function failedMessage(
  error: TurnError | null,
  { sessionId, turnId, timestamp }: { sessionId: string; turnId: string; timestamp: string },
): Message {
  return entry({
    id: `${sessionId}:failed:${turnId}`,
    session_id: sessionId,
    message_type: 'assistant',
    content: wordsOfTurnError(error),
    timestamp,
    is_error: true,
  });
}

function statusIn(info: unknown): number | null {
  if (typeof info !== 'object' || info === null) return null;
  const [details] = Object.values(info) as Array<{ httpStatusCode?: unknown } | null>;
  return typeof details?.httpStatusCode === 'number' ? details.httpStatusCode : null;
}

/** The reason inside a failure, without the sentence around it. */
export function reasonOf(error: unknown): string {
  if (error instanceof OrbitError && typeof error.details.reason === 'string') {
    return error.details.reason;
  }
  return error instanceof Error ? error.message : String(error);
}

/** Whether the engine does not have the thread that it was asked about. */
export function isUnknownThread(error: unknown): boolean {
  return error instanceof OrbitError && /not found|no rollout/i.test(reasonOf(error));
}
