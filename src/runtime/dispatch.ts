/**
 * From a client's message to its handler, by type: adding a message without one does not compile. The
 * one place that turns a refusal into an `error` frame.
 */
import { OrbitError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { ListNews, Reply } from '../protocol/server.ts';
import type { Asker, ClientTag, Handler, Handlers } from './handlers/handler.ts';
import { errorMessage, frameOf } from './rooms/frames.ts';
import { type Connection, type Sender, senderOf } from './rooms/rooms.ts';

type Codec = typeof import('../protocol/codec.ts');

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
  return async function dispatch(connection, input) {
    let asker = askerOf(connection, null);
    let type: ClientTag | null = null;
    try {
      const value = parsed(input);
      asker = askerOf(connection, requestIdOf(value));
      const message = (await codec()).decode(value);
      if (message instanceof OrbitError) throw message;
      type = message.type;
      // The tag picks the handler of just this message; the compiler cannot follow it through the map.
      await (handlers[message.type] as Handler<ClientTag>)(message as never, asker);
      asker.acknowledge();
    } catch (error) {
      asker.reply(errorOf(error, log, { ...asker.sender, type }));
    }
  };
}

/** One question of a connection; whoever gave it an id gets that id back, once at least. */
function askerOf(connection: Connection, requestId: string | null): Asker {
  let isAnswered = requestId === null;
  const correlated = requestId === null ? {} : { request_id: requestId };
  const reply = (message: Reply | ListNews): void => {
    isAnswered = true;
    connection.send(frameOf({ ...message, ...correlated }));
  };
  const acknowledge = (id?: string): void => {
    if (!isAnswered) reply({ type: 'ack', ...(id !== undefined && { id }) });
  };
  return { connection, sender: senderOf(connection), reply, acknowledge };
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

/** Who sent which message, for the log. */
type Refused = Pick<Sender, keyof Sender> & { type: ClientTag | null };

function requestIdOf(value: unknown): string | null {
  const id = (value as { request_id?: unknown } | null)?.request_id;
  return typeof id === 'string' && id.length <= 128 ? id : null;
}

/** @param about  who sent which message; null for one that has no type of ours */
function errorOf(error: unknown, log: Logger, about: Refused): Reply {
  const refusal =
    error instanceof OrbitError ? error : new OrbitError('internal_error', {}, { cause: error });
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
