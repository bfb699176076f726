/**
 * What a `codex app-server` is to those who use it: requests with a deadline, reports by thread, and
 * questions that want an answer. Types only; app-server.ts is the one implementation. The session
 * connector and the catalogue of models, skills and accounts are its users.
 */
import type { GetAuthStatusParams } from '../protocol/generated/GetAuthStatusParams.ts';
import type { GetAuthStatusResponse } from '../protocol/generated/GetAuthStatusResponse.ts';
import type { InitializeParams } from '../protocol/generated/InitializeParams.ts';
import type { InitializeResponse } from '../protocol/generated/InitializeResponse.ts';
import type { ServerNotification } from '../protocol/generated/ServerNotification.ts';
import type { ServerRequest } from '../protocol/generated/ServerRequest.ts';
import type { CancelLoginAccountParams } from '../protocol/generated/v2/CancelLoginAccountParams.ts';
import type { CancelLoginAccountResponse } from '../protocol/generated/v2/CancelLoginAccountResponse.ts';
import type { GetAccountParams } from '../protocol/generated/v2/GetAccountParams.ts';
import type { GetAccountResponse } from '../protocol/generated/v2/GetAccountResponse.ts';
import type { ListMcpServerStatusParams } from '../protocol/generated/v2/ListMcpServerStatusParams.ts';
import type { ListMcpServerStatusResponse } from '../protocol/generated/v2/ListMcpServerStatusResponse.ts';
import type { LoginAccountParams } from '../protocol/generated/v2/LoginAccountParams.ts';
import type { LoginAccountResponse } from '../protocol/generated/v2/LoginAccountResponse.ts';
import type { LogoutAccountResponse } from '../protocol/generated/v2/LogoutAccountResponse.ts';
import type { McpServerRefreshResponse } from '../protocol/generated/v2/McpServerRefreshResponse.ts';
import type { ModelListParams } from '../protocol/generated/v2/ModelListParams.ts';
import type { ModelListResponse } from '../protocol/generated/v2/ModelListResponse.ts';
import type { SkillsListParams } from '../protocol/generated/v2/SkillsListParams.ts';
import type { SkillsListResponse } from '../protocol/generated/v2/SkillsListResponse.ts';
import type { ThreadBackgroundTerminalsCleanParams } from '../protocol/generated/v2/ThreadBackgroundTerminalsCleanParams.ts';
import type { ThreadBackgroundTerminalsCleanResponse } from '../protocol/generated/v2/ThreadBackgroundTerminalsCleanResponse.ts';
import type { ThreadBackgroundTerminalsListParams } from '../protocol/generated/v2/ThreadBackgroundTerminalsListParams.ts';
import type { ThreadBackgroundTerminalsListResponse } from '../protocol/generated/v2/ThreadBackgroundTerminalsListResponse.ts';
import type { ThreadCompactStartParams } from '../protocol/generated/v2/ThreadCompactStartParams.ts';
import type { ThreadCompactStartResponse } from '../protocol/generated/v2/ThreadCompactStartResponse.ts';
import type { ThreadForkParams } from '../protocol/generated/v2/ThreadForkParams.ts';
import type { ThreadForkResponse } from '../protocol/generated/v2/ThreadForkResponse.ts';
import type { ThreadItemsListParams } from '../protocol/generated/v2/ThreadItemsListParams.ts';
import type { ThreadItemsListResponse } from '../protocol/generated/v2/ThreadItemsListResponse.ts';
import type { ThreadListParams } from '../protocol/generated/v2/ThreadListParams.ts';
import type { ThreadListResponse } from '../protocol/generated/v2/ThreadListResponse.ts';
import type { ThreadLoadedListParams } from '../protocol/generated/v2/ThreadLoadedListParams.ts';
import type { ThreadLoadedListResponse } from '../protocol/generated/v2/ThreadLoadedListResponse.ts';
import type { ThreadReadParams } from '../protocol/generated/v2/ThreadReadParams.ts';
import type { ThreadReadResponse } from '../protocol/generated/v2/ThreadReadResponse.ts';
import type { ThreadResumeParams } from '../protocol/generated/v2/ThreadResumeParams.ts';
import type { ThreadResumeResponse } from '../protocol/generated/v2/ThreadResumeResponse.ts';
import type { ThreadRevertParams } from '../protocol/generated/v2/ThreadRevertParams.ts';
import type { ThreadRevertResponse } from '../protocol/generated/v2/ThreadRevertResponse.ts';
import type { ThreadSetNameParams } from '../protocol/generated/v2/ThreadSetNameParams.ts';
import type { ThreadSetNameResponse } from '../protocol/generated/v2/ThreadSetNameResponse.ts';
import type { ThreadSettingsUpdateParams } from '../protocol/generated/v2/ThreadSettingsUpdateParams.ts';
import type { ThreadSettingsUpdateResponse } from '../protocol/generated/v2/ThreadSettingsUpdateResponse.ts';
import type { ThreadStartParams } from '../protocol/generated/v2/ThreadStartParams.ts';
import type { ThreadStartResponse } from '../protocol/generated/v2/ThreadStartResponse.ts';
import type { ThreadTurnsListParams } from '../protocol/generated/v2/ThreadTurnsListParams.ts';
import type { ThreadTurnsListResponse } from '../protocol/generated/v2/ThreadTurnsListResponse.ts';
import type { ThreadUnsubscribeParams } from '../protocol/generated/v2/ThreadUnsubscribeParams.ts';
import type { ThreadUnsubscribeResponse } from '../protocol/generated/v2/ThreadUnsubscribeResponse.ts';
import type { TurnInterruptParams } from '../protocol/generated/v2/TurnInterruptParams.ts';
import type { TurnInterruptResponse } from '../protocol/generated/v2/TurnInterruptResponse.ts';
import type { TurnStartParams } from '../protocol/generated/v2/TurnStartParams.ts';
import type { TurnStartResponse } from '../protocol/generated/v2/TurnStartResponse.ts';
import type { TurnSteerParams } from '../protocol/generated/v2/TurnSteerParams.ts';
import type { TurnSteerResponse } from '../protocol/generated/v2/TurnSteerResponse.ts';

/** `stopped` while it is not needed, `failed` while it waits for its next try. */
export type EngineState = 'stopped' | 'starting' | 'ready' | 'failed';

/** Who listens to one thread. Called in the order of the wire; must not throw. */
export interface ThreadListener {
  /**
   * Takes one report. May return a promise of having dealt with it: while too many are open, the engine
   * reads no further and its process waits.
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
   * @throws OrbitError `codex_error` when the engine cannot be started, refuses, times out or ends
   */
  request<Method extends keyof Methods>(
    method: Method,
    params: Methods[Method]['params'],
    options?: { deadlineMs?: number },
  ): Promise<Methods[Method]['result']>;
  /** Answers a question of the engine. An answer to a process that is gone is dropped. */
  respond(id: ServerRequest['id'], result: unknown): void;
  /**
   * Receives everything about one thread from now on; one listener a thread. Returns how to stop. Called at
   * once when `thread/start` answers, it misses nothing. A question about a thread that has no listener
   * to is refused.
   */
  listen(threadId: string, listener: ThreadListener): () => void;
  /**
   * Receives what belongs to no thread or to one without a listener, and everything about MCP servers.
   * Returns how to stop.
   */
  onReport(listener: (notification: ServerNotification) => void): () => void;
  /** Calls the listener at every change of state, with the reason of a failure. Returns how to stop. */
  onState(listener: (state: EngineState, reason: string | null) => void): () => void;
  /**
   * Ends the process when nothing runs in it, so that the next request starts one that reads its files
   * anew. Returns whether it did.
   */
  renew(): Promise<boolean>;
  /** Ends the process and everything below it; resolves when nothing is left, within 6 s. */
  close(): Promise<void>;
}

/*
 * The requests of `codex app-server` that we send, each with what it takes and gives. The binary's own
 * types know no such map; the rule is XParams -> XResponse. A request not listed here
 * cannot be sent. After a change: `npm run codex-types`.
 */

interface Method<Params, Result> {
  params: Params;
  result: Result;
}

/** Method -> what it takes and gives. Those without parameters take `undefined`. */
export interface Methods {
  initialize: Method<InitializeParams, InitializeResponse>;

  'thread/start': Method<ThreadStartParams, ThreadStartResponse>;
  'thread/resume': Method<ThreadResumeParams, ThreadResumeResponse>;
  'thread/fork': Method<ThreadForkParams, ThreadForkResponse>;
  'thread/revert': Method<ThreadRevertParams, ThreadRevertResponse>;
  'thread/read': Method<ThreadReadParams, ThreadReadResponse>;
  'thread/turns/list': Method<ThreadTurnsListParams, ThreadTurnsListResponse>;
  'thread/items/list': Method<ThreadItemsListParams, ThreadItemsListResponse>;
  'thread/list': Method<ThreadListParams, ThreadListResponse>;
  'thread/loaded/list': Method<ThreadLoadedListParams, ThreadLoadedListResponse>;
  'thread/unsubscribe': Method<ThreadUnsubscribeParams, ThreadUnsubscribeResponse>;
  'thread/name/set': Method<ThreadSetNameParams, ThreadSetNameResponse>;
  'thread/settings/update': Method<ThreadSettingsUpdateParams, ThreadSettingsUpdateResponse>;
  'thread/compact/start': Method<ThreadCompactStartParams, ThreadCompactStartResponse>;
  'thread/backgroundTerminals/list': Method<
    ThreadBackgroundTerminalsListParams,
    ThreadBackgroundTerminalsListResponse
  >;
  'thread/backgroundTerminals/clean': Method<
    ThreadBackgroundTerminalsCleanParams,
    ThreadBackgroundTerminalsCleanResponse
  >;

  'turn/start': Method<TurnStartParams, TurnStartResponse>;
  'turn/steer': Method<TurnSteerParams, TurnSteerResponse>;
  'turn/interrupt': Method<TurnInterruptParams, TurnInterruptResponse>;

  'model/list': Method<ModelListParams, ModelListResponse>;
  'skills/list': Method<SkillsListParams, SkillsListResponse>;
  'mcpServerStatus/list': Method<ListMcpServerStatusParams, ListMcpServerStatusResponse>;
  'config/mcpServer/reload': Method<undefined, McpServerRefreshResponse>;

  getAuthStatus: Method<GetAuthStatusParams, GetAuthStatusResponse>;
  'account/read': Method<GetAccountParams, GetAccountResponse>;
  'account/login/start': Method<LoginAccountParams, LoginAccountResponse>;
  'account/login/cancel': Method<CancelLoginAccountParams, CancelLoginAccountResponse>;
  'account/logout': Method<undefined, LogoutAccountResponse>;
}
