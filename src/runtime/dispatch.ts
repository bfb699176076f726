/**
 * From a client's message to its handler, by type: adding a message without one does not compile. The
 * one place that turns a refusal into an `error` frame.
 */
import { OrbitError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { ClientMessage } from '../protocol/client.ts';
import type { Hook } from '../protocol/hook.ts';
import { frameOf } from './frames.ts';
import type { HookMeta } from './hall.ts';
import type { Subscriptions } from './handlers/subscriptions.ts';
import type { Connection } from './rooms.ts';

/** One handler: checks, tells, replies. May throw OrbitError; returns an acknowledgement's name if any. */
type Handler<Message> = (message: Message, connection: Connection) => Promise<void> | void;

type Handlers = {
  [Tag in ClientMessage['type']]: Handler<Extract<ClientMessage, { type: Tag }>>;
};

type Codec = typeof import('../protocol/codec.ts');

interface DispatchDeps {
  /** Schemas load after the server listens; messages that come earlier wait for them. */
  codec: () => Promise<Codec>;
  subscriptions: Subscriptions;
  takeHook: (hook: Hook, meta: HookMeta) => Promise<void>;
  log: Logger;
}

/** Takes one message of a connection; resolves when it is done, never rejects. */
export type Dispatch = (
  connection: Connection,
  input: { text: string } | { value: unknown },
) => Promise<void>;

/** A dispatch over the handlers. */
export function createDispatch({ codec, subscriptions, takeHook, log }: DispatchDeps): Dispatch {
  const hook = (message: Hook & { type: string }) =>
    takeHook(message, { origin: 'client', type: message.type });

  const handlers: Handlers = {
    subscribe_list: (_, connection) => subscriptions.subscribeList(connection),
    subscribe_session: (message, connection) =>
      subscriptions.subscribeSession(connection, message.session_id, message),
    unsubscribe_session: ({ session_id }, connection) =>
      subscriptions.unsubscribeSession(connection, session_id),
    claude_session_start: hook,
    claude_session_end: hook,
    claude_status_event: hook,
    claude_tool_event: hook,
    claude_subagent_event: hook,
  };

  return async function dispatch(connection, input) {
    let requestId: string | null = null;
    try {
      const value = parsed(input);
      requestId = requestIdOf(value);
      const message = (await codec()).decode(value);
      if (message instanceof OrbitError) throw message;
      // The tag picks the handler of just this message; the compiler cannot follow it through the map.
      await (handlers[message.type] as Handler<ClientMessage>)(message, connection);
      if (requestId !== null && message.type.startsWith('claude_')) {
        connection.send(frameOf({ type: 'ack', request_id: requestId }));
      }
    } catch (error) {
      connection.send(errorFrame(error, requestId, log));
    }
  };
}

/** The text was scanned at the door. @throws OrbitError `parse_error` for text that is no JSON */
function parsed(input: { text: string } | { value: unknown }): unknown {
  if ('value' in input) return input.value;
  try {
    return JSON.parse(input.text) as unknown;
  } catch (cause) {
    // The parser's own sentence quotes the text, and a text may hold a secret.
    throw new OrbitError('parse_error', { reason: 'the text is not valid JSON' }, { cause });
  }
}

function requestIdOf(value: unknown): string | null {
  const id = (value as { request_id?: unknown } | null)?.request_id;
  return typeof id === 'string' && id.length <= 128 ? id : null;
}

function errorFrame(error: unknown, requestId: string | null, log: Logger) {
  const refusal =
    error instanceof OrbitError ? error : new OrbitError('internal_error', {}, { cause: error });
  if (refusal !== error) {
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log.error('dispatch.failed', { error: words });
  } else if (refusal.code === 'parse_error') {
    log.debug('ws.message.parse_failed', { request_id: requestId });
  }
  return frameOf({
    type: 'error',
    code: refusal.code,
    message: refusal.message,
    session_id: refusal.sessionId,
    ...(requestId !== null && { request_id: requestId }),
  });
}
