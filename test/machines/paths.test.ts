/**
 * Every state of the chart by the shortest way that the chart itself gives, and what must hold on all of
 * these ways: the wire's word agrees with the phase, an end is always possible, and a stop of the server
 * between any two events changes nothing that is recorded.
 */

import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import {
  describeMachine,
  type Fact,
  type Order,
  type SessionEvent,
  sessionMachine,
  workStatusOf,
} from '../../machines/index.ts';
import type { Session } from '../../machines/session-types.ts';
import { asked, over, prompted, toolBegan } from './events.ts';
import { diceOf, hookWalk } from './hook-walks.ts';
import { eventsAfter, KINDS, newestIn, pathsOf } from './paths.ts';
import { linkOf, newSession, phaseOf, stage, WIRE_WORD } from './stage.ts';

describe.each(KINDS)('a %s session', (kind, session) => {
  const paths = pathsOf(session);

  it('reaches every state that there is for it', () => {
    const phases = ['ended', 'idle', 'permission', 'question', 'working'];
    const links =
      kind === 'watched' ? ['passive'] : ['attached', 'attaching', 'detached', 'failed'];
    const wanted = phases.flatMap((phase) => links.map((link) => `${phase} ${link}`));
    const reached = paths.map(({ state: { value } }) => `${phaseOf(value)} ${linkOf(value)}`);
    expect(reached.sort()).toEqual(wanted.sort());
  });

  it('tells the same status by its phase, its context and the wire, all along', () => {
    for (const { events } of paths) {
      const scene = stage([], session);
      for (const event of events) {
        scene.send(event);
        const context = scene.context();
        expect(workStatusOf(context)).toBe(context.session.work_status);
        expect(workStatusOf(context)).toBe(WIRE_WORD[scene.phase()]);
        expect(context.session.status === 'ended').toBe(scene.phase() === 'ended');
        expect(scene.actor.getSnapshot().status).toBe('active');
        expect(context.session.link_state ?? 'passive').toBe(scene.link());
      }
    }
  });

  it('can be ended from everywhere, and then nothing is left open', () => {
    for (const { events, state } of paths) {
      const scene = stage(events, session);
      const end = over(newestIn(scene.context()) + 1);
      if (phaseOf(state.value) !== 'ended') expect(scene.can(end)).toBe(true);
      if (kind === 'watched') expect(scene.can(end)).toBe(phaseOf(state.value) !== 'ended');
      scene.send(end);
      expect(scene.phase()).toBe('ended');
      expect(Object.keys(scene.actor.getSnapshot().children)).toEqual([]);
      const { turn, tools, agents, approvals } = scene.context();
      expect([turn.open, tools, agents, approvals]).toEqual([false, [], [], []]);
    }
  });

  it('gives the same snapshot back for what it does not take, and for nothing else', () => {
    let refused = 0;
    for (const { events } of paths) {
      for (const next of eventsAfter({ context: stage(events, session).context() })) {
        const { actor, can, send } = stage(events, session);
        const before = actor.getSnapshot();
        const isTaken = can(next);
        send(next);
        expect(actor.getSnapshot() !== before, next.type).toBe(isTaken);
        if (!isTaken) refused++;
      }
    }
    expect(refused).toBeGreaterThan(0);
  });

  it('goes on after a stop between any two events as if there had been none', () => {
    for (const { events } of paths) {
      for (let cut = 0; cut <= events.length; cut++) expectNoDifference(events, cut, session);
    }
  });
});

describe('a stop of the server', () => {
  it('changes nothing that is recorded of a random walk, wherever it falls', () => {
    for (let seed = 0; seed < 12; seed++) {
      const walk = hookWalk(seed, 2, false);
      for (let n = 0; n < 4; n++) expectNoDifference(walk, diceOf(seed + n)(walk.length), {});
    }
  });

  it('leaves a snapshot that is plain JSON and small', () => {
    const scene = stage([prompted(1), toolBegan(2, 't1'), asked(3, 'r1', 't1')]);
    const saved = scene.actor.getPersistedSnapshot();
    expect(JSON.parse(JSON.stringify(saved))).toEqual(saved);
    expect(JSON.stringify(saved).length).toBeLessThan(2500);
  });

  it('finds the state of a row again that has no snapshot: idle or ended', () => {
    const start = (session: Partial<Session>) =>
      createActor(sessionMachine, {
        input: { session: newSession(session), isNew: false, turnCount: 7 },
      }).start();
    expect(phaseOf(start({}).getSnapshot().value)).toBe('idle');
    const ended = start({ status: 'ended', work_status: 'ended' });
    expect(phaseOf(ended.getSnapshot().value)).toBe('ended');
    ended.send(prompted(1));
    expect(ended.getSnapshot().context.turn.id).toBe('turn-8');
  });
});

/** The facts and orders after the cut, with and without a stop there, are the same; so is the state. */
function expectNoDifference(events: SessionEvent[], cut: number, session: Partial<Session>): void {
  const whole = tell(stage(events.slice(0, cut), session), events.slice(cut));
  const before = stage(events.slice(0, cut), session);
  const saved = JSON.parse(JSON.stringify(before.actor.getPersistedSnapshot()));
  before.actor.stop();
  const restored = tell(stage([], session, saved), events.slice(cut));
  expect(restored).toEqual(whole);
}

function tell(scene: ReturnType<typeof stage>, events: SessionEvent[]) {
  const facts: Fact[] = [];
  const orders: Order[] = [];
  for (const event of events) {
    const after = scene.send(event);
    facts.push(...after.facts);
    orders.push(...after.orders);
  }
  return { facts, orders, value: scene.actor.getSnapshot().value, context: scene.context() };
}

describe('the paths', () => {
  it('pass every state of the description', () => {
    const leaves = describeMachine(sessionMachine).states.filter(({ type }) => type === 'atomic');
    const reached = new Set(
      KINDS.flatMap(([, session]) => pathsOf(session)).flatMap(({ state: { value } }) => [
        phaseOf(value) as string,
        linkOf(value),
      ]),
    );
    expect([...reached].sort()).toEqual(leaves.map(({ key }) => key).sort());
  });
});
