/**
 * What we take from XState beyond its promises, each with a test that fails loudly when an upgrade takes it
 * away or adds something we should look at.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { assign, createActor, type InspectionEvent, setup } from 'xstate';
import { describeMachine, takenEdges } from '../../machines/index.ts';
import { KNOWN_INSPECTION_EVENTS } from '../../src/inspection/fold.ts';
import { XSTATE } from '../../src/inspection/inspection.ts';

const machine = setup({ types: { context: {} as { count: number } } }).createMachine({
  id: 'trial',
  context: { count: 0 },
  initial: 'a',
  states: {
    a: { on: { go: { target: 'b', actions: assign({ count: 1 }) } } },
    b: { always: { target: 'c' } },
    c: { entry: () => {} },
  },
});

describe('what inspection relies on in XState', () => {
  it('a microstep names the transitions it took, eventless ones too', () => {
    const taken: Array<string[] | null> = [];
    const actor = createActor(machine, {
      inspect: (event) => {
        if (event.type === '@xstate.microstep') taken.push(takenEdges(event));
      },
    }).start();
    taken.length = 0;
    actor.send({ type: 'go' });
    const [go, always] = describeMachine(machine).edges;
    expect(taken).toEqual([[go?.id], [always?.id]]);
  });

  it('says that edges are unknown instead of guessing when the field is gone', () => {
    expect(takenEdges({ type: '@xstate.microstep' } as InspectionEvent)).toBeNull();
    const odd = { type: '@xstate.microstep', _transitions: [{ to: 'b' }] };
    expect(takenEdges(odd as unknown as InspectionEvent)).toBeNull();
  });

  it('sends the inspection events we know and no other', () => {
    const seen = new Set<string>();
    const actor = createActor(machine, { inspect: ({ type }) => seen.add(type) }).start();
    actor.send({ type: 'go' });
    actor.stop();
    expect([...seen].sort()).toEqual([...KNOWN_INSPECTION_EVENTS].sort());
  });

  it('is the version we say it is', () => {
    const path = createRequire(import.meta.url).resolve('xstate/package.json');
    expect(JSON.parse(readFileSync(path, 'utf8')).version).toBe(XSTATE);
  });
});
