/**
 * What lies behind a list and a snapshot: older sessions, messages and diffs in pages, long texts in parts,
 * and the history of requests. Deciding requests is the business of approvals.ts.
 */
import { OrbitError } from '../../errors.ts';
import type { Images } from '../../host/images.ts';
import type { ClientMessageOf } from '../../protocol/client.ts';
import type { TextField } from '../../protocol/server.ts';
import type { Providers, SubagentBranch } from '../../providers/provider.ts';
import type { Read, ReadResults } from '../../store/items.ts';
import { partOf } from '../../store/queries/conversation.ts';
import { pageOf } from '../../store/queries/pages.ts';
import type { Writer } from '../../store/writer.ts';
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
