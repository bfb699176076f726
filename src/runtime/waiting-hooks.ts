/**
 * Hooks that wait for what they print: a decision, beside the dialog that their CLI shows in its terminal, or words
 * of clients at the end of a turn. The chart says which request may be answered, what an answer means, and which end
 * takes words; here are the open lines to the processes that wait. A line is let go with nothing as soon as its
 * request is over, however that came: no process is left behind.
 */
import { readFileSync } from 'node:fs';
import type { ConnectorCommand } from '../../machines/session-facts.ts';
import type { OpenApproval, Stamp } from '../../machines/session-types.ts';
import { hasWaiter } from '../../machines/steps/answers.ts';
import { writeFileAtomically } from '../files.ts';
import type { Logger } from '../log.ts';
import type { HookAnswer } from '../providers/provider.ts';
import { type StampClock, stampFromMicroseconds } from './clock.ts';
import type { LiveSession } from './sessions/live-session.ts';

/** Processes that may wait at a time; the sockets are needed for other things too. */
const MAX_WAITING = 256;
/** A hook that said it will wait asks within this time, or it does not wait. */
const ARRIVES_WITHIN_MS = 10_000;

/** One hook that waits, or is about to. */
interface Waiter {
  readonly key: string;
  readonly sessionId: string;
  /** Null for a hook that asks for words. */
  readonly requestId: string | null;
  readonly answer: (command: ConnectorCommand) => HookAnswer;
  /** The event of its request is on disk. */
  isTaken: boolean;
  /** Gives its process the text, or nothing; null while it has not asked yet. */
  resolve: ((text: string | null) => void) | null;
  /** Known before it asked. */
  text: string | null;
  readonly overdue: NodeJS.Timeout;
}

/** The open line of a hook that waits. */
export interface AnswerLine {
  /** What its process shall print; null: nothing, because no client here decides. */
  readonly answer: Promise<string | null>;
  /** The process went away, or what it should print did not reach it. */
  lost(): void;
}

interface WaitingHooksDeps {
  /** A session that is live. */
  peek: (sessionId: string) => LiveSession | null;
  /** Sends a session that the hook of a request does not wait any more. */
  sendLeft: (sessionId: string, requestId: string) => Promise<void>;
  /** Sends a session that words did not reach the hook that they were given to. */
  sendLost: (sessionId: string, hookKey: string) => Promise<void>;
  log: Logger;
}

/** The hooks that wait. */
export class WaitingHooks {
  readonly #deps: WaitingHooksDeps;
  /** By the key of the hook. */
  readonly #waiters = new Map<string, Waiter>();
  #isClosed = false;

  constructor(deps: WaitingHooksDeps) {
    this.#deps = deps;
  }

  /** Whether one more may wait. */
  get hasRoom(): boolean {
    return !this.#isClosed && this.#waiters.size < MAX_WAITING;
  }

  /** The hook of this request is about to be stored, and its process will ask. */
  expect(key: string, sessionId: string, requestId: string, answer: Waiter['answer']): void {
    this.#add({ key, sessionId, requestId, answer });
  }

  /** The hook of a turn's end is about to be stored, and its process will ask for words. */
  expectWords(key: string, sessionId: string, answer: Waiter['answer']): void {
    this.#add({ key, sessionId, requestId: null, answer });
  }

  #add(about: Pick<Waiter, 'key' | 'sessionId' | 'requestId' | 'answer'>): void {
    const { key } = about;
    const overdue = setTimeout(() => this.#drop(key), ARRIVES_WITHIN_MS).unref();
    this.#waiters.set(key, { ...about, isTaken: false, resolve: null, text: null, overdue });
  }

  /** The hook is stored, or will never be. */
  taken(key: string, live: LiveSession, isStored: boolean): void {
    const waiter = this.#waiters.get(key);
    if (waiter === undefined) return;
    waiter.isTaken = true;
    if (isStored) this.onCommitted(live);
    else this.#letGo(waiter);
  }

  /** The process of a stored hook asks; nothing for one that is not waited for. */
  wait(key: string): AnswerLine {
    const waiter = this.#waiters.get(key);
    if (waiter === undefined) return { answer: Promise.resolve(null), lost: () => {} };
    clearTimeout(waiter.overdue);
    // Asked a second time with the same key: the first connection is the hook's.
    if (waiter.resolve !== null) return { answer: Promise.resolve(null), lost: () => {} };
    const answer = new Promise<string | null>((resolve) => {
      waiter.resolve = resolve;
      if (waiter.text !== null) this.#letGo(waiter, waiter.text);
    });
    return {
      answer,
      lost: () => {
        this.#waiters.delete(key);
        this.#left(waiter);
      },
    };
  }

  /** Why the CLI would not take this answer; null when it would. */
  refusalOf(requestId: string, command: ConnectorCommand): string | null {
    const waiter = this.#ofRequest(requestId);
    if (waiter === undefined) return 'its hook does not wait any more';
    const answer = waiter.answer(command);
    return 'refusal' in answer ? answer.refusal : null;
  }

  /** Gives stored decisions to the hooks that wait for them. Never throws. */
  release({ id: sessionId }: LiveSession, commands: readonly ConnectorCommand[]): void {
    for (const command of commands) {
      const about = aboutOf(command);
      if (about === null) continue;
      const waiter =
        about.requestId === null ? this.#waiters.get(about.key) : this.#ofRequest(about.requestId);
      const answer = waiter?.answer(command);
      if (waiter === undefined || answer === undefined || 'refusal' in answer) {
        this.#left({ sessionId, ...about });
      } else if (waiter.resolve === null) waiter.text = answer.text;
      else this.#letGo(waiter, answer.text);
    }
  }

  /** Something happened in a session: hooks whose request is over are let go. */
  onCommitted(live: LiveSession): void {
    if (this.#waiters.size === 0) return;
    for (const waiter of this.#waiters.values()) {
      if (waiter.sessionId !== live.id || !waiter.isTaken) continue;
      if (waiter.requestId === null) {
        // Words come with the commit of the hook, or not at all.
        if (waiter.text === null) this.#letGo(waiter);
        continue;
      }
      const request = requestIn(live, waiter.requestId);
      if (request === undefined || !hasWaiter(request)) this.#letGo(waiter);
    }
  }

  /** Releases all hooks; none waits here any more. */
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

  /** Only the terminal can answer now; reported where the chart shows otherwise. */
  #left({ key, sessionId, requestId }: Pick<Waiter, 'key' | 'sessionId' | 'requestId'>): void {
    if (this.#isClosed) return;
    const live = this.#deps.peek(sessionId);
    if (requestId === null) {
      this.#lost(live, key);
      return;
    }
    const request = live ? requestIn(live, requestId) : undefined;
    if (request === undefined || !hasWaiter(request)) return;
    this.#logFailure(sessionId, this.#deps.sendLeft(sessionId, requestId));
  }

  /** Words that did not reach their hook wait again. */
  #lost(live: LiveSession | null, key: string): void {
    const { words = [] } = live?.head.snapshot.context ?? {};
    if (live === null || !words.some(({ givenTo }) => givenTo === key)) return;
    this.#logFailure(live.id, this.#deps.sendLost(live.id, key));
  }

  #logFailure(session_id: string, sent: Promise<void>): void {
    sent.catch((error: Error) =>
      this.#deps.log.warn('answer.loss_not_stored', { session_id, error }),
    );
  }
}

/** Which hook a command is for; null for one that no hook takes. */
function aboutOf(command: ConnectorCommand): Pick<Waiter, 'key' | 'requestId'> | null {
  if (command.type === 'words.give') return { key: command.hookKey, requestId: null };
  return 'requestId' in command ? { key: '', requestId: command.requestId } : null;
}

function requestIn(live: LiveSession, requestId: string): OpenApproval | undefined {
  return live.head.snapshot.context.approvals.find(({ request }) => request.id === requestId);
}

/*
 * Which sessions have words of clients waiting for the end of a turn, where hook.sh can see it: only those hooks
 * ask, and every other turn ends without waiting for us. The words themselves are in the sessions' contexts; the
 * file may be behind by one commit after a crash, and is right again with the next event of the session.
 */

/** Words that have waited for so long expire: what they were about may be past. */
const EXPIRE_AFTER_US = 24 * 3600 * 1e6;

interface QueuedMessagesDeps {
  /** One session id a line; null: the file is not read. */
  path: string | null;
  /** Sends a session that words which wait since before this moment wait no more. */
  sendExpired: (sessionId: string, before: Stamp) => Promise<void>;
  clock: Pick<StampClock, 'now'>;
  log: Logger;
}

/** The sessions for which words wait. */
export class QueuedMessages {
  readonly #deps: QueuedMessagesDeps;
  readonly #sessions: Set<string>;

  constructor(deps: QueuedMessagesDeps) {
    this.#deps = deps;
    this.#sessions = new Set(deps.path === null ? [] : linesOf(deps.path));
  }

  /** A session changed, or was opened again. */
  onCommitted({ id, head }: Pick<LiveSession, 'id' | 'head'>): void {
    const { words = [] } = head.snapshot.context;
    if (words.length > 0 === this.#sessions.has(id)) return;
    if (words.length > 0) this.#sessions.add(id);
    else this.#sessions.delete(id);
    this.#write();
  }

  /** Ends the waiting of words that no hook asked for within a day. */
  expire(): void {
    if (this.#sessions.size === 0) return;
    const before = stampFromMicroseconds(this.#deps.clock.now() - EXPIRE_AFTER_US);
    for (const id of this.#sessions) {
      this.#deps.sendExpired(id, before).catch((error: Error) => {
        this.#deps.log.warn('words.not_expired', { session_id: id, error });
        // A session that was deleted has none.
        if ('code' in error && error.code === 'not_found') this.#forget(id);
      });
    }
  }

  #forget(id: string): void {
    if (this.#sessions.delete(id)) this.#write();
  }

  #write(): void {
    const { path, log } = this.#deps;
    if (path === null) return;
    const text = [...this.#sessions].map((id) => `${id}\n`).join('');
    try {
      writeFileAtomically(path, text, { mode: 0o600 });
    } catch (error) {
      // The words wait on; the next change writes the file again.
      log.error('words.not_told', { path, error: error as Error });
    }
  }
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch {
    // No words have ever waited here; or the file is lost, and the next event of each session restores it.
    return [];
  }
}
