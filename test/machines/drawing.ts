/**
 * A region of a chart as a Mermaid drawing that a person can read: edges between the same two states are
 * one arrow, an edge into a state within another ends at the outer one, and what a region does for all
 * its states is drawn from each. Guards of events are left to the table.
 */
import type { MachineDescription, StateDescription } from '../../machines/index.ts';

type Chart = Pick<MachineDescription, 'states' | 'edges'>;

export function drawing(chart: Chart, region: string): string {
  return ['```mermaid', 'stateDiagram-v2', ...inside(chart, region, '  '), '```', ''].join('\n');
}

function inside(chart: Chart, around: string, indent: string): string[] {
  const children = chart.states.filter(({ parent }) => parent === around);
  const initial = chart.states.find(({ id }) => id === around)?.initial;
  const nested = children.filter(({ type }) => type === 'compound');
  return [
    ...children.filter(({ id }) => id === initial).map(({ key }) => `${indent}[*] --> ${key}`),
    ...arrows(chart, children).map((arrow) => `${indent}${arrow}`),
    ...nested.flatMap(({ id, key }) => [
      `${indent}state ${key} {`,
      ...inside(chart, id, `${indent}  `),
      `${indent}}`,
    ]),
  ];
}

/** Arrows between these states, in their order. */
function arrows(chart: Chart, children: StateDescription[]): string[] {
  const labels = new Map<string, Set<string>>();
  for (const { source, targets, event, guard, kind } of chart.edges) {
    for (const target of targets) {
      const to = children.find(({ id }) => isWithin(target, id));
      if (!to || to.id === source || isWithin(source, to.id)) continue;
      const from = children.filter(
        ({ id, parent }) => isWithin(source, id) || (parent === source && id !== to.id),
      );
      for (const { key } of from) {
        const arrow = `${key} --> ${to.key}`;
        const label = kind === 'always' ? words(guard ?? 'always') : event;
        labels.set(arrow, (labels.get(arrow) ?? new Set()).add(label));
      }
    }
  }
  return [...labels].map(([arrow, said]) => `${arrow} : ${[...said].join(' or ')}`);
}

function isWithin(id: string, around: string): boolean {
  return id === around || id.startsWith(`${around}.`);
}

/** `answeredWhileBusy` -> `answered while busy` */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
