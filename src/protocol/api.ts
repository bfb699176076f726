/**
 * The operations of the HTTP interface as one table: where they are, what they take, what they refuse. Loads arktype;
 * imported when the interface is first used. Adding one? The compiler asks for its answer in schemas.ts and for its
 * handler in transports/http/operations.ts.
 */
import { CODES, type ErrorCode, OrbitError } from '../errors.ts';
import { type, validationErrorsOf } from './ark.ts';

const id = type('1 <= string <= 128');
const words = 'string > 0';

const image = type({ input_type: 'string', value: 'string' });
const place = type({ name: 'string', path: 'string' });
const nothing = type({});

const messageExtras = type({
  'model?': 'string | null',
  'effort?': 'string | null',
  'images?': image.array().or('null'),
  'mentions?': place.array().or('null'),
});
const permissionMode = "'default' | 'acceptEdits' | 'plan' | 'bypassPermissions'";

/** Which request is decided: left out or `pending`, the one that is open. */
const request = type({ 'request_id?': 'string | null' });
const decision = request.and({
  'type?': "'exec' | 'patch' | null",
  'message?': 'string | null',
  'interrupt?': 'boolean | null',
  // What the tool gets instead of what it asked with: all its fields.
  'updated_input?': 'unknown',
  // Which of the request's `suggestions` become rules, by their place.
  'suggestions?': '(0 <= number.integer <= 9007199254740991)[] | null',
});
const answers = type({ '[string]': 'string' });
// `answers`: one a question, by its text or id.
const reply = request.and({ type: "'question'", 'answers?': answers.or('null') });

/**
 * Bodies of the operations that take one; unknown keys are ignored. Names are those of the messages on the
 * socket; a former name of this interface is beside, as an alternative.
 */
export const BODIES = {
  sendMessage: messageExtras.and({ content: words }).or(messageExtras.and({ message: words })),
  interrupt: nothing,
  approve: decision
    .and({ decision: words })
    .or(decision.and({ approved: 'boolean' }))
    .or(reply.and({ answer: words }))
    .or(request.and({ type: "'question'", answers }))
    .or(reply.and({ message: words })),
  steer: type({ content: words }),
  fork: type({ 'nth_user_message?': '0 <= number.integer <= 4294967295 | null' }),
  setPermissionMode: type({ permission_mode: permissionMode }).or({ mode: permissionMode }),
  say: type({ type: words, '[string]': 'unknown' }),
};

/** Fields of bodies and answers that go with the next release, by the schema they are in. */
export const DEPRECATED: Readonly<Record<string, readonly string[]>> = {
  sendMessage: ['message'],
  approve: ['approved'],
  setPermissionMode: ['mode'],
  Session: ['name', 'branch'],
};

/** Messages that make no sense without a connection to be answered on. */
export const NOT_OVER_HTTP: ReadonlySet<string> = new Set([
  'subscribe_list',
  'subscribe_session',
  'unsubscribe_session',
]);

/** What any request may be refused for, before it is known what it asks. */
const ANY = [
  'bad_request',
  'unauthorized',
  'forbidden',
  'too_many_attempts',
  'headers_too_large',
  'internal_error',
  'shutting_down',
] as const;
/** What reading the database may be refused for. */
const READING = [...ANY, 'server_busy', 'storage_unavailable', 'database_damaged'] as const;
const OF_SESSION = [...READING, 'parse_error', 'not_found'] as const;
/** What taking a body may be refused for. */
const BODY = ['too_large', 'unsupported_media_type'] as const;
/** What a change of a session may be refused for. */
const ACTING = [...OF_SESSION, ...BODY, 'watched_only', 'no_connector', 'quarantined'] as const;

/** An operation as the document describes it. */
export interface Operation {
  method: 'get' | 'post';
  /** `:id` stands for a session's. */
  path: string;
  summary: string;
  query?: { toJsonSchema(options?: object): object };
  /** Every code that its code can answer with. */
  refusals: readonly ErrorCode[];
}

/** Codes that no message is answered with over HTTP: they belong to other endpoints. */
const ELSEWHERE: ReadonlySet<ErrorCode> = new Set([
  'method_not_allowed',
  'upgrade_required',
  'page_not_built',
  'pairing_refused',
  'cut',
  'no_snapshot',
  'rate_limited',
  'too_many_subscriptions',
]);

/** Query strings, as texts. */
const QUERIES = {
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
  search: type({
    q: '1 <= string <= 1000',
    'session_id?': id,
    'before?': '/^[0-9]{1,15}$/',
    'limit?': '/^[0-9]{1,4}$/',
    'utc_offset_minutes?': '/^-?[0-9]{1,3}$/',
  }),
  getUsage: type({
    'from?': '1 <= string <= 64',
    'to?': '1 <= string <= 64',
    'by?': "'day' | 'session' | 'project' | 'provider'",
    'utc_offset_minutes?': '/^-?[0-9]{1,3}$/',
  }),
  listPastSessions: type({
    'provider?': "'claude' | 'codex'",
    // `next` of an earlier answer.
    'after?': '1 <= string <= 256',
    'limit?': '/^[0-9]{1,4}$/',
  }),
  openPastSession: type({
    'provider?': "'claude' | 'codex'",
    'before?': words,
    'limit?': '/^[0-9]{1,4}$/',
  }),
  listApprovals: type({ 'session_id?': id, 'limit?': '/^[0-9]{1,4}$/' }),
};

/** All operations of the HTTP interface. */
export const OPERATIONS = {
  health: {
    method: 'get',
    path: '/api/health',
    summary: 'Whether the server serves, and on which port',
    refusals: ANY,
  },
  listSessions: {
    method: 'get',
    path: '/api/sessions',
    summary:
      'Sessions that are active; with `all`, those that ended too. `next`, given as `after`, is the next page',
    query: QUERIES.listSessions,
    refusals: [...READING, 'invalid_argument'],
  },
  getSession: {
    method: 'get',
    path: '/api/sessions/:id',
    summary: 'One session',
    refusals: OF_SESSION,
  },
  getConversation: {
    method: 'get',
    path: '/api/sessions/:id/snapshot',
    summary: 'One session whole, with its newest messages: the `session` of `session_snapshot`',
    refusals: OF_SESSION,
  },
  listMessages: {
    method: 'get',
    path: '/api/sessions/:id/messages',
    summary:
      'Messages before, after or around one (by its id), or the newest; the oldest first, long texts cut and marked',
    query: QUERIES.listMessages,
    refusals: [...OF_SESSION, 'invalid_argument'],
  },
  listTurnDiffs: {
    method: 'get',
    path: '/api/sessions/:id/diffs',
    summary: 'What turns changed, as unified diffs: the newest, or those before a turn',
    query: QUERIES.listTurnDiffs,
    refusals: [...OF_SESSION],
  },
  getText: {
    method: 'get',
    path: '/api/sessions/:id/text',
    summary: 'A text of a message (`message_id`, `field`) or the diff of a turn (`turn_id`), whole',
    query: QUERIES.getText,
    refusals: [...OF_SESSION, 'invalid_argument'],
  },
  search: {
    method: 'get',
    path: '/api/search',
    summary:
      'Messages and sessions with the words of `q`, the newest first; `q` takes filters, see the README',
    query: QUERIES.search,
    refusals: [...READING, 'parse_error', 'invalid_argument'],
  },
  getUsage: {
    method: 'get',
    path: '/api/usage',
    summary:
      'Tokens and cost by day (unless said), session, project or provider. `from` and `to` are days, both included, `7d`, or moments; without them it is today',
    query: QUERIES.getUsage,
    refusals: [...READING, 'parse_error', 'invalid_argument'],
  },
  listPastSessions: {
    method: 'get',
    path: '/api/past-sessions',
    summary:
      'Conversations that providers keep on this machine, the newest first. `next`, given as `after`, is the next page',
    query: QUERIES.listPastSessions,
    refusals: [...ANY, 'invalid_argument'],
  },
  openPastSession: {
    method: 'get',
    path: '/api/past-sessions/:id',
    summary:
      'A past conversation, read from its file: the newest messages, or those before one (by its id)',
    query: QUERIES.openPastSession,
    refusals: [...ANY, 'parse_error', 'not_found'],
  },
  listModels: {
    method: 'get',
    path: '/api/models',
    summary: "The provider's models",
    refusals: [...ANY, 'model_list_failed'],
  },
  listApprovals: {
    method: 'get',
    path: '/api/approvals',
    summary: 'Requests and how they were settled, the newest first',
    query: QUERIES.listApprovals,
    refusals: READING,
  },
  sendMessage: {
    method: 'post',
    path: '/api/sessions/:id/message',
    summary:
      'Sends a message to a session; one in a terminal reads it when its turn ends (`queued`)',
    refusals: [
      ...ACTING,
      'invalid_argument',
      'invalid_image',
      'queue_full',
      'session_over',
      'unsupported',
    ],
  },
  interrupt: {
    method: 'post',
    path: '/api/sessions/:id/interrupt',
    summary: 'Stops the running turn',
    refusals: [...ACTING, 'no_turn'],
  },
  approve: {
    method: 'post',
    path: '/api/sessions/:id/approve',
    summary: 'Decides an open request, or answers it when it is a question',
    refusals: [
      ...ACTING,
      'invalid_argument',
      'invalid_decision',
      'already_resolved',
      'unsupported',
    ],
  },
  steer: {
    method: 'post',
    path: '/api/sessions/:id/steer',
    summary: 'Sends a message into the running turn',
    refusals: [...ACTING, 'invalid_argument', 'queue_full', 'session_over'],
  },
  fork: {
    method: 'post',
    path: '/api/sessions/:id/fork',
    summary: 'Forks a session, at its nth message of a user or whole',
    refusals: [...OF_SESSION, ...BODY, 'fork_failed'],
  },
  setPermissionMode: {
    method: 'post',
    path: '/api/sessions/:id/permission-mode',
    summary: 'Changes what a session of Claude that is steered here may do unasked',
    refusals: [...ACTING, 'invalid_argument', 'session_over'],
  },
  say: {
    method: 'post',
    path: '/api/messages',
    summary: 'Any message of the protocol but subscriptions; answered by its reply',
    refusals: CODES.filter((code) => !ELSEWHERE.has(code)),
  },
  openapi: { method: 'get', path: '/api/openapi.json', summary: 'This document', refusals: ANY },
  asyncapi: {
    method: 'get',
    path: '/api/asyncapi.json',
    summary: 'The AsyncAPI document of the socket: its messages in both directions, as JSON Schema',
    refusals: ANY,
  },
} as const satisfies Record<string, Operation>;

/** The name of an operation. */
export type OperationId = keyof typeof OPERATIONS;

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
  throw new OrbitError('bad_request', { reason: validationErrorsOf(value, 'the body') });
}
