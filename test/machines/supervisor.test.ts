/** The root actor: opens sessions in groups, closes them, and opens none while the server drains. */
import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import {
  sessionActorOf,
  snapshotFrom,
  supervisorMachine,
  takeStep,
  workStatusOf,
} from '../../machines/index.ts';
import { prompted } from './events.ts';
import { newSession } from './session-after.ts';

function supervisor() {
  const actor = createActor(supervisorMachine).start();
  const fresh = (id: string) =>
    snapshotFrom({ session: newSession({ id }), isNew: false, turnCount: 0 });
  return {
    actor,
    fresh,
    open: (id: string) => actor.send({ type: 'session.opened', id, snapshot: fresh(id) }),
    child: (id: string) => sessionActorOf(actor, id),
  };
}

describe('the supervisor', () => {
  it('spawns one actor per session, which shows what is committed', () => {
    const { open, child, fresh } = supervisor();
    open('one');
    open('two');
    const { snapshot } = takeStep(fresh('one'), prompted(1));
    child('one')?.send({ type: 'session.committed', snapshot });
    const words = ['one', 'two'].map((id) => {
      const now = child(id)?.getSnapshot();
      return now && workStatusOf(now);
    });
    expect(words).toEqual(['working', 'waiting']);
    expect(child('one')?.getSnapshot()).toBe(snapshot);
  });

  it('shows those who inspect it only what of a session is committed', () => {
    const { open, child, fresh } = supervisor();
    open('one');
    const seen: unknown[] = [];
    child('one')?.subscribe((snapshot) => seen.push(workStatusOf(snapshot)));
    const { snapshot } = takeStep(fresh('one'), prompted(1));
    expect(seen).toEqual([]);
    child('one')?.send({ type: 'session.committed', snapshot });
    expect(seen).toEqual(['working']);
  });

  it('stops a session that is closed, and may open it again', () => {
    const { actor, open, child } = supervisor();
    open('one');
    const first = child('one');
    actor.send({ type: 'session.closed', id: 'one' });
    expect(child('one')).toBe(null);
    open('one');
    expect(child('one')).not.toBe(first);
  });

  it('survives the closing of a session that it does not have', () => {
    const { actor, open, child } = supervisor();
    open('one');
    actor.send({ type: 'session.closed', id: 'other' });
    expect([actor.getSnapshot().status, child('one') !== null]).toEqual(['active', true]);
  });

  it('keeps the sessions of one parent few, so that opening one costs the same with thousands', () => {
    const { actor, open } = supervisor();
    for (let n = 0; n < 2_000; n++) open(`session-${n}`);
    const groups = Object.values(actor.getSnapshot().children) as Array<{
      getSnapshot(): { children: object };
    }>;
    const sizes = groups.map((group) => Object.keys(group.getSnapshot().children).length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(2_000);
    expect(Math.max(...sizes)).toBeLessThan(80);
  });

  it('opens no session any more while the server drains, and lets the open ones finish', () => {
    const { actor, open, child } = supervisor();
    open('one');
    actor.send({ type: 'server.draining' });
    open('two');
    expect([actor.getSnapshot().value, child('two')]).toEqual(['draining', null]);
    expect(child('one')).not.toBe(null);
    actor.send({ type: 'session.closed', id: 'one' });
    expect(child('one')).toBe(null);
  });
});
