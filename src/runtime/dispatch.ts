/**
 * A client's message on its way in: its text is decoded, its handler is found and called, and what the handler throws
 * is answered as an `error` frame.
 */
import { refusalOf } from '../access.ts';
import { OrbitError } from '../errors.ts';
import type { Browse } from '../host/directory.ts';
import type { Images } from '../host/images.ts';
import type { Worktrees } from '../host/worktrees.ts';
import type { Logger } from '../log.ts';
import type { ClientMessage } from '../protocol/client.ts';
import type { Hook } from '../protocol/hook.ts';
import { decodeHook } from '../protocol/hook-body.ts';
import { MESSAGE_SCOPES } from '../protocol/scopes.ts';
import type { Reply, TransientListMessage } from '../protocol/server.ts';
import type { Providers } from '../providers/registry.ts';
import type { Core } from './core.ts';
import { createApprovalsHandlers } from './handlers/approvals.ts';
import { createAccountHandlers, createCatalogHandlers } from './handlers/catalog.ts';
import { createHistoryHandlers, createPastHandlers } from './handlers/history.ts';
import {
  createBrowseHandlers,
  createShellHandlers,
  createWorktreeHandlers,
} from './handlers/host.ts';
import { createLifecycleHandlers, createNamingHandlers } from './handlers/lifecycle.ts';
import { createNotificationHandlers } from './handlers/notifications.ts';
import { createReviewsHandlers } from './handlers/reviews.ts';
import { createSearchHandlers } from './handlers/search.ts';
import { createSubscriptionHandlers, type Subscriptions } from './handlers/subscriptions.ts';
import { createTurnsHandlers } from './handlers/turns.ts';
import { createUsageHandlers, type RateLimits } from './handlers/usage.ts';
import { type Connection, errorMessage, frameOf, type Sender, senderOf } from './rooms/rooms.ts';
import type {
  Asker,
  ClientTag,
  Handler,
  Handlers,
  HookMeta,
  Notifications,
} from './runtime-api.ts';
import type { Shells } from './shell-commands.ts';
import { createForks } from './steering/forks.ts';

/** The module that decodes and checks messages of clients; loaded when the first one comes. */
type Codec = typeof import('../protocol/codec.ts');

/** Messages that may be nothing but their type: what clients send first is answered before the schemas are loaded. */
const BARE: readonly unknown[] = ['subscribe_list', 'get_sessions', 'ping'] satisfies ClientTag[];

/** When the schemas are loaded for a client whose first message did without, ms: its answer is on the way. */
const LOAD_AFTER_MS = 50;

/** The longest id of a question. */
const MAX_ID_CHARS = 128;

/** How long a live hook waits for spooled ones at start. */
const MAX_SPOOL_WAIT_MS = 2000;

/** What hooks come in through. */
export interface Intake {
  /** Takes one body. @throws OrbitError when it is not stored */
  takeHook(body: unknown, meta: HookMeta): Promise<void>;
  /** The schemas, loaded at the first call. */
  codec(): Promise<Codec>;
  /** From now on live hooks wait for this, at most 2 s: older ones are on their way from the spool. */
  waitForSpool(drained: Promise<unknown>): void;
  /** Takes no hook any more. */
  drain(): void;
  readonly isDraining: boolean;
}

/** @param takeChecked stores a hook of the right shape, see hooks.ts */
export function createIntake(takeChecked: (hook: Hook, meta: HookMeta) => Promise<void>): Intake {
  let loading: Promise<Codec> | null = null;
  let spoolWait: Promise<unknown> | null = null;
  let isDraining = false;

  function takeNow(body: unknown, meta: HookMeta): Promise<void> {
    const hook = decodeHook(withType(body, meta.type));
    if (hook instanceof OrbitError) return Promise.reject(hook);
    if (isDraining) return Promise.reject(new OrbitError('shutting_down'));
    return takeChecked(hook, meta);
  }

  return {
    codec: () => (loading ??= import('../protocol/codec.ts')),
    /** Nearly every hook comes when nothing has to be waited for: each `await` less is felt by all. */
    takeHook(body, meta) {
      if (spoolWait === null || meta.origin === 'spool') return takeNow(body, meta);
      return spoolWait.then(() => takeNow(body, meta));
    },
    waitForSpool(drained) {
      const limit = new Promise((resolve) => setTimeout(resolve, MAX_SPOOL_WAIT_MS).unref());
      spoolWait = Promise.race([drained, limit]).finally(() => {
        spoolWait = null;
      });
    },
    drain() {
      isDraining = true;
    },
    get isDraining() {
      return isDraining;
    },
  };
}

/** A body that names no type gets the sender's; the CLI's own event name is better than both. */
function withType(body: unknown, type: string | undefined): unknown {
  if (type === undefined || body === null || typeof body !== 'object' || 'type' in body)
    return body;
  return { ...body, type };
}

interface DispatchDeps {
  /** Schemas load after the server listens; messages that come earlier wait for them. */
  codec: () => Promise<Codec>;
  handlers: Handlers<ClientTag>;
  log: Logger;
}

/** Takes one message of a connection; resolves when it is done, never rejects. */
export type Dispatch = (
  connection: Connection,
  input: { text: string } | { value: unknown },
) => Promise<void>;

/** A dispatch over the handlers. */
export function createDispatch({ codec, handlers, log }: DispatchDeps): Dispatch {
  let isLoading = false;
  const load = (): void => {
    // The next message meets the same, and is answered with it.
    codec().catch((error: Error) => log.error('codec.not_loaded', { error }));
  };
  /** The message that a value is. */
  async function checked(value: unknown): Promise<ClientMessage> {
    if (isBare(value)) {
      if (!isLoading) setTimeout(load, LOAD_AFTER_MS).unref();
      isLoading = true;
      return value;
    }
    const message = (await codec()).decode(value);
    if (message instanceof OrbitError) throw message;
    return message;
  }

  return async function dispatch(connection, input) {
    let asker = askerOf(connection, null);
    let type: ClientTag | null = null;
    try {
      const value = parsed(input);
      asker = askerOf(connection, requestIdOf(value));
      const message = await checked(value);
      type = message.type;
      // Asked when it is about to be done: its token may have been revoked while it waited.
      const refusal = refusalOf(connection.caller.rights, MESSAGE_SCOPES[type], type);
      if (refusal) throw refusal;
      // The tag picks the handler of just this message; the compiler cannot follow it through the map.
      await (handlers[message.type] as Handler<ClientTag>)(message as never, asker);
      asker.acknowledge();
    } catch (error) {
      asker.reply(errorOf(error, log, { ...asker.sender, type }));
    }
  };
}

/** Whether nothing but its type, and perhaps its id, is there to be checked. */
function isBare(value: unknown): value is ClientMessage {
  if (value === null || typeof value !== 'object') return false;
  const { type, request_id: id, ...rest } = value as { type?: unknown; request_id?: unknown };
  const isId = id === undefined || (typeof id === 'string' && id.length <= MAX_ID_CHARS);
  return isId && BARE.includes(type) && Object.keys(rest).length === 0;
}

/** One question of a connection; a question with an id is answered with that id, once at least. */
function askerOf(connection: Connection, requestId: string | null): Asker {
  let isAnswered = requestId === null;
  const correlated = requestId === null ? {} : { request_id: requestId };
  const reply = (message: Reply | TransientListMessage): void => {
    isAnswered = true;
    connection.send(frameOf({ ...message, ...correlated }));
  };
  const acknowledge = (id?: string): void => {
    if (!isAnswered) reply({ type: 'ack', ...(id !== undefined && { id }) });
  };
  return { connection, sender: senderOf(connection), reply, acknowledge };
}

/** The text was scanned on arrival. @throws OrbitError `parse_error` for text that is no JSON */
function parsed(input: { text: string } | { value: unknown }): unknown {
  if ('value' in input) return input.value;
  try {
    return JSON.parse(input.text) as unknown;
  } catch (cause) {
    // The parser's own sentence quotes the text, and a text may hold a secret.
    throw new OrbitError('parse_error', { reason: 'the text is not valid JSON' }, { cause });
  }
}

/** Who sent which message, for the log. */
type Refused = Pick<Sender, keyof Sender> & { type: ClientTag | null };

function requestIdOf(value: unknown): string | null {
  const id = (value as { request_id?: unknown } | null)?.request_id;
  return typeof id === 'string' && id.length <= MAX_ID_CHARS ? id : null;
}

/** @param about  who sent which message; null for one that has no type of ours */
function errorOf(error: unknown, log: Logger, about: Refused): Reply {
  const refusal = error instanceof OrbitError ? error : new OrbitError('internal_error');
  if (refusal !== error) {
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log.error('dispatch.failed', { ...about, error: words });
  } else if (refusal.code === 'parse_error') {
    log.debug('ws.message.parse_failed', about);
  } else {
    const { code, sessionId: session_id } = refusal;
    log.info('command.refused', { ...about, code, session_id });
  }
  return errorMessage(refusal);
}

/* All handlers, group by group: where each group gets what it works with. */

/** What handlers work with beside the core of the runtime. */
export interface HandlersDeps {
  core: Core;
  subscriptions: Subscriptions;
  providers: Providers;
  shells: Shells;
  images: Images;
  browse: Browse;
  worktrees: Worktrees;
  /** The user's home: what `~` means. */
  home: string;
  rateLimits: Pick<RateLimits, 'now'>;
  /** Null where notifications are off. */
  notifications: Notifications | null;
  takeHook: (hook: Hook, meta: HookMeta) => Promise<void>;
  log: Logger;
}

/** One handler for each type of message; a type without one does not compile. */
export function createHandlers(deps: HandlersDeps): Handlers<ClientTag> {
  const { core, subscriptions, providers, shells, images, browse, worktrees, home, log } = deps;
  const { writer, sessions, connectors, waitingHooks, registry, listFeed, threads } = core;
  const forks = createForks({ providers, connectors, registry, listFeed });
  const lifecycle = {
    providers,
    sessions,
    connectors,
    forks,
    registry,
    subscriptions,
    listFeed,
    worktrees,
    home,
  };
  return {
    ...createSubscriptionHandlers(subscriptions),
    ...createHookHandlers(deps.takeHook),
    ...createLifecycleHandlers(lifecycle),
    ...createTurnsHandlers({ sessions, images, connectors, providers }),
    ...createApprovalsHandlers({ sessions, connectors, waitingHooks, subscriptions }),
    ...createNamingHandlers({ sessions }),
    ...createHistoryHandlers({ writer, sessions, providers, images }),
    ...createSearchHandlers(writer),
    ...createUsageHandlers(writer, deps.rateLimits),
    ...createPastHandlers({ providers, images, log }),
    ...createNotificationHandlers(deps.notifications, registry),
    ...createReviewsHandlers({ writer, sessions }),
    ...createShellHandlers({ shells, sessions, home }),
    ...createWorktreeHandlers({ worktrees, registry, home }),
    ...createAccountHandlers(providers),
    ...createCatalogHandlers({ providers, threads, writer }),
    ...createBrowseHandlers({ writer, browse, providers, log }),
  };
}

/* Claude's hooks over a socket: the same way in as `POST /api/hook`. */

type HookTag =
  | 'claude_session_start'
  | 'claude_session_end'
  | 'claude_status_event'
  | 'claude_tool_event'
  | 'claude_subagent_event';

/** Handlers of this group. */
function createHookHandlers(
  takeHook: (hook: Hook, meta: HookMeta) => Promise<void>,
): Handlers<HookTag> {
  const take = (message: Hook & { type: HookTag }, { sender: caller }: Asker) =>
    takeHook(message, { origin: 'client', type: message.type, caller });
  return {
    claude_session_start: take,
    claude_session_end: take,
    claude_status_event: take,
    claude_tool_event: take,
    claude_subagent_event: take,
  };
}
