/**
 * Every refusal the server can utter: wire code, HTTP status, sentence. `dispatch` turns one into an
 * `error` frame, the Koa middleware into a status; no code is invented inline. Add a code here first.
 */

/** What a person has to do about damage. */
export const DAMAGE_REMEDY =
  'nothing is stored until it is restored: stop the server, then run `orbitdock-server restore FILE` with a ' +
  'backup (`orbitdock-server backup` saves what can still be read); hooks wait in the spool meanwhile';

interface CatalogueEntry {
  /** HTTP status when the refusal leaves by the HTTP transport. */
  status: number;
  /** Names the thing and the remedy; `{name}` is filled from the details. */
  message: string;
}

const CATALOGUE = {
  parse_error: { status: 422, message: 'This is not a message of the protocol: {reason}' },
  not_found: { status: 404, message: '{what} {id} not found; ask for the list to see what exists' },
  invalid_argument: { status: 422, message: '{reason}' },
  invalid_image: { status: 422, message: 'An image cannot be taken: {reason}' },
  too_many_processes: {
    status: 429,
    message: '{limit} commands run already; wait for one to end or cancel it',
  },
  browse_error: { status: 422, message: 'Cannot read directory {path}: {reason}' },
  bad_request: { status: 400, message: '{reason}' },
  unauthorized: {
    status: 401,
    message: 'A valid token is needed; run `orbitdock-server generate-token`',
  },
  pairing_refused: {
    status: 401,
    message:
      'This link is used, over or wrong; `orbitdock-server pair` on the machine of the server makes a new one',
  },
  forbidden: { status: 403, message: '{reason}' },
  method_not_allowed: { status: 405, message: 'Use {allow} here' },
  too_large: { status: 413, message: 'The message exceeds {limit} bytes; send less at once' },
  unsupported_media_type: { status: 415, message: '{reason}' },
  upgrade_required: {
    status: 426,
    message: 'Open a WebSocket here; plain requests are not answered',
  },
  headers_too_large: { status: 431, message: 'More than {limit} header fields; send fewer' },
  too_many_attempts: {
    status: 429,
    message:
      'Too many wrong tokens; try again in {seconds} seconds, or with a valid one at any time',
  },
  rate_limited: { status: 429, message: 'Too many messages; slow down to {limit} per second' },
  too_many_subscriptions: {
    status: 429,
    message: 'More than {limit} subscriptions on one connection; unsubscribe from some first',
  },
  too_many_clients: {
    status: 503,
    message: 'The server has {limit} clients, as many as it takes; raise --max-connections',
  },
  server_busy: { status: 503, message: 'The server is busy; send it again in a moment' },
  storage_unavailable: {
    status: 503,
    message: 'The database cannot be written ({reason}); nothing was stored, send it again later',
  },
  database_damaged: {
    status: 503,
    message:
      '{what} cannot be read or changed: the database is damaged there. Stop the server and run ' +
      '`orbitdock-server restore FILE` with a backup; nothing is written over the damage',
  },
  shutting_down: {
    status: 503,
    message: 'The server is stopping; send it again after its restart',
  },
  internal_error: { status: 500, message: 'Something broke inside the server; its log says what' },
  claude_error: {
    status: 501,
    message:
      'Controlling Claude directly is not built yet; start `claude` yourself and its hooks show it',
  },
  no_connector: {
    status: 409,
    message: 'Session {id} has no connector ({reason}); send resume_session, then try again',
  },
  session_over: {
    status: 409,
    message: 'Session {id} has ended; send resume_session to go on with it',
  },
  watched_only: {
    status: 409,
    message: 'Session {id} is only watched, not controlled from here; {what} in its own terminal',
  },
  already_active: {
    status: 409,
    message: 'Session {id} has its connector already; just send it a message',
  },
  already_resolved: {
    status: 409,
    message: 'Request {id} is settled already: {decision} (by {evidence}); nothing was changed',
  },
  invalid_decision: {
    status: 422,
    message: 'Request {id} cannot be settled so: {reason}; it is still open',
  },
  queue_full: {
    status: 429,
    message:
      'As many messages wait for session {id} as it takes; withdraw one, or wait for the end of its turn',
  },
  no_turn: { status: 409, message: 'Session {id} runs no turn that could be stopped' },
  fork_failed: { status: 409, message: 'Session {id} was not forked: {reason}' },
  thread_busy: {
    status: 409,
    message:
      'Thread {thread} is open in another Codex process; close it there, or fork the session here',
  },
  unsupported: { status: 409, message: '{what} is not possible: {reason}' },
  session_not_found: {
    status: 404,
    message:
      'Session {id} not found, or not one of Codex: skills and MCP servers are known for those only',
  },
  model_list_failed: { status: 502, message: 'The models are not known: {reason}' },
  codex_auth_login_start_failed: { status: 502, message: 'The login did not begin: {reason}' },
  codex_auth_logout_failed: { status: 502, message: 'The account was not signed out: {reason}' },
  already_signed_in: {
    status: 409,
    message:
      'Codex is signed in with ChatGPT; a key would take its place. Sign out first, then set the key',
  },
  not_delivered: { status: 502, message: 'Device {device} was not reached: {reason}' },
  codex_error: { status: 502, message: 'Codex: {reason}' },
  quarantined: {
    status: 422,
    message:
      'This event could not be stored and was set aside ({reason}); the session goes on without it',
  },
  cut: {
    status: 410,
    message: 'Event {seq} is beyond retention and gone; the oldest one still there is {first}',
  },
  no_snapshot: {
    status: 409,
    message:
      'Event {seq} cannot be folded: its state is known, its context is not (another version of the chart wrote it, or it has no base)',
  },
  page_not_built: {
    status: 503,
    message: 'The page has not been built; run `npm run build` once and start the server again',
  },
} as const satisfies Record<string, CatalogueEntry>;

/** The code of a refusal, as clients read it. */
export type ErrorCode = keyof typeof CATALOGUE;

/** The HTTP status of a code. */
export function statusOf(code: ErrorCode): number {
  return CATALOGUE[code].status;
}

/** All codes, for those who write or check answers. */
export const CODES = Object.keys(CATALOGUE) as readonly ErrorCode[];

/** A refusal: the caller's fault or a state the caller must know of. Everything else is a bug. */
export class OrbitError extends Error {
  override readonly name = 'OrbitError';
  readonly code: ErrorCode;
  readonly status: number;
  /** Session the refusal is about, for the wire's `error.session_id`. */
  readonly sessionId: string | null;
  /** What filled the sentence, for those who read no sentences. */
  readonly details: Readonly<Record<string, string | number>>;

  /** @param details fill the `{placeholders}` of the catalogue's sentence. */
  constructor(
    code: ErrorCode,
    details: Record<string, string | number> = {},
    options: { sessionId?: string; cause?: unknown } = {},
  ) {
    super(fill(CATALOGUE[code].message, details), { cause: options.cause });
    this.code = code;
    this.status = CATALOGUE[code].status;
    this.sessionId = options.sessionId ?? null;
    this.details = details;
  }
}

function fill(template: string, details: Record<string, string | number>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(details[name] ?? `(${name})`));
}

/** Operations that a debug client of earlier times uses: it prints `error` as it is. */
const TEXT_ERROR_PATH =
  /^\/api\/(health|models|sessions(\/[^/]+(\/(message|interrupt|approve|steer|fork|permission-mode))?)?)$/;

/** Whether a refusal for this path has `error` as a text, with `code` beside it. */
export function hasTextError(path: string): boolean {
  return TEXT_ERROR_PATH.test(path);
}
