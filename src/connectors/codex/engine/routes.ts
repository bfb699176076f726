/**
 * Whom a report of the engine is for. Questions get an id that names the process they came from: ids
 * begin anew with every process, and an answer that comes late must not reach another question. What a
 * subagent asks is put to the session it works for, the only one that has a user.
 */
import type { Logger } from '../../../log.ts';
import type { ServerNotification } from '../protocol/generated/ServerNotification.ts';
import type { ServerRequest } from '../protocol/generated/ServerRequest.ts';
import type { ThreadListener } from './engine.ts';
import { createFamilies } from './families.ts';
import type { Incoming, MessageId } from './rpc.ts';

/** Where the questions of one process are answered. */
export interface Line {
  respond(id: MessageId, result: unknown): void;
  refuse(id: MessageId, message: string): void;
}

/** What comes from one process. */
export interface Arrivals {
  notified(report: Incoming): unknown;
  asked(question: Incoming & { id: MessageId }): void;
}

/** Listeners, and the questions that are open. */
export interface Routes {
  listen(threadId: string, listener: ThreadListener): () => void;
  onReport(hear: (notification: ServerNotification) => void): () => void;
  /** A process was started: what it says from now on. */
  open(line: Line): Arrivals;
  respond(id: MessageId, result: unknown): void;
  /** The process is gone: tells everybody, forgets its questions. */
  lost(reason: string): void;
}

interface Question {
  /** The process's own id. */
  readonly id: MessageId;
  readonly line: Line;
  /** Thread that asks; not always the one whose listener was asked. */
  readonly threadId: string;
  readonly listenerThreadId: string;
  /** It stays known until the process says that it is settled: its listener must hear that. */
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

/** Routes without listeners. */
export function createRoutes(log: Logger): Routes {
  const listeners = new Map<string, ThreadListener>();
  const hearers = new Set<(notification: ServerNotification) => void>();
  const open = new Map<MessageId, Question>();
  const families = createFamilies();
  let lives = 0;

  /** A listener that fails must not take the others with it. */
  function safely<T>(method: string, call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      log.error('codex.listener_failed', { method, error: error as Error });
      return undefined;
    }
  }

  function notified(notification: ServerNotification): unknown {
    const { method, params } = notification;
    families.heard(notification);
    let threadId = threadOf(params);
    if (method === 'serverRequest/resolved') {
      threadId = open.get(params.requestId)?.listenerThreadId ?? threadId;
      open.delete(params.requestId);
    }
    const listener = listeners.get(threadId ?? '');
    const outcome = listener && safely(method, () => listener.notified(notification));
    if (method === 'turn/completed') refuseDescendants(params.threadId);
    if (listener && !method.startsWith('mcpServer/')) return outcome;
    for (const hear of [...hearers]) safely(method, () => hear(notification));
    return outcome;
  }

  /** Nobody sees the questions of a turn that is over: its subagents must not wait for them. */
  function refuseDescendants(threadId: string): void {
    for (const question of open.values()) {
      const isOurs = question.listenerThreadId === threadId && question.threadId !== threadId;
      if (!isOurs || question.isAnswered) continue;
      question.isAnswered = true;
      question.line.refuse(question.id, 'The turn that it was asked for is over');
    }
  }

  function asked(line: Line, ourId: string, { method, params, id }: Incoming & { id: MessageId }) {
    const threadId = threadOf(params) ?? '';
    const listenerThreadId = families.nearest(threadId, (one) => listeners.has(one));
    const listener = listeners.get(listenerThreadId ?? '');
    if (!QUESTIONS.has(method) || listenerThreadId === null || !listener) {
      log.warn('codex.question_refused', { method, thread_id: threadId });
      line.refuse(id, `OrbitDock does not answer ${method} here`);
      return;
    }
    open.set(ourId, { id, line, threadId, listenerThreadId, isAnswered: false });
    safely(method, () => listener.asked({ method, params, id: ourId } as ServerRequest));
  }

  return {
    listen(threadId, listener) {
      listeners.set(threadId, listener);
      return () => {
        if (listeners.get(threadId) === listener) listeners.delete(threadId);
      };
    },
    onReport(hear) {
      hearers.add(hear);
      return () => void hearers.delete(hear);
    },
    open(line) {
      lives += 1;
      const life = lives;
      const ours = (id: MessageId): string => `${life}:${JSON.stringify(id)}`;
      return {
        notified: (report) => notified(withOurId(report, ours) as ServerNotification),
        asked: (question) => asked(line, ours(question.id), question),
      };
    },
    respond(id, result) {
      const question = open.get(id);
      if (!question || question.isAnswered) {
        log.debug('codex.answer_too_late', { request_id: id });
        return;
      }
      question.isAnswered = true;
      question.line.respond(question.id, result);
    },
    lost(reason) {
      open.clear();
      families.clear();
      for (const listener of [...listeners.values()]) safely('lost', () => listener.lost(reason));
    },
  };
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
