/**
 * Whom a report of the engine is for. Questions get an id that names the process they came from: ids
 * begin anew with every process, and an answer that comes late must not reach another question.
 */
import type { Logger } from '../../log.ts';
import type { ThreadListener } from './engine.ts';
import type { ServerNotification } from './protocol/generated/ServerNotification.ts';
import type { ServerRequest } from './protocol/generated/ServerRequest.ts';
import type { Incoming, MessageId } from './rpc.ts';

/** A question that can be answered where it came from. */
interface Line {
  respond(id: MessageId, result: unknown): void;
  refuse(id: MessageId, message: string): void;
}

/** Listeners, and the questions that are open. */
export interface Routes {
  listen(threadId: string, listener: ThreadListener): () => void;
  onReport(hear: (notification: ServerNotification) => void): () => void;
  notified(report: Incoming): unknown;
  asked(question: Incoming & { id: MessageId }, line: Line): void;
  respond(id: MessageId, result: unknown): void;
  /** The process is gone: tells everybody, forgets its questions. */
  lost(reason: string): void;
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
  const open = new Map<MessageId, { id: MessageId; line: Line }>();
  let life = 1;

  const ours = (id: MessageId): string => `${life}:${JSON.stringify(id)}`;

  /** A listener that fails must not take the others with it. */
  function safely<T>(method: string, call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      log.error('codex.listener_failed', { method, error: error as Error });
      return undefined;
    }
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
    notified(report) {
      const { method } = report;
      const notification = withOurId(report, ours) as ServerNotification;
      if (notification.method === 'serverRequest/resolved') {
        open.delete(notification.params.requestId);
      }
      const listener = listeners.get(threadOf(report) ?? '');
      const outcome = listener && safely(method, () => listener.notified(notification));
      if (listener && !method.startsWith('mcpServer/')) return outcome;
      for (const hear of [...hearers]) safely(method, () => hear(notification));
      return outcome;
    },
    asked(question, line) {
      const { method, params } = question;
      const listener = listeners.get(threadOf(question) ?? '');
      if (!QUESTIONS.has(method) || !listener) {
        log.warn('codex.question_refused', { method, thread_id: threadOf(question) });
        line.refuse(question.id, `OrbitDock does not answer ${method} here`);
        return;
      }
      const id = ours(question.id);
      open.set(id, { id: question.id, line });
      safely(method, () => listener.asked({ method, params, id } as ServerRequest));
    },
    respond(id, result) {
      const question = open.get(id);
      open.delete(id);
      if (question) question.line.respond(question.id, result);
      else log.debug('codex.answer_too_late', { request_id: id });
    },
    lost(reason) {
      life += 1;
      open.clear();
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

function threadOf({ params }: Incoming): string | null {
  const named = params.threadId ?? (params.thread as { id?: unknown } | undefined)?.id;
  return typeof named === 'string' ? named : null;
}
