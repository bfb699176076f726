/** Turns: words sent and steered, and what stops or takes back. */
import { randomUUID } from 'node:crypto';
import { joinsTurn } from '../../../machines/session-status.ts';
import { OrbitError } from '../../errors.ts';
import type { Images } from '../../host/images.ts';
import type { ClientMessageOf } from '../../protocol/client.ts';
import { entry } from '../../protocol/encode.ts';
import type { ImageInput, Message } from '../../protocol/nouns.ts';
import type { Provider } from '../../providers/provider.ts';
import { errorMessage } from '../rooms/rooms.ts';
import type { Asker, Handlers } from '../runtime-api.ts';
import type { LiveSession } from '../sessions/live-session.ts';
import { contextOf, type EventToSend, refuseWatched, type Sessions } from '../sessions/sessions.ts';
import type { Connectors } from '../steering/connectors.ts';

type TurnsTag =
  | 'send_message'
  | 'steer_turn'
  | 'withdraw_message'
  | 'interrupt_session'
  | 'compact_context'
  | 'undo_last_turn'
  | 'rollback_turns';

/** Longest text of one message, UTF-16 units: Codex takes no more than that at once. */
const MAX_CONTENT_CHARS = 1_000_000;

/**
 * Longest message to a session in a terminal: its hook brings all that wait at once, and more than 10,000 characters
 * would reach the model as the name of a file.
 */
const MAX_QUEUED_CHARS = 9000;

const EMPTY = 'The message is empty; write something';

/** Words for the running turn; without one they start one. @throws OrbitError `invalid_argument` */
export function steered(session_id: string, content: string): EventToSend {
  if (content.trim() === '') throw invalid(session_id, EMPTY);
  refuseLong(session_id, content);
  const id = `steer-${randomUUID()}`;
  const message = said({ id, session_id, message_type: 'steer', content });
  return {
    type: 'steer.submitted',
    message,
    order: { type: 'turn.steer', content, messageId: id },
  };
}

/** Handlers of this group. */
export function createTurnsHandlers({
  sessions,
  images,
  connectors,
  providers,
}: {
  sessions: Sessions;
  images: Pick<Images, 'take'>;
  connectors: Pick<Connectors, 'opening'>;
  providers: Iterable<Pick<Provider, 'id' | 'takesWords'>>;
}): Handlers<TurnsTag> {
  /** Takes the command at once; when the connector that was fetched for it cannot start, the asker receives the reason. */
  async function sendCommand(
    { sender, reply }: Asker,
    id: string,
    { verb, make }: { verb: string; make: (live: LiveSession) => EventToSend },
  ): Promise<void> {
    await sessions.as(sender).commandWithLink(id, verb, make);
    connectors.opening(id)?.catch((cause: Error) => reply(errorMessage(notOpened(id, cause))));
  }

  /** Whether the session has no connector, but hooks of its provider bring words to it. */
  function takesQueued(live: LiveSession): boolean {
    if (live.head.snapshot.hasTag('steered')) return false;
    const { provider } = contextOf(live).session;
    return [...providers].some(({ id, takesWords }) => id === provider && takesWords);
  }

  /** Words for a session in a terminal wait for the end of its turn. */
  async function queue({ sender, acknowledge }: Asker, id: string, content: string): Promise<void> {
    if (content.length > MAX_QUEUED_CHARS) {
      const limit = `longer than ${MAX_QUEUED_CHARS} characters`;
      throw invalid(id, `A message to a session in a terminal is not ${limit}; send less`);
    }
    const queuedEvent = queued(id, content);
    await sessions.visit(id, (live) => sessions.as(sender).command(live, queuedEvent, 'type'));
    acknowledge(queuedEvent.message.id);
  }

  return {
    async send_message(message, asker) {
      const { session_id } = message;
      refuseBadWords(message);
      const directory = await sessions.visit(session_id, (live) => {
        if (takesQueued(live)) return null;
        refuseWatched(live, 'type');
        return contextOf(live).session.project_path;
      });
      if (directory === null) {
        refuseExtras(message);
        return queue(asker, session_id, message.content);
      }
      const pictures = message.images ?? [];
      const taken = pictures.length > 0 ? await images.take(pictures, directory) : [];
      await sendCommand(asker, session_id, {
        verb: 'type',
        make: (live) => submitted(message, taken, joinsTurn(live.head.snapshot)),
      });
    },

    async steer_turn({ session_id, content }, asker) {
      const make = () => steered(session_id, content);
      make();
      if (await sessions.visit(session_id, takesQueued)) return queue(asker, session_id, content);
      return sendCommand(asker, session_id, { verb: 'type', make });
    },

    withdraw_message: ({ session_id, message_id: messageId }, { sender }) =>
      sessions.visit(session_id, (live) =>
        sessions
          .as(sender)
          .command(live, { type: 'words.withdrawn', messageId }, 'take the message back'),
      ),

    interrupt_session: ({ session_id }, { sender }) =>
      sessions.visit(session_id, (live) =>
        sessions.as(sender).command(live, { type: 'interrupt.requested' }, 'interrupt it'),
      ),

    compact_context: ({ session_id }, asker) => {
      const make = () => ({ type: 'compaction.requested' }) as const;
      return sendCommand(asker, session_id, { verb: 'compact it', make });
    },

    undo_last_turn: ({ session_id }, asker) => {
      const make = () => ({ type: 'undo.requested' }) as const;
      return sendCommand(asker, session_id, { verb: 'undo', make });
    },

    rollback_turns: ({ session_id, num_turns: turns }, asker) => {
      if (turns < 1) throw invalid(session_id, 'num_turns must be >= 1');
      const make = () => ({ type: 'rollback.requested', turns }) as const;
      return sendCommand(asker, session_id, { verb: 'roll back', make });
    },
  };
}

/**
 * A client's words as the session takes them: shown as they are, and sent on with all they bring.
 *
 * @param joins kept as `steer` then: clients count `user` messages as turns when they roll back
 */
function submitted(
  { session_id, content, model, effort, skills, mentions }: ClientMessageOf<'send_message'>,
  images: ImageInput[],
  joins: boolean,
): EventToSend {
  const id = `user-${randomUUID()}`;
  const chosen = { ...(model && { model }), ...(effort && { effort }) };
  const shown = images.length > 0 ? { images } : {};
  return {
    type: 'message.submitted',
    message: said({ id, session_id, message_type: joins ? 'steer' : 'user', content, ...shown }),
    order: {
      type: 'turn.run',
      messageId: id,
      content,
      ...chosen,
      skills: skills ?? [],
      images,
      mentions: mentions ?? [],
    },
    fields: chosen,
  };
}

/** Words that wait: kept as `steer`, because they join a turn that clients must not count twice. */
function queued(session_id: string, content: string) {
  const id = `steer-${randomUUID()}`;
  const message = said({ id, session_id, message_type: 'steer', content });
  return { type: 'words.submitted', message } as const satisfies EventToSend;
}

/** @throws OrbitError `unsupported` for what no hook can bring to a terminal */
function refuseExtras(message: ClientMessageOf<'send_message'>): void {
  const { session_id: sessionId, images, skills, mentions, model, effort } = message;
  const extras = Object.entries({ images, skills, mentions, model, effort });
  const given = extras.filter(([, value]) => value && value.length > 0).map(([name]) => name);
  if (given.length === 0) return;
  const what = `Sending ${given.join(', ')} to a session in a terminal`;
  throw new OrbitError('unsupported', { what, reason: 'it takes words only' }, { sessionId });
}

function refuseBadWords({ session_id, content, images, skills }: ClientMessageOf<'send_message'>) {
  const isBare = (images?.length ?? 0) + (skills?.length ?? 0) === 0;
  if (content.trim() === '' && isBare) throw invalid(session_id, EMPTY);
  refuseLong(session_id, content);
}

function said(
  given: Pick<Message, 'id' | 'session_id' | 'message_type' | 'content' | 'images'>,
): Message {
  return entry({ timestamp: new Date().toISOString(), ...given });
}

/** The words are kept, marked as not sent; the session can be tried again. */
function notOpened(id: string, cause: Error): OrbitError {
  const reason =
    cause instanceof OrbitError ? String(cause.details.reason ?? cause.message) : cause.message;
  return new OrbitError('no_connector', { id, reason }, { sessionId: id, cause });
}

function refuseLong(sessionId: string, content: string): void {
  if (content.length <= MAX_CONTENT_CHARS) return;
  throw invalid(sessionId, `The message is longer than ${MAX_CONTENT_CHARS} characters; send less`);
}

function invalid(sessionId: string, reason: string): OrbitError {
  return new OrbitError('invalid_argument', { reason }, { sessionId });
}
