/** The root of the house: opens sessions, buries the crashed while the others go on, and drains. */

import { describe, expect, it } from 'vitest';
import { type ActorRefFrom, createActor } from 'xstate';
import { type Fact, sessionMachine, supervisorMachine } from '../../machines/index.ts';
import { prompted, stopped } from './events.ts';
import { newSession, phaseOf } from './stage.ts';

type SessionActor = ActorRefFrom<typeof sessionMachine>;

function house() {
  const facts: Fact[] = [];
  const buried: Array<{ id: string; error: unknown }> = [];
  const broken = new Set<string>();
  const session = sessionMachine.provide({
    actions: {
      record(_, fact) {
        if ('session_id' in fact && broken.has(fact.session_id)) throw new Error('a bug');
        facts.push(fact);
      },
    },
  });
  const actor = createActor(
    supervisorMachine.provide({
      actors: { session },
      actions: { bury: (_, crashed) => buried.push(crashed) },
    }),
  ).start();
  const children = () => Object.keys(actor.getSnapshot().children);
  return {
    actor,
    facts,
    buried,
    broken,
    children,
    open: (id: string, isNew = false) =>
      actor.send({
        type: 'session.opened',
        id,
        input: { session: newSession({ id }), isNew, turnCount: 0 },
      }),
    child: (id: string) => actor.getSnapshot().children[id] as SessionActor | undefined,
  };
}

describe('the supervisor', () => {
  it('spawns one actor per session, under the id of the session', () => {
    const { open, children, child } = house();
    open('one');
    open('two');
    expect(children()).toEqual(['one', 'two']);
    child('one')?.send(prompted(1));
    expect(phaseOf(child('one')?.getSnapshot().value)).toBe('working');
    expect(phaseOf(child('two')?.getSnapshot().value)).toBe('idle');
  });

  it('lets a session that did not exist record its birth, and no other', () => {
    const { open, facts } = house();
    open('old');
    expect(facts).toEqual([]);
    open('new', true);
    expect(facts.map(({ type }) => type)).toEqual(['session_created', 'row_noted']);
  });

  it('lets a session go that is closed, and may open it again', () => {
    const { actor, open, children, child } = house();
    open('one');
    const first = child('one');
    actor.send({ type: 'session.closed', id: 'one' });
    expect(children()).toEqual([]);
    expect(first?.getSnapshot().status).toBe('stopped');
    open('one');
    expect(child('one')).not.toBe(first);
  });

  it('survives the closing of a session that it does not have', () => {
    const { actor, open, children } = house();
    open('one');
    actor.send({ type: 'session.closed', id: 'other' });
    expect([actor.getSnapshot().status, children()]).toEqual(['active', ['one']]);
  });

  it('buries a session whose port throws, while the others go on', () => {
    const { actor, open, children, child, broken, buried } = house();
    for (const id of ['one', 'two', 'three']) open(id);
    broken.add('two');
    child('two')?.send(prompted(1));
    expect(buried).toMatchObject([{ id: 'two', error: { message: 'a bug' } }]);
    expect(children()).toEqual(['one', 'three']);
    expect(actor.getSnapshot().status).toBe('active');
    for (const id of ['one', 'three']) {
      child(id)?.send(prompted(1));
      child(id)?.send(stopped(2));
      expect(child(id)?.getSnapshot().context.turn.count).toBe(1);
    }
  });

  it('opens a buried session again from what was saved of it', () => {
    const { open, child, broken, buried } = house();
    open('one');
    broken.add('one');
    child('one')?.send(prompted(1));
    broken.clear();
    open('one');
    child('one')?.send(prompted(1));
    expect(phaseOf(child('one')?.getSnapshot().value)).toBe('working');
    expect(buried).toHaveLength(1);
  });

  it('opens no session any more while it drains, and lets the open ones finish', () => {
    const { actor, open, children, child } = house();
    open('one');
    actor.send({ type: 'house.drained' });
    open('two');
    expect([actor.getSnapshot().value, children()]).toEqual(['draining', ['one']]);
    child('one')?.send(prompted(1));
    expect(phaseOf(child('one')?.getSnapshot().value)).toBe('working');
    actor.send({ type: 'session.closed', id: 'one' });
    expect(children()).toEqual([]);
  });
});
