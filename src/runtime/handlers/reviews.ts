/**
 * Remarks about lines of a session's files. Every change is a fact of the session: its room receives it with
 * a revision, and every read after a change shows it. They outlive the session's end.
 */
import { randomUUID } from 'node:crypto';
import { OrbitError } from '../../errors.ts';
import type { ClientMessageOf } from '../../protocol/client.ts';
import { wireTime } from '../../protocol/encode.ts';
import type { ReviewComment } from '../../protocol/nouns.ts';
import type { Writer } from '../../store/writer.ts';
import type { Handlers } from '../runtime-api.ts';
import { type Sessions, unknownSession } from '../sessions/sessions.ts';

type ReviewsTag =
  | 'create_review_comment'
  | 'update_review_comment'
  | 'delete_review_comment'
  | 'list_review_comments';

interface ReviewsDeps {
  writer: Pick<Writer, 'read'>;
  sessions: Pick<Sessions, 'as'>;
}

/** Longest remark, and longest path, UTF-16 units. */
const MAX_BODY_CHARS = 65_536;
const MAX_PATH_CHARS = 4_096;

/** Handlers of this group. */
export function createReviewsHandlers({ writer, sessions }: ReviewsDeps): Handlers<ReviewsTag> {
  const inTurn = createTurns();

  /** @throws OrbitError `not_found` */
  async function find(commentId: string): Promise<ReviewComment> {
    const comment = await writer.read({ kind: 'comment', id: commentId });
    if (comment) return comment;
    throw new OrbitError('not_found', { what: 'Review comment', id: commentId });
  }

  return {
    async create_review_comment(message, asker) {
      refuseBadLines(message);
      refuseLong(message);
      // Not made from the time: two comments of one millisecond must not have the same id.
      const id = `rc-${randomUUID()}`;
      await sessions.as(asker.sender).sendTo(message.session_id, 'client', (at) => ({
        type: 'comment.created',
        at,
        comment: commentFrom(message, id, at),
      }));
      asker.acknowledge(id);
    },
    async update_review_comment(message, asker) {
      refuseLong({ body: message.body ?? '' });
      await inTurn(message.comment_id, async () => {
        // Read inside the turn: what the change before it left is what this one is made from.
        const known = await find(message.comment_id);
        await sessions.as(asker.sender).sendTo(known.session_id, 'client', (at) => ({
          type: 'comment.updated',
          at,
          comment: changedBy(known, message, at),
        }));
      });
    },
    async delete_review_comment({ comment_id: commentId }, asker) {
      await inTurn(commentId, async () => {
        const { session_id } = await find(commentId);
        await sessions.as(asker.sender).sendTo(session_id, 'client', (at) => ({
          type: 'comment.deleted',
          at,
          commentId,
        }));
      });
    },
    async list_review_comments({ session_id, turn_id }, asker) {
      // Through the writer's queue: it sees every comment made before it, by any client.
      const turnId = turn_id ?? null;
      const found = await writer.read({ kind: 'comments', sessionId: session_id, turnId });
      if (!found) throw unknownSession(session_id);
      const { items: comments, truncated } = found;
      const type = 'review_comments_list';
      asker.reply({ type, session_id, comments, ...(truncated && { truncated }) });
    },
  };
}

/**
 * One change of a comment after the other: each is made from what the one before it left, so that two
 * clients that change different fields at once both get their way.
 */
function createTurns(): (key: string, work: () => Promise<void>) => Promise<void> {
  const last = new Map<string, Promise<void>>();
  return async (key, work) => {
    // Whether the change before it came through is its asker's business.
    const mine = (last.get(key) ?? Promise.resolve()).then(work, work);
    last.set(key, mine);
    try {
      await mine;
    } finally {
      if (last.get(key) === mine) last.delete(key);
    }
  };
}

function commentFrom(
  message: ClientMessageOf<'create_review_comment'>,
  id: string,
  at: string,
): ReviewComment {
  const { session_id, file_path, line_start, line_end, body, tag } = message;
  return {
    id,
    session_id,
    ...(message.turn_id && { turn_id: message.turn_id }),
    file_path,
    line_start,
    ...(typeof line_end === 'number' && { line_end }),
    body,
    ...(tag && { tag }),
    status: 'open',
    created_at: wireTime(at),
  };
}

/** What is absent or null stays: nothing can be cleared. */
function changedBy(
  known: ReviewComment,
  { body, tag, status }: ClientMessageOf<'update_review_comment'>,
  at: string,
): ReviewComment {
  return {
    ...known,
    ...(typeof body === 'string' && { body }),
    ...(tag && { tag }),
    ...(status && { status }),
    updated_at: wireTime(at),
  };
}

function refuseBadLines({
  line_start,
  line_end,
  session_id: sessionId,
}: ClientMessageOf<'create_review_comment'>): void {
  if (typeof line_end !== 'number' || line_end >= line_start) return;
  const reason = `line_end ${line_end} lies before line_start ${line_start}; swap them`;
  throw new OrbitError('invalid_argument', { reason }, { sessionId });
}

function refuseLong({ body, file_path = '' }: { body: string; file_path?: string }): void {
  if (body.length > MAX_BODY_CHARS) {
    const reason = `A comment has at most ${MAX_BODY_CHARS} characters, this one ${body.length}`;
    throw new OrbitError('invalid_argument', { reason });
  }
  if (file_path.length > MAX_PATH_CHARS) {
    const reason = `A file_path has at most ${MAX_PATH_CHARS} characters`;
    throw new OrbitError('invalid_argument', { reason });
  }
}
