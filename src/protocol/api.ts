/**
 * The HTTP bridge's operations (contract.md 9.6) as one table: what validates requests is what the
 * OpenAPI document is made of. Loads arktype; imported when the bridge is first used. Adding one? The
 * compiler asks for its handler in transports/bridge/operations.ts.
 */

import { OrbitError } from '../errors.ts';
import { type } from './ark.ts';
import { flawsOf } from './flaws.ts';

const id = type('1 <= string <= 128');
const words = 'string > 0';

const model = type({
  id: 'string',
  model: 'string',
  display_name: 'string',
  description: 'string',
  is_default: 'boolean',
  supported_reasoning_efforts: 'string[]',
});

/** A session as scripts and the debug client see it. */
export const ApiSession = type({
  id: 'string',
  name: 'string | null',
  project_path: 'string',
  branch: 'string | null',
  model: 'string | null',
  provider: "'claude' | 'codex'",
  status: "'active' | 'ended'",
  work_status: "'working' | 'waiting' | 'permission' | 'question' | 'reply' | 'ended'",
  attention_reason: "'none' | 'awaitingReply' | 'awaitingPermission' | 'awaitingQuestion'",
  is_direct: 'boolean',
  is_direct_codex: 'boolean',
  is_direct_claude: 'boolean',
  'pending_approval_id?': 'string',
  'permission_mode?': 'string',
  started_at: 'string | null',
  last_activity_at: 'string | null',
});

/** The same with when it ended. */
export const ApiSessionDetail = ApiSession.and({ ended_at: 'string | null' });

const nothing = type({});
const done = <Status extends string>(status: Status) =>
  type({ status: type.unit(status), session_id: 'string' });

const image = type({ input_type: 'string', value: 'string' });
const place = type({ name: 'string', path: 'string' });

/** Bodies of the operations that take one; unknown keys are ignored. */
export const BODIES = {
  sendMessage: type({
    message: words,
    'model?': 'string | null',
    'effort?': 'string | null',
    'images?': image.array().or('null'),
    'mentions?': place.array().or('null'),
  }),
  interrupt: nothing,
  approve: type({
    // Left out or `pending`: whatever is open.
    'request_id?': 'string | null',
    'type?': "'exec' | 'patch' | 'question' | null",
    'decision?': 'string | null',
    'approved?': 'boolean | null',
    'answer?': 'string | null',
    'message?': 'string | null',
    'interrupt?': 'boolean | null',
  }),
  steer: type({ content: words }),
  fork: type({ 'nth_user_message?': '0 <= number.integer <= 4294967295 | null' }),
  setPermissionMode: type({ mode: "'default' | 'acceptEdits' | 'plan' | 'bypassPermissions'" }),
  say: type({ type: words, '[string]': 'unknown' }),
};

/** An operation as the document tells it. */
export interface Operation {
  method: 'get' | 'post';
  /** `:id` stands for a session's. */
  path: string;
  summary: string;
  answer: { toJsonSchema(options?: object): object };
  query?: { toJsonSchema(options?: object): object };
}

/** Query strings, as texts. */
export const QUERIES = {
  listSessions: type({
    'all?': "'1' | 'true'",
    // `next` of an earlier answer.
    'after?': '1 <= string <= 128',
    'limit?': '/^[0-9]{1,4}$/',
  }),
  listMessages: type({
    'before?': words,
    'after?': words,
    'around?': words,
    'limit?': '/^[0-9]{1,4}$/',
  }),
  listTurnDiffs: type({ 'before?': words, 'limit?': '/^[0-9]{1,4}$/' }),
  getText: type({
    'message_id?': words,
    'turn_id?': words,
    'field?': "'content' | 'tool_input' | 'tool_output'",
  }),
  listApprovals: type({ 'session_id?': id, 'limit?': '/^[0-9]{1,4}$/' }),
};

/** All operations of the HTTP interface. */
export const OPERATIONS = {
  health: {
    method: 'get',
    path: '/api/health',
    summary: 'Whether the server serves, and on which port',
    answer: type({ status: "'ok'", port: 'number.integer', 'degraded?': 'string' }),
  },
  listSessions: {
    method: 'get',
    path: '/api/sessions',
    summary:
      'Sessions that are active; with `all`, those that ended too. `next`, given as `after`, is the next page',
    answer: type({
      sessions: ApiSession.array(),
      total: 'number.integer',
      next: 'string | null',
    }),
    query: QUERIES.listSessions,
  },
  getSession: {
    method: 'get',
    path: '/api/sessions/:id',
    summary: 'One session',
    answer: ApiSessionDetail,
  },
  getConversation: {
    method: 'get',
    path: '/api/sessions/:id/snapshot',
    summary: 'One session whole, with its newest messages: the `session` of `session_snapshot`',
    answer: type({ session: 'object' }),
  },
  listMessages: {
    method: 'get',
    path: '/api/sessions/:id/messages',
    summary:
      'Messages before, after or around one (by its id), or the newest; the oldest first, long texts cut and marked',
    answer: type({
      session_id: 'string',
      messages: 'object[]',
      has_older: 'boolean',
      has_newer: 'boolean',
      message_count: 'number.integer',
    }),
    query: QUERIES.listMessages,
  },
  listTurnDiffs: {
    method: 'get',
    path: '/api/sessions/:id/diffs',
    summary: 'What turns changed, as unified diffs: the newest, or those before a turn',
    answer: type({ session_id: 'string', turn_diffs: 'object[]', has_older: 'boolean' }),
    query: QUERIES.listTurnDiffs,
  },
  getText: {
    method: 'get',
    path: '/api/sessions/:id/text',
    summary: 'A text of a message (`message_id`, `field`) or the diff of a turn (`turn_id`), whole',
    answer: type({ session_id: 'string', field: 'string', text: 'string' }),
    query: QUERIES.getText,
  },
  listModels: {
    method: 'get',
    path: '/api/models',
    summary: "The provider's models",
    answer: type({ models: model.array() }),
  },
  listApprovals: {
    method: 'get',
    path: '/api/approvals',
    summary: 'Requests and how they were settled, the newest first',
    answer: type({ session_id: 'string | null', approvals: 'object[]' }),
    query: QUERIES.listApprovals,
  },
  sendMessage: {
    method: 'post',
    path: '/api/sessions/:id/message',
    summary: 'Says something to a direct session',
    answer: done('sent'),
  },
  interrupt: {
    method: 'post',
    path: '/api/sessions/:id/interrupt',
    summary: 'Stops the running turn',
    answer: done('interrupted'),
  },
  approve: {
    method: 'post',
    path: '/api/sessions/:id/approve',
    summary: 'Decides an open request, or answers it when it is a question',
    answer: done('approved').and({ request_id: 'string' }),
  },
  steer: {
    method: 'post',
    path: '/api/sessions/:id/steer',
    summary: 'Says something into the running turn',
    answer: done('steered'),
  },
  fork: {
    method: 'post',
    path: '/api/sessions/:id/fork',
    summary: 'Forks a session, at its nth message of a user or whole',
    answer: done('fork_requested').and({
      nth_user_message: 'number.integer | null',
      new_session_id: 'string',
    }),
  },
  setPermissionMode: {
    method: 'post',
    path: '/api/sessions/:id/permission-mode',
    summary: 'Changes what a direct session of Claude may do unasked',
    answer: done('updated').and({ permission_mode: 'string' }),
  },
  say: {
    method: 'post',
    path: '/api/messages',
    summary: 'Any message of the protocol but subscriptions; answered by its reply',
    answer: type({ type: 'string', '[string]': 'unknown' }),
  },
  openapi: {
    method: 'get',
    path: '/api/openapi.json',
    summary: 'This document',
    answer: type({ openapi: 'string', '[string]': 'unknown' }),
  },
} as const satisfies Record<string, Operation>;

/** The name of an operation. */
export type OperationId = keyof typeof OPERATIONS;

/** What an operation answers with. */
export type AnswerOf<Id extends OperationId> = (typeof OPERATIONS)[Id]['answer']['infer'];

/** What an operation takes. */
export type BodyOf<Id extends OperationId> = Id extends keyof typeof BODIES
  ? (typeof BODIES)[Id]['infer']
  : null;

/**
 * Checks the body of an operation; null for one that takes none.
 *
 * @throws OrbitError `bad_request`, naming the fields and never what was in them
 */
export function checkBody(id: OperationId, value: unknown): unknown {
  return id in BODIES ? checked(BODIES[id as keyof typeof BODIES](value)) : null;
}

/** Checks a query string. @throws OrbitError `bad_request` */
export function checkQuery(id: OperationId, given: Record<string, string>): Record<string, string> {
  if (!(id in QUERIES)) return {};
  return checked(QUERIES[id as keyof typeof QUERIES](given)) as Record<string, string>;
}

function checked(value: unknown): unknown {
  if (!(value instanceof type.errors)) return value;
  throw new OrbitError('bad_request', { reason: flawsOf(value, 'the body') });
}
