/** The description of a machine against a list written by hand: nothing is left out, nothing is made up. */
import { describe, expect, it } from 'vitest';
import {
  and,
  assign,
  cancel,
  createActor,
  createMachine,
  emit,
  fromCallback,
  initialTransition,
  not,
  or,
  raise,
  sendTo,
  setup,
  spawnChild,
  stateIn,
  stopChild,
  transition,
} from 'xstate';
import {
  describeMachine,
  edgeIdOf,
  sessionMachine,
  supervisorMachine,
} from '../../machines/index.ts';

const kitchen = () =>
  setup({
    actors: { load: fromCallback(() => {}) },
    guards: { isGood: () => true, isAbove: (_, _limit: { limit: number }) => true },
    actions: { say: (_, _words: { words: string }) => {}, leave: () => {} },
    delays: { soon: 10 },
  }).createMachine({
    id: 'kitchen',
    initial: 'cold',
    context: {},
    on: { 'alarm.*': '.cold', '*': { actions: 'leave' } },
    states: {
      cold: {
        description: 'Nobody cooks.',
        tags: ['calm'],
        on: {
          lit: [
            { guard: 'isGood', target: 'warm' },
            { guard: { type: 'isAbove', params: { limit: 3 } }, target: 'warm.low' },
            { guard: and(['isGood', not('isAbove'), or(['isGood', stateIn('#kitchen.warm')])]) },
          ],
          stirred: { actions: [{ type: 'say', params: { words: 'hm' } }, assign({ a: 1 })] },
          again: { target: 'cold', reenter: true },
          self: 'cold',
        },
        after: { 500: 'warm', soon: { actions: raise({ type: 'lit' }) } },
      },
      warm: {
        initial: 'low',
        entry: [emit({ type: 'smell' }), spawnChild('load', { id: 'boy' })],
        exit: [sendTo('boy', { type: 'go' }), stopChild('boy')],
        always: { guard: not('isGood'), target: 'cold' },
        invoke: { id: 'pot', src: 'load', onDone: 'cold', onError: { actions: 'leave' } },
        onDone: 'gone',
        states: { low: { on: { up: 'high' } }, high: { type: 'final' } },
      },
      gone: { type: 'final' },
    },
  });

describe('the description of a machine', () => {
  it('names every state with its family, tags, entries and exits', () => {
    const { id, states } = describeMachine(kitchen());
    expect(id).toBe('kitchen');
    const none = { tags: [], entry: [], exit: [], initial: null };
    expect(states).toEqual([
      {
        ...none,
        id: 'kitchen',
        key: 'kitchen',
        parent: null,
        type: 'compound',
        initial: 'kitchen.cold',
      },
      {
        ...none,
        id: 'kitchen.cold',
        key: 'cold',
        parent: 'kitchen',
        type: 'atomic',
        tags: ['calm'],
        description: 'Nobody cooks.',
      },
      {
        id: 'kitchen.warm',
        key: 'warm',
        parent: 'kitchen',
        type: 'compound',
        tags: [],
        entry: ['emit(smell)', 'spawnChild(load)'],
        exit: ['sendTo(boy, go)', 'stopChild(boy)'],
        initial: 'kitchen.warm.low',
      },
      { ...none, id: 'kitchen.warm.low', key: 'low', parent: 'kitchen.warm', type: 'atomic' },
      { ...none, id: 'kitchen.warm.high', key: 'high', parent: 'kitchen.warm', type: 'final' },
      { ...none, id: 'kitchen.gone', key: 'gone', parent: 'kitchen', type: 'final' },
    ]);
  });

  it('lists every transition: guarded, targetless, always, after, done, error, wildcard, self', () => {
    const { edges } = describeMachine(kitchen());
    expect(
      edges.map(({ kind, guard, actions, id }) => [id, kind, guard, actions.join(' ')]),
    ).toEqual([
      ['kitchen/alarm.*/0>kitchen.cold', 'event', null, ''],
      ['kitchen/*/0', 'event', null, 'leave'],
      ['kitchen.cold/lit/0>kitchen.warm', 'event', 'isGood', ''],
      ['kitchen.cold/lit/1>kitchen.warm.low', 'event', 'isAbove({"limit":3})', ''],
      [
        'kitchen.cold/lit/2',
        'event',
        'and(isGood, not(isAbove), or(isGood, stateIn(#kitchen.warm)))',
        '',
      ],
      ['kitchen.cold/stirred/0', 'event', null, 'say({"words":"hm"}) assign(a)'],
      ['kitchen.cold/again/0>kitchen.cold', 'event', null, ''],
      ['kitchen.cold/self/0>kitchen.cold', 'event', null, ''],
      ['kitchen.cold/xstate.after.500.kitchen.cold/0>kitchen.warm', 'after', null, ''],
      ['kitchen.cold/xstate.after.soon.kitchen.cold/0', 'after', null, 'raise(lit)'],
      ['kitchen.warm/xstate.done.state.kitchen.warm/0>kitchen.gone', 'done', null, ''],
      ['kitchen.warm/xstate.done.actor.pot/0>kitchen.cold', 'done', null, ''],
      ['kitchen.warm/xstate.error.actor.pot/0', 'error', null, 'leave'],
      ['kitchen.warm/always/0>kitchen.cold', 'always', 'not(isGood)', ''],
      ['kitchen.warm.low/up/0>kitchen.warm.high', 'event', null, ''],
    ]);
  });

  it('distinguishes internal, targetless and self transitions', () => {
    const { edges } = describeMachine(kitchen());
    const of = (event: string) => edges.find((edge) => edge.event === event);
    expect(of('alarm.*')).toMatchObject({ internal: true, targetless: false, self: false });
    expect(of('stirred')).toMatchObject({ internal: true, targetless: true, self: false });
    expect(of('self')).toMatchObject({ internal: true, targetless: false, self: true });
    expect(of('again')).toMatchObject({ internal: false, targetless: false, self: true });
    expect(of('up')).toMatchObject({ internal: false, self: false });
    expect(edges.filter(({ delay }) => delay !== undefined).map(({ delay }) => delay)).toEqual([
      500,
      'soon',
    ]);
  });

  it('counts as many edges as the chart of a session has, always included', () => {
    const { edges, states } = describeMachine(sessionMachine);
    const always = edges.filter(({ kind }) => kind === 'always').map(({ id }) => id);
    expect(always).toEqual(['session.link.passive/always/0>session.link.detached']);
    const targeted = edges.filter(({ targetless }) => !targetless).length;
    expect(states.length).toBeGreaterThanOrEqual(19);
    expect(edges.length).toBeGreaterThan(120);
    expect(targeted).toBeGreaterThan(45);
  });

  it('names an action that is a function by its name, and one without a name as inline', () => {
    const ring = () => {};
    const machine = createMachine({ id: 'one', entry: [ring, (() => () => {})()] });
    expect(describeMachine(machine).states[0]?.entry).toEqual(['ring', 'inline']);
  });

  it("shows a timer of the machine's own, unlike those that belong to its delays", () => {
    const machine = createMachine({
      id: 'one',
      entry: raise({ type: 'rang' }, { id: 'mine', delay: 5 }),
      exit: cancel('mine'),
      after: { 500: { actions: 'leave' } },
    });
    const [{ entry, exit } = { entry: [], exit: [] }] = describeMachine(machine).states;
    expect([entry, exit]).toEqual([['raise(rang)'], ['cancel(mine)']]);
  });

  it('gives every edge an id of its own that another process would give it too', () => {
    for (const machine of [sessionMachine, supervisorMachine, kitchen()]) {
      const ids = describeMachine(machine).edges.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
    }
    expect(describeMachine(kitchen())).toEqual(describeMachine(kitchen()));
  });
});

describe('the id of an edge', () => {
  it('names the branch that was taken, also in a machine with its ports provided', () => {
    const taken: Array<string | null> = [];
    const machine = kitchen().provide({ guards: { isGood: () => false, isAbove: () => true } });
    const actor = createActor(machine, {
      inspect(event) {
        if (event.type !== '@xstate.microstep') return;
        const { _transitions } = event as unknown as {
          _transitions: Parameters<typeof edgeIdOf>[0][];
        };
        taken.push(..._transitions.map(edgeIdOf));
      },
    }).start();
    actor.send({ type: 'lit' });
    actor.stop();
    const known = describeMachine(machine).edges.map(({ id }) => id);
    expect(taken.filter((id) => id !== null)).toEqual([
      'kitchen.cold/lit/1>kitchen.warm.low',
      'kitchen.warm/always/0>kitchen.cold',
    ]);
    expect(known).toEqual(expect.arrayContaining(taken.filter((id) => id !== null)));
  });

  it('is null for the first step of an actor, which is no edge', () => {
    const machine = createMachine({ id: 'one', initial: 'a', states: { a: {} } });
    const [snapshot] = initialTransition(machine);
    expect(transition(machine, snapshot, { type: 'x' })[1]).toEqual([]);
    expect(edgeIdOf({ source: machine.root } as never)).toBeNull();
  });
});
