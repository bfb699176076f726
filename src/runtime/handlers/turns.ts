/** Turns: words sent and steered, and what stops or takes back. */
import { randomUUID } from 'node:crypto';
import { joinsTurn } from '../../../machines/view.ts';
import { OrbitError } from '../../errors.ts';
import type { Images } from '../../host/images.ts';
import type { ClientMessageOf } from '../../protocol/client.ts';
import { entry } from '../../protocol/entry.ts';
import type { ImageInput, Message } from '../../protocol/nouns.ts';
import { contextOf, refuseWatched, type Sessions, type Wish } from '../sessions/sessions.ts';
import type { Handlers } from './handler.ts';

type TurnsTag =
  | 'send_message'
  | 'steer_turn'
  | 'interrupt_session'
  | 'compact_context'
  | 'undo_last_turn'
  | 'rollback_turns';

/** Longest text of one message, UTF-16 units: Codex takes no more than that at once. */
const MAX_CONTENT_CHARS = 1_000_000;

const EMPTY = 'The message is empty; write something';

/** Words for the running turn; without one they start one. @throws OrbitError `invalid_argument` */
export function steered(session_id: string, content: string): Wish {
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
}: {
  sessions: Sessions;
  images: Pick<Images, 'take'>;
}): Handlers<TurnsTag> {
  return {
    async send_message(message, { sender }) {
      const { session_id } = message;
      refuseBadWords(message);
      const directory = await sessions.visit(session_id, (live) => {
        refuseWatched(live, 'type');
        return contextOf(live).session.project_path;
      });
      const pictures = message.images ?? [];
      const taken = pictures.length > 0 ? await images.take(pictures, directory) : [];
      await sessions
        .as(sender)
        .wish(session_id, 'type', (live) =>
          submitted(message, taken, joinsTurn(live.head.snapshot)),
        );
    },

    steer_turn: ({ session_id, content }, { sender }) =>
      sessions.as(sender).wish(session_id, 'type', () => steered(session_id, content)),

    interrupt_session: ({ session_id }, { sender }) =>
      sessions.visit(session_id, (live) =>
        sessions.as(sender).command(live, { type: 'interrupt.requested' }, 'interrupt it'),
      ),

    compact_context: ({ session_id }, { sender }) =>
      sessions.as(sender).wish(session_id, 'compact it', () => ({ type: 'compaction.requested' })),

    undo_last_turn: ({ session_id }, { sender }) =>
      sessions.as(sender).wish(session_id, 'undo', () => ({ type: 'undo.requested' })),

    rollback_turns: ({ session_id, num_turns: turns }, { sender }) => {
      if (turns < 1) throw invalid(session_id, 'num_turns must be >= 1');
      return sessions
        .as(sender)
        .wish(session_id, 'roll back', () => ({ type: 'rollback.requested', turns }));
    },
  };
}

/**
 * A client's words as the session takes them: shown as they are, and ordered with all they bring.
 *
 * @param joins kept as `steer` then: clients count `user` messages as turns when they roll back
 */
function submitted(
  { session_id, content, model, effort, skills, mentions }: ClientMessageOf<'send_message'>,
  images: ImageInput[],
  joins: boolean,
): Wish {
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

function refuseLong(sessionId: string, content: string): void {
  if (content.length <= MAX_CONTENT_CHARS) return;
  throw invalid(sessionId, `The message is longer than ${MAX_CONTENT_CHARS} characters; send less`);
}

function invalid(sessionId: string, reason: string): OrbitError {
  return new OrbitError('invalid_argument', { reason }, { sessionId });
}
