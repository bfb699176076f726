import type { AnyStateMachine, AnyStateNode } from 'xstate';
import type { Chart, ChartEdge, ChartState } from '../src/chart/geometry.ts';
const nameOf = (a: unknown): string => {
  if (typeof a === 'string') return a;
  if (a === null || a === undefined) return '';
  const t = (a as { type?: string }).type;
  if (t) return t;
  return (a as { name?: string }).name || 'inline';
};
export function describeMachine(machine: AnyStateMachine): Chart {
  const states: ChartState[] = [];
  const edges: ChartEdge[] = [];
  const walk = (node: AnyStateNode) => {
    const initial = node.type === 'compound' ? (node.initial?.target?.[0]?.id ?? null) : null;
    states.push({ id: node.id, key: node.key, parent: node.parent?.id ?? null, type: node.type, tags: [...node.tags], entry: node.entry.map(nameOf), exit: node.exit.map(nameOf), initial });
    const add = (d: any, kind: string, event: string, i: number) =>
      edges.push({ id: `${node.id}:${event}:${i}`, source: node.id, targets: (d.target ?? []).map((t: any) => t.id), event, guard: d.guard ? (typeof d.guard === 'object' && 'params' in d.guard ? `${nameOf(d.guard)}: ${d.guard.params}` : nameOf(d.guard)) : null, actions: d.actions.map(nameOf), kind, internal: !d.reenter });
    for (const [event, ds] of node.transitions) ds.forEach((d: any, i: number) => add(d, event.startsWith('xstate.after') ? 'after' : event.startsWith('xstate.done') ? 'done' : event.startsWith('xstate.error') && !event.includes('*') ? 'error' : 'on', event, i));
    (node.always ?? []).forEach((d: any, i: number) => add(d, 'always', '', i));
    for (const c of Object.values(node.states)) walk(c as AnyStateNode);
  };
  walk(machine.root);
  return { id: machine.id, states, edges };
}
