/**
 * What a `codex app-server` is to those who use it: requests with a deadline, reports by thread, and
 * questions that want an answer. Types only; app-server.ts is the one implementation. The session
 * connector and the catalogue of models, skills and accounts are its users.
 */

import type { ServerNotification } from '../protocol/generated/ServerNotification.ts';
import type { ServerRequest } from '../protocol/generated/ServerRequest.ts';
import type { Methods } from '../protocol/methods.ts';

/** `stopped` while nobody needs it, `failed` while it waits for its next try. */
export type EngineState = 'stopped' | 'starting' | 'ready' | 'failed';

/** Who listens to one thread. Called in the order of the wire; must not throw. */
export interface ThreadListener {
  /**
   * Takes one report. May return a promise of having dealt with it: while too many are open, the engine
   * reads no further and its process waits (reliability.md R17).
   */
  notified(notification: ServerNotification): unknown;
  /**
   * A question of the engine; it waits for `respond` as long as it takes. Its id is ours, unique across
   * restarts of the process, and `serverRequest/resolved` names it too.
   */
  asked(request: ServerRequest): void;
  /** The process is gone and with it everything that ran; the thread must be resumed. */
  lost(reason: string): void;
}

/** One shared `codex app-server` for one CODEX_HOME. */
export interface Engine {
  readonly state: EngineState;
  /**
   * Sends a request; starts the process when it does not run.
   *
   * @param deadlineMs  30 s unless given; the answer that comes later is dropped
   * @throws OrbitError `codex_error` when the engine cannot be started, refuses, times out or dies
   */
  request<Method extends keyof Methods>(
    method: Method,
    params: Methods[Method]['params'],
    options?: { deadlineMs?: number },
  ): Promise<Methods[Method]['result']>;
  /** Answers a question of the engine. A question of a process that is gone is answered to nobody. */
  respond(id: ServerRequest['id'], result: unknown): void;
  /**
   * Hears everything about one thread from now on; one listener a thread. Returns how to stop. Called at
   * once when `thread/start` answers, it misses nothing. A question about a thread that nobody listens
   * to is refused.
   */
  listen(threadId: string, listener: ThreadListener): () => void;
  /**
   * Hears what belongs to no thread or to one that nobody listens to, and everything about MCP servers.
   * Returns how to stop.
   */
  onReport(hear: (notification: ServerNotification) => void): () => void;
  /** Hears every change of state, with the reason of a failure. Returns how to stop. */
  onState(hear: (state: EngineState, reason: string | null) => void): () => void;
  /**
   * Ends the process when nothing runs in it, so that the next request starts one that reads its files
   * anew. Returns whether it did.
   */
  renew(): Promise<boolean>;
  /** Ends the process and everything below it; resolves when nothing is left, within 6 s. */
  close(): Promise<void>;
}
