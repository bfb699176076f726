/**
 * Whom a report of the engine is for. Questions get an id that names the process they came from: ids
 * begin anew with every process, and an answer that comes late must not reach another question. What a
 * subagent asks is put to the session it works for, the only one that has a user.
 */
import type { Logger } from '../../../log.ts';
import type { ServerNotification } from '../protocol/generated/ServerNotification.ts';
import type { ServerRequest } from '../protocol/generated/ServerRequest.ts';
import type { ThreadListener } from './engine.ts';
import type { Incoming, MessageId } from './rpc.ts';

/** Where the questions of one process are answered. */
interface Line {
  respond(id: MessageId, result: unknown): void;
  refuse(id: MessageId, message: string): void;
}

/** What comes from one process. */
interface Arrivals {
  notified(report: Incoming): unknown;
  asked(question: Incoming & { id: MessageId }): void;
}

/** Listeners, and the questions that are open. */
export interface ReportRouting {
  listen(threadId: string, listener: ThreadListener): () => void;
  onReport(listener: (notification: ServerNotification) => void): () => void;
  /** A process was started: what it says from now on. */
  open(line: Line): Arrivals;
  respond(id: MessageId, result: unknown): void;
  /** The process is gone: informs all listeners, forgets its questions. */
  lost(reason: string): void;
}

interface Question {
  /** The process's own id. */
  readonly id: MessageId;
  readonly line: Line;
  /** Thread that asks; not always the one whose listener was asked. */
  readonly threadId: string;
  readonly listenerThreadId: string;
  /** It stays known until the process says that it is settled: its listener must receive that. */
  isAnswered: boolean;
}

/** Questions that a session can put to its user; all others are refused. */
const QUESTIONS: ReadonlySet<string> = new Set<ServerRequest['method']>([
  'item/commandExecution/requestApproval',
  'item/fileChange/requestApproval',
  'item/permissions/requestApproval',
  'item/tool/requestUserInput',
  'mcpServer/elicitation/request',
]);

/** Whose process it is. */
export interface ReportRoutingOptions {
  /**
   * Others are connected to the same process: what has no listener here is theirs to answer, and its request
   * ids last as long as the process, not as long as our connection.
   */
  isShared: boolean;
}

/** Routes without listeners. */
export function createReportRouting(
  log: Logger,
  options: ReportRoutingOptions = { isShared: false },
): ReportRouting {
  return new ThreadRoutes(log, options);
}

class ThreadRoutes implements ReportRouting {
  readonly #log: Logger;
  readonly #listeners = new Map<string, ThreadListener>();
  readonly #reportListeners = new Set<(notification: ServerNotification) => void>();
  readonly #open = new Map<MessageId, Question>();
  readonly #families = createSubagentParents();
  readonly #isShared: boolean;
  #processCount = 0;

  constructor(log: Logger, { isShared }: ReportRoutingOptions) {
    this.#log = log;
    this.#isShared = isShared;
  }

  listen(threadId: string, listener: ThreadListener): () => void {
    this.#listeners.set(threadId, listener);
    return () => {
      if (this.#listeners.get(threadId) === listener) this.#listeners.delete(threadId);
    };
  }

  onReport(listener: (notification: ServerNotification) => void): () => void {
    this.#reportListeners.add(listener);
    return () => void this.#reportListeners.delete(listener);
  }

  open(line: Line): Arrivals {
    if (!this.#isShared) this.#processCount += 1;
    const processNumber = this.#isShared ? 'shared' : this.#processCount;
    const ours = (id: MessageId): string => `${processNumber}:${JSON.stringify(id)}`;
    return {
      notified: (report) => this.#notified(withOurId(report, ours) as ServerNotification),
      asked: (question) => this.#asked(line, ours(question.id), question),
    };
  }

  respond(id: MessageId, result: unknown): void {
    const question = this.#open.get(id);
    if (!question || question.isAnswered) {
      this.#log.debug('codex.answer_too_late', { request_id: id });
      return;
    }
    question.isAnswered = true;
    question.line.respond(question.id, result);
  }

  lost(reason: string): void {
    this.#open.clear();
    this.#families.clear();
    for (const listener of [...this.#listeners.values()])
      this.#safely('lost', () => listener.lost(reason));
  }

  /** A listener that fails must not take the others with it. */
  #safely<T>(method: string, call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      this.#log.error('codex.listener_failed', { method, error: error as Error });
      return undefined;
    }
  }

  #notified(notification: ServerNotification): unknown {
    const { method, params } = notification;
    this.#families.take(notification);
    let threadId = threadOf(params);
    if (method === 'serverRequest/resolved') {
      threadId = this.#open.get(params.requestId)?.listenerThreadId ?? threadId;
      this.#open.delete(params.requestId);
    }
    const listener = this.#listeners.get(threadId ?? '');
    const outcome = listener && this.#safely(method, () => listener.notified(notification));
    if (method === 'turn/completed' && !this.#isShared) this.#refuseDescendants(params.threadId);
    if (listener && !method.startsWith('mcpServer/')) return outcome;
    for (const listener of [...this.#reportListeners])
      this.#safely(method, () => listener(notification));
    return outcome;
  }

  /** The questions of a turn that is over are not shown: its subagents must not wait for them. */
  #refuseDescendants(threadId: string): void {
    for (const question of this.#open.values()) {
      const isOurs = question.listenerThreadId === threadId && question.threadId !== threadId;
      if (!isOurs || question.isAnswered) continue;
      question.isAnswered = true;
      question.line.refuse(question.id, 'The turn that it was asked for is over');
    }
  }

  #asked(line: Line, ourId: string, { method, params, id }: Incoming & { id: MessageId }) {
    const threadId = threadOf(params) ?? '';
    const listenerThreadId = this.#families.nearest(threadId, (one) => this.#listeners.has(one));
    const listener = this.#listeners.get(listenerThreadId ?? '');
    if (!QUESTIONS.has(method) || listenerThreadId === null || !listener) {
      // Another client of the process may know the answer.
      if (this.#isShared) return;
      this.#log.warn('codex.question_refused', { method, thread_id: threadId });
      line.refuse(id, `OrbitDock does not answer ${method} here`);
      return;
    }
    this.#open.set(ourId, { id, line, threadId, listenerThreadId, isAnswered: false });
    this.#safely(method, () => listener.asked({ method, params, id: ourId } as ServerRequest));
  }
}

/** A report that a question is settled names it by the id under which it was handed out. */
function withOurId(report: Incoming, ours: (id: MessageId) => string): Incoming {
  const { method, params } = report;
  if (method !== 'serverRequest/resolved') return report;
  return { method, params: { ...params, requestId: ours(params.requestId as MessageId) } };
}

function threadOf(params: object): string | null {
  const { threadId, thread } = params as { threadId?: unknown; thread?: { id?: unknown } };
  const named = threadId ?? thread?.id;
  return typeof named === 'string' ? named : null;
}

/*
 * Which thread works for which: a subagent is a thread of its own, and only its parent's reports say so.
 */

/** Threads and their parents. */
interface SubagentParents {
  /** Notes who began whom. */
  take(notification: ServerNotification): void;
  /** The thread itself or the nearest above it that fits. */
  nearest(threadId: string, fits: (threadId: string) => boolean): string | null;
  clear(): void;
}

/** Subagents of subagents, and so on: more than are ever nested. */
const MAX_DEPTH = 16;
/** The oldest are forgotten beyond this many; a subagent asks while it is young. */
const MAX_CHILDREN = 10_000;

/** No thread has started another yet. */
function createSubagentParents(): SubagentParents {
  const parents = new Map<string, string>();

  function note(child: string, parent: string): void {
    if (child === parent || parents.has(child)) return;
    parents.set(child, parent);
    if (parents.size > MAX_CHILDREN) parents.delete(parents.keys().next().value as string);
  }

  return {
    take({ method, params }) {
      if (method !== 'item/started' && method !== 'item/completed') return;
      const { item, threadId } = params;
      if (item.type === 'subAgentActivity') note(item.agentThreadId, threadId);
      else if (item.type === 'collabAgentToolCall' && item.tool === 'spawnAgent') {
        for (const child of item.receiverThreadIds) note(child, threadId);
      }
    },
    nearest(threadId, fits) {
      let at: string | undefined = threadId;
      for (let depth = 0; at !== undefined && depth < MAX_DEPTH; depth++) {
        if (fits(at)) return at;
        at = parents.get(at);
      }
      return null;
    },
    clear: () => parents.clear(),
  };
}
