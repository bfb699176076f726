/**
 * The requests of `codex app-server` that we send, each with what it takes and gives. The binary's own
 * types know no such map (codex.md 9); the rule is XParams -> XResponse. A request not listed here
 * cannot be sent. After a change: `npm run codex-types`.
 */
import type { GetAuthStatusParams } from './generated/GetAuthStatusParams.ts';
import type { GetAuthStatusResponse } from './generated/GetAuthStatusResponse.ts';
import type { InitializeParams } from './generated/InitializeParams.ts';
import type { InitializeResponse } from './generated/InitializeResponse.ts';
import type { CancelLoginAccountParams } from './generated/v2/CancelLoginAccountParams.ts';
import type { CancelLoginAccountResponse } from './generated/v2/CancelLoginAccountResponse.ts';
import type { GetAccountParams } from './generated/v2/GetAccountParams.ts';
import type { GetAccountResponse } from './generated/v2/GetAccountResponse.ts';
import type { ListMcpServerStatusParams } from './generated/v2/ListMcpServerStatusParams.ts';
import type { ListMcpServerStatusResponse } from './generated/v2/ListMcpServerStatusResponse.ts';
import type { LoginAccountParams } from './generated/v2/LoginAccountParams.ts';
import type { LoginAccountResponse } from './generated/v2/LoginAccountResponse.ts';
import type { LogoutAccountResponse } from './generated/v2/LogoutAccountResponse.ts';
import type { McpServerRefreshResponse } from './generated/v2/McpServerRefreshResponse.ts';
import type { ModelListParams } from './generated/v2/ModelListParams.ts';
import type { ModelListResponse } from './generated/v2/ModelListResponse.ts';
import type { SkillsListParams } from './generated/v2/SkillsListParams.ts';
import type { SkillsListResponse } from './generated/v2/SkillsListResponse.ts';
import type { ThreadBackgroundTerminalsCleanParams } from './generated/v2/ThreadBackgroundTerminalsCleanParams.ts';
import type { ThreadBackgroundTerminalsCleanResponse } from './generated/v2/ThreadBackgroundTerminalsCleanResponse.ts';
import type { ThreadBackgroundTerminalsListParams } from './generated/v2/ThreadBackgroundTerminalsListParams.ts';
import type { ThreadBackgroundTerminalsListResponse } from './generated/v2/ThreadBackgroundTerminalsListResponse.ts';
import type { ThreadCompactStartParams } from './generated/v2/ThreadCompactStartParams.ts';
import type { ThreadCompactStartResponse } from './generated/v2/ThreadCompactStartResponse.ts';
import type { ThreadForkParams } from './generated/v2/ThreadForkParams.ts';
import type { ThreadForkResponse } from './generated/v2/ThreadForkResponse.ts';
import type { ThreadItemsListParams } from './generated/v2/ThreadItemsListParams.ts';
import type { ThreadItemsListResponse } from './generated/v2/ThreadItemsListResponse.ts';
import type { ThreadListParams } from './generated/v2/ThreadListParams.ts';
import type { ThreadListResponse } from './generated/v2/ThreadListResponse.ts';
import type { ThreadLoadedListParams } from './generated/v2/ThreadLoadedListParams.ts';
import type { ThreadLoadedListResponse } from './generated/v2/ThreadLoadedListResponse.ts';
import type { ThreadReadParams } from './generated/v2/ThreadReadParams.ts';
import type { ThreadReadResponse } from './generated/v2/ThreadReadResponse.ts';
import type { ThreadResumeParams } from './generated/v2/ThreadResumeParams.ts';
import type { ThreadResumeResponse } from './generated/v2/ThreadResumeResponse.ts';
import type { ThreadRevertParams } from './generated/v2/ThreadRevertParams.ts';
import type { ThreadRevertResponse } from './generated/v2/ThreadRevertResponse.ts';
import type { ThreadSetNameParams } from './generated/v2/ThreadSetNameParams.ts';
import type { ThreadSetNameResponse } from './generated/v2/ThreadSetNameResponse.ts';
import type { ThreadSettingsUpdateParams } from './generated/v2/ThreadSettingsUpdateParams.ts';
import type { ThreadSettingsUpdateResponse } from './generated/v2/ThreadSettingsUpdateResponse.ts';
import type { ThreadStartParams } from './generated/v2/ThreadStartParams.ts';
import type { ThreadStartResponse } from './generated/v2/ThreadStartResponse.ts';
import type { ThreadTurnsListParams } from './generated/v2/ThreadTurnsListParams.ts';
import type { ThreadTurnsListResponse } from './generated/v2/ThreadTurnsListResponse.ts';
import type { ThreadUnsubscribeParams } from './generated/v2/ThreadUnsubscribeParams.ts';
import type { ThreadUnsubscribeResponse } from './generated/v2/ThreadUnsubscribeResponse.ts';
import type { TurnInterruptParams } from './generated/v2/TurnInterruptParams.ts';
import type { TurnInterruptResponse } from './generated/v2/TurnInterruptResponse.ts';
import type { TurnStartParams } from './generated/v2/TurnStartParams.ts';
import type { TurnStartResponse } from './generated/v2/TurnStartResponse.ts';
import type { TurnSteerParams } from './generated/v2/TurnSteerParams.ts';
import type { TurnSteerResponse } from './generated/v2/TurnSteerResponse.ts';

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
