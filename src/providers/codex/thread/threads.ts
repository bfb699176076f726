/** Opening threads: new, resumed, forked; and reading their history page by page. */
import type { SeenFields } from '../../../../machines/session-events.ts';
import type { ThreadSettings } from '../../../../machines/session-facts.ts';
import { OrbitError } from '../../../errors.ts';
import type { OpenedThread } from '../../provider.ts';
import type { Engine } from '../engine/engine.ts';
import type { AskForApproval } from '../protocol/generated/v2/AskForApproval.ts';
import type { SandboxMode } from '../protocol/generated/v2/SandboxMode.ts';
import type { SandboxPolicy } from '../protocol/generated/v2/SandboxPolicy.ts';
import type { ThreadStartResponse } from '../protocol/generated/v2/ThreadStartResponse.ts';
import type { Turn } from '../protocol/generated/v2/Turn.ts';
import { textFrom } from './items.ts';
import { reasonOf } from './turn-control.ts';

type Requests = Pick<Engine, 'request'>;

const PAGE_TURNS = 50;

interface TurnPage {
  data: Turn[];
  nextCursor: string | null;
}

/** Begins a thread. @throws OrbitError `codex_error` */
export async function startThread(
  engine: Requests,
  settings: ThreadSettings,
): Promise<OpenedThread> {
  return openedFrom(await engine.request('thread/start', paramsOf(settings)));
}

/**
 * Loads a thread with all that was said in it.
 *
 * @throws OrbitError `thread_busy` while another process writes it, else `codex_error`
 */
export async function resumeThread(
  engine: Requests,
  threadId: string,
  settings: ThreadSettings | null,
): Promise<OpenedThread> {
  const params = { threadId, excludeTurns: true, ...(settings && paramsOf(settings)) };
  try {
    return openedFrom(await engine.request('thread/resume', params));
  } catch (error) {
    if (!/already has an active writer/.test(reasonOf(error))) throw error;
    throw new OrbitError('thread_busy', { thread: threadId }, { cause: error });
  }
}

/** Copies a thread up to (without) that turn, or whole. @throws OrbitError `codex_error` */
export async function forkThread(
  engine: Requests,
  threadId: string,
  { beforeTurnId, settings }: { beforeTurnId: string | null; settings: ThreadSettings },
): Promise<OpenedThread> {
  const until = beforeTurnId === null ? {} : { beforeTurnId };
  const params = { threadId, excludeTurns: true, ...until, ...paramsOf(settings) };
  return openedFrom(await engine.request('thread/fork', params));
}

function paramsOf({ cwd, model, effort, approvalPolicy, sandboxMode }: ThreadSettings) {
  const policy = approvalPolicyOf(approvalPolicy);
  const sandbox = sandboxModeOf(sandboxMode);
  return {
    cwd,
    ...(model !== null && { model }),
    ...(policy !== null && { approvalPolicy: policy }),
    ...(sandbox !== null && { sandbox }),
    ...(effort !== null && { config: { model_reasoning_effort: effort } }),
  };
}

function openedFrom(
  said: Pick<
    ThreadStartResponse,
    'thread' | 'model' | 'approvalPolicy' | 'sandbox' | 'reasoningEffort'
  >,
): OpenedThread {
  const { thread, model, approvalPolicy, sandbox, reasoningEffort: effort } = said;
  return {
    threadId: thread.id,
    fields: fieldsFrom({ model, effort, approvalPolicy, sandbox }),
  };
}

/** Turns with their items, oldest or newest first, read as far as the caller goes; none of a new thread. */
export async function* turnsOf(
  engine: Requests,
  threadId: string,
  sortDirection: 'asc' | 'desc',
): AsyncGenerator<Turn> {
  let cursor: string | null = null;
  do {
    const page: TurnPage = await engine
      .request('thread/turns/list', {
        threadId,
        sortDirection,
        itemsView: 'full',
        limit: PAGE_TURNS,
        cursor,
      })
      .catch((error: unknown) => {
        // A thread has no file before its first turn.
        if (/not materialized yet/.test(reasonOf(error))) return { data: [], nextCursor: null };
        throw error;
      });
    yield* page.data;
    cursor = page.nextCursor;
  } while (cursor !== null);
}

/** Where a thread is cut so that a user's message and all behind it stay out. */
export type Cut = { beforeTurnId: string; isFirst: boolean } | { refusal: string };

/**
 * The cut at a user's message, counted from 0. Messages that were steered into a turn share it, and a turn
 * cannot be cut in two; turns without a message (compactions) count for nothing.
 */
export async function cutAtMessage(engine: Requests, threadId: string, nth: number): Promise<Cut> {
  let seen = 0;
  let isFirst = true;
  for await (const turn of turnsOf(engine, threadId, 'asc')) {
    const count = turn.items.filter(({ type }) => type === 'userMessage').length;
    if (nth === seen && count > 0) return { beforeTurnId: turn.id, isFirst };
    isFirst = false;
    if (nth < seen + count) {
      return {
        refusal: `message ${nth} was steered into the turn of message ${seen}; fork at ${seen} or ${seen + count}`,
      };
    }
    seen += count;
  }
  return { refusal: `there is no message ${nth}; the thread has ${seen}` };
}

/** What taking back the newest turns would take. */
export interface RollBack {
  beforeTurnId: string;
  /** All turns that go, also those without a message of a user. */
  turnIds: string[];
  /** The newest words that stay. */
  lastMessage: string | null;
}

/** The cut before the nth-last turn that has a message of a user; null when there are fewer. */
export async function cutBeforeTurns(
  engine: Requests,
  threadId: string,
  turns: number,
): Promise<RollBack | null> {
  const turnIds: string[] = [];
  let left = turns;
  for await (const turn of turnsOf(engine, threadId, 'desc')) {
    if (left === 0) {
      const lastMessage = lastWordsOf(turn);
      if (lastMessage !== null)
        return { beforeTurnId: turnIds.at(-1) as string, turnIds, lastMessage };
      continue;
    }
    turnIds.push(turn.id);
    if (turn.items.some(({ type }) => type === 'userMessage')) left -= 1;
  }
  if (left > 0) return null;
  return { beforeTurnId: turnIds.at(-1) as string, turnIds, lastMessage: null };
}

/** The newest words of the model in a turn; null when it said none. */
export function lastWordsOf({ items }: Turn): string | null {
  const said = items.flatMap((item) => {
    const text = item.type === 'agentMessage' ? textFrom(item)?.text : undefined;
    return text ? [text] : [];
  });
  return said.at(-1) ?? null;
}

/* Rules of a thread in the wire's words and in Codex's, both ways. Pure. */

/** What a client may choose. `on-failure` is history: Codex dropped it, `on-request` took its place. */
export const APPROVAL_POLICIES = ['untrusted', 'on-failure', 'on-request', 'never'] as const;
/** How far Codex may reach, in its words. */
export const SANDBOX_MODES = ['read-only', 'workspace-write', 'danger-full-access'] as const;

/** Codex's word for a policy; null (its own default) for what is no word of ours. */
export function approvalPolicyOf(word: string | null): AskForApproval | null {
  switch (word) {
    case 'untrusted':
    case 'on-request':
    case 'never':
      return word;
    case 'on-failure':
      return 'on-request';
    default:
      return null;
  }
}

/** Codex's word for a sandbox; null (its own default) for what is no word of ours. */
function sandboxModeOf(word: string | null): SandboxMode | null {
  return SANDBOX_MODES.find((mode) => mode === word) ?? null;
}

/** The sandbox as a running thread takes it. */
export function sandboxPolicyOf(word: string | null): SandboxPolicy | null {
  switch (sandboxModeOf(word)) {
    case 'read-only':
      return { type: 'readOnly', networkAccess: false };
    case 'workspace-write':
      return {
        type: 'workspaceWrite',
        writableRoots: [],
        networkAccess: false,
        excludeTmpdirEnvVar: false,
        excludeSlashTmp: false,
      };
    case 'danger-full-access':
      return { type: 'dangerFullAccess' };
    default:
      return null;
  }
}

/** What Codex says it applies, as fields of the session. */
export function fieldsFrom(said: {
  model?: string | null;
  effort?: string | null;
  approvalPolicy?: AskForApproval;
  sandbox?: SandboxPolicy;
}): SeenFields {
  const approval = typeof said.approvalPolicy === 'string' ? said.approvalPolicy : undefined;
  const sandbox = said.sandbox && SANDBOX_WORDS[said.sandbox.type];
  return {
    ...(said.model && { model: said.model }),
    ...(said.effort && { effort: said.effort }),
    ...(approval && { approval_policy: approval }),
    ...(sandbox && { sandbox_mode: sandbox }),
  };
}

const SANDBOX_WORDS: Partial<Record<SandboxPolicy['type'], SandboxMode>> = {
  readOnly: 'read-only',
  workspaceWrite: 'workspace-write',
  dangerFullAccess: 'danger-full-access',
};
