/**
 * The questions of one thread that wait for an answer: put to the session, answered, and settled when Codex says so.
 * Where others hold the thread too, they may be faster.
 */
import type { ConnectorCommand } from '../../../../machines/session-facts.ts';
import type { AnswerRefusal, ConnectorParts } from '../../provider.ts';
import type { Engine } from '../engine/engine.ts';
import type { ServerRequest } from '../protocol/generated/ServerRequest.ts';
import { answerOf, type CodexRequest, requestFrom } from './approval-requests.ts';
import type { ThreadCommands } from './commands.ts';
import type { Reports } from './notifications.ts';
import type { Stored } from './streamed-texts.ts';

/** The command to answer one. */
export type Answer = Extract<ConnectorCommand, { type: 'approval.answer' | 'question.answer' }>;

/** What they are put and answered with. */
interface AsksDeps extends Pick<ConnectorParts, 'sessionId' | 'port' | 'log'> {
  engine: Pick<Engine, 'respond'>;
  /** Others can answer as well. */
  isShared: boolean;
  findOpen: Reports['findOpen'];
}

/** Those that are open, by the ids that clients know. */
export class OpenRequests {
  readonly #deps: AsksDeps;
  readonly #open = new Map<string, CodexRequest>();

  constructor(deps: AsksDeps) {
    this.#deps = deps;
  }

  /** The ids of their requests. */
  get ids(): string[] {
    return [...this.#open.keys()];
  }

  /** Codex asks. @param threadId  null when the connector is over */
  asked(request: ServerRequest, threadId: string | null): void {
    const { sessionId, port, engine, log, isShared, findOpen } = this.#deps;
    const ask = requestFrom(request, { sessionId, threadId: threadId ?? '', findOpen });
    const isPut = ask !== null && threadId !== null;
    if (isPut) {
      this.#open.set(ask.requestId, ask);
      void port.report(ask.event);
      return;
    }
    // Another client may know the answer.
    if (isShared) return;
    // It fits every question's form and grants nothing.
    engine.respond(request.id, { decision: 'cancel', action: 'cancel', permissions: {} });
    log.warn('codex.question_cancelled', { session_id: sessionId, method: request.method });
  }

  /** Why Codex could not take this answer; null when it can. */
  refusalOf(command: Answer): AnswerRefusal | null {
    const ask = this.#open.get(command.requestId);
    if (!ask) return { reason: 'Codex does not wait for it any more', isSettled: true };
    const answer = answerOf(ask, command);
    return 'refusal' in answer ? { reason: answer.refusal, isSettled: false } : null;
  }

  /** Gives a decision or an answer to Codex. */
  answer(command: Answer, commands: Pick<ThreadCommands, 'take' | 'reportError'>): void {
    const { engine, isShared } = this.#deps;
    const ask = this.#open.get(command.requestId);
    const answer = ask && answerOf(ask, command);
    if (!ask || !answer || 'refusal' in answer) {
      // Another client was faster: the session shows what it decided.
      if (isShared && !ask) return;
      commands.reportError(
        'Your answer could not be delivered: Codex does not wait for it any more.',
      );
      return;
    }
    // Others may answer as well: then it is over when Codex says so.
    if (!isShared) this.#open.delete(command.requestId);
    engine.respond(ask.id, answer.result);
    const isAbort = command.type === 'approval.answer' && command.decision === 'abort';
    if (isAbort && !ask.abortEndsTurn) commands.take({ type: 'turn.stop' });
  }

  /** The engine says that one is settled: by us, by its turn's end, or by an unknown client. */
  settled(id: ServerRequest['id']): Stored {
    const ask = [...this.#open.values()].find((open) => open.id === id);
    if (!ask) return null;
    this.#open.delete(ask.requestId);
    const event = { type: 'approval.resolved', requestId: ask.requestId, server: null } as const;
    // Several may have answered, and Codex does not say who was first: the tool use shows it.
    const decision = this.#deps.isShared ? 'unknown' : 'cancelled';
    return this.#deps.port.report({ ...event, decision });
  }
}
