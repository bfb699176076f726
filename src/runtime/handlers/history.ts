/**
 * What is behind a list and a snapshot: older sessions, messages and diffs in pages, long texts in parts,
 * and the history of requests. Deciding requests is the business of approvals.ts.
 */
import { OrbitError } from '../../errors.ts';
import type { Images } from '../../host/images.ts';
import type { Logger } from '../../log.ts';
import type { ClientMessageOf } from '../../protocol/client.ts';
import { MAX_FRAME_BYTES } from '../../protocol/encode.ts';
import type { Message } from '../../protocol/nouns.ts';
import type { PastSession } from '../../protocol/reply-nouns.ts';
import type { TextField } from '../../protocol/server.ts';
import {
  comesBefore,
  type PastPlace,
  type Provider,
  type SubagentBranch,
} from '../../providers/provider.ts';
import type { Providers } from '../../providers/registry.ts';
import type { KeepImage } from '../../providers/reports.ts';
import { partOf } from '../../store/queries/conversation.ts';
import { pageOf } from '../../store/queries/pages.ts';
import type { Writer } from '../../store/writer.ts';
import type { Read, ReadResults } from '../../store/writer-messages.ts';
import type { Handlers } from '../runtime-api.ts';
import type { Sessions } from '../sessions/sessions.ts';

interface HistoryDeps {
  writer: Pick<Writer, 'read'>;
  sessions: Pick<Sessions, 'as'>;
  providers: Pick<Providers, 'of'>;
  images: Pick<Images, 'keep'>;
}

/** Entries of a page, unless the asker wants fewer or, up to the second, more; a frame may hold fewer. */
const PAGE = 100;
const MAX_PAGE = 1000;

/** Entries of a list, unless the asker wants fewer or, up to the second, more. */
export const HISTORY_ENTRIES = 200;
const MAX_LIMIT = 1000;

type HistoryTag =
  | 'get_sessions'
  | 'get_messages'
  | 'get_turn_diffs'
  | 'get_text'
  | 'list_approvals'
  | 'delete_approval';

/**
 * Handlers of this group. All read behind every event and decision taken before; frames of later events are
 * sent behind the answer.
 */
export function createHistoryHandlers(deps: HistoryDeps): Handlers<HistoryTag> {
  const { writer, sessions } = deps;
  return {
    ...createPageHandlers(deps),
    async list_approvals({ session_id, limit }, asker) {
      const sessionId = session_id ?? null;
      const approvals = await writer.read({
        kind: 'approvals',
        sessionId,
        limit: Math.min(limit ?? HISTORY_ENTRIES, MAX_LIMIT),
      });
      asker.reply({ type: 'approvals_list', session_id: sessionId, approvals });
    },
    async delete_approval({ approval_id: approvalId }, asker) {
      const known = await writer.read({ kind: 'approval', id: approvalId });
      if (!known) throw new OrbitError('not_found', { what: 'Approval', id: approvalId });
      const { sessionId, isOpen } = known;
      // Its session still waits for it, and a snapshot finds the request in this very row.
      if (isOpen) {
        const reason = `Approval ${approvalId} still waits for its decision; decide it first`;
        throw new OrbitError('invalid_argument', { reason }, { sessionId });
      }
      // An event like every other: the journal keeps who took what out of the history.
      await sessions.as(asker.sender).sendTo(sessionId, 'client', (at) => ({
        type: 'approval.forgotten',
        at,
        approvalId,
      }));
      asker.reply({ type: 'approval_deleted', approval_id: approvalId });
    },
  };
}

function createPageHandlers(
  deps: HistoryDeps,
): Pick<Handlers<HistoryTag>, 'get_sessions' | 'get_messages' | 'get_turn_diffs' | 'get_text'> {
  const { writer } = deps;
  return {
    async get_sessions({ after = null, status = null, limit }, asker) {
      const read = { kind: 'sessions', after, status, limit: pageLimit(limit) } as const;
      const page = await writer.read(read);
      if (page === null) {
        const reason = '`after` is the `next` of a sessions_list or a sessions_page';
        throw new OrbitError('invalid_argument', { reason });
      }
      asker.reply({ type: 'sessions_page', ...page });
    },
    async get_messages(message, asker) {
      const { session_id } = message;
      const place = placeOf(message);
      const limit = pageLimit(message.limit);
      if (message.subagent_id) {
        const about = { session_id, subagent_id: message.subagent_id };
        asker.reply({ type: 'messages_page', ...(await pageOfBranch(deps, about, place, limit)) });
        return;
      }
      const page = await writer.read({ kind: 'messages', sessionId: session_id, place, limit });
      const messageId = place.at === 'newest' ? '' : place.messageId;
      if ('missing' in page) throw missing(page, session_id, messageId);
      asker.reply({ type: 'messages_page', session_id, ...page });
    },
    async get_turn_diffs({ session_id, before = null, limit }, asker) {
      const read = { kind: 'turn-diffs', sessionId: session_id, before } as const;
      const page = await writer.read({ ...read, limit: pageLimit(limit) });
      if ('missing' in page) throw missing(page, session_id, before ?? '');
      asker.reply({ type: 'turn_diffs_page', session_id, ...page });
    },
    async get_text(message, asker) {
      const { session_id, offset } = message;
      const { of, about, field } = textOf(message);
      const from = offset ?? 0;
      if (message.subagent_id && 'messageId' in of) {
        const branch = { session_id, subagent_id: message.subagent_id };
        const { messages } = await branchOf(deps, branch);
        const one = messages.find(({ id }) => id === of.messageId);
        if (!one) throw missing({ missing: 'Message' }, session_id, of.messageId);
        const part = partOf(one[of.field] ?? '', from);
        asker.reply({ type: 'text_part', session_id, ...about, field, offset: from, ...part });
        return;
      }
      const part = await writer.read({ kind: 'text', sessionId: session_id, of, offset: from });
      if ('missing' in part) throw missing(part, session_id, Object.values(about)[0] ?? '');
      asker.reply({ type: 'text_part', session_id, ...about, field, offset: from, ...part });
    },
  };
}

/** A subagent of a session. */
interface Branch {
  session_id: string;
  subagent_id: string;
}

/** What a subagent did and said. @throws OrbitError `not_found` for one that its session does not have */
async function branchOf(
  { writer, providers, images }: HistoryDeps,
  { session_id: sessionId, subagent_id: id }: Branch,
): Promise<SubagentBranch & { unavailable?: string }> {
  const agent = await writer.read({ kind: 'subagent', sessionId, id });
  if (!agent) throw new OrbitError('not_found', { what: 'Subagent', id }, { sessionId });
  const { subagentBranch, name } = providers.of(agent.provider);
  const of = { transcript: agent.transcriptPath, sessionId, agent: id };
  const read = (await subagentBranch?.(of, (bytes) => images.keep(bytes))) ?? {
    unavailable: `${name} keeps no conversation of it`,
  };
  return 'unavailable' in read ? { ...read, messages: [], usage: null } : read;
}

async function pageOfBranch(
  deps: HistoryDeps,
  about: Branch,
  place: Extract<Read, { kind: 'messages' }>['place'],
  limit: number,
) {
  const { messages, usage, unavailable } = await branchOf(deps, about);
  const page = pageOf(messages, { place, limit });
  if (page === null) {
    const id = place.at === 'newest' ? '' : place.messageId;
    throw missing({ missing: 'Message' }, about.session_id, id);
  }
  return {
    ...{ ...about, ...page },
    ...(usage && { token_usage: usage }),
    ...(unavailable !== undefined && { unavailable }),
  };
}

function pageLimit(asked: number | null | undefined): number {
  return Math.min(Math.max(asked ?? PAGE, 1), MAX_PAGE);
}

/** @throws OrbitError `invalid_argument` when more than one place is named */
function placeOf(
  message: ClientMessageOf<'get_messages'>,
): Extract<Read, { kind: 'messages' }>['place'] {
  const places = (['before', 'after', 'around'] as const).flatMap((at) => {
    const messageId = message[at];
    return messageId ? [{ at, messageId }] : [];
  });
  if (places.length <= 1) return places[0] ?? { at: 'newest' };
  const reason = 'Name one of `before`, `after` and `around`';
  throw new OrbitError('invalid_argument', { reason }, { sessionId: message.session_id });
}

/** @throws OrbitError `invalid_argument` unless exactly one text is named */
function textOf({ session_id, message_id, turn_id, field }: ClientMessageOf<'get_text'>): {
  of: Extract<Read, { kind: 'text' }>['of'];
  about: { message_id: string } | { turn_id: string };
  field: TextField;
} {
  if (message_id && !turn_id) {
    const named = field ?? 'content';
    return { of: { messageId: message_id, field: named }, about: { message_id }, field: named };
  }
  if (turn_id && !message_id && !field) {
    return { of: { turnId: turn_id }, about: { turn_id }, field: 'diff' };
  }
  const reason = 'Name a `message_id`, with a `field` if it is not `content`, or a `turn_id`';
  throw new OrbitError('invalid_argument', { reason }, { sessionId: session_id });
}

function missing(
  { missing: what }: Extract<ReadResults['messages'], { missing: string }>,
  sessionId: string,
  named: string,
): OrbitError {
  const id = what === 'Session' ? sessionId : named;
  return new OrbitError('not_found', { what, id }, { sessionId });
}

/* Conversations of before: listed over all providers, and opened one at a time. They are read from where their
 * providers keep them; nothing of them enters the database or a machine. */

type PastTag = 'list_past_sessions' | 'open_past_session';

interface PastDeps {
  providers: Iterable<Pick<Provider, 'id' | 'past'>>;
  images: Pick<Images, 'keep'>;
  log: Logger;
}

/** Sessions of a list, unless the asker wants fewer or, up to the second, more. */
const LISTED = 50;
const MAX_LISTED = 200;
/** Most of a frame; what stands around the messages needs little. */
const PAGE_BYTES = MAX_FRAME_BYTES - 16 * 1024;

/** Handlers of past conversations. */
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
        .sort((one, other) => (comesBefore(pastPlaceOf(one), pastPlaceOf(other)) ? -1 : 1));
      const sessions = all.slice(0, wanted);
      const last = sessions.at(-1);
      const next = last && all.length > wanted ? wordsOfPlace(pastPlaceOf(last)) : null;
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

const pastPlaceOf = ({ id, last_activity_at }: PastSession): PastPlace => ({
  at: Date.parse(last_activity_at),
  id,
});

const wordsOfPlace = ({ at, id }: PastPlace): string => `${at}~${id}`;

/** @throws OrbitError `invalid_argument` for what is no `next` of a list */
function placeFrom(words: string): PastPlace {
  const [, at, id] = /^(\d{1,15})~(.+)$/.exec(words) ?? [];
  if (at !== undefined && id !== undefined) return { at: Number(at), id };
  const reason = '`after` is the `next` of a past_sessions_list';
  throw new OrbitError('invalid_argument', { reason });
}
