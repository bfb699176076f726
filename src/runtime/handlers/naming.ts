/** Names that people give to sessions, of every kind, live or ended. */
import { OrbitError } from '../../errors.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Handlers } from './handler.ts';

/** Longest name, characters: a title, not a text. */
const MAX_NAME_CHARS = 200;

/**
 * Handlers of this group. The chart takes the name; what a provider has to hear of it is an order that
 * the chart gives (`name.chosen`).
 */
export function createNamingHandlers({
  sessions,
}: {
  sessions: Pick<Sessions, 'as'>;
}): Handlers<'rename_session'> {
  return {
    async rename_session({ session_id: sessionId, name: given }, asker) {
      const name = nameFrom(given ?? '');
      if (name.length > MAX_NAME_CHARS) {
        const reason = `A name has at most ${MAX_NAME_CHARS} characters, this one ${name.length}`;
        throw new OrbitError('invalid_argument', { reason }, { sessionId });
      }
      const event = { type: 'name.chosen', name: name === '' ? null : name } as const;
      const mine = sessions.as(asker.sender);
      await mine.tellTo(sessionId, 'client', (at) => ({ ...event, at }));
    },
  };
}

/** One line without what a title bar cannot show; empty means: no name of its own any more. */
function nameFrom(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
}
