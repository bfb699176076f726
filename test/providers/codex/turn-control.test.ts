/** Stopping turns against an engine that answers late or never, which the real one does only now and then. */
import { describe, expect, it } from 'vitest';
import { OrbitError } from '../../../src/errors.ts';
import type { Engine } from '../../../src/providers/codex/engine/engine.ts';
import { createTurnControl } from '../../../src/providers/codex/thread/turn-control.ts';

/** An engine that notes what it is asked, and answers when the test says so. */
function slowEngine() {
  const asked: string[] = [];
  const answers: Array<{ resolve: () => void; reject: (error: Error) => void }> = [];
  const request = ((method: string, params: { turnId: string }) => {
    asked.push(`${method} ${params.turnId}`);
    return new Promise<object>((resolve, reject) => {
      answers.push({ resolve: () => resolve({}), reject });
    });
  }) as unknown as Engine['request'];
  return { asked, answers, turns: createTurnControl({ request }, 'thread') };
}

const turnOfLoop = () => new Promise((resolve) => setImmediate(resolve));

describe('a stop', () => {
  it('waits for a turn that was asked for to begin', async () => {
    const { asked, answers, turns } = slowEngine();
    turns.expect();
    const stopped = turns.stop();
    await turnOfLoop();
    expect(asked).toEqual([]);
    turns.started('a');
    await turnOfLoop();
    expect(asked).toEqual(['turn/interrupt a']);
    answers[0]?.resolve();
    turns.ended();
    await stopped;
  });

  it('is one, however often it is asked for', async () => {
    const { asked, answers, turns } = slowEngine();
    turns.started('a');
    const stops = [turns.stop(), turns.stop(), turns.stop()];
    await turnOfLoop();
    expect(asked).toEqual(['turn/interrupt a']);
    answers[0]?.resolve();
    turns.ended();
    await Promise.all(stops);
    await turns.stop();
    expect(asked).toHaveLength(1);
  });

  it('asks for nothing when the turn that was asked for does not begin', async () => {
    const { asked, turns } = slowEngine();
    const expected = turns.expect();
    const stopped = turns.stop();
    expected.isOff();
    await stopped;
    expect(asked).toEqual([]);
    expect(turns.isBusy).toBe(false);
  });

  it('takes a refusal for success when the turn has ended by itself, and reports it otherwise', async () => {
    const { answers, turns } = slowEngine();
    turns.started('a');
    const first = turns.stop();
    await turnOfLoop();
    turns.ended();
    answers[0]?.reject(new OrbitError('codex_error', { reason: 'no active turn to interrupt' }));
    await first;

    turns.started('b');
    const second = turns.stop();
    await turnOfLoop();
    answers[1]?.reject(new OrbitError('codex_error', { reason: 'turn/interrupt was refused' }));
    await expect(second).rejects.toMatchObject({ code: 'codex_error' });
    // Who only waits for the stop to be over goes on.
    await turns.calm();
  });

  it('is over when the turn is, also for who waits without asking for it', async () => {
    const { turns } = slowEngine();
    turns.expect();
    let isOver = false;
    const over = turns.over().then(() => {
      isOver = true;
    });
    turns.started('a');
    await turnOfLoop();
    expect(isOver).toBe(false);
    turns.ended();
    await over;
  });

  it('knows a turn that it joined, or that was over before the answer came', () => {
    const { turns } = slowEngine();
    turns.started('a');
    const joined = turns.expect();
    turns.ended('a');
    expect(turns.isBusy).toBe(true);
    joined.isTurn('a');
    expect(turns.isBusy).toBe(false);
    const next = turns.expect();
    next.isTurn('b');
    expect(turns.isBusy).toBe(true);
    turns.started('b');
    turns.ended('b');
    expect(turns.isBusy).toBe(false);
  });

  it('keeps the next words waiting until it is over', async () => {
    const { answers, turns } = slowEngine();
    turns.started('a');
    const stopped = turns.stop();
    let isCalm = false;
    const calm = turns.calm().then(() => {
      isCalm = true;
    });
    await turnOfLoop();
    answers[0]?.resolve();
    await turnOfLoop();
    expect(isCalm).toBe(false);
    turns.ended();
    await Promise.all([stopped, calm]);
  });
});
