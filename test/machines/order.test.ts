/**
 * Hooks arrive in any order: each is a process of its own. What the decisions promise, tried on random
 * walks: a late report never reopens or undoes what a newer one settled. Not promised, and not tried:
 * hooks that are late by more than a whole life of the session (an end and its resumption swapped).
 */
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../machines/index.ts';
import { delayed, diceOf, hookWalk, withLosses } from './hook-walks.ts';
import { sessionAfter } from './session-after.ts';

/** More can be tried by hand: `WALKS=2000 npx vitest run ... order`. */
const WALKS = Number(process.env.WALKS ?? 40);

/** What all readers are shown, without the words: those come in the order in which they are received. */
function shownAfter(events: SessionEvent[]) {
  const scene = sessionAfter();
  for (const event of events) scene.send(event);
  const { approvals, agents } = scene.context();
  return {
    phase: scene.phase(),
    isTurnOpen: scene.isTurnOpen(),
    approvals: approvals.map(({ request }) => request.id),
    agents: agents.map(({ id }) => id).sort(),
  };
}

const seeds = Array.from({ length: WALKS }, (_, seed) => seed);

describe('hooks in any order', () => {
  it.each([false, true])('end where they end in order once all were taken (ends: %s)', (ends) => {
    for (const seed of seeds) {
      const walk = hookWalk(seed, 3, ends, true);
      const inOrder = shownAfter(walk);
      expect([seed, inOrder.phase]).toEqual([seed, ends ? 'ended' : 'idle']);
      for (const maxDelayMs of [10, 100, 10_000]) {
        const received = delayed(walk, diceOf(seed + maxDelayMs), maxDelayMs);
        expect([seed, maxDelayMs, shownAfter(received)]).toEqual([seed, maxDelayMs, inOrder]);
      }
    }
  });

  it('show at any moment what they show in order (but for MCP dialogs: their hooks name no tool use)', () => {
    for (const seed of seeds) {
      const walk = hookWalk(seed, 3, false);
      const cut = walk.slice(0, 1 + diceOf(seed)(walk.length));
      const inOrder = shownAfter(cut);
      for (const maxDelayMs of [10, 100, 10_000]) {
        const received = delayed(cut, diceOf(seed + maxDelayMs), maxDelayMs);
        expect([seed, maxDelayMs, shownAfter(received)]).toEqual([seed, maxDelayMs, inOrder]);
      }
    }
  });

  it('leave nothing at work or open when some are lost but the last turn ends', () => {
    for (const seed of seeds) {
      const walk = withLosses(hookWalk(seed, 3, false), diceOf(seed));
      for (const maxDelayMs of [0, 100, 10_000]) {
        const received = delayed(walk, diceOf(seed + maxDelayMs), maxDelayMs);
        const { phase, agents, approvals } = shownAfter(received);
        expect([seed, maxDelayMs, phase, agents, approvals]).toEqual([
          seed,
          maxDelayMs,
          'idle',
          [],
          [],
        ]);
      }
    }
  });
});
