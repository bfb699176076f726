/**
 * Joining a thread that others hold: one more client of it, without a setting of ours. What happens between the
 * joining and the reading of what was missed is kept back, so that everything is reported in its order and once.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { EngineKind } from '../../../protocol/nouns.ts';
import type { KnownThread } from '../../provider.ts';
import type { Engine } from '../engine/engine.ts';
import type { ServerNotification } from '../protocol/generated/ServerNotification.ts';
import type { ServerRequest } from '../protocol/generated/ServerRequest.ts';
import type { Thread } from '../protocol/generated/v2/Thread.ts';
import type { ThreadResumeResponse } from '../protocol/generated/v2/ThreadResumeResponse.ts';
import type { Turn } from '../protocol/generated/v2/Turn.ts';
import { lastWordsOf, type RollBack, turnsOf } from './threads.ts';
import { reasonOf } from './turn-control.ts';

/** What a thread that others hold says: a report, or a question. */
type Said = { report: ServerNotification } | { question: ServerRequest };

/** What joining needs. */
export interface JoiningDeps {
  engine: Pick<Engine, 'request'>;
  threadId: string;
  /** What the session knows of it already. */
  known: KnownThread;
  /** It is joined, under these settings. */
  joined(said: ThreadResumeResponse): void;
  /** Takes what is said, what was missed included. @param atMs  when it was, where that is long ago */
  receive(said: Said, atMs?: number): unknown;
  /** Ids of the turns that the session shows, with all that was sent so far. */
  shownTurns(): Promise<readonly string[]>;
  /** These turns are taken back, also in the other clients of the thread. */
  takenBack(turns: Omit<RollBack, 'beforeTurnId'>): void;
  /** All that was missed is sent. */
  caughtUp(): void;
  /** Its first turn has begun and it cannot be joined, or what became of it cannot be read. */
  failed(error: unknown): void;
  /** Milliseconds between two tries. */
  readonly againMs?: number;
}

/** One joining: what the thread says goes through it. */
export interface Joining {
  /** Takes what is said, in order; settles like what takes it in the end. */
  take(said: Said): unknown;
  /** Joins, or waits for the first turn of a thread that has none. @throws OrbitError why it cannot be joined */
  begin(): Promise<void>;
}

/** Codex has no file of a thread before its first turn, and it cannot be joined. */
const NO_TURN_YET = /no rollout found/i;
/** What it says of a thread whose first turn is just beginning, for some 50 ms; on a busy machine for longer. */
const FILE_BEING_MADE = /list_turns is not supported yet/i;
const AGAIN_MS = 100;
const ATTEMPTS = 50;

/** A joining that has not begun. */
export function createJoining(deps: JoiningDeps): Joining {
  /** What was said while it is read what was missed; null when nothing is kept back. */
  let kept: Said[] | null = [];
  let state: 'waiting' | 'joining' | 'joined' = 'waiting';
  /** It waits for an answer to what it has not asked us again yet: until then that is not over. */
  let lacksQuestion = false;

  async function join(): Promise<void> {
    state = 'joining';
    kept ??= [];
    try {
      const { said, missed } = await entered(deps);
      deps.joined(said);
      await sendMissed(missed);
      lacksQuestion = waitsForAnswer(said.thread) && !kept.some(showsQuestion);
      state = 'joined';
    } catch (error) {
      if (!isTooEarly(error)) throw error;
      state = 'waiting';
    }
    deliverKept();
    if (state === 'joined' && !lacksQuestion) deps.caughtUp();
  }

  function deliverKept(): void {
    const later = kept ?? [];
    kept = null;
    for (const said of later) take(said);
  }

  /** A client has taken turns back, and Codex does not say which: what is said meanwhile comes behind that. */
  async function followRevert(): Promise<void> {
    kept = [];
    try {
      const shown = await deps.shownTurns();
      const turns: Turn[] = [];
      for await (const turn of turnsOf(deps.engine, deps.threadId, 'asc')) turns.push(turn);
      sendTakenBack(shown, turns);
    } finally {
      deliverKept();
    }
  }

  function sendTakenBack(shown: readonly string[], turns: readonly Turn[]): void {
    const turnIds = shown.filter((id) => !turns.some((turn) => turn.id === id));
    if (turnIds.length === 0) return;
    const lastMessage = turns.map(lastWordsOf).findLast((words) => words !== null) ?? null;
    deps.takenBack({ turnIds, lastMessage });
  }

  function take(said: Said): unknown {
    if (kept !== null) {
      kept.push(said);
      return null;
    }
    if (state === 'joined' && isRevert(said)) {
      followRevert().catch(deps.failed);
      return null;
    }
    const outcome = deps.receive(said);
    if (lacksQuestion && showsQuestion(said)) {
      lacksQuestion = false;
      deps.caughtUp();
    }
    if (state === 'waiting' && showsTurn(said)) join().catch(deps.failed);
    return outcome;
  }

  /** Sends the turns whose end the session has not seen. */
  async function sendMissed({ turns, isReached }: Missed): Promise<void> {
    const { threadId, known } = deps;
    // A turn that was taken back meanwhile is not reached.
    const shown = isReached ? [] : await deps.shownTurns();
    // One that was just running may not be listed yet.
    const isRunning = (id: string): boolean => known.isTurnOpen && id === known.turnId;
    if (!isReached)
      sendTakenBack(
        shown.filter((id) => !isRunning(id)),
        turns,
      );
    for (const turn of turns) {
      const isSeen = turn.id === known.turnId || shown.includes(turn.id);
      for (const { report, atMs } of reportsOf(threadId, turn, isSeen && !known.isTurnOpen)) {
        deps.receive({ report }, known.isNew ? atMs : undefined);
      }
    }
  }

  return { take, begin: join };
}

/** What the session may not have seen: turns, oldest first. */
interface Missed {
  turns: Turn[];
  /** The newest that it knows is among them, or it knows none. */
  isReached: boolean;
}

/** Joins it and reads what was missed; tries again while the file of its first turn is being made. */
async function entered(deps: JoiningDeps): Promise<{ said: ThreadResumeResponse; missed: Missed }> {
  const { engine, threadId } = deps;
  for (let attempt = 1; ; attempt++) {
    try {
      // No setting of ours: it would be changed for the person in the terminal.
      const said = await engine.request('thread/resume', { threadId, excludeTurns: true });
      return { said, missed: await missedBy(deps) };
    } catch (error) {
      if (attempt === ATTEMPTS || !FILE_BEING_MADE.test(reasonOf(error))) throw error;
      await pause(deps.againMs ?? AGAIN_MS);
    }
  }
}

async function missedBy({ engine, threadId, known }: JoiningDeps): Promise<Missed> {
  const turns: Turn[] = [];
  let isReached = known.turnId === null;
  for await (const turn of turnsOf(engine, threadId, 'desc')) {
    turns.unshift(turn);
    if (turn.id !== known.turnId) continue;
    isReached = true;
    break;
  }
  return { turns, isReached };
}

/** It can be joined later, and the thread reports when. */
function isTooEarly(error: unknown): boolean {
  const reason = reasonOf(error);
  return NO_TURN_YET.test(reason) || FILE_BEING_MADE.test(reason);
}

function isRevert(said: Said): boolean {
  return 'report' in said && said.report.method === 'thread/reverted';
}

function waitsForAnswer({ status }: Pick<Thread, 'status'>): boolean {
  return status.type === 'active' && status.activeFlags.length > 0;
}

/** A question, or that it waits for something else now. */
function showsQuestion(said: Said): boolean {
  if ('question' in said) return true;
  const { method, params } = said.report;
  return method === 'thread/status/changed' && !waitsForAnswer(params);
}

/** Its first turn begins, goes on or is over: whichever arrives first, for the beginning may have been missed. */
function showsTurn(said: Said): boolean {
  if (!('report' in said) || said.report.method !== 'thread/status/changed') return false;
  return said.report.params.status.type !== 'notLoaded';
}

/** A turn, as the reports that were sent while it ran. @param isSeen  only what it says: that it ran is known */
function reportsOf(
  threadId: string,
  turn: Turn,
  isSeen: boolean,
): { report: ServerNotification; atMs: number }[] {
  const { id: turnId, items, status } = turn;
  const startedAtMs = (turn.startedAt ?? 0) * 1000;
  const completedAtMs = turn.completedAt === null ? startedAtMs : turn.completedAt * 1000;
  const about = { threadId, turnId };
  const reports: { report: ServerNotification; atMs: number }[] = [];
  const add = (report: ServerNotification, atMs: number) => void reports.push({ report, atMs });
  if (!isSeen) add({ method: 'turn/started', params: { threadId, turn } }, startedAtMs);
  for (const item of items) {
    if ('status' in item && item.status === 'inProgress') {
      add({ method: 'item/started', params: { ...about, item, startedAtMs } }, startedAtMs);
    } else {
      const atMs = item.type === 'userMessage' ? startedAtMs : completedAtMs;
      add({ method: 'item/completed', params: { ...about, item, completedAtMs: atMs } }, atMs);
    }
  }
  if (!isSeen && status !== 'inProgress') {
    add({ method: 'turn/completed', params: { threadId, turn } }, completedAtMs);
  }
  return reports;
}

/** The command that opens a thread in a terminal. @param home  CODEX_HOME, where it is not the usual one */
export function resumeCommand(threadId: string, home: string | null): string {
  const where = home === null ? '' : `CODEX_HOME=${quoted(home)} `;
  return `${where}codex resume ${threadId}`;
}

function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** A thread that is a session: neither a helper that leaves nothing nor a subagent, which its parent shows. */
export function isSession({ ephemeral, parentThreadId }: Thread): boolean {
  return !ephemeral && (parentThreadId ?? null) === null;
}

/** What a session receives about the engine that its thread runs in. */
export interface EngineFields {
  engine: EngineKind;
  resume_command?: string;
}
