/** Charts as text: nothing is left out in any form. */
import { describe, expect, it } from 'vitest';
import { createMachine } from 'xstate';
import {
  describeMachine,
  exportChart,
  sessionMachine,
  supervisorMachine,
} from '../../machines/index.ts';

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

describe.each([sessionMachine, supervisorMachine])('the chart $id', (machine) => {
  const { states, edges } = describeMachine(machine);

  it('has every state and every transition in Mermaid', () => {
    const text = exportChart(machine, 'mermaid');
    expect(text).toMatch(/^stateDiagram-v2\n/);
    expect(count(text, /^ *state "/gm)).toBe(states.length);
    const drawn = edges.reduce((sum, { targets }) => sum + Math.max(targets.length, 1), 0);
    expect(count(text, /^ {2}\w+ --> \w+/gm)).toBe(drawn);
    expect(count(text, /{$/gm)).toBe(count(text, /^ *}$/gm));
    // A line between each two regions of a parallel state.
    const lines = states
      .filter(({ type }) => type === 'parallel')
      .map(({ id }) => states.filter(({ parent }) => parent === id).length - 1);
    expect(count(text, /^ *--$/gm)).toBe(lines.reduce((sum, between) => sum + between, 0));
  });

  it('has every state and every transition in SCXML, and is well-formed', () => {
    const text = exportChart(machine, 'scxml');
    expect(count(text, /<(state|parallel|final) /g)).toBe(states.length);
    expect(count(text, /<transition[ />]/g)).toBe(edges.length);
    expect(text).toMatch(/^<scxml .*>\n {2}<(state|parallel) /m);
    const open: string[] = [];
    for (const [, slash, name, self] of text.matchAll(/<(\/?)([\w:]+)(?:\s[^<>]*?)?(\/?)>/g)) {
      if (slash) expect(open.pop()).toBe(name);
      else if (!self) open.push(name ?? '');
    }
    expect(open).toEqual([]);
  });

  it('is its description in JSON', () => {
    expect(JSON.parse(exportChart(machine, 'json'))).toEqual(
      JSON.parse(JSON.stringify(describeMachine(machine))),
    );
  });
});

it('no name can break out of SCXML or Mermaid', () => {
  const machine = createMachine({
    id: 'a<b>"&',
    initial: 's',
    states: {
      s: {
        on: {
          'x"><y': {
            target: 's',
            guard: function odd() {
              return true;
            },
          },
        },
      },
    },
  });
  const scxml = exportChart(machine, 'scxml');
  expect(scxml).toContain('event="x&quot;&gt;&lt;y"');
  expect(scxml).toContain('name="a&lt;b&gt;&quot;&amp;"');
  expect(exportChart(machine, 'mermaid')).toContain(`a_b____s --> a_b____s : x'><y [odd]`);
});

it('a state keeps its kind, its initial child and what is done in it, and an edge its targets', () => {
  const machine = createMachine({
    id: 'kinds',
    type: 'parallel',
    states: {
      one: {
        initial: 'a',
        states: {
          a: { entry: 'greet', on: { go: { target: ['#x', '#y'], actions: ['wave', 'bow'] } } },
        },
      },
      two: { initial: 'x', states: { x: { id: 'x' }, back: { type: 'history', history: 'deep' } } },
      three: { initial: 'y', states: { y: { id: 'y', always: 'over' }, over: { type: 'final' } } },
    },
  });
  const scxml = exportChart(machine, 'scxml');
  expect(scxml).toContain('<parallel id="kinds"');
  expect(scxml).toContain('<state id="kinds.two" initial="x">');
  expect(scxml).toMatch(/<history id="kinds\.two\.back"/);
  expect(scxml).toMatch(/<final id="kinds\.three\.over"/);
  expect(scxml).toMatch(/<onentry>\s*<orbit:action name="greet"\/>\s*<\/onentry>/);
  expect(scxml).toContain('<transition event="go" target="x y">');
  // Without an event it is taken by itself; one that does nothing has no content.
  expect(scxml).toContain('<transition target="kinds.three.over"/>');
  const mermaid = exportChart(machine, 'mermaid');
  expect(mermaid).toContain(
    '  kinds_one_a --> x : go / wave, bow\n  kinds_one_a --> y : go / wave, bow\n',
  );
});
