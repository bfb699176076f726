/** What every error code means and what its receiver can do: rows of the generated page src/protocol/README.md. */
import type { ErrorCode } from '../../../src/errors.ts';

/** A row of the table of errors. */
export interface ErrorWords {
  /** What is the case. */
  means: string;
  /** What to do. */
  remedy: string;
  /** Where the code comes from, for one that answers no message and no operation of the HTTP interface. */
  from?: string;
}

/** By code; a code without a row does not compile. */
export const ERROR_WORDS: Record<ErrorCode, ErrorWords> = {
  parse_error: {
    means:
      'The text is not valid JSON, or a field of the message is missing or has the wrong kind. Nothing was done.',
    remedy: 'Send what the table of this message says; the error names the field.',
  },
  not_found: {
    means:
      'The session, message, request, comment, command or path does not exist, or not any more.',
    remedy:
      'Ask for the list to see what exists. After `subscribe_session` wait: the snapshot follows as soon as the session exists.',
  },
  invalid_argument: {
    means: 'A field has the right kind and a value that is not possible. Nothing was done.',
    remedy: 'Change the value; the message says what is possible.',
  },
  invalid_image: {
    means: 'An image is no PNG, JPEG, GIF or WebP, is too large, or cannot be read.',
    remedy: 'Send another image, or the message without it; nothing of the message was sent.',
  },
  too_many_processes: {
    means: 'As many commands run as the server runs at once.',
    remedy: 'Wait for a `shell_output`, or send `cancel_shell`.',
  },
  browse_error: {
    means:
      'The directory does not exist, cannot be read, or lies outside of what may be looked into.',
    remedy: 'Choose another one, or start the server with `--browse-root PATH`.',
  },
  bad_request: {
    means: 'The request is not well-formed: its headers, query, body, or socket.io event.',
    remedy: 'Send what the OpenAPI document says; the message names the part.',
  },
  unauthorized: {
    means: 'This connection needs a token and has none that is valid.',
    remedy: 'Make one with `orbitdock-server generate-token` and send it.',
  },
  pairing_refused: {
    means: 'The pairing code of `POST /api/pair` was used before, is over or is wrong.',
    remedy: 'Run `orbitdock-server pair` again and open the new link.',
    from: '`POST /api/pair`',
  },
  forbidden: {
    means: 'The sender is known and may not do this: wrong user, wrong origin, or reading only.',
    remedy: 'Use the token, or the account that the server runs as; the message says which.',
  },
  method_not_allowed: {
    means: 'The path exists and takes another HTTP method.',
    remedy: 'Use the method that the header `Allow` names.',
    from: 'HTTP',
  },
  too_large: {
    means: 'The frame or body is over the limit. Nothing of it was read.',
    remedy: 'Send less at once. The connection that sent a frame over the limit is closed (1009).',
  },
  unsupported_media_type: {
    means: 'The body is compressed or is not JSON.',
    remedy: 'Send `application/json` without compression.',
  },
  upgrade_required: {
    means: 'A plain request came to the path of a WebSocket.',
    remedy: 'Open a WebSocket there.',
    from: 'HTTP, on `/ws`',
  },
  headers_too_large: {
    means: 'The request has too many header fields.',
    remedy: 'Send fewer.',
  },
  too_many_attempts: {
    means: 'Too many wrong tokens came from this address.',
    remedy: 'Wait as long as `Retry-After` says. A valid token is taken at any time.',
  },
  rate_limited: {
    means: 'The connection sends more messages a second than it may. The message was dropped.',
    remedy: 'Send it again, more slowly.',
  },
  too_many_subscriptions: {
    means: 'The connection is subscribed to as many sessions as it may be.',
    remedy: 'Send `unsubscribe_session` for sessions that are not shown, then try again.',
  },
  too_many_clients: {
    means: 'As many clients are connected as the server takes.',
    remedy: 'Close some, or start the server with a higher `--max-connections`.',
    from: 'HTTP and WebSocket, before the connection is taken',
  },
  server_busy: {
    means: 'Too much is waiting. Nothing was done.',
    remedy: 'Send it again in a moment.',
  },
  storage_unavailable: {
    means: 'The database cannot be written now (disk full, locked, read-only). Nothing was stored.',
    remedy: 'Remove the cause that the message names, then send it again.',
  },
  database_damaged: {
    means: 'The database is damaged where it was needed. Nothing is written any more.',
    remedy: 'Stop the server and run `orbitdock-server restore FILE` with a backup.',
  },
  shutting_down: {
    means: 'The server stops. Nothing was done.',
    remedy: 'Connect and send it again after the restart.',
  },
  internal_error: {
    means: 'A fault of the server.',
    remedy: 'Read its log (`orbitdock-server logs`) and report it.',
  },
  claude_error: {
    means: 'The server cannot run Claude itself. A session that says so was made, and is over.',
    remedy: 'Start `claude` in a terminal; with its hooks installed the session appears.',
  },
  no_connector: {
    means: 'The session has no connection to its provider, and none could be made.',
    remedy: 'Send `resume_session`, then try again; the message says why it failed.',
  },
  session_over: {
    means: 'The session has ended.',
    remedy: 'Send `resume_session` to go on with it.',
  },
  watched_only: {
    means: 'The session runs in a terminal and takes no commands from here.',
    remedy: 'Do it in that terminal.',
  },
  already_active: {
    means: 'The session has its connector already. Nothing was changed.',
    remedy: 'Send `send_message`.',
  },
  already_resolved: {
    means: 'The request was settled before, by another client or by what the agent did.',
    remedy: 'None is needed: the message says how it was settled.',
  },
  invalid_decision: {
    means: 'The word is no decision, or this request cannot be settled with it. It is still open.',
    remedy: 'Send one of the decisions that the message names.',
  },
  queue_full: {
    means:
      'As many messages wait for the end of a turn of a watched session as may wait. Nothing was done.',
    remedy: 'Send `withdraw_message` for one that waits, or wait until a turn of the session ends.',
  },
  no_turn: {
    means: 'No turn runs that could be stopped.',
    remedy: 'None is needed.',
  },
  fork_failed: {
    means: 'The session was not copied.',
    remedy: 'Remove the cause that the message names, then try again.',
  },
  thread_busy: {
    means: 'Another Codex process has the conversation open.',
    remedy: 'Close it there, or send `fork_session`.',
  },
  unsupported: {
    means: 'The provider of this session, or this server, cannot do this at all.',
    remedy: 'None; the message says what is possible instead, where something is.',
  },
  session_not_found: {
    means:
      'The session does not exist, or is of a provider that lists no skills and no MCP servers.',
    remedy: 'Ask for a session of Codex.',
  },
  model_list_failed: {
    means: 'The provider did not list its models.',
    remedy: 'Remove the cause that the message names (no binary, no network), then ask again.',
  },
  codex_auth_login_start_failed: {
    means: 'The login did not begin.',
    remedy: 'Try again, or run `codex login` in a terminal.',
  },
  codex_auth_logout_failed: {
    means: 'The account is still signed in.',
    remedy: 'Try again, or run `codex logout` in a terminal.',
  },
  already_signed_in: {
    means: 'Codex is signed in with ChatGPT. The key was not set.',
    remedy: 'Send `codex_account_logout`, then set the key.',
  },
  not_delivered: {
    means: 'The push service of a device did not take a test notification.',
    remedy: 'The sentence says why. A device that is gone: remove it, and subscribe on it again.',
  },
  codex_error: {
    means: 'Codex refused, failed, is not installed, or did not answer.',
    remedy: 'The message has its words; the log of the server has more.',
  },
  quarantined: {
    means:
      'The event can never be stored (the database refuses its content). It was set aside; the session goes on.',
    remedy: 'Do not send it again; report it with the log of the server.',
  },
  cut: {
    means: 'The event is older than what retention keeps.',
    remedy: 'Ask from the oldest event on, which the message names.',
    from: 'inspection (socket.io namespace `/inspect`)',
  },
  no_snapshot: {
    means:
      'The state of the session at this event is known, its context is not: another version of the chart wrote it.',
    remedy: 'Ask for a later event.',
    from: 'inspection (socket.io namespace `/inspect`)',
  },
  page_not_built: {
    means: 'The server was built without its page.',
    remedy: 'Run `npm run build`, then start it again.',
    from: 'HTTP, on `/`',
  },
};

/** Codes with which the server closes a WebSocket, by number. */
export const CLOSE_WORDS: readonly (readonly [code: number, means: string, remedy: string])[] = [
  [1009, 'The frame was over the limit; an `error` with `too_large` came before.', 'Send less.'],
  [1011, 'A fault of the server on this connection.', 'Connect again.'],
  [
    1012,
    'The server stops or restarts. The reason says within how many milliseconds to come back.',
    'Connect again at a random time within that span, with `since_revision` and `epoch`.',
  ],
  [
    1013,
    'The client did not read for long, or asked on without reading.',
    'Connect again, read faster, subscribe to less.',
  ],
  [
    4401,
    'The token that opened the connection was revoked, rotated or is over.',
    'Get another token; the same one is refused with 401.',
  ],
];

/** What `degraded` in `hello`, `server_status` and `/health` says. */
export const TROUBLE_WORDS: readonly (readonly [word: string, means: string])[] = [
  ['disk_full', 'The disk is full. Writing goes on as soon as there is room.'],
  ['busy', 'Another program holds a lock on the database.'],
  ['read_only', 'The database file cannot be written.'],
  ['io_error', 'The system reports an error of the disk.'],
  ['out_of_memory', 'SQLite got no memory.'],
  ['cannot_open', 'A file of the database cannot be opened.'],
  ['corrupt', 'The database is damaged. Nothing is written until a backup is restored.'],
];
