/**
 * The running turn of a thread and how it is stopped. Codex forgives little here (codex.md 3.5): an
 * interrupt before `turn/started` hits nothing, and a second one for the same turn is never answered. So
 * there is one interrupt at a time, it waits for the turn to begin, and everything has a deadline.
 */
import type { Engine } from '../engine/engine.ts';

/** More turns than begin between a question and its answer. */
const MAX_BEGUN = 8;

/** An interrupt takes 15-55 ms; what takes this long, ms, did not work. */
const STOP_MS = 5_000;

/** What runs in a session's thread, and how it is stopped. */
/** A turn that was asked for. */
export interface Expected {
  /** The answer: it is this turn, which may have begun, or even ended, already. */
  isTurn(turnId: string): void;
  /** It will not begin. */
  isOff(): void;
}

export interface TurnControl {
  readonly activeId: string | null;
  /** True while a turn runs or was asked for. */
  readonly isBusy: boolean;
  started(turnId: string): void;
  /** This turn is over; without a name everything is, also what was asked for. */
  ended(turnId?: string): void;
  /** A turn was asked for. */
  expect(): Expected;
  /** Settles when the turn that was asked for has begun, or will not. */
  begun(): Promise<void>;
  /** Settles when nothing runs and nothing was asked for, however long that takes. */
  over(): Promise<void>;
  /** Stops what runs or is about to; settles when it is over. @throws OrbitError when it will not stop */
  stop(): Promise<void>;
  /** Settles when no stop is under way. */
  calm(): Promise<void>;
}

/** Control over the turns of one thread. */
export function createTurnControl(engine: Pick<Engine, 'request'>, threadId: string): TurnControl {
  let activeId: string | null = null;
  /** Turns that were asked for: those whose id is not known yet, and the others. */
  let unnamed = 0;
  const named = new Set<string>();
  /** The newest that have begun. */
  let begun: string[] = [];
  let stopping: Promise<void> | null = null;
  let looks: Array<() => void> = [];

  const isExpected = () => unnamed > 0 || named.size > 0;

  function changed(): void {
    const waiting = looks;
    looks = [];
    for (const look of waiting) look();
  }

  /** False when it did not come true in time. */
  async function until(isSo: () => boolean): Promise<boolean> {
    const deadline = performance.now() + STOP_MS;
    while (!isSo()) {
      const left = deadline - performance.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        looks.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return true;
  }

  async function interrupt(): Promise<void> {
    await until(() => activeId !== null || !isExpected());
    const turnId = activeId;
    if (turnId === null) return;
    const isOver = () => activeId !== turnId;
    try {
      await engine.request('turn/interrupt', { threadId, turnId }, { deadlineMs: STOP_MS });
    } catch (error) {
      // It ended by itself a moment before: that is what was wished for.
      if (!isOver()) throw error;
    }
    await until(isOver);
  }

  return {
    get activeId() {
      return activeId;
    },
    get isBusy() {
      return activeId !== null || isExpected();
    },
    started(turnId) {
      activeId = turnId;
      // A turn without a name (a compaction) is the next that begins.
      unnamed = 0;
      named.delete(turnId);
      begun = [...begun, turnId].slice(-MAX_BEGUN);
      changed();
    },
    ended(turnId) {
      activeId = null;
      if (turnId === undefined) {
        unnamed = 0;
        named.clear();
      } else named.delete(turnId);
      changed();
    },
    expect() {
      unnamed += 1;
      const isKnown = () => {
        unnamed = Math.max(0, unnamed - 1);
        changed();
      };
      return {
        isTurn(turnId) {
          if (!begun.includes(turnId)) named.add(turnId);
          isKnown();
        },
        isOff: isKnown,
      };
    },
    async begun() {
      await until(() => activeId !== null || !isExpected());
    },
    async over() {
      while (activeId !== null || isExpected()) {
        await new Promise<void>((resolve) => void looks.push(resolve));
      }
    },
    stop() {
      stopping ??= interrupt().finally(() => {
        stopping = null;
      });
      return stopping;
    },
    async calm() {
      // Whoever asked for the stop hears of its failure; those who only wait go on.
      await stopping?.catch(() => {});
    },
  };
}
