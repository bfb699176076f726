/**
 * Every state of the chart by the shortest way that the chart itself gives, and what must hold on all of
 * these ways: the wire's word agrees with the phase, an end is always possible, and a stop of the server
 * between any two events changes nothing that is recorded.
 */
import { describe, expect, it } from 'vitest';
import {
  type ConnectorCommand,
  describeMachine,
  type Fact,
  type SessionEvent,
  type SessionSnapshot,
  sessionMachine,
  storedForm,
  summaryOf,
} from '../../machines/index.ts';
import type { Session } from '../../machines/session-types.ts';
import type { WorkStatus } from '../../src/protocol/nouns.ts';
import { asked, over, prompted, toolBegan } from './events.ts';
import { diceOf, hookWalk } from './hook-walks.ts';
import { eventsAfter, KINDS, newestIn, pathsOf } from './paths.ts';
import { linkOf, phaseOf, sessionAfter, WIRE_WORD } from './session-after.ts';

describe.each(KINDS)('a %s session', (kind, session) => {
  const paths = pathsOf(session);

  it('reaches every combination of states that there is for it', () => {
    const active = ['closed none none', 'closed running none'];
    for (const agents of ['none', 'running']) {
      for (const asked of ['none', 'permission', 'question'])
        active.push(`open ${agents} ${asked}`);
    }
    const links =
      kind === 'watched' ? ['passive'] : ['attached', 'attaching', 'detached', 'failed'];
    const wanted = [...active, 'ended'].flatMap((phase) => links.map((link) => `${phase} ${link}`));
    const reached = paths.map(({ state: { value } }) => `${regionsOf(value)} ${linkOf(value)}`);
    expect(reached.sort()).toEqual(wanted.sort());
  });

  it('shows one status, read from the active states, all along', () => {
    for (const { events } of paths) {
      const scene = sessionAfter([], session);
      for (const event of events) {
        scene.send(event);
        expect(scene.status()).toBe(WIRE_WORD[scene.phase()]);
        expect(scene.snapshot().status).toBe('active');
        expect(summaryOf(scene.snapshot()).link_state ?? 'passive').toBe(scene.link());
      }
    }
  });

  it('can be ended from everywhere, and then nothing is left open', () => {
    for (const { events, state } of paths) {
      const scene = sessionAfter(events, session);
      const end = over(newestIn(scene.context()) + 1);
      if (phaseOf(state as SessionSnapshot) !== 'ended') expect(scene.can(end)).toBe(true);
      if (kind === 'watched')
        expect(scene.can(end)).toBe(phaseOf(state as SessionSnapshot) !== 'ended');
      scene.send(end);
      expect(scene.phase()).toBe('ended');
      const { turn, tools, agents, approvals } = scene.context();
      expect([turn.id, tools, agents, approvals]).toEqual([null, [], [], []]);
    }
  });

  it('gives the same snapshot back for what it does not take, and for nothing else', () => {
    let refused = 0;
    for (const { events } of paths) {
      for (const next of eventsAfter({ context: sessionAfter(events, session).context() })) {
        const { snapshot, can, send } = sessionAfter(events, session);
        const before = snapshot();
        const isTaken = can(next);
        send(next);
        expect(snapshot() !== before, next.type).toBe(isTaken);
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
    const scene = sessionAfter([prompted(1), toolBegan(2, 't1'), asked(3, 'r1', 't1')]);
    const saved = storedForm(scene.snapshot());
    expect(JSON.parse(JSON.stringify(saved))).toEqual(saved);
    expect(JSON.stringify(saved).length).toBeLessThan(2500);
  });

  it('finds the state of a row again that has no snapshot', () => {
    const from = (workStatus: WorkStatus) =>
      sessionAfter([], {}, undefined, { workStatus, turnCount: 7 });
    expect(from('waiting').phase()).toBe('idle');
    expect([from('working').phase(), from('working').context().turn.id]).toEqual([
      'working',
      'turn-7',
    ]);
    const ended = from('ended');
    expect(ended.phase()).toBe('ended');
    ended.send(prompted(1));
    expect(ended.context().turn.id).toBe('turn-8');
  });
});

/** The facts and orders after the cut, with and without a stop there, are the same; so is the state. */
function expectNoDifference(events: SessionEvent[], cut: number, session: Partial<Session>): void {
  const whole = send(sessionAfter(events.slice(0, cut), session), events.slice(cut));
  const before = sessionAfter(events.slice(0, cut), session);
  const saved = JSON.parse(JSON.stringify(storedForm(before.snapshot())));
  const restored = send(sessionAfter([], session, saved), events.slice(cut));
  expect(restored).toEqual(whole);
}

function send(scene: ReturnType<typeof sessionAfter>, events: SessionEvent[]) {
  const facts: Fact[] = [];
  const orders: ConnectorCommand[] = [];
  for (const event of events) {
    const after = scene.send(event);
    facts.push(...after.facts);
    orders.push(...after.orders);
  }
  return { facts, orders, value: scene.snapshot().value, context: scene.context() };
}

describe('the paths', () => {
  it('pass every state of the description', () => {
    const leaves = describeMachine(sessionMachine).states.filter(({ type }) => type === 'atomic');
    const reached = new Set(
      KINDS.flatMap(([, session]) => pathsOf(session)).flatMap(({ state: { value } }) => [
        ...regionsOf(value).split(' '),
        linkOf(value),
      ]),
    );
    expect([...reached].sort()).toEqual([...new Set(leaves.map(({ key }) => key))].sort());
  });
});

/** The states of the regions below `phase`, or `ended`. */
function regionsOf(value: unknown): string {
  const { phase } = value as { phase: string | { active: Record<string, string> } };
  if (typeof phase === 'string') return phase;
  const { turn, agents, requests } = phase.active;
  return `${turn} ${agents} ${requests}`;
}
