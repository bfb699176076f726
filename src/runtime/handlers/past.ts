/**
 * Conversations of before: listed over all providers, and opened one at a time. They are read from where their
 * providers keep them; nothing of them enters the database or a machine.
 */
import { OrbitError } from '../../errors.ts';
import type { Images } from '../../host/images.ts';
import type { Logger } from '../../log.ts';
import { MAX_FRAME_BYTES } from '../../protocol/encode.ts';
import type { Message } from '../../protocol/nouns.ts';
import type { PastSession } from '../../protocol/server.ts';
import { comesBefore, type PastPlace, type Provider } from '../../providers/provider.ts';
import type { KeepImage } from '../../providers/reports.ts';
import type { Handlers } from '../runtime-api.ts';

type PastTag = 'list_past_sessions' | 'open_past_session';

interface PastDeps {
  providers: Iterable<Pick<Provider, 'id' | 'past'>>;
  images: Pick<Images, 'keep'>;
  log: Logger;
}

/** Sessions of a list, unless the asker wants fewer or, up to the second, more. */
const LISTED = 50;
const MAX_LISTED = 200;
/** Messages of a page, likewise. */
const PAGE = 100;
const MAX_PAGE = 1000;
/** Most of a frame; what stands around the messages needs little. */
const PAGE_BYTES = MAX_FRAME_BYTES - 16 * 1024;

/** Handlers of this group. */
export function createPastHandlers({ providers, images, log }: PastDeps): Handlers<PastTag> {
  const those = (wanted: string | null | undefined) =>
    [...providers].flatMap(({ id, past }) =>
      past !== null && (wanted ?? id) === id ? [{ id, past }] : [],
    );
  const keep: KeepImage = (bytes) => {
    const kept = images.keep(bytes);
    if ('refusal' in kept) return kept;
    kept.stored.catch((error: Error) => log.warn('past.image_not_stored', { error }));
    return { image: kept.image };
  };

  return {
    async list_past_sessions({ provider, after, limit }, asker) {
      const place = after ? placeFrom(after) : null;
      const wanted = Math.min(Math.max(limit ?? LISTED, 1), MAX_LISTED);
      const lists = await Promise.all(
        those(provider).map(({ past }) => past.list({ after: place, limit: wanted + 1 })),
      );
      const all = lists
        .flat()
        .sort((one, other) => (comesBefore(placeOf(one), placeOf(other)) ? -1 : 1));
      const sessions = all.slice(0, wanted);
      const last = sessions.at(-1);
      const next = last && all.length > wanted ? wordsOf(placeOf(last)) : null;
      asker.reply({ type: 'past_sessions_list', sessions, next });
    },

    async open_past_session({ session_id: id, provider, before, limit }, asker) {
      for (const { past } of those(provider)) {
        const found = await past.read(id, keep);
        if (found === null) continue;
        const { session, messages } = found;
        const end = before ? messages.findIndex((one) => one.id === before) : messages.length;
        if (end < 0) {
          throw new OrbitError(
            'not_found',
            { what: 'Message', id: before ?? '' },
            { sessionId: id },
          );
        }
        const page = newest(messages.slice(0, end), Math.min(Math.max(limit ?? PAGE, 1), MAX_PAGE));
        const has_older = page.length < end;
        const message_count = messages.length;
        asker.reply({ type: 'past_session', session, messages: page, has_older, message_count });
        return;
      }
      throw new OrbitError('not_found', { what: 'Past session', id }, { sessionId: id });
    },
  };
}

/** The newest of these that fit one frame, at least one. */
function newest(messages: readonly Message[], limit: number): Message[] {
  let bytes = 0;
  let from = messages.length;
  while (from > 0 && messages.length - from < limit) {
    bytes += Buffer.byteLength(JSON.stringify(messages[from - 1])) + 1;
    if (bytes > PAGE_BYTES && from < messages.length) break;
    from -= 1;
  }
  return messages.slice(from);
}

const placeOf = ({ id, last_activity_at }: PastSession): PastPlace => ({
  at: Date.parse(last_activity_at),
  id,
});

const wordsOf = ({ at, id }: PastPlace): string => `${at}~${id}`;

/** @throws OrbitError `invalid_argument` for what is no `next` of a list */
function placeFrom(words: string): PastPlace {
  const [, at, id] = /^(\d{1,15})~(.+)$/.exec(words) ?? [];
  if (at !== undefined && id !== undefined) return { at: Number(at), id };
  const reason = '`after` is the `next` of a past_sessions_list';
  throw new OrbitError('invalid_argument', { reason });
}
