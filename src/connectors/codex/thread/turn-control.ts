/**
 * The running turn of a thread and how it is stopped. Codex forgives little here (codex.md 3.5): an
 * interrupt before `turn/started` hits nothing, and a second one for the same turn is never answered. So
 * there is one interrupt at a time, it waits for the turn to begin, and everything has a deadline.
 */
import type { Engine } from '../engine/engine.ts';

/** An interrupt takes 15-55 ms; what takes this long, ms, did not work. */
const STOP_MS = 5_000;

/** What runs in a session's thread, and how it is stopped. */
export interface TurnControl {
  readonly activeId: string | null;
  /** True while a turn runs or was asked for. */
  readonly isBusy: boolean;
  started(turnId: string): void;
  ended(): void;
  /** A turn was asked for; the result says that it will not begin. */
  expect(): () => void;
  /** Settles when the turn that was asked for has begun, or will not. */
  begun(): Promise<void>;
  /** Stops what runs or is about to; settles when it is over. @throws OrbitError when it will not stop */
  stop(): Promise<void>;
  /** Settles when no stop is under way. */
  calm(): Promise<void>;
}

/** Control over the turns of one thread. */
export function createTurnControl(engine: Pick<Engine, 'request'>, threadId: string): TurnControl {
  let activeId: string | null = null;
  let expected = 0;
  let stopping: Promise<void> | null = null;
  let looks: Array<() => void> = [];

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
    await until(() => activeId !== null || expected === 0);
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
      return activeId !== null || expected > 0;
    },
    started(turnId) {
      activeId = turnId;
      expected = 0;
      changed();
    },
    ended() {
      activeId = null;
      changed();
    },
    expect() {
      expected += 1;
      return () => {
        expected = Math.max(0, expected - 1);
        changed();
      };
    },
    async begun() {
      await until(() => activeId !== null || expected === 0);
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
