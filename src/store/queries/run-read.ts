/**
 * One function for all reads that ride the writer's queue. Called by the writer thread after the commit
 * of the batch a read came with.
 */
import type { Sqlite } from '../database.ts';
import { createNotifyRead } from '../notifications.ts';
import type { SearchIndex } from '../search-index.ts';
import { createTokensRead } from '../tokens.ts';
import type { Read, ReadResults } from '../writer-messages.ts';
import { ActorReads } from './actors.ts';
import { createCatchUpRead } from './catch-up.ts';
import { createPageReads } from './conversation.ts';
import { createInspectedRead, createRangeRead, type InspectedSession } from './journal.ts';
import { createListRead, createProjectsRead, createTotalsRead } from './list.ts';
import { createApprovalReads, createCommentReads } from './reviews.ts';
import { createSearchRead } from './search.ts';
import { createUsageRead } from './usage.ts';

interface AnswerDeps {
  database: Sqlite;
  epoch: string;
  /** Brought up to the last commit before a search; without it a search finds what is indexed already. */
  searchIndex?: Pick<SearchIndex, 'slice'> | null;
}

/** Answers reads at the last commit. @throws SqliteError when the storage cannot be read */
export function createAnswer(deps: AnswerDeps) {
  const { database } = deps;
  const actors = new ActorReads(database);
  const list = createListRead(database);
  const catchUp = createCatchUpRead(deps);
  const stretch = createRangeRead(database);
  const inspected = createInspectedRead(database);
  const pages = createPageReads(database);
  const comments = createCommentReads(database);
  const approvals = createApprovalReads(database);
  const projects = createProjectsRead(database);
  const search = createSearchRead(database, deps.searchIndex ?? null);
  const usage = createUsageRead(database);
  const tokens = createTokensRead(database);
  const notify = createNotifyRead(database);
  const totals = createTotalsRead(database);
  const hasKey = database.prepare<[string]>('SELECT 1 FROM hook_keys WHERE key = ?');
  return (read: Read): ReadResults[Read['kind']] => {
    switch (read.kind) {
      case 'actor':
        return actors.actor(read.sessionId);
      case 'list':
        return list.frame();
      case 'sessions':
        return list.page(read);
      case 'catch-up':
        return catchUp(read);
      case 'messages':
        return pages.messages(read);
      case 'turn-diffs':
        return pages.turnDiffs(read);
      case 'text':
        return pages.text(read);
      case 'known-keys':
        return read.keys.filter((key) => hasKey.get(key) !== undefined);
      case 'stretch':
        return stretch(read.sessionId, read.seq, read.after);
      case 'inspected':
        return read.sessionId === null
          ? inspected.all(read.limit)
          : oneSession(inspected.one(read.sessionId));
      case 'comment':
        return comments.one(read.id);
      case 'comments':
        return comments.ofSession(read.sessionId, read.turnId);
      case 'approvals':
        return approvals.newest(read.sessionId, read.limit);
      case 'approval':
        return approvals.one(read.id);
      case 'projects':
        return projects();
      case 'subagent':
        return actors.subagent(read.sessionId, read.id);
      case 'session-of-thread':
        return actors.ofThread(read.threadId);
      case 'turns':
        return actors.turnsOf(read.sessionId);
      case 'tails':
        return actors.tailsOf(read.sessionId);
      case 'search':
        return search(read);
      case 'usage':
        return usage(read);
      case 'tokens':
        return tokens(read.seen);
      case 'notify':
        return notify(read.seen);
      case 'totals':
        return totals();
      default:
        return unknownRead(read);
    }
  };
}

function oneSession(session: InspectedSession | null): ReadResults['inspected'] {
  return { sessions: session === null ? [] : [session], total: session === null ? 0 : 1 };
}

function unknownRead(read: never): never {
  throw new Error(`Unknown read ${JSON.stringify(read)}`);
}
